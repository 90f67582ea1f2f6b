/*
 * floor_dataverse.h - what the two parts of floor_dataverse share.
 */
#ifndef FLOOR_DATAVERSE_H
#define FLOOR_DATAVERSE_H

#include <curl/curl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#define COLUMNS_MAX 500
#define COMMIT_ROWS 5000u
#define NEXT_LINK "@odata.nextLink"

typedef enum mode { DOWNLOAD, TOKENISE, INSERT, INSERT_RAW, READ } mode;

/* Grows; behind the text is always a NUL. */
typedef struct text {
    char *data;
    size_t length;
    size_t capacity;
} text;

typedef struct column {
    const char *name;
    size_t length;
    char kind;
} column;

/* One value of the record that is read: NUL: null, else s, n, t, f as JSON has it. */
typedef struct value {
    char type;
    size_t start; /* in `values` */
    size_t length;
} value;

typedef struct floor_run {
    mode mode;
    CURL *curl;
    sqlite3 *db;
    sqlite3_stmt *statement;
    char *set;
    column columns[COLUMNS_MAX];
    int n_columns;
    yajl_handle parser;
    int depth;   /* 1 the page, 2 its array, 3 a record */
    int is_link; /* the page's last name was NEXT_LINK */
    int at;      /* the column of the record's last name, -1: none */
    int expected;
    value row[COLUMNS_MAX];
    text values;
    text body; /* of the page so far */
    size_t parsed;
    size_t record; /* where in `body` the record starts */
    text next;     /* the link; empty: there is none */
    text challenge;
    text options; /* further ones of the table's address */
    uint64_t table_rows;
    uint64_t rows;
    uint64_t different;
    uint64_t bytes;
} floor_run;

static inline _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "floor_dataverse: %s%s%s\n", what, why != NULL ? ": " : "", why != NULL ? why : "");
    exit(1);
}

static inline void *memory(void *p)
{
    if (p == NULL)
        die("out of memory", NULL);
    return p;
}

static inline void add(text *t, const char *data, size_t length)
{
    if (t->capacity - t->length <= length) {
        t->capacity = (t->length + length + 1) * 2;
        t->data = memory(realloc(t->data, t->capacity));
    }
    memcpy(t->data + t->length, data, length);
    t->length += length;
    t->data[t->length] = '\0';
}

static inline void set_text(text *t, const char *data, size_t length)
{
    t->length = 0;
    add(t, data, length);
}

static inline void add_string(text *t, const char *s)
{
    add(t, s, strlen(s));
}

/* ---- floor_record.c ---- */

/* The events of a page, for a floor_run. */
extern const yajl_callbacks floor_callbacks;

void floor_open_database(floor_run *f, const char *file);
void floor_close_database(floor_run *f);
/* Makes the table of the run's columns and its statement; --read: only the statement. */
void floor_open_table(floor_run *f);
/* Commits, and builds the index. */
void floor_close_table(floor_run *f);

#endif
