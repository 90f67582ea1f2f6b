/* uuid.h - UUIDs as text. */
#ifndef DVSI_DATA_UUID_H
#define DVSI_DATA_UUID_H

#include <stddef.h>
#include <stdint.h>

#define DVSI_UUID_TEXT 36

/* 8-4-4-4-12 in lower case, without a NUL. */
void dvsi_uuid_format(const uint8_t uuid[16], char out[DVSI_UUID_TEXT]);
/* The same in any case, also in braces, and the 32 digits alone. 0 or -1. */
int dvsi_uuid_parse(const char *text, size_t length, uint8_t uuid[16]);

#endif
