/* progress.c - what a sync or diff is doing. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

#define REDRAW_US 100000
#define MESSAGE_US 5000000
#define BAR 20

typedef struct stream {
    struct stream *next;
    char *label; /* "accounts (crm)", printable */
    char *entity;
    char *source;
    char phase[16];
    uint64_t rows, done, total;
    int64_t elapsed_us;
} stream;

struct dvsi_cli_progress {
    dvsi_cli_console *console;
    stream *first; /* the running ones, in the order in which they began */
    int64_t last_us;
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

dvsi_cli_progress *dvsi_cli_progress_new(dvsi_cli *cli)
{
    dvsi_cli_progress *p;

    if (cli->args.no_progress || cli->args.quiet)
        return NULL;
    p = (dvsi_cli_progress *)calloc(1, sizeof(*p));
    if (p) {
        p->console = &cli->console;
        p->last_us = now_us();
    }
    return p;
}

static void stream_free(stream *s)
{
    free(s->label);
    free(s->entity);
    free(s->source);
    free(s);
}

void dvsi_cli_progress_free(dvsi_cli_progress *p)
{
    if (!p)
        return;
    dvsi_cli_draw(p->console, "", 0);
    while (p->first) {
        stream *s = p->first;

        p->first = s->next;
        stream_free(s);
    }
    free(p);
}

static stream *stream_new(const char *entity, const char *source)
{
    stream *s = (stream *)calloc(1, sizeof(*s));
    dvsi_buf label = {0};

    if (!s)
        return NULL;
    dvsi_utf8_show(&label, entity, strlen(entity), 60);
    if (*source) {
        dvsi_buf_puts(&label, " (");
        dvsi_utf8_show(&label, source, strlen(source), 40);
        dvsi_buf_puts(&label, ")");
    }
    s->label = dvsi_buf_take(&label);
    s->entity = strdup(entity);
    s->source = strdup(source);
    if (!s->label || !s->entity || !s->source) {
        stream_free(s);
        return NULL;
    }
    return s;
}

/* The place that points to the stream of an update, or to the end of the list. */
static stream **find(dvsi_cli_progress *p, const char *entity, const char *source)
{
    stream **at = &p->first;

    while (*at && (strcmp((*at)->entity, entity) != 0 || strcmp((*at)->source, source) != 0))
        at = &(*at)->next;
    return at;
}

static void add_clock(dvsi_buf *line, int64_t us)
{
    int64_t s = us < 0 ? 0 : us / 1000000;

    if (s >= 3600)
        dvsi_buf_printf(line, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
    else
        dvsi_buf_printf(line, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
}

static uint64_t rate(const stream *s)
{
    return s->elapsed_us > 0 ? (uint64_t)((double)s->rows * 1e6 / (double)s->elapsed_us) : 0;
}

/* A share of the source's own unit: 0 to 1, negative when the total is not known. */
static double share(const stream *s)
{
    return s->total == 0 ? -1 : s->done >= s->total ? 1 : (double)s->done / (double)s->total;
}

static void describe(dvsi_buf *line, const stream *s, size_t width, int bar)
{
    double part = share(s);

    dvsi_buf_puts(line, s->label);
    for (size_t have = dvsi_utf8_width(s->label, strlen(s->label)); have < width; have++)
        dvsi_buf_putc(line, ' ');
    dvsi_buf_printf(line, "  %s  %" PRIu64 " rows  %" PRIu64 "/s  ", s->phase, s->rows, rate(s));
    add_clock(line, s->elapsed_us);
    if (part < 0)
        return;
    if (bar) {
        dvsi_buf_puts(line, "  [");
        for (int i = 0; i < BAR; i++)
            dvsi_buf_putc(line, i < (int)(part * BAR) ? '#' : '.');
        dvsi_buf_putc(line, ']');
    }
    dvsi_buf_printf(line, " %d%%", (int)(part * 100));
    if (part > 0.01 && part < 1 && s->elapsed_us > 1000000) {
        dvsi_buf_puts(line, "  ETA ");
        add_clock(line, (int64_t)((double)s->elapsed_us * (1 - part) / part));
    }
}

/* Adds as much of a line as fits, and a newline. */
static void add_clipped(dvsi_buf *lines, const dvsi_buf *line, size_t columns)
{
    size_t length = line->length;

    while (length > 0 && dvsi_utf8_width(line->data, length) > columns) {
        do {
            length--;
        } while (length > 0 && ((unsigned char)line->data[length] & 0xc0) == 0x80);
    }
    dvsi_buf_add(lines, line->data, length);
    dvsi_buf_putc(lines, '\n');
}

static void draw(dvsi_cli_progress *p)
{
    dvsi_buf lines = {0};
    dvsi_buf line = {0};
    size_t columns;
    size_t rows;
    size_t width = 0;
    size_t n = 0;

    dvsi_cli_terminal_size(&columns, &rows);
    for (const stream *s = p->first; s; s = s->next) {
        size_t own = dvsi_utf8_width(s->label, strlen(s->label));

        width = own > width ? own : width;
    }
    for (const stream *s = p->first; s && n + 2 < rows; s = s->next, n++) {
        dvsi_buf_clear(&line);
        describe(&line, s, width, 1);
        add_clipped(&lines, &line, columns - 1);
    }
    if (!lines.failed)
        dvsi_cli_draw(p->console, dvsi_buf_text(&lines), n);
    dvsi_buf_free(&lines);
    dvsi_buf_free(&line);
}

static void say(dvsi_cli_progress *p)
{
    for (const stream *s = p->first; s; s = s->next) {
        dvsi_buf line = {0};

        describe(&line, s, 0, 0);
        if (!line.failed)
            dvsi_cli_notice(p->console, dvsi_buf_text(&line));
        dvsi_buf_free(&line);
    }
}

void dvsi_cli_progress_update(void *context, const dvs_progress *update)
{
    dvsi_cli_progress *p = (dvsi_cli_progress *)context;
    const char *entity = update->entity ? update->entity : "";
    const char *source = update->source ? update->source : "";
    stream **at = find(p, entity, source);
    stream *s = *at;
    int64_t now = now_us();

    if (update->finished && s) {
        *at = s->next;
        stream_free(s);
        s = NULL;
    } else if (!update->finished && !s) {
        s = *at = stream_new(entity, source);
    }
    if (s) {
        size_t length = update->phase ? strnlen(update->phase, sizeof(s->phase) - 1) : 0;

        memcpy(s->phase, update->phase ? update->phase : "", length);
        s->phase[length] = '\0';
        s->rows = update->rows;
        s->done = update->done;
        s->total = update->total;
        s->elapsed_us = update->elapsed_us;
    }
    if (now - p->last_us < (p->console->terminal ? REDRAW_US : MESSAGE_US))
        return;
    p->last_us = now;
    if (p->console->terminal)
        draw(p);
    else
        say(p);
}
