/*
 * buffer.h - bytes that arrive at the end and are taken from the front: the body of a page on its way from
 * the network to the page reader. One thread.
 */
#ifndef DATAVERSE_BUFFER_H
#define DATAVERSE_BUFFER_H

#include <stddef.h>

/* So many zero bytes stand behind what is there (unless it is empty), so that it can be scanned 16 bytes at a
 * time, and without a look at the end for each byte. */
#define DATAVERSE_BUFFER_ZEROS 32

/* All zero is an empty buffer. What is there: data + start, `length` bytes. */
struct dataverse_buffer {
    char *data;
    size_t start;
    size_t length;
    size_t capacity;
};

/* Adds bytes. 0, or -1 when memory is out. Moves what is there: no pointer into the buffer survives. */
int dataverse_buffer_add(struct dataverse_buffer *buffer, const char *bytes, size_t n);
/* Takes n bytes (at most length) from the front. Moves nothing. */
void dataverse_buffer_take(struct dataverse_buffer *buffer, size_t n);
/* Empties it; keeps memory up to a bound of its own choice. */
void dataverse_buffer_clear(struct dataverse_buffer *buffer);
void dataverse_buffer_free(struct dataverse_buffer *buffer);

#endif
