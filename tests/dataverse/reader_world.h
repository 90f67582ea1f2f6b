/*
 * reader_world.h - a source whose metadata and tokens are stubs, a server with a script behind it, and a host
 * that writes down as text what is pushed; for test_reader.c, test_wide.c and test_fetch.c. Included by one
 * file of a program.
 */
#ifndef READER_WORLD_H
#define READER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"
#include "fake_server.h"
#include "reader.h"

#define MAYBE_UNUSED __attribute__((unused))
#define OK_HEAD "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 15:00:00 GMT\r\n"
#define NEXT "\"@odata.nextLink\":\"/api/data/v9.2/accounts?next="
#define KEY "\"accountid\":\"00000000-0000-0000-0000-0000000000"
#define GUID "00000000-0000-0000-0000-0000000000"

#define PAGE(text)                                                                                           \
    {                                                                                                        \
        .head = OK_HEAD, .body = text                                                                        \
    }
#define STATUS(line, text)                                                                                   \
    {                                                                                                        \
        .head = "HTTP/1.1 " line "\r\nDate: Sat, 21 Nov 2026 16:00:00 GMT\r\n", .body = text                 \
    }

/* ---- tokens and tables ---- */

struct dataverse_auth {
    int nothing;
};

int32_t dataverse_auth_new(struct dataverse_http *http, struct dataverse_gate *gate,
                           const struct dataverse_settings *settings, struct dataverse_auth **auth,
                           dvs_error *err)
{
    (void)http;
    (void)gate;
    (void)settings;
    (void)err;
    *auth = calloc(1, sizeof **auth);
    return *auth != NULL ? DVS_OK : DVS_E_NO_MEMORY;
}

void dataverse_auth_free(struct dataverse_auth *auth)
{
    free(auth);
}

int32_t dataverse_auth_token(struct dataverse_auth *auth, const char *refused, const atomic_int *interrupted,
                             char *token, dvs_error *err)
{
    (void)auth;
    (void)refused;
    (void)interrupted;
    (void)err;
    strcpy(token, "a-token");
    return DVS_OK;
}

void dataverse_auth_drop(struct dataverse_auth *auth, const char *token)
{
    (void)auth;
    (void)token;
}

int dataverse_auth_try_token(struct dataverse_auth *auth, char *token)
{
    (void)auth;
    strcpy(token, "a-token");
    return 1;
}

#define NAME(text) ((char *)(uintptr_t)(text))
#define COLUMN(column_name, column_type)                                                                     \
    {                                                                                                        \
        .name = NAME(column_name), .type = DATAVERSE_TYPE_##column_type                                      \
    }

static struct dataverse_column the_columns[] = {
    COLUMN("accountid", GUID),  COLUMN("name", TEXT),
    COLUMN("n", INT),           COLUMN("revenue", DECIMAL),
    COLUMN("score", DOUBLE),    COLUMN("flag", BOOL),
    COLUMN("born", DATE),       COLUMN("modifiedon", TIMESTAMP),
    COLUMN("_cur_value", GUID), {.name = NAME("hidden"), .type = DATAVERSE_TYPE_TEXT, .secured = 1},
};
static const char *const all_names[] = {"accountid", "name",       "n",          "revenue", "score",  "flag",
                                        "born",      "modifiedon", "_cur_value", "hidden",  "@record"};
#define N_ALL 11

static struct dataverse_table the_table = {.logical_name = NAME("account"),
                                           .set_name = NAME("accounts"),
                                           .key = NAME("accountid"),
                                           .columns = the_columns,
                                           .n_columns = 10,
                                           .has_modifiedon = 1};
static int refreshed;
static int forgotten;

int32_t dataverse_metadata_table(struct dataverse_metadata *metadata, const char *name, int refresh,
                                 const struct dataverse_table **table, dvs_error *err)
{
    (void)metadata;
    (void)name;
    (void)err;
    refreshed += refresh;
    *table = &the_table;
    return DVS_OK;
}

void dataverse_metadata_forget(struct dataverse_metadata *metadata, const char *name)
{
    (void)metadata;
    (void)name;
    forgotten++;
}

/* ---- what is pushed ---- */

struct world {
    struct fake_host *host;
    struct fake_server *server;
    struct dataverse_settings settings;
    dvs_source source;
    dvs_reader *reader;
    dvs_error err;
    char *said; /* a line for each thing pushed */
    size_t said_length;
    int full_after; /* each so many rows "full"; 0: never */
    int rows;       /* since the pull began */
    int n_put;      /* things, since the pull began */
    int is_full;
    int broken; /* a rule was broken */
    char url[64];
    uint8_t position[2000]; /* the last */
    size_t position_length;
};

static struct world *the_world;

MAYBE_UNUSED static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
MAYBE_UNUSED static void say(const char *format, ...)
{
    struct world *w = the_world;
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    assert_true(n >= 0);
    w->said = realloc(w->said, w->said_length + (size_t)n + 1);
    assert_non_null(w->said);
    memcpy(w->said + w->said_length, text, (size_t)n + 1);
    w->said_length += (size_t)n;
    free(text);
}

static void say_cells(const dvs_cell *cells, uint32_t n)
{
    char guid[40];
    for (uint32_t i = 0; i < n; i++) {
        const dvs_cell *c = &cells[i];
        switch (c->kind) {
        case DVS_ABSENT:
            say(" -");
            break;
        case DVS_NULL:
            say(" null");
            break;
        case DVS_DOUBLE:
            say(" %g", c->v.f64);
            break;
        case DVS_UUID:
            dataverse_guid_text(c->v.bytes, guid);
            say(" ..%s", guid + 34);
            break;
        case DVS_TEXT:
        case DVS_DECIMAL:
        case DVS_JSON:
            if (c->length > 200)
                say(" %u bytes", c->length);
            else
                say(" %.*s", (int)c->length, c->v.text);
            break;
        default:
            say(" %lld", (long long)c->v.i64);
        }
    }
}

