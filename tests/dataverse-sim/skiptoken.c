#include <stdlib.h>
#include <string.h>

#include "percent.h"
#include "skiptoken.h"

/* As .NET does it: lower-case hexadecimal. */
static void percent_encode(struct sim_text *to, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
            c == '_' || c == '.')
            sim_text_add(to, text + i, 1);
        else
            sim_text_printf(to, "%%%02x", c);
    }
}

static void braced(struct sim_text *to, const struct sim_guid *guid)
{
    char print[SIM_GUID_TEXT + 1];
    sim_guid_print(guid, print);
    for (char *c = print; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    sim_text_printf(to, "{%s}", print);
}

/* The values behind which the page begins, as an attribute of the cookie. */
static void value_attribute(struct sim_text *to, const struct sim_value *value)
{
    if (value->json == NULL) {
        sim_text_puts(to, " lastnull=\"1\"");
        return;
    }
    sim_text_puts(to, " last=\"");
    percent_encode(to, value->json, value->length);
    sim_text_puts(to, "\"");
}

static uint64_t checksum(const struct sim_cookie_frame *frame, const struct sim_text *inner)
{
    uint64_t hash = sim_hash(frame->set_name, strlen(frame->set_name), frame->seed);
    hash = sim_hash(frame->options, strlen(frame->options), hash);
    return sim_hash(inner->data, inner->length, hash);
}

/* What stands between <cookie …> and </cookie>: a place for each column of the order, then the key. */
static void write_places(struct sim_text *inner, const struct sim_cookie_frame *frame,
                         const struct sim_cursor *cursor)
{
    for (size_t i = 0; i < frame->n_order; i++) {
        sim_text_printf(inner, "<%s", frame->order[i].column->name);
        value_attribute(inner, &cursor->values[i]);
        sim_text_puts(inner, " />");
    }
    sim_text_printf(inner, "<%s last=\"", frame->key_name);
    braced(inner, &cursor->last);
    sim_text_puts(inner, "\" first=\"");
    braced(inner, &cursor->first);
    sim_text_puts(inner, "\" />");
}

/*
 * <cookie pagenumber="2" pagingcookie="…" istracking="False" />, the cookie inside encoded twice, the frame
 * once but for = and
 * /: the shape of Microsoft's documentation on paging. The attributes check, size and notes are the
 * simulator's own.
 */
void sim_skiptoken_write(struct sim_text *text, const struct sim_cookie_frame *frame,
                         const struct sim_cursor *cursor)
{
    struct sim_text places = {0};
    struct sim_text inner = {0};
    struct sim_text once = {0};
    struct sim_text twice = {0};
    sim_text_printf(&places, " size=\"%u\" notes=\"%d\" page=\"%llu\">", cursor->page_size,
                    cursor->annotations, (unsigned long long)cursor->page - 1);
    write_places(&places, frame, cursor);
    if (!places.failed)
        sim_text_printf(&inner, "<cookie check=\"%016llx\"%s</cookie>",
                        (unsigned long long)checksum(frame, &places), places.data);
    if (!places.failed && !inner.failed)
        percent_encode(&once, inner.data, inner.length);
    if (!once.failed && once.data != NULL)
        percent_encode(&twice, once.data, once.length);
    if (places.failed || inner.failed || once.failed || twice.failed)
        text->failed = 1;
    else
        sim_text_printf(text,
                        "%%3Ccookie%%20pagenumber=%%22%llu%%22%%20pagingcookie=%%22%s%%22%%20istracking=%%"
                        "22False%%22%%20/%%3E",
                        (unsigned long long)cursor->page, twice.data);
    sim_text_free(&places);
    sim_text_free(&inner);
    sim_text_free(&once);
    sim_text_free(&twice);
}

/* Moves *at behind `literal`; -1 when something else stands there. */
static int skip(const char **at, const char *literal)
{
    size_t length = strlen(literal);
    if (strncmp(*at, literal, length) != 0)
        return -1;
    *at += length;
    return 0;
}

/* The text up to a quote, which is skipped. */
static const char *quoted(const char **at, size_t *length)
{
    const char *start = *at;
    const char *end = strchr(start, '"');
    if (end == NULL)
        return NULL;
    *length = (size_t)(end - start);
    *at = end + 1;
    return start;
}

static int read_number(const char **at, uint64_t *value)
{
    size_t length = 0;
    const char *text = quoted(at, &length);
    if (text == NULL || length == 0 || length > 18)
        return -1;
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        *value = *value * 10 + (uint64_t)(text[i] - '0');
    }
    return 0;
}

