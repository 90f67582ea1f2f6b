/*
 * floor_dataverse.c - the floor that a sync of a Dataverse organisation is measured against: one thread that
 * downloads pages, takes YAJL's events, and inserts the rows into SQLite with one prepared statement. No
 * engine: no mapping, no comparison, no lineage, no bookkeeping, no second try. The settings are dvsync's
 * own: pages of 5,000 records, 32 KB pages of SQLite, WAL, synchronous=NORMAL, a commit every few thousand
 * rows, the key's index last.
 *
 *     floor_dataverse --download|--tokenise URL ID SECRET TABLE...
 *     floor_dataverse --insert|--insert-raw|--read URL ID SECRET TABLE... FILE.db
 *
 * TABLE is SET=COLUMN:KIND,COLUMN:KIND,... with the key first. KIND: t text, i whole number, n decimal, r
 * floating point, b yes/no, z date and time. --insert-raw stores the record's own bytes as well, as dvsync
 * does with keep_raw (its default). --read is the floor of a comparison: it downloads and tokenises, and
 * compares with the columns of a table made by --insert or --insert-raw, side by side. Prints one line of
 * JSON: rows, different (with --read), bytes, seconds.
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#define COLUMNS_MAX 500
#define COMMIT_ROWS 5000u
#define NEXT_LINK "@odata.nextLink"

typedef enum mode { DOWNLOAD, TOKENISE, INSERT, INSERT_RAW, READ } mode;

static const char *const mode_names[] = {"--download", "--tokenise", "--insert", "--insert-raw", "--read"};

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
    int depth; /* 1 the page, 2 its array, 3 a record */
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
    uint64_t table_rows;
    uint64_t rows;
    uint64_t different;
    uint64_t bytes;
} floor_run;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "floor_dataverse: %s%s%s\n", what, why != NULL ? ": " : "", why != NULL ? why : "");
    exit(1);
}

static void *memory(void *p)
{
    if (p == NULL)
        die("out of memory", NULL);
    return p;
}

static void add(text *t, const char *data, size_t length)
{
    if (t->capacity - t->length <= length) {
        t->capacity = (t->length + length + 1) * 2;
        t->data = memory(realloc(t->data, t->capacity));
    }
    memcpy(t->data + t->length, data, length);
    t->length += length;
    t->data[t->length] = '\0';
}

static void set_text(text *t, const char *data, size_t length)
{
    t->length = 0;
    add(t, data, length);
}

static void add_string(text *t, const char *s)
{
    add(t, s, strlen(s));
}

/* ---- SQLite ---- */

static void run_sql(sqlite3 *db, const char *sql)
{
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        die("SQLite", error);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        die("SQLite", sqlite3_errmsg(db));
    return statement;
}

static void open_table(floor_run *f)
{
    int raw = f->mode == INSERT_RAW;
    text sql = {0};
    if (f->mode == READ) {
        add_string(&sql, "SELECT row_id");
        for (int i = 0; i < f->n_columns; i++) {
            add_string(&sql, ",\"");
            add(&sql, f->columns[i].name, f->columns[i].length);
            add_string(&sql, "\"");
        }
        add_string(&sql, " FROM \"");
        add_string(&sql, f->set);
        add_string(&sql, "\" ORDER BY row_id");
        f->statement = prepare(f->db, sql.data);
        free(sql.data);
        return;
    }
    add_string(&sql, "CREATE TABLE \"");
    add_string(&sql, f->set);
    add_string(&sql, "\" (row_id INTEGER PRIMARY KEY");
    for (int i = 0; i < f->n_columns; i++) {
        add_string(&sql, ",\"");
        add(&sql, f->columns[i].name, f->columns[i].length);
        add_string(&sql, "\"");
    }
    add_string(&sql, raw ? ",json_response TEXT)" : ")");
    run_sql(f->db, sql.data);
    set_text(&sql, "INSERT INTO \"", 13);
    add_string(&sql, f->set);
    add_string(&sql, "\" VALUES (?");
    for (int i = 0; i < f->n_columns + raw; i++)
        add_string(&sql, ",?");
    add_string(&sql, ")");
    f->statement = prepare(f->db, sql.data);
    free(sql.data);
    run_sql(f->db, "BEGIN");
}

static void close_table(floor_run *f)
{
    if (f->mode == READ && sqlite3_step(f->statement) == SQLITE_ROW)
        die("the table has more rows than the organisation", NULL);
    sqlite3_finalize(f->statement);
    f->statement = NULL;
    if (f->mode == READ)
        return;
    text sql = {0};
    add_string(&sql, "COMMIT; CREATE UNIQUE INDEX \"");
    add_string(&sql, f->set);
    add_string(&sql, "_key\" ON \"");
    add_string(&sql, f->set);
    add_string(&sql, "\" (\"");
    add(&sql, f->columns[0].name, f->columns[0].length);
    add_string(&sql, "\")");
    run_sql(f->db, sql.data);
    free(sql.data);
}

