/* buffer.c - see buffer.h. `capacity` counts the zeros behind the content. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define FIRST_CAPACITY ((size_t)64 << 10)
#define KEPT_CAPACITY ((size_t)4 << 20)

/* Room for so many bytes in all, the zeros included. The content starts at 0. 0, or -1. */
static int grow(struct dataverse_buffer *buffer, size_t wanted)
{
    size_t capacity = buffer->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : buffer->capacity;
    while (capacity < wanted)
        capacity += capacity / 2;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return -1;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int dataverse_buffer_add(struct dataverse_buffer *buffer, const char *bytes, size_t n)
{
    if (n == 0)
        return 0;
    if (n > SIZE_MAX / 2 - DATAVERSE_BUFFER_ZEROS - buffer->length)
        return -1;
    size_t wanted = buffer->length + n + DATAVERSE_BUFFER_ZEROS;
    if (wanted > buffer->capacity - buffer->start) {
        if (buffer->start != 0) {
            memmove(buffer->data, buffer->data + buffer->start, buffer->length);
            buffer->start = 0;
            memset(buffer->data + buffer->length, 0, DATAVERSE_BUFFER_ZEROS);
        }
        if (wanted > buffer->capacity && grow(buffer, wanted) != 0)
            return -1;
    }
    char *end = buffer->data + buffer->start + buffer->length;
    memcpy(end, bytes, n);
    memset(end + n, 0, DATAVERSE_BUFFER_ZEROS);
    buffer->length += n;
    return 0;
}

void dataverse_buffer_take(struct dataverse_buffer *buffer, size_t n)
{
    buffer->start += n;
    buffer->length -= n;
    if (buffer->length == 0)
        buffer->start = 0;
}

void dataverse_buffer_clear(struct dataverse_buffer *buffer)
{
    buffer->start = 0;
    buffer->length = 0;
    if (buffer->capacity > KEPT_CAPACITY)
        dataverse_buffer_free(buffer);
}

void dataverse_buffer_free(struct dataverse_buffer *buffer)
{
    free(buffer->data);
    memset(buffer, 0, sizeof *buffer);
}
