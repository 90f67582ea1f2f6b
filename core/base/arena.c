/* arena.c - see arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With AddressSanitizer, what a reset took back may not be touched any more. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

/* Ordinary chunks grow from the first size to the largest, so that a small arena stays small. What is more
 * than a quarter of the largest gets a chunk of its own. */
#define CHUNK_FIRST ((size_t)4096)
#define CHUNK_LARGEST ((size_t)256 * 1024)
#define OWN_CHUNK (CHUNK_LARGEST / 4)

struct dvsi_arena_chunk {
    alignas(max_align_t) dvsi_arena_chunk *next;
    size_t size; /* bytes behind the header */
};

static char *chunk_data(dvsi_arena_chunk *chunk)
{
    return (char *)(chunk + 1);
}

static dvsi_arena_chunk *chunk_new(size_t size)
{
    dvsi_arena_chunk *chunk;

    if (size > PTRDIFF_MAX - sizeof *chunk)
        return NULL;
    chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL)
        return NULL;
    chunk->next = NULL;
    chunk->size = size;
    POISON(chunk_data(chunk), size);
    return chunk;
}

static void chunk_free(dvsi_arena_chunk *chunk)
{
    UNPOISON(chunk_data(chunk), chunk->size);
    free(chunk);
}

/* A piece in a chunk of its own, put behind the current one, which goes on being filled. */
static void *alloc_own(dvsi_arena *arena, size_t size)
{
    dvsi_arena_chunk *chunk = chunk_new(size);

    if (chunk == NULL)
        return NULL;
    if (arena->chunks == NULL) {
        arena->chunks = chunk;
        arena->next = NULL;
        arena->left = 0;
    } else {
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    }
    arena->used += size;
    UNPOISON(chunk_data(chunk), size);
    return chunk_data(chunk);
}

/* Makes a fresh ordinary chunk with room for `size` bytes the current one. 0 or -1. */
static int next_chunk(dvsi_arena *arena, size_t size)
{
    dvsi_arena_chunk *chunk = arena->spare;

    if (chunk != NULL && chunk->size >= size) {
        arena->spare = chunk->next;
    } else {
        size_t want = arena->ordinary < CHUNK_FIRST ? CHUNK_FIRST : arena->ordinary * 2;

        if (want > CHUNK_LARGEST)
            want = CHUNK_LARGEST;
        while (want < size)
            want *= 2;
        chunk = chunk_new(want);
        if (chunk == NULL)
            return -1;
        arena->ordinary = want;
    }
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->next = chunk_data(chunk);
    arena->left = chunk->size;
    return 0;
}

static void *alloc_slow(dvsi_arena *arena, size_t size)
{
    void *piece;

    if (size > OWN_CHUNK)
        return alloc_own(arena, size);
    if (next_chunk(arena, size) != 0)
        return NULL;
    piece = arena->next;
    UNPOISON(piece, size);
    arena->next += size;
    arena->left -= size;
    arena->used += size;
    return piece;
}

void *dvsi_arena_alloc(dvsi_arena *arena, size_t size)
{
    size_t pad = (size_t)(-(uintptr_t)arena->next & (alignof(max_align_t) - 1));
    char *piece;

    if (size == 0)
        size = 1;
    if (size > arena->left || pad > arena->left - size)
        return alloc_slow(arena, size);
    piece = arena->next + pad;
    UNPOISON(arena->next, pad + size);
    arena->next = piece + size;
    arena->left -= pad + size;
    arena->used += size;
    return piece;
}

void *dvsi_arena_calloc(dvsi_arena *arena, size_t count, size_t size)
{
    void *piece;

    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    piece = dvsi_arena_alloc(arena, count * size);
    if (piece != NULL)
        memset(piece, 0, count * size);
    return piece;
}

/* The first and the last `word` bytes, which may overlap. `word` is a constant of at most 8 at every call. */
static inline void copy_ends(char *to, const char *from, size_t length, size_t word)
{
    uint64_t head, tail;

    memcpy(&head, from, word);
    memcpy(&tail, from + length - word, word);
    memcpy(to, &head, word);
    memcpy(to + length - word, &tail, word);
}

/* memcpy that does not call anything for the short texts that most are. */
static void copy_short(char *to, const char *from, size_t length)
{
    if (length > 16) {
        memcpy(to, from, length);
    } else if (length >= 8) {
        copy_ends(to, from, length, 8);
    } else if (length >= 4) {
        copy_ends(to, from, length, 4);
    } else {
        for (size_t i = 0; i < length; i++)
            to[i] = from[i];
    }
}

/* Texts need no alignment: they lie side by side. */
char *dvsi_arena_copy(dvsi_arena *arena, const void *data, size_t length)
{
    char *piece;

    if (length < arena->left) {
        piece = arena->next;
        UNPOISON(piece, length + 1);
        arena->next += length + 1;
        arena->left -= length + 1;
        arena->used += length + 1;
    } else {
        if (length == SIZE_MAX)
            return NULL;
        piece = alloc_slow(arena, length + 1);
        if (piece == NULL)
            return NULL;
    }
    copy_short(piece, data, length);
    piece[length] = '\0';
    return piece;
}

char *dvsi_arena_strdup(dvsi_arena *arena, const char *text)
{
    return dvsi_arena_copy(arena, text, strlen(text));
}

char *dvsi_arena_printf(dvsi_arena *arena, const char *format, ...)
{
    char small[256];
    char *text;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (length < 0)
        return NULL;
    if ((size_t)length < sizeof small)
        return dvsi_arena_copy(arena, small, (size_t)length);
    text = dvsi_arena_alloc(arena, (size_t)length + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    length = vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return length < 0 ? NULL : text;
}

void dvsi_arena_reset(dvsi_arena *arena)
{
    dvsi_arena_chunk *chunk = arena->chunks;
    dvsi_arena_chunk *kept = NULL;
    size_t bytes = 0;

    /* The spare ones were counted when they were kept. */
    for (dvsi_arena_chunk *c = arena->spare; c != NULL; c = c->next)
        bytes += c->size;
    /* The larger, newer chunks come first, so they are the ones that are kept. */
    while (chunk != NULL) {
        dvsi_arena_chunk *next = chunk->next;

        if (chunk->size <= CHUNK_LARGEST && chunk->size >= CHUNK_FIRST &&
            (chunk->size & (chunk->size - 1)) == 0 && bytes + chunk->size <= DVSI_ARENA_KEEP) {
            POISON(chunk_data(chunk), chunk->size);
            bytes += chunk->size;
            chunk->next = kept;
            kept = chunk;
        } else {
            chunk_free(chunk);
        }
        chunk = next;
    }
    /* `kept` has the smallest in front now; turn it, so that the largest is used first. */
    while (kept != NULL) {
        dvsi_arena_chunk *next = kept->next;

        kept->next = arena->spare;
        arena->spare = kept;
        kept = next;
    }
    arena->chunks = NULL;
    arena->next = NULL;
    arena->left = 0;
    arena->used = 0;
}

void dvsi_arena_free(dvsi_arena *arena)
{
    dvsi_arena_chunk *lists[2];

    if (arena == NULL)
        return;
    lists[0] = arena->chunks;
    lists[1] = arena->spare;
    for (size_t i = 0; i < 2; i++) {
        while (lists[i] != NULL) {
            dvsi_arena_chunk *next = lists[i]->next;

            chunk_free(lists[i]);
            lists[i] = next;
        }
    }
    memset(arena, 0, sizeof *arena);
}