/* A decimal without a fraction is stored as a whole number, as dvsync does. */
static int is_whole(const char *p)
{
    p += strcspn(p, ".eE");
    if (*p == '.')
        p += 1 + strspn(p + 1, "0");
    return *p == '\0';
}

static void bind_value(floor_run *f, int i)
{
    const value *v = &f->row[i];
    const char *p = f->values.data + v->start;
    switch (v->type) {
    case '\0':
        sqlite3_bind_null(f->statement, i + 2);
        break;
    case 's':
        sqlite3_bind_text(f->statement, i + 2, p, (int)v->length, SQLITE_STATIC);
        break;
    case 'n':
        if (f->columns[i].kind == 'i' || (f->columns[i].kind == 'n' && is_whole(p)))
            sqlite3_bind_int64(f->statement, i + 2, strtoll(p, NULL, 10));
        else
            sqlite3_bind_double(f->statement, i + 2, strtod(p, NULL));
        break;
    default:
        sqlite3_bind_int(f->statement, i + 2, v->type == 't');
        break;
    }
}

static int same(floor_run *f, int i)
{
    const value *v = &f->row[i];
    const char *p = f->values.data + v->start;
    sqlite3_stmt *s = f->statement;
    int stored = sqlite3_column_type(s, i + 1);
    switch (v->type) {
    case '\0':
        return stored == SQLITE_NULL;
    case 's':
        return stored == SQLITE_TEXT && (size_t)sqlite3_column_bytes(s, i + 1) == v->length &&
               memcmp(sqlite3_column_text(s, i + 1), p, v->length) == 0;
    case 'n':
        if (stored == SQLITE_INTEGER)
            return sqlite3_column_int64(s, i + 1) == strtoll(p, NULL, 10);
        return stored == SQLITE_FLOAT && sqlite3_column_double(s, i + 1) == strtod(p, NULL);
    default:
        return stored == SQLITE_INTEGER && sqlite3_column_int(s, i + 1) == (v->type == 't');
    }
}

static void take_record(floor_run *f, size_t end)
{
    f->table_rows++;
    if (f->mode == READ) {
        int equal = sqlite3_step(f->statement) == SQLITE_ROW;
        for (int i = 0; equal && i < f->n_columns; i++)
            equal = same(f, i);
        f->different += !equal;
        return;
    }
    if (f->mode != INSERT && f->mode != INSERT_RAW)
        return;
    sqlite3_bind_int64(f->statement, 1, (int64_t)f->table_rows);
    for (int i = 0; i < f->n_columns; i++)
        bind_value(f, i);
    if (f->mode == INSERT_RAW)
        sqlite3_bind_text(f->statement, f->n_columns + 2, f->body.data + f->record, (int)(end - f->record),
                          SQLITE_STATIC);
    if (sqlite3_step(f->statement) != SQLITE_DONE)
        die("SQLite", sqlite3_errmsg(f->db));
    sqlite3_reset(f->statement);
    if (f->table_rows % COMMIT_ROWS == 0)
        run_sql(f->db, "COMMIT; BEGIN");
}

/* ---- JSON ---- */

static int put(floor_run *f, char type, const unsigned char *p, size_t length)
{
    if (f->depth == 1 && f->is_link)
        set_text(&f->next, (const char *)p, length);
    if (f->depth != 3 || f->at < 0)
        return 1;
    f->row[f->at] = (value){type, f->values.length, length};
    if (type == 's' && f->columns[f->at].kind == 'z' && length != 0) {
        add(&f->values, (const char *)p, length - 1);
        add(&f->values, ".000000Z", 9);
        f->row[f->at].length += 7;
    } else if (length != 0) {
        add(&f->values, (const char *)p, length);
        add(&f->values, "", 1);
    }
    f->expected = f->at + 1;
    return 1;
}

static int on_null(void *context)
{
    return put(context, '\0', NULL, 0);
}

static int on_boolean(void *context, int yes)
{
    return put(context, yes ? 't' : 'f', NULL, 0);
}

static int on_number(void *context, const char *p, size_t length)
{
    return put(context, 'n', (const unsigned char *)p, length);
}

static int on_string(void *context, const unsigned char *p, size_t length)
{
    return put(context, 's', p, length);
}

static int on_name(void *context, const unsigned char *p, size_t length)
{
    floor_run *f = context;
    f->is_link = f->depth == 1 && length == strlen(NEXT_LINK) && memcmp(p, NEXT_LINK, length) == 0;
    if (f->depth != 3)
        return 1;
    int n = f->n_columns;
    for (int i = 0; i < n; i++) {
        const column *c = &f->columns[(f->expected + i) % n];
        if (c->length == length && memcmp(c->name, p, length) == 0) {
            f->at = (f->expected + i) % n;
            return 1;
        }
        if (memchr(p, '@', length) != NULL)
            break;
    }
    f->at = -1;
    return 1;
}

