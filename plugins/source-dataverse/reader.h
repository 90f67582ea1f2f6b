/*
 * reader.h - the state of one read.
 */
#ifndef DATAVERSE_READER_H
#define DATAVERSE_READER_H

#include "passed.h"
#include "row.h"
#include "token.h"
#include "wide.h"

struct dvs_reader {
    dvs_source *source;
    struct dataverse_select select;
    uint32_t mode;      /* DVS_READ_ */
    uint32_t page_size; /* the same for all pages: each request repeats the Prefer of the first */
    uint64_t row_limit;
    int resumed;
    int ended;
    atomic_int interrupted;
    int64_t asked_at;  /* monotonic, when the first page was asked for */
    int64_t watermark; /* the server's time then; INT64_MIN: not known */

    /* the page that is read now */
    char *url;
    struct dataverse_pull current;
    struct dataverse_buffer body;
    struct dataverse_page *page;
    uint64_t page_number;
    uint64_t pages_done; /* by this reader */
    int body_ended;      /* all bytes are in `body` */
    int page_ended;      /* the parser has seen the end */
    int tail_seen;
    struct dataverse_keys passed; /* keys of the page's records that the host has */

    /* the one after it, requested already; ahead_url == NULL: none */
    char *ahead_url;
    struct dataverse_pull ahead;

    struct dataverse_links links; /* pages read, to notice a circle */
    uint64_t rows;                /* passed on since the read first began */
    struct dataverse_row row;
    struct dataverse_wide *wide; /* NULL: one request brings all columns */
    struct dataverse_buffer token;
};

#endif
