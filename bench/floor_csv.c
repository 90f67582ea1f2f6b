/*
 * floor_csv.c - the floor that a sync is measured against: one thread that reads a CSV file with the least
 * tokenizer that is right, and inserts its rows into SQLite with one prepared statement. No engine: no
 * mapping, no comparison, no lineage, no bookkeeping. The settings are dvsync's own: pages of 32 KB, WAL,
 * synchronous=NORMAL, a commit every few thousand rows, the key's index last.
 *
 *     floor_csv [--raw] [--commit ROWS] FILE.csv FILE.db
 *     floor_csv --read FILE.csv FILE.db
 *
 * --raw also stores the record as a JSON object of texts, as dvsync does with keep_raw (its default). --read
 * is the floor of a comparison: it reads the file and the columns of a table made by the first form side by
 * side and compares the cells. Prints one line of JSON: rows, different (with --read), seconds,
 * rows_per_second, peak_kb.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE (1u << 20)
#define COLUMNS_MAX 1000

typedef struct field {
    char *text;
    size_t length;
    int is_null;
} field;

/* The file's bytes, in one buffer that is moved along. A record must fit into it. */
typedef struct input {
    int fd;
    char *buffer;
    char *p;
    char *end;
    int eof;
} input;

static void die(const char *what)
{
    fprintf(stderr, "floor_csv: %s\n", what);
    exit(1);
}

static int refill(input *in)
{
    size_t left = (size_t)(in->end - in->p);
    memmove(in->buffer, in->p, left);
    in->p = in->buffer;
    in->end = in->buffer + left;
    if (left == BUFFER_SIZE)
        die("a record is longer than 1 MB");
    ssize_t n = read(in->fd, in->end, BUFFER_SIZE - left);
    if (n < 0)
        die("cannot read the CSV file");
    in->end += n;
    in->eof = n == 0;
    return n > 0;
}

/* Splits one record in place, quotes removed; the number of fields, 0 at the end, -1: needs more bytes. */
static int split(input *in, field *fields)
{
    char *p = in->p;
    int n = 0;
    if (p == in->end)
        return in->eof ? 0 : -1;
    for (;;) {
        field *f = &fields[n++];
        if (n == COLUMNS_MAX)
            die("too many columns");
        if (p < in->end && *p == '"') {
            char *q = p + 1;
            while ((q = memchr(q, '"', (size_t)(in->end - q))) != NULL && q + 1 < in->end && q[1] == '"')
                q += 2;
            if (q == NULL || (q + 1 == in->end && !in->eof))
                return -1;
            *f = (field){p + 1, (size_t)(q - p - 1), 0};
            p = q + 1;
        } else {
            char *q = p;
            while (q < in->end && *q != ',' && *q != '\n')
                q++;
            if (q == in->end && !in->eof)
                return -1;
            *f = (field){p, (size_t)(q - p), q == p};
            p = q;
        }
        if (p == in->end || *p == '\n') {
            in->p = p + (p < in->end);
            return n;
        }
        p++;
    }
}

/* Halves doubled quotes in place, once the record is known to be whole. */
static void unquote(field *f)
{
    char *from = memchr(f->text, '"', f->length);
    char *end = f->text + f->length;
    char *to = from;
    if (from == NULL || f->text[-1] != '"')
        return;
    while (from < end) {
        *to++ = *from;
        from += *from == '"' ? 2 : 1;
    }
    f->length = (size_t)(to - f->text);
}

static int next(input *in, field *fields)
{
    int n;
    while ((n = split(in, fields)) < 0)
        refill(in);
    for (int i = 0; i < n; i++)
        unquote(&fields[i]);
    return n;
}

