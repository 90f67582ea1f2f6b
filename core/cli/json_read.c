/* json_read.c - looking into the library's reports. */
#include "cli/json_read.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define LOAD (JSON_DECODE_ANY | JSON_ALLOW_NUL)

static int is_held(const char *number, size_t length)
{
    json_t *value = json_loadb(number, length, LOAD, NULL);
    int held = value != NULL;

    json_decref(value);
    return held;
}

/* Adds a document in which the numbers that jansson cannot hold, of a field of type json, are strings. */
static void add_held(dvsi_buf *out, const char *text)
{
    for (size_t length; *text; text += length) {
        const char *quote = "";

        length = strcspn(text, "\"-0123456789");
        if (length == 0 && *text == '"') {
            for (length = 1; text[length] && text[length] != '"'; length++)
                length += text[length] == '\\' && text[length + 1];
            length += text[length] == '"';
        } else if (length == 0) {
            length = strspn(text, "+-.0123456789Ee");
            quote = is_held(text, length) ? "" : "\"";
        }
        dvsi_buf_puts(out, quote);
        dvsi_buf_add(out, text, length);
        dvsi_buf_puts(out, quote);
    }
}

json_t *dvsi_cli_json_load(const char *text)
{
    json_error_t error;
    json_t *value = text ? json_loads(text, LOAD, &error) : NULL;
    dvsi_buf held = {0};

    if (value || !text || json_error_code(&error) != json_error_numeric_overflow)
        return value;
    add_held(&held, text);
    value = held.failed ? NULL : json_loads(dvsi_buf_text(&held), LOAD, NULL);
    dvsi_buf_free(&held);
    return value;
}

const char *dvsi_cli_json_text(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : otherwise;
}

json_int_t dvsi_cli_json_int(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

int dvsi_cli_json_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* With no more digits than tell a number from all others: 0.1 and not 0.10000000000000001. */
static char *shortest(const json_t *value)
{
    for (size_t digits = 15; digits < 17; digits++) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        json_t *same = text ? json_loads(text, LOAD, NULL) : NULL;
        int done = same && json_equal(same, value);

        json_decref(same);
        if (done)
            return text;
        free(text);
    }
    return json_dumps(value, JSON_ENCODE_ANY);
}

static void add_document(dvsi_buf *out, const json_t *value, size_t most)
{
    char *text = shortest(value);

    if (text)
        dvsi_utf8_show(out, text, strlen(text), most);
    else
        out->failed = 1;
    free(text);
}

void dvsi_cli_json_show(dvsi_buf *out, const json_t *value, size_t most)
{
    if (!value || json_is_null(value))
        dvsi_buf_putc(out, '-');
    else if (json_is_string(value))
        dvsi_utf8_show(out, json_string_value(value), json_string_length(value), most);
    else if (json_is_boolean(value))
        dvsi_buf_puts(out, json_is_true(value) ? "yes" : "no");
    else
        add_document(out, value, most);
}

void dvsi_cli_json_quote(dvsi_buf *out, const json_t *value, size_t most)
{
    if (json_is_string(value)) {
        dvsi_buf shown = {0};

        dvsi_utf8_show(&shown, json_string_value(value), json_string_length(value), most);
        dvsi_buf_putc(out, '"');
        for (size_t i = 0; i < shown.length; i++) {
            if (shown.data[i] == '"')
                dvsi_buf_putc(out, '\\');
            dvsi_buf_putc(out, shown.data[i]);
        }
        dvsi_buf_putc(out, '"');
        out->failed |= shown.failed;
        dvsi_buf_free(&shown);
    } else if (value) {
        add_document(out, value, most);
    } else {
        dvsi_buf_puts(out, "null");
    }
}

void dvsi_cli_json_time(dvsi_buf *out, const json_t *value)
{
    const char *text = json_string_value(value);
    const char *dot = text ? strchr(text, '.') : NULL;
    const char *end = dot ? dot + 1 + strspn(dot + 1, "0123456789") : NULL;

    if (!dot) {
        dvsi_cli_json_show(out, value, 0);
        return;
    }
    dvsi_utf8_show(out, text, (size_t)(dot - text), 0);
    dvsi_utf8_show(out, end, strlen(end), 0);
}

void dvsi_cli_duration(dvsi_buf *out, int64_t milliseconds)
{
    int64_t ms = milliseconds < 0 ? 0 : milliseconds;
    int64_t s = ms / 1000;

    if (ms < 10000)
        dvsi_buf_printf(out, "%" PRId64 ".%02" PRId64 "s", s, ms % 1000 / 10);
    else if (s < 60)
        dvsi_buf_printf(out, "%" PRId64 ".%" PRId64 "s", s, ms % 1000 / 100);
    else if (s < 3600)
        dvsi_buf_printf(out, "%" PRId64 "m %02" PRId64 "s", s / 60, s % 60);
    else
        dvsi_buf_printf(out, "%" PRId64 "h %02" PRId64 "m", s / 3600, s / 60 % 60);
}

void dvsi_cli_json_duration(dvsi_buf *out, const json_t *seconds)
{
    double value = json_number_value(seconds);

    if (json_is_number(seconds) && value >= 0 && value < 1e12) {
        dvsi_cli_duration(out, (int64_t)(value * 1000));
    } else {
        dvsi_cli_json_show(out, seconds, 0);
        if (json_is_string(seconds))
            dvsi_buf_putc(out, 's');
    }
}
