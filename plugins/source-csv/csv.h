/*
 * csv.h - the parts of the csv source.
 *
 *   plugin.c  option table, handshake, the source object
 *   source.c  path and folder: which streams there are, and their files
 *   header.c  a file's columns
 *   file.c    one open file: buffer, refill, "did it change?"
 *   scan.c    bytes -> the fields of one record
 *   ../common/value.c, time.c  text of a field -> typed cell
 *   raw.c     the whole record as a JSON object
 *   reader.c  start, pull, stop, positions
 *   text.c    UTF-8, names and texts for messages
 *
 * A source never changes after open(), so that any number of threads may use it. All else belongs to one
 * reader or one call.
 */
#ifndef CSV_H
#define CSV_H

#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "dvsync/plugin.h"
#include "dvsync/plugin_util.h"

#include "../common/value.h"

#ifndef CSV_PLUGIN_NAME
#define CSV_PLUGIN_NAME "csv"
#endif
#ifndef CSV_BUFFER_SIZE
#define CSV_BUFFER_SIZE (256u << 10) /* grows for a single longer record ... */
#endif
#ifndef CSV_RECORD_MAX
#define CSV_RECORD_MAX (64u << 20) /* ... up to so many bytes; a longer record is a row error */
#endif
#define CSV_COLUMNS_MAX 9999u /* with the raw one no more than the host takes */
#define CSV_NAME_MAX 1024u    /* bytes of a column's name */
#define CSV_SHOW_SIZE 400     /* room for a path or name in a message */

/* ---- text.c ---- */

/* Index of the first byte that is not valid UTF-8 or is NUL; `length` when there is none. */
size_t csv_text_check(const char *text, size_t length);
/* Fills `out` with a printable, shortened form of any bytes, for messages; returns `out`. */
const char *csv_text_show(char *out, size_t size, const char *text, size_t length);
/* Compares names without regard to (ASCII) case, as strcmp does. */
int csv_text_compare(const char *a, const char *b);
/* FNV-1a, for "is it still the same header?"; start with CSV_HASH_START. */
#define CSV_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t csv_text_hash(uint64_t hash, const void *data, size_t length);

/* A growing byte buffer that keeps its memory between records. */
typedef struct csv_buf {
    char *data;
    size_t length;
    size_t capacity;
} csv_buf;

/* NULL when memory is out. */
char *csv_buf_grow(csv_buf *buf, size_t more);
/* Room for `more` bytes behind the content: where to write, or NULL when memory is out. */
static inline char *csv_buf_reserve(csv_buf *buf, size_t more)
{
    return more < buf->capacity - buf->length ? buf->data + buf->length : csv_buf_grow(buf, more);
}
/* Gives back the memory that one large record took. */
void csv_buf_trim(csv_buf *buf, size_t keep);
void csv_buf_free(csv_buf *buf);

/* ---- plugin.c ---- */

typedef struct csv_type {
    const char *column;
    uint32_t kind;
} csv_type;

struct dvs_source {
    const dvs_host *host;
    const char *path; /* the settings' */
    const char *null_text;
    size_t null_length; /* 0: none */
    char delimiter;     /* 0: the file's own: a tab for *.tsv, else a comma */
    int has_header;
    csv_type *types;
    uint32_t n_types;
    uint64_t settings_hash; /* of all that decides what a record means */
    locale_t c_locale;      /* numbers are read the same way everywhere */
};

/* ---- source.c ---- */

typedef struct csv_stream {
    char *name; /* the file's name without extension */
    char *path;
} csv_stream;

typedef struct csv_streams {
    csv_stream *items; /* by name */
    size_t n;
    size_t capacity;
    int is_folder;
} csv_streams;

/* The files behind the source's path. */
int32_t csv_streams_list(const dvs_source *source, csv_streams *streams, dvs_error *err);
/* The stream `name`; DVS_E_NOT_FOUND names those that there are. */
int32_t csv_streams_find(const dvs_source *source, const csv_streams *streams, const char *name,
                         const csv_stream **stream, dvs_error *err);
void csv_streams_free(csv_streams *streams);
int32_t csv_source_identity(const dvs_source *source, dvs_out *out, dvs_error *err);
/* The separator of the fields in the file `path`. */
char csv_source_delimiter(const dvs_source *source, const char *path);

/* ---- scan.c ---- */

#define CSV_QUOTED 1u  /* the field stood in quotes                       */
#define CSV_ESCAPED 2u /* ... and has doubled quotes that must be halved  */

typedef struct csv_field {
    const char *text; /* without the outer quotes */
    uint32_t length;
    uint32_t flags;
} csv_field;

#define CSV_FINE 0
#define CSV_OPEN_QUOTE 1   /* the file ended inside quotes           */
#define CSV_BEHIND_QUOTE 2 /* a closing quote with something behind  */

