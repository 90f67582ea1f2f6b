/*
 * guid.h - GUIDs in the order of SQL Server, and numbers derived from the seed.
 */
#ifndef SIM_GUID_H
#define SIM_GUID_H

#include <stddef.h>
#include <stdint.h>

#define SIM_GUID_TEXT 36

/*
 * The sixteen bytes in the order in which SQL Server looks at them (Microsoft's SqlGuid: stored bytes 10 to
 * 15, 8, 9, 6, 7, 4, 5, 0 to 3; the first three groups of the text are stored little-endian): a comparison is
 * a memcmp.
 */
struct sim_guid {
    uint8_t order[16];
};

/* 36 characters, or 38 with braces; either case. 0 or -1. */
int sim_guid_parse(const char *text, size_t length, struct sim_guid *guid);
/* Lower case, 36 characters and a NUL. */
void sim_guid_print(const struct sim_guid *guid, char text[SIM_GUID_TEXT + 1]);
int sim_guid_compare(const struct sim_guid *a, const struct sim_guid *b);

/* The GUID of the index-th row of a table: always the same for the same three. Looks like those of the
 * service: few values for the node at the end, so that the order is not that of the text. */
struct sim_guid sim_guid_make(uint64_t seed, uint64_t table, uint64_t index);

/* A number that looks random, from one that does not (the finalizer of splitmix64). */
uint64_t sim_mix(uint64_t x);
/* FNV-1a, mixed. */
uint64_t sim_hash(const void *bytes, size_t n, uint64_t seed);

#endif