static char *put_json_text(char *o, const char *p, size_t length)
{
    static const char hex[] = "0123456789abcdef";
    *o++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '"' || c == '\\') {
            *o++ = '\\';
            *o++ = (char)c;
        } else if (c < 0x20) {
            memcpy(o, "\\u00", 4);
            o[4] = hex[c >> 4];
            o[5] = hex[c & 15];
            o += 6;
        } else {
            *o++ = (char)c;
        }
    }
    *o++ = '"';
    return o;
}

static size_t raw_json(char **out, size_t *capacity, char **names, const field *fields, int n)
{
    size_t need = 2;
    for (int i = 0; i < n; i++)
        need += 6 * (strlen(names[i]) + fields[i].length) + 8;
    if (need > *capacity) {
        *capacity = need * 2;
        *out = realloc(*out, *capacity);
        if (*out == NULL)
            die("out of memory");
    }
    char *o = *out;
    for (int i = 0; i < n; i++) {
        *o++ = i == 0 ? '{' : ',';
        o = put_json_text(o, names[i], strlen(names[i]));
        *o++ = ':';
        if (fields[i].is_null)
            o = (char *)memcpy(o, "null", 4) + 4;
        else
            o = put_json_text(o, fields[i].text, fields[i].length);
    }
    *o++ = '}';
    return (size_t)(o - *out);
}

static void run(sqlite3 *db, const char *sql)
{
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        die(error != NULL ? error : "SQLite failed");
}

static sqlite3_stmt *prepare_table(sqlite3 *db, char **names, int n, int raw)
{
    size_t size = 64 * (size_t)n + 256;
    for (int i = 0; i < n; i++)
        size += 2 * strlen(names[i]);
    char *sql = malloc(size);
    sqlite3_stmt *statement = NULL;
    if (sql == NULL)
        die("out of memory");
    size_t o = (size_t)snprintf(sql, size, "CREATE TABLE t (row_id INTEGER PRIMARY KEY");
    for (int i = 0; i < n; i++)
        o += (size_t)snprintf(sql + o, size - o, ",\"%s\" TEXT", names[i]);
    snprintf(sql + o, size - o, "%s)", raw ? ",json_response TEXT" : "");
    run(db, sql);
    o = (size_t)snprintf(sql, size, "INSERT INTO t VALUES (?1");
    for (int i = 0; i < n + raw; i++)
        o += (size_t)snprintf(sql + o, size - o, ",?%d", i + 2);
    snprintf(sql + o, size - o, ")");
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    free(sql);
    return statement;
}

static void insert(sqlite3 *db, sqlite3_stmt *s, int64_t row, const field *fields, int n, const char *raw,
                   size_t raw_length)
{
    sqlite3_bind_int64(s, 1, row);
    for (int i = 0; i < n; i++) {
        if (fields[i].is_null)
            sqlite3_bind_null(s, i + 2);
        else
            sqlite3_bind_text(s, i + 2, fields[i].text, (int)fields[i].length, SQLITE_STATIC);
    }
    if (raw != NULL)
        sqlite3_bind_text(s, n + 2, raw, (int)raw_length, SQLITE_STATIC);
    if (sqlite3_step(s) != SQLITE_DONE)
        die(sqlite3_errmsg(db));
    sqlite3_reset(s);
}

static int read_header(input *in, field *fields, char **names)
{
    int n = next(in, fields);
    for (int i = 0; i < n; i++) {
        names[i] = strndup(fields[i].text, fields[i].length);
        if (names[i] == NULL)
            die("out of memory");
    }
    if (n == 0)
        die("the CSV file is empty");
    return n;
}

