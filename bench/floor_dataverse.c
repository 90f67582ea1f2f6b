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
 * TABLE is SET=COLUMN:KIND,COLUMN:KIND,...[&OPTION...] with the key first; the options (a $filter) go into
 * the address. KIND: t text, i whole number, n decimal, r floating point, b yes/no, z date and time.
 * --insert-raw stores the record's own bytes as well, as dvsync does with keep_raw (its default). --read is
 * the floor of a comparison: it downloads and tokenises, and compares with the columns of a table made by
 * --insert or --insert-raw, side by side. Prints one line of JSON: rows, different (with --read), bytes,
 * seconds.
 */
#include <inttypes.h>
#include <strings.h>
#include <time.h>

#include "floor_dataverse.h"

static const char *const mode_names[] = {"--download", "--tokenise", "--insert", "--insert-raw", "--read"};

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
            f->parser = memory(yajl_alloc(&floor_callbacks, NULL, f));
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

/* SET=COLUMN:KIND,...[&FURTHER=OPTIONS] */
static void read_table_argument(floor_run *f, char *argument)
{
    char *p = strchr(argument, '=');
    f->set = argument;
    f->n_columns = 0;
    if (p == NULL)
        die(argument, "no columns");
    *p++ = '\0';
    char *options = strchr(p, '&');
    set_text(&f->options, options != NULL ? options : "", options != NULL ? strlen(options) : 0);
    if (options != NULL)
        *options = '\0';
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
    add(&first, f->options.data, f->options.length);
    f->table_rows = 0;
    if (f->mode >= INSERT)
        floor_open_table(f);
    read_pages(f, headers, first.data);
    if (f->mode >= INSERT)
        floor_close_table(f);
    f->rows += f->table_rows;
    free(first.data);
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
        floor_open_database(&f, argv[argc - 1]);
    text authorization = sign_in(&f, argv[2], argv[3], argv[4]);
    struct curl_slist *headers = make_headers(authorization.data);
    f.bytes = 0;
    for (int i = 5; i < tables_end; i++) {
        read_table_argument(&f, argv[i]);
        read_table(&f, argv[2], headers);
    }
    floor_close_database(&f);
    clock_gettime(CLOCK_MONOTONIC, &end);
    curl_slist_free_all(headers);
    curl_easy_cleanup(f.curl);
    curl_global_cleanup();
    free(authorization.data);
    free(f.values.data);
    free(f.body.data);
    free(f.next.data);
    free(f.challenge.data);
    free(f.options.data);
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("{\"rows\":%" PRIu64 ",\"different\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f}\n",
           f.rows, f.different, f.bytes, seconds);
    return 0;
}