typedef struct csv_record {
    size_t length;    /* bytes of the record without its line end */
    size_t size;      /* ... with it */
    uint64_t n_lines; /* line ends in it, its own included */
    uint32_t n_fields;
    uint32_t problem;       /* CSV_FINE ... */
    uint32_t problem_field; /* counted from 0 */
    uint64_t problem_line;  /* lines behind the record's first */
} csv_record;

#define CSV_SCAN_RECORD 0 /* *record and fields are filled */
#define CSV_SCAN_MORE 1   /* the record goes on behind `length` */
#define CSV_SCAN_END 2    /* there is nothing more */

/* Bytes behind the content that a scan may read (never use). */
#define CSV_SCAN_SLACK 16

/* Splits the record at `data`. `final`: nothing follows the `length` bytes. At most `capacity` fields are
 * stored, all are counted. A broken record is split as if the quote in question were an ordinary one. */
int csv_scan(const char *data, size_t length, int final, char delimiter, csv_field *fields, uint32_t capacity,
             csv_record *record);
/* Halves the doubled quotes of `field` into `out` (field->length bytes suffice); returns the new length. */
size_t csv_scan_unescape(const csv_field *field, char *out);

/* Finds the end of a record that is too long to be held, piece by piece. All zero is the beginning. */
typedef struct csv_skip {
    int state;
    uint64_t n_lines;
} csv_skip;

/* How many of the bytes belong to the record; *done is set when it ends with the last of them. */
size_t csv_scan_skip(csv_skip *skip, const char *data, size_t length, char delimiter, int *done);

/* ---- file.c ---- */

typedef struct csv_file {
    char *path;
    int fd;
    struct stat stat; /* at the time of opening */
    char *buffer;
    size_t capacity;
    size_t start; /* of what is not used up yet */
    size_t end;
    uint64_t offset; /* in the file, of `start` */
    int eof;         /* the file ends at `end` */
} csv_file;

int32_t csv_file_open(csv_file *file, const char *path, dvs_error *err);
void csv_file_close(csv_file *file);
/* Goes on at another place. */
void csv_file_seek(csv_file *file, uint64_t offset);
/* Reads more; grows the buffer when it is full (DVS_END: it may grow no further). DVS_E_CHANGED when the file
 * is not what it was. */
int32_t csv_file_fill(csv_file *file, dvs_error *err);
/* The last word: the path still leads to this file, and it is as it was. */
int32_t csv_file_check_end(const csv_file *file, dvs_error *err);
void csv_file_consume(csv_file *file, size_t bytes);
static inline const char *csv_file_data(const csv_file *file)
{
    return file->buffer + file->start;
}
static inline size_t csv_file_length(const csv_file *file)
{
    return file->end - file->start;
}

/* ---- header.c ---- */

typedef struct csv_column {
    char *name;
    uint32_t kind;
    uint32_t typed; /* the settings name its type */
} csv_column;

typedef struct csv_header {
    csv_column *columns;
    uint32_t n_columns;
    uint32_t *by_name; /* positions, sorted by name without regard to case */
    char *raw_name;
    uint64_t data_offset; /* of the first record */
    uint64_t data_line;
    uint64_t hash;
} csv_header;

/* Opens the stream's file, reads its columns and leaves it at the first record. Both are the caller's to
 * close and free only when it succeeded. */
int32_t csv_header_open(const dvs_source *source, const char *path, csv_file *file, csv_header *header,
                        dvs_error *err);
/* Every name in the setting `types` must be a column of the stream, in a folder of one of its streams. */
int32_t csv_header_check_types(const dvs_source *source, const csv_streams *streams, const csv_stream *stream,
                               const csv_header *header, dvs_error *err);
/* Position of a column, -1 when there is none. */
int64_t csv_header_find(const csv_header *header, const char *name);
void csv_header_free(csv_header *header);

/* ---- raw.c ---- */

/* For each column what stands before its value in the object. */
typedef struct csv_raw_keys {
    csv_buf text;
    uint32_t *ends; /* of each column's piece in `text` */
} csv_raw_keys;

int32_t csv_raw_keys_make(csv_raw_keys *keys, const csv_header *header, dvs_error *err);
void csv_raw_keys_free(csv_raw_keys *keys);
/* Replaces the content of `out` by {"column":"text",...}. The fields are unescaped, and behind each one
 * CSV_SCAN_SLACK bytes can be read; one that is NULL has text
 * NULL. 0, or -1 when memory is out. */
int csv_raw_write(csv_buf *out, const csv_raw_keys *keys, const csv_field *fields, uint32_t n_fields);

/* ---- reader.c ---- */

int32_t csv_reader_start(dvs_source *source, const dvs_read *read, dvs_reader **reader, dvs_error *err);
int32_t csv_reader_pull(dvs_reader *reader, dvs_out *out, dvs_error *err);
void csv_reader_stop(dvs_reader *reader);

int32_t csv_no_memory(dvs_error *err);

#endif