static int on_start(void *context)
{
    floor_run *f = context;
    if (++f->depth != 3)
        return 1;
    f->record = f->parsed + yajl_get_bytes_consumed(f->parser) - 1;
    f->values.length = 0;
    f->expected = 0;
    memset(f->row, 0, (size_t)f->n_columns * sizeof *f->row);
    return 1;
}

static int on_end(void *context)
{
    floor_run *f = context;
    if (f->depth-- == 3)
        take_record(f, f->parsed + yajl_get_bytes_consumed(f->parser));
    return 1;
}

static const yajl_callbacks callbacks = {.yajl_null = on_null,
                                         .yajl_boolean = on_boolean,
                                         .yajl_number = on_number,
                                         .yajl_string = on_string,
                                         .yajl_map_key = on_name,
                                         .yajl_start_map = on_start,
                                         .yajl_end_map = on_end,
                                         .yajl_start_array = on_start,
                                         .yajl_end_array = on_end};

/* ---- HTTP ---- */

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
    floor_run *f = context;
    f->bytes += size * n;
    add(&f->body, data, size * n);
    if (f->parser != NULL &&
        yajl_parse(f->parser, (const unsigned char *)f->body.data + f->parsed, size * n) != yajl_status_ok)
        die("a page is no JSON", NULL);
    f->parsed += size * n;
    return size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
    floor_run *f = context;
    static const char name[] = "www-authenticate:";
    if (size * n > sizeof name && strncasecmp(data, name, sizeof name - 1) == 0)
        set_text(&f->challenge, data, size * n);
    return size * n;
}

static long request(floor_run *f, const char *url, const char *form, struct curl_slist *headers)
{
    long status = 0;
    f->body.length = 0;
    f->parsed = 0;
    curl_easy_setopt(f->curl, CURLOPT_URL, url);
    curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, headers);
    if (form != NULL)
        curl_easy_setopt(f->curl, CURLOPT_COPYPOSTFIELDS, form);
    else
        curl_easy_setopt(f->curl, CURLOPT_HTTPGET, 1L);
    CURLcode code = curl_easy_perform(f->curl);
    if (code != CURLE_OK)
        die("request", curl_easy_strerror(code));
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static char *escape(CURL *curl, const char *s)
{
    return memory(curl_easy_escape(curl, s, 0));
}

/* The Authorization header, from a client secret and the authority that the challenge names. */
static text sign_in(floor_run *f, const char *url, const char *id, const char *secret)
{
    static const char mark[] = "authorization_uri=";
    text address = {0};
    text form = {0};
    text header = {0};
    add_string(&address, url);
    add_string(&address, "/api/data/v9.2/");
    if (request(f, address.data, NULL, NULL) != 401 || f->challenge.length == 0)
        die(url, "no challenge");
    const char *p = strstr(f->challenge.data, mark);
    if (p == NULL)
        die("the challenge names no authority", NULL);
    p += sizeof mark - 1;
    p += *p == '"';
    set_text(&address, p, strcspn(p, "\", \r\n"));
    char *end = strstr(address.data, "/oauth2/authorize");
    if (end != NULL)
        address.length = (size_t)(end - address.data);
    add_string(&address, "/oauth2/v2.0/token");
    const char *const fields[][2] = {
        {"grant_type=", "client_credentials"}, {"&client_id=", id}, {"&client_secret=", secret}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char *escaped = escape(f->curl, fields[i][1]);
        add_string(&form, fields[i][0]);
        add_string(&form, escaped);
        curl_free(escaped);
    }
    char *scope = escape(f->curl, url);
    add_string(&form, "&scope=");
    add_string(&form, scope);
    add_string(&form, "%2F.default");
    curl_free(scope);
    if (request(f, address.data, form.data, NULL) != 200)
        die("sign-in", f->body.data);
    p = strstr(f->body.data, "\"access_token\":\"");
    if (p == NULL)
        die("the answer has no token", NULL);
    p += 16;
    add_string(&header, "Authorization: Bearer ");
    add(&header, p, strcspn(p, "\""));
    free(address.data);
    free(form.data);
    return header;
}

/* Without a tokenizer: the link stands at the end of the page. */
static void find_next(floor_run *f)
{
    static const char mark[] = "\"" NEXT_LINK "\":\"";
    size_t tail = f->body.length < 4096 ? f->body.length : 4096;
    const char *p = strstr(f->body.data + f->body.length - tail, mark);
    if (p != NULL)
        set_text(&f->next, p + sizeof mark - 1, strcspn(p + sizeof mark - 1, "\""));
}