static int read_guid(const char **at, struct sim_guid *guid)
{
    size_t length = 0;
    const char *text = quoted(at, &length);
    return text == NULL ? -1 : sim_guid_parse(text, length, guid);
}

/* `memory`: room for the values, which are decoded into it. */
static int read_places(const char **at, const struct sim_cookie_frame *frame, struct sim_cursor *cursor,
                       char *memory)
{
    for (size_t i = 0; i < frame->n_order; i++) {
        cursor->values[i].json = NULL;
        cursor->n_values = i + 1;
        if (skip(at, "<") != 0 || skip(at, frame->order[i].column->name) != 0)
            return -1;
        if (skip(at, " lastnull=\"1\"") != 0) {
            size_t length = 0;
            const char *text = skip(at, " last=\"") == 0 ? quoted(at, &length) : NULL;
            if (text == NULL)
                return -1;
            size_t plain = 0;
            char *decoded = sim_percent_decode(text, length, 0, &plain);
            if (decoded == NULL)
                return -1;
            memcpy(memory, decoded, plain);
            free(decoded);
            cursor->values[i] = (struct sim_value){memory, plain};
            memory += plain;
        }
        if (skip(at, " />") != 0)
            return -1;
    }
    if (skip(at, "<") != 0 || skip(at, frame->key_name) != 0 || skip(at, " last=\"") != 0 ||
        read_guid(at, &cursor->last) != 0 || skip(at, " first=\"") != 0 || read_guid(at, &cursor->first) != 0)
        return -1;
    return skip(at, " /></cookie>") != 0 || **at != '\0' ? -1 : 0;
}

static int read_inner(const char *inner, const struct sim_cookie_frame *frame, struct sim_cursor *cursor)
{
    uint64_t size = 0;
    uint64_t notes = 0;
    uint64_t page = 0;
    size_t length = 0;
    if (skip(&inner, "<cookie check=\"") != 0 || quoted(&inner, &length) == NULL ||
        skip(&inner, " size=\"") != 0 || read_number(&inner, &size) != 0 || skip(&inner, " notes=\"") != 0 ||
        read_number(&inner, &notes) != 0 || skip(&inner, " page=\"") != 0 ||
        read_number(&inner, &page) != 0 || skip(&inner, ">") != 0)
        return -1;
    cursor->page_size = (uint32_t)size;
    cursor->annotations = (int)notes;
    cursor->memory = malloc(strlen(inner) + 1);
    return cursor->memory == NULL ? -1 : read_places(&inner, frame, cursor, cursor->memory);
}

static int read_cookie(const char *cookie, const struct sim_cookie_frame *frame, struct sim_cursor *cursor)
{
    size_t length = 0;
    const char *at = cookie;
    if (skip(&at, "<cookie pagenumber=\"") != 0 || read_number(&at, &cursor->page) != 0 ||
        skip(&at, " pagingcookie=\"") != 0)
        return -1;
    const char *coded = quoted(&at, &length);
    if (coded == NULL || skip(&at, " istracking=\"False\" />") != 0 || *at != '\0')
        return -1;
    char *inner = sim_percent_decode(coded, length, 0, NULL);
    /* Encoded twice: the query's own decoding took one off, this the other. */
    int answer = inner == NULL ? -1 : read_inner(inner, frame, cursor);
    free(inner);
    return answer;
}

int sim_skiptoken_read(const char *raw, size_t length, const struct sim_cookie_frame *frame,
                       struct sim_cursor *cursor)
{
    memset(cursor, 0, sizeof *cursor);
    char *cookie = sim_percent_decode(raw, length, 0, NULL);
    if (cookie == NULL)
        return -1;
    int answer = read_cookie(cookie, frame, cursor) != 0;
    struct sim_text again = {0};
    if (answer == 0) {
        /* Written once more, it must be the same: this covers the checksum, and every byte of the
         * encoding. */
        sim_skiptoken_write(&again, frame, cursor);
        if (again.failed) {
            answer = -1;
        } else if (again.length != length || memcmp(again.data, raw, length) != 0) {
            char *ours = sim_percent_decode(again.data, again.length, 0, NULL);
            answer = ours == NULL ? -1 : strcmp(ours, cookie) == 0 ? 2 : 1;
            free(ours);
        }
    }
    sim_text_free(&again);
    free(cookie);
    return answer;
}

void sim_cursor_free(struct sim_cursor *cursor)
{
    free(cursor->memory);
    cursor->memory = NULL;
}