static uint64_t load(sqlite3 *db, input *in, uint64_t commit_rows, int raw)
{
    static field fields[COLUMNS_MAX];
    char *names[COLUMNS_MAX];
    char *json = NULL;
    size_t capacity = 0;
    uint64_t rows = 0;
    int n_columns = read_header(in, fields, names);
    int n;
    sqlite3_stmt *statement = prepare_table(db, names, n_columns, raw);
    run(db, "BEGIN");
    while ((n = next(in, fields)) > 0) {
        if (n != n_columns)
            die("a record has another number of fields than the header");
        size_t length = raw ? raw_json(&json, &capacity, names, fields, n) : 0;
        insert(db, statement, (int64_t)++rows, fields, n, raw ? json : NULL, length);
        if (rows % commit_rows == 0)
            run(db, "COMMIT; BEGIN");
    }
    run(db, "COMMIT");
    sqlite3_finalize(statement);
    size_t size = strlen(names[0]) + 64;
    char *sql = malloc(size);
    if (sql == NULL)
        die("out of memory");
    snprintf(sql, size, "CREATE UNIQUE INDEX t_key ON t (\"%s\")", names[0]);
    run(db, sql);
    free(sql);
    for (int i = 0; i < n_columns; i++)
        free(names[i]);
    free(json);
    return rows;
}

static int same(sqlite3_stmt *s, int column, const field *f)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    if (text == NULL || f->is_null)
        return text == NULL && f->is_null;
    return (size_t)sqlite3_column_bytes(s, column) == f->length && memcmp(text, f->text, f->length) == 0;
}

static uint64_t compare(sqlite3 *db, input *in, uint64_t *different)
{
    static field fields[COLUMNS_MAX];
    char *names[COLUMNS_MAX];
    sqlite3_stmt *s = NULL;
    uint64_t rows = 0;
    int n_columns = read_header(in, fields, names);
    int n;
    for (int i = 0; i < n_columns; i++)
        free(names[i]);
    if (sqlite3_prepare_v2(db, "SELECT * FROM t ORDER BY row_id", -1, &s, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    while ((n = next(in, fields)) > 0) {
        int equal = n == n_columns && sqlite3_step(s) == SQLITE_ROW;
        for (int i = 0; equal && i < n; i++)
            equal = same(s, i + 1, &fields[i]);
        *different += !equal;
        rows++;
    }
    if (sqlite3_step(s) == SQLITE_ROW)
        die("the table has more rows than the file");
    sqlite3_finalize(s);
    return rows;
}

int main(int argc, char **argv)
{
    uint64_t commit_rows = 5000;
    uint64_t different = 0;
    int raw = 0;
    int reads = 0;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--raw") == 0)
            raw = 1;
        else if (strcmp(argv[i], "--read") == 0)
            reads = 1;
        else if (strcmp(argv[i], "--commit") == 0 && i + 1 < argc)
            commit_rows = strtoull(argv[++i], NULL, 10);
        else
            break;
    }
    if (argc - i != 2 || commit_rows == 0) {
        fprintf(stderr, "usage: floor_csv [--raw] [--commit ROWS] | [--read] FILE.csv FILE.db\n");
        return 64;
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    sqlite3 *db = NULL;
    input in = {.fd = open(argv[i], O_RDONLY | O_CLOEXEC), .buffer = malloc(BUFFER_SIZE + 1)};
    if (in.fd < 0 || in.buffer == NULL)
        die("cannot open the CSV file");
    in.buffer[0] = '\0';
    in.buffer++; /* unquote looks at the byte before a field */
    in.p = in.end = in.buffer;
    if (sqlite3_open(argv[i + 1], &db) != SQLITE_OK)
        die("cannot open the database");
    run(db, "PRAGMA page_size=32768; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
    uint64_t rows = reads ? compare(db, &in, &different) : load(db, &in, commit_rows, raw);
    if (!reads)
        run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (sqlite3_close(db) != SQLITE_OK)
        die("cannot close the database");
    clock_gettime(CLOCK_MONOTONIC, &end);
    close(in.fd);
    free(in.buffer - 1);
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"rows\":%" PRIu64 ",\"different\":%" PRIu64
           ",\"seconds\":%.3f,\"rows_per_second\":%.0f,\"peak_kb\":%ld}\n",
           rows, different, seconds, (double)rows / seconds, usage.ru_maxrss);
    return 0;
}
