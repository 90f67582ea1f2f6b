/*
 * page_speed.c - how fast pages of records are read: the page reader of source-dataverse (all members
 * wanted), YAJL's events (which find no member) and Jansson's tree, on the same bytes, in pieces of 16 KB as
 * they come from the network (Jansson: whole). Prints the median of several turns, which alternate.
 *
 *     page_speed [TURNS]
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <yajl/yajl_parse.h>

#include "page.h"

#define PIECE ((size_t)16 << 10)
#define MAX_NAMES 600u
#define MAX_TURNS 100u

struct text {
    char *data;
    size_t length;
    size_t capacity;
};

struct sample {
    const char *what;
    size_t rows;
    size_t fields;
    int mostly_null;
    int annotations;
    char *names[MAX_NAMES];
    size_t n_names;
    struct text page;
};

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t random_bits(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(2685821657736338717);
}

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list args;
    int n;
    if (text->capacity - text->length < 1024) {
        text->capacity = text->capacity * 2 + 4096;
        text->data = realloc(text->data, text->capacity);
        if (text->data == NULL)
            abort();
    }
    va_start(args, format);
    n = vsnprintf(text->data + text->length, 1024, format, args);
    va_end(args);
    if (n < 0 || n >= 1024)
        abort();
    text->length += (size_t)n;
}

static void add_guid(struct text *text)
{
    uint64_t a = random_bits(), b = random_bits();
    add(text, "\"%08x-%04x-%04x-%04x-%012" PRIx64 "\"", (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xFFFF,
        (unsigned)a & 0xFFFF, (unsigned)(b >> 48), b & UINT64_C(0xFFFFFFFFFFFF));
}

/* The kinds that a table of accounts has, about as often. */
static void add_field(struct text *text, size_t field)
{
    switch (field % 10) {
    case 0:
        add_guid(text);
        break;
    case 1:
        add(text, "\"Account %u\"", (unsigned)(random_bits() % 100000));
        break;
    case 2:
        add(text, "%u", (unsigned)(random_bits() % 1000));
        break;
    case 3:
        add(text, "\"2024-%02u-%02uT10:11:12Z\"", (unsigned)(random_bits() % 12 + 1),
            (unsigned)(random_bits() % 28 + 1));
        break;
    case 4:
        add(text, "%u.%04u", (unsigned)(random_bits() % 1000000), (unsigned)(random_bits() % 10000));
        break;
    case 5:
        add(text, random_bits() % 2 == 0 ? "true" : "false");
        break;
    case 6:
        add(text,
            random_bits() % 8 == 0 ? "\"M\xC3\xBCller \\\"%u\\\"\\r\\nM\xC3\xBCnchen\""
                                   : "\"Contoso %u Ltd\"",
            (unsigned)(random_bits() % 1000));
        break;
    default:
        add(text, "null");
        break;
    }
}

