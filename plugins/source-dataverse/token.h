/*
 * token.h - positions and cursors as bytes: lines of text, so that a person who looks into _sync_state can
 * read them. They come back from a database that others can write: nothing in them is trusted.
 */
#ifndef DATAVERSE_TOKEN_H
#define DATAVERSE_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* Where an unfinished read goes on. */
struct dataverse_position {
    int64_t watermark;  /* as DVS_TIMESTAMP; INT64_MIN: not known */
    uint64_t rows;      /* passed on so far */
    uint64_t page;      /* number of the page that comes next */
    uint32_t page_size; /* the same for all pages of a read */
    uint64_t columns; /* dataverse_select_hash() of the read: its link names those columns, whatever is wanted
                         now */
    const char *link; /* its address, as the service gave it */
};

/* Replaces what is in `out`. 0, or -1 when memory is out. */
int dataverse_position_write(const struct dataverse_position *position, struct dataverse_buffer *out);
/* `link` is allocated, to be freed by the caller. 0, or -1 when it is no position (or memory is out). */
int dataverse_position_read(const uint8_t *token, size_t length, struct dataverse_position *position,
                            char **link);

/* The next incremental read begins at `from` (whole seconds, as DVS_TIMESTAMP). */
int dataverse_cursor_write(int64_t from, struct dataverse_buffer *out);
int dataverse_cursor_read(const uint8_t *token, size_t length, int64_t *from);

/* YYYY-MM-DDThh:mm:ssZ, 21 bytes with the NUL. */
void dataverse_time_text(int64_t micros, char *text);

#endif
