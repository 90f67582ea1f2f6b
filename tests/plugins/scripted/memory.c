/* memory.c - memory for one row. */
#include "scripted.h"

#include <stdlib.h>

#define CHUNK 4096u

struct scripted_chunk {
    struct scripted_chunk *next;
    size_t used;
    size_t size;
    _Alignas(16) unsigned char data[];
};

void *scripted_scratch_take(scripted_scratch *scratch, size_t size)
{
    struct scripted_chunk *chunk = scratch->chunks;
    void *at;
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t room = size > CHUNK ? size : CHUNK;
        chunk = malloc(sizeof *chunk + room);
        if (chunk == NULL)
            return NULL;
        chunk->next = scratch->chunks;
        chunk->used = 0;
        chunk->size = room;
        scratch->chunks = chunk;
    }
    at = chunk->data + chunk->used;
    chunk->used += size;
    return at;
}

void scripted_scratch_reset(scripted_scratch *scratch)
{
    while (scratch->chunks != NULL) {
        struct scripted_chunk *next = scratch->chunks->next;
        free(scratch->chunks);
        scratch->chunks = next;
    }
}