static void make(struct sample *sample)
{
    struct text *page = &sample->page;
    for (size_t i = 0; i < sample->fields; i++) {
        char name[64];
        snprintf(name, sizeof name, i % 10 == 0 ? "_msdyn_lookup%zu_value" : "new_attribute%zu", i);
        sample->names[sample->n_names++] = strdup(name);
    }
    add(page, "{\"@odata.context\":\"http://x/$metadata#accounts\",\"value\":[");
    for (size_t row = 0; row < sample->rows; row++) {
        add(page, "%s{\"@odata.etag\":\"W/\\\"%zu\\\"\"", row > 0 ? "," : "", row + 1000000);
        for (size_t i = 0; i < sample->fields; i++) {
            int null = sample->mostly_null && i > 12 && random_bits() % 16 != 0;
            if (sample->annotations && i % 10 <= 2 && !null && random_bits() % 4 != 0)
                add(page, ",\"%s@OData.Community.Display.V1.FormattedValue\":\"Text %zu\"", sample->names[i],
                    i);
            add(page, ",\"%s\":", sample->names[i]);
            if (null)
                add(page, "null");
            else
                add_field(page, i);
        }
        add(page, "}");
    }
    add(page, "],\"@odata.nextLink\":\"http://x/accounts?$skiptoken=abc\"}");
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static size_t read_ours(const struct sample *sample)
{
    struct dataverse_page *page =
        dataverse_page_new((const char *const *)sample->names, sample->n_names, 64 << 20);
    struct dataverse_buffer buffer = {0};
    struct dataverse_record record = {0};
    size_t count = 0;
    int answer = DATAVERSE_PAGE_MORE;
    if (page == NULL)
        fail("dataverse_page_new");
    dataverse_page_start(page);
    for (size_t at = 0; at < sample->page.length; at += PIECE) {
        size_t n = sample->page.length - at < PIECE ? sample->page.length - at : PIECE;
        if (dataverse_buffer_add(&buffer, sample->page.data + at, n) != 0)
            fail("dataverse_buffer_add");
        while ((answer = dataverse_page_next(page, &buffer, at + n == sample->page.length, &record)) ==
               DATAVERSE_PAGE_RECORD)
            count += record.values[sample->n_names - 1].type != DATAVERSE_JSON_MISSING;
    }
    if (answer != DATAVERSE_PAGE_END || count != sample->rows)
        fail("the page reader");
    dataverse_buffer_free(&buffer);
    dataverse_page_free(page);
    return count;
}

static int on_event(void *context)
{
    ++*(size_t *)context;
    return 1;
}

static int on_boolean(void *context, int value)
{
    (void)value;
    return on_event(context);
}

static int on_number(void *context, const char *text, size_t length)
{
    (void)text;
    (void)length;
    return on_event(context);
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
    (void)text;
    (void)length;
    return on_event(context);
}

static size_t read_yajl(const struct sample *sample)
{
    static const yajl_callbacks callbacks = {on_event, on_boolean, NULL,     NULL,     on_number, on_string,
                                             on_event, on_string,  on_event, on_event, on_event};
    size_t count = 0;
    yajl_handle yajl = yajl_alloc(&callbacks, NULL, &count);
    if (yajl == NULL)
        fail("yajl_alloc");
    for (size_t at = 0; at < sample->page.length; at += PIECE) {
        size_t n = sample->page.length - at < PIECE ? sample->page.length - at : PIECE;
        if (yajl_parse(yajl, (const unsigned char *)sample->page.data + at, n) != yajl_status_ok)
            fail("yajl_parse");
    }
    if (yajl_complete_parse(yajl) != yajl_status_ok)
        fail("yajl_complete_parse");
    yajl_free(yajl);
    return count;
}

static size_t read_jansson(const struct sample *sample)
{
    json_t *root = json_loadb(sample->page.data, sample->page.length, 0, NULL);
    size_t count = json_array_size(json_object_get(root, "value"));
    if (count != sample->rows)
        fail("json_loadb");
    json_decref(root);
    return count;
}

/* The bytes into the caches, where they are when they come from the network, and where what ran before may
 * have driven them out. */
static unsigned touch(const struct text *text)
{
    unsigned sum = 0;
    for (size_t i = 0; i < text->length; i += 64)
        sum += (unsigned char)text->data[i];
    return sum;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void measure(struct sample *sample, size_t turns)
{
    static size_t (*const readers[])(const struct sample *) = {read_ours, read_yajl, read_jansson};
    static const char *const readers_names[] = {"page reader", "YAJL events", "Jansson tree"};
    double seconds[3][MAX_TURNS], medians[3], megabytes;
    make(sample);
    megabytes = (double)sample->page.length / 1e6;
    printf("%s: %zu rows of %zu fields, %.1f MB\n", sample->what, sample->rows, sample->fields, megabytes);
    /* Jansson comes last: the heap that it leaves behind is tidied at the cost of who allocates next. */
    for (size_t step = 0; step < turns * 3; step++) {
        size_t i = step < turns * 2 ? step % 2 : 2, turn = step < turns * 2 ? step / 2 : step - turns * 2;
        unsigned sum = touch(&sample->page);
        double begin = now();
        readers[i](sample);
        seconds[i][turn] = now() - begin;
        if (sum == 0)
            fail("touch");
    }
    for (size_t i = 0; i < 3; i++) {
        qsort(seconds[i], turns, sizeof seconds[i][0], by_value);
        medians[i] = seconds[i][turns / 2];
        printf("  %-13s %7.0f MB/s  (best %.0f)\n", readers_names[i], megabytes / medians[i],
               megabytes / seconds[i][0]);
    }
    printf("  page reader : YAJL = %.2f\n", medians[1] / medians[0]);
    malloc_trim(0);
    for (size_t i = 0; i < sample->n_names; i++)
        free(sample->names[i]);
    free(sample->page.data);
}

int main(int argc, char **argv)
{
    static struct sample samples[] = {
        {.what = "accounts", .rows = 5000, .fields = 42},
        {.what = "accounts with annotations", .rows = 5000, .fields = 42, .annotations = 1},
        {.what = "wide, mostly null", .rows = 2000, .fields = 290, .mostly_null = 1},
        {.what = "wide, mostly null, with annotations",
         .rows = 2000,
         .fields = 290,
         .mostly_null = 1,
         .annotations = 1},
    };
    size_t turns = argc > 1 ? strtoul(argv[1], NULL, 10) : 11;
    if (turns < 1 || turns > MAX_TURNS) {
        fprintf(stderr, "usage: %s [TURNS, at most %u]\n", argv[0], MAX_TURNS);
        return 2;
    }
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        measure(&samples[i], turns);
    return 0;
}