static void read_pages(floor_run *f, struct curl_slist *headers, const char *first)
{
    text address = {0};
    add_string(&address, first);
    while (address.length != 0) {
        f->next.length = 0;
        f->depth = 0;
        if (f->mode != DOWNLOAD)
            f->parser = memory(yajl_alloc(&callbacks, NULL, f));
        if (request(f, address.data, NULL, headers) != 200)
            die("a page", f->body.data);
        if (f->mode == DOWNLOAD)
            find_next(f);
        else if (yajl_complete_parse(f->parser) != yajl_status_ok)
            die("a page is no JSON", NULL);
        if (f->parser != NULL)
            yajl_free(f->parser);
        f->parser = NULL;
        set_text(&address, f->next.length != 0 ? f->next.data : "", f->next.length);
    }
    free(address.data);
}

/* SET=COLUMN:KIND,... */
static void read_table_argument(floor_run *f, char *argument)
{
    char *p = strchr(argument, '=');
    f->set = argument;
    f->n_columns = 0;
    if (p == NULL)
        die(argument, "no columns");
    *p++ = '\0';
    while (*p != '\0') {
        size_t length = strcspn(p, ":");
        if (f->n_columns == COLUMNS_MAX || p[length] == '\0' || strchr("tinrbz", p[length + 1]) == NULL)
            die("columns", p);
        f->columns[f->n_columns++] = (column){p, length, p[length + 1]};
        p += length + 2;
        p += *p == ',';
    }
}

static void read_table(floor_run *f, const char *url, struct curl_slist *headers)
{
    text first = {0};
    add_string(&first, url);
    add_string(&first, "/api/data/v9.2/");
    add_string(&first, f->set);
    for (int i = 0; i < f->n_columns; i++) {
        add_string(&first, i == 0 ? "?$select=" : ",");
        add(&first, f->columns[i].name, f->columns[i].length);
    }
    add_string(&first, "&$orderby=");
    add(&first, f->columns[0].name, f->columns[0].length);
    f->table_rows = 0;
    if (f->mode >= INSERT)
        open_table(f);
    read_pages(f, headers, first.data);
    if (f->mode >= INSERT)
        close_table(f);
    f->rows += f->table_rows;
    free(first.data);
}

static void open_database(floor_run *f, const char *file)
{
    if (sqlite3_open(file, &f->db) != SQLITE_OK)
        die("cannot open the database", file);
    run_sql(f->db, "PRAGMA page_size=32768; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
}

static struct curl_slist *make_headers(const char *authorization)
{
    static const char *const fixed[] = {"Accept: application/json", "OData-Version: 4.0",
                                        "OData-MaxVersion: 4.0", "Prefer: odata.maxpagesize=5000"};
    struct curl_slist *headers = memory(curl_slist_append(NULL, authorization));
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        headers = memory(curl_slist_append(headers, fixed[i]));
    return headers;
}

int main(int argc, char **argv)
{
    static floor_run f;
    struct timespec start, end;
    size_t m = 0;
    while (argc > 5 && m <= READ && strcmp(argv[1], mode_names[m]) != 0)
        m++;
    int tables_end = argc - (m >= INSERT);
    if (argc <= 5 || m > READ || tables_end <= 5) {
        fprintf(stderr, "usage: floor_dataverse --download|--tokenise|--insert|--insert-raw|--read URL ID "
                        "SECRET TABLE... [FILE.db]\n");
        return 64;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    f.mode = (mode)m;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    f.curl = memory(curl_easy_init());
    curl_easy_setopt(f.curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(f.curl, CURLOPT_WRITEDATA, &f);
    curl_easy_setopt(f.curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(f.curl, CURLOPT_HEADERDATA, &f);
    curl_easy_setopt(f.curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    if (f.mode >= INSERT)
        open_database(&f, argv[argc - 1]);
    text authorization = sign_in(&f, argv[2], argv[3], argv[4]);
    struct curl_slist *headers = make_headers(authorization.data);
    f.bytes = 0;
    for (int i = 5; i < tables_end; i++) {
        read_table_argument(&f, argv[i]);
        read_table(&f, argv[2], headers);
    }
    if (f.mode == INSERT || f.mode == INSERT_RAW)
        run_sql(f.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (sqlite3_close(f.db) != SQLITE_OK)
        die("cannot close the database", NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    curl_slist_free_all(headers);
    curl_easy_cleanup(f.curl);
    curl_global_cleanup();
    free(authorization.data);
    free(f.values.data);
    free(f.body.data);
    free(f.next.data);
    free(f.challenge.data);
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("{\"rows\":%" PRIu64 ",\"different\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f}\n", f.rows,
           f.different, f.bytes, seconds);
    return 0;
}