/* After "full" only a checkpoint may come. */
static int32_t took(int is_row)
{
    struct world *w = the_world;
    w->n_put++;
    if (w->is_full && is_row)
        w->broken = 1;
    w->rows += is_row;
    w->is_full |= w->full_after != 0 && w->rows >= w->full_after;
    return w->broken ? DVS_PUT_FATAL : w->is_full ? DVS_PUT_FULL : DVS_PUT_OK;
}

static int32_t put_row(const dvs_host *host, dvs_out *out, const dvs_row *row)
{
    (void)host;
    (void)out;
    say("row");
    say_cells(row->cells, row->n_cells);
    say("\n");
    return took(1);
}

static int32_t put_error(const dvs_host *host, dvs_out *out, const dvs_row_error *error)
{
    (void)host;
    (void)out;
    say("error %s %s: %s:", error->source_key != NULL ? error->source_key + 34 : "?", error->field,
        error->message);
    say_cells(error->cells, error->n_cells);
    say(" of %.*s\n", (int)error->record_length, error->record);
    return took(1);
}

static int32_t put_checkpoint(const dvs_host *host, dvs_out *out, const dvs_checkpoint *c)
{
    struct world *w = the_world;
    (void)host;
    (void)out;
    if (c->type == DVS_CHECKPOINT_POSITION) {
        assert_true(c->token_length <= sizeof w->position);
        memcpy(w->position, c->token, c->token_length);
        w->position_length = c->token_length;
        say("position\n");
    } else {
        say("end kind %u complete %u: %.*s\n", c->token_kind, c->complete, (int)c->token_length,
            c->token_length != 0 ? (const char *)c->token : "");
    }
    return took(0);
}

/* ---- worlds ---- */

MAYBE_UNUSED static void open_world(struct world *w, const struct fake_reply *replies, size_t n)
{
    memset(w, 0, sizeof *w);
    the_world = w;
    refreshed = forgotten = 0;
    w->err.struct_size = (uint32_t)sizeof w->err;
    w->host = fake_host_new();
    w->host->host.put_row = put_row;
    w->host->host.put_error = put_error;
    w->host->host.put_checkpoint = put_checkpoint;
    w->server = fake_server_new(replies, n);
    snprintf(w->url, sizeof w->url, "%s", fake_server_url(w->server));
    w->settings = (struct dataverse_settings){.url = w->url,
                                              .client_id = "c",
                                              .client_secret = "s",
                                              .api_version = "v9.2",
                                              .page_size = 500,
                                              .max_concurrent = 4,
                                              .max_retries = 2,
                                              .overlap_seconds = 60,
                                              .timeout_seconds = 2};
    assert_int_equal(dataverse_url_origin(w->url, &w->settings.origin), 0);
    w->source.host = &w->host->host;
    w->source.settings = w->settings;
    w->source.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    pthread_mutex_init(&w->source.identity_lock, NULL);
    assert_int_equal(dataverse_api_init(&w->source.api, &w->host->host, &w->source.settings, &w->err),
                     DVS_OK);
    w->said = calloc(1, 1);
    assert_non_null(w->said);
}

MAYBE_UNUSED static void close_world(struct world *w)
{
    if (w->reader != NULL)
        dataverse_reader_stop(w->reader);
    dataverse_api_free(&w->source.api);
    freelocale(w->source.c_locale);
    pthread_mutex_destroy(&w->source.identity_lock);
    fake_server_free(w->server);
    fake_host_free(w->host);
    free(w->said);
}

MAYBE_UNUSED static int32_t start_read(struct world *w, const char *const *columns, uint32_t n, dvs_read read)
{
    read.struct_size = sizeof read;
    read.mode = read.mode == 0 ? DVS_READ_FULL : read.mode;
    read.stream = "accounts";
    read.columns = columns;
    read.n_columns = n;
    if (w->reader != NULL)
        dataverse_reader_stop(w->reader);
    w->reader = NULL;
    return dataverse_reader_start(&w->source, &read, &w->reader, &w->err);
}

MAYBE_UNUSED static int32_t pull(struct world *w)
{
    w->rows = w->n_put = w->is_full = 0;
    int32_t status = dataverse_reader_pull(w->reader, NULL, &w->err);
    assert_false(w->broken);
    return status;
}

/* To the end, or a failure. A pull that puts nothing is one after which the page begins anew. */
MAYBE_UNUSED static int32_t pull_all(struct world *w)
{
    int32_t status;
    int n_empty = 0;
    do {
        status = pull(w);
        n_empty += status == DVS_OK && w->n_put == 0;
    } while (status == DVS_OK);
    if (n_empty > 4)
        fail_msg("%d pulls put nothing; log:\n%s", n_empty, w->host->log);
    return status;
}

MAYBE_UNUSED static void assert_said(const struct world *w, const char *text)
{
    assert_string_equal(w->said, text);
}

MAYBE_UNUSED static void assert_asked(struct world *w, size_t i, const char *part)
{
    if (i >= fake_server_requests(w->server) || strstr(fake_server_request(w->server, i), part) == NULL)
        fail_msg("\"%s\" is not in request %zu: %s", part, i,
                 i < fake_server_requests(w->server) ? fake_server_request(w->server, i) : "(none)");
}

MAYBE_UNUSED static size_t count_said(const struct world *w, const char *part)
{
    size_t n = 0;
    for (const char *at = w->said; (at = strstr(at, part)) != NULL; at += strlen(part))
        n++;
    return n;
}

#endif
