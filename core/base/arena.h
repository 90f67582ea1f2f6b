/* arena.h - memory that is given out in pieces and taken back all at once. */
#ifndef DVSI_BASE_ARENA_H
#define DVSI_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct dvsi_arena_chunk dvsi_arena_chunk;

/* All zero is an empty arena. One thread at a time. */
typedef struct dvsi_arena {
    dvsi_arena_chunk *chunks; /* newest first */
    char *next;
    size_t left;
    size_t used;             /* bytes given out since the last reset */
    dvsi_arena_chunk *spare; /* empty ordinary chunks, kept by a reset */
    size_t ordinary;         /* size of the newest ordinary chunk */
} dvsi_arena;

/* A reset keeps at most so many bytes of ordinary chunks. */
#define DVSI_ARENA_KEEP ((size_t)2 << 20)

/* `size` bytes aligned for any object, not cleared; NULL when memory is out. Size 0 is allowed. */
void *dvsi_arena_alloc(dvsi_arena *arena, size_t size);
/* The same, cleared, for `count` objects of `size` bytes. */
void *dvsi_arena_calloc(dvsi_arena *arena, size_t count, size_t size);
/* Copies of bytes, with a NUL behind them; NULL when memory is out. */
char *dvsi_arena_copy(dvsi_arena *arena, const void *data, size_t length);
char *dvsi_arena_strdup(dvsi_arena *arena, const char *text);
char *dvsi_arena_printf(dvsi_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes everything back; keeps chunks of ordinary size for what comes next, none made for one big piece. */
void dvsi_arena_reset(dvsi_arena *arena);
void dvsi_arena_free(dvsi_arena *arena);

#endif
