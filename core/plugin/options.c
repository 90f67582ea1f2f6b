/* options.c - see options.h. */
#include "plugin/options.h"

#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "base/utf8.h"

#define OPTIONS_MAX 1000u
#define NAME_MAX_BYTES 63u

int dvsi_option_has_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);

    while (choices != NULL) {
        const char *bar = strchrnul(choices, '|');
        if ((size_t)(bar - choices) == length && memcmp(choices, text, length) == 0)
            return 1;
        choices = *bar == '|' ? bar + 1 : NULL;
    }
    return 0;
}

void dvsi_option_list_choices(dvsi_buf *out, const char *choices)
{
    for (const char *next; choices != NULL; choices = next) {
        const char *bar = strchrnul(choices, '|');
        next = *bar == '|' ? bar + 1 : NULL;
        dvsi_buf_add(out, choices, (size_t)(bar - choices));
        if (next != NULL)
            dvsi_buf_puts(out, strchr(next, '|') != NULL ? ", " : " or ");
    }
}

static int parse_int(const dvs_option *option, const char *text, size_t length, dvs_cell *value,
                     dvsi_buf *why)
{
    int limited = option->min != 0 || option->max != 0;

    value->kind = DVS_INT64;
    if (dvsi_number_to_int64(text, length, &value->v.i64) == 0 &&
        (!limited || (value->v.i64 >= option->min && value->v.i64 <= option->max)))
        return 0;
    dvsi_buf_puts(why, "must be a whole number");
    if (limited)
        dvsi_buf_printf(why, " between %lld and %lld", (long long)option->min, (long long)option->max);
    return -1;
}

static int parse_bool(const char *text, dvs_cell *value, dvsi_buf *why)
{
    static const char *const words[] = {"false", "False", "FALSE", "true", "True", "TRUE"};

    value->kind = DVS_BOOL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            value->v.i64 = i >= 3;
            return 0;
        }
    }
    dvsi_buf_puts(why, "must be true or false");
    return -1;
}

int dvsi_option_parse(const dvs_option *option, const char *text, size_t length, dvs_cell *value,
                      dvsi_buf *why)
{
    memset(value, 0, sizeof *value);
    if (length > UINT32_MAX || dvsi_utf8_valid(text, length) != length) {
        dvsi_buf_puts(why, "must be a text of valid UTF-8 without NUL");
        return -1;
    }
    switch (option->type) {
    case DVS_OPTION_INT:
        return parse_int(option, text, length, value, why);
    case DVS_OPTION_BOOL:
        return parse_bool(text, value, why);
    case DVS_OPTION_CHOICE:
        if (!dvsi_option_has_choice(option->choices, text)) {
            dvsi_buf_puts(why, "must be ");
            dvsi_option_list_choices(why, option->choices);
            return -1;
        }
        break;
    default:
        if (length == 0 && (option->type == DVS_OPTION_PATH || (option->flags & DVS_OPTION_REQUIRED) != 0)) {
            dvsi_buf_puts(why, "must not be empty");
            return -1;
        }
        break;
    }
    value->kind = DVS_TEXT;
    value->length = (uint32_t)length;
    value->v.text = text;
    return 0;
}

static int name_is_good(const char *name)
{
    size_t n = 0;

    if (name == NULL || name[0] < 'a' || name[0] > 'z')
        return 0;
    while ((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= '0' && name[n] <= '9') || name[n] == '_') {
        if (++n > NAME_MAX_BYTES)
            return 0;
    }
    return name[n] == '\0';
}

static int text_is_good(const char *text)
{
    return text == NULL || dvsi_utf8_valid(text, strlen(text)) == strlen(text);
}

/* What is wrong with an option whose name is good; 0, or -1 after adding to `why`. */
static int check_option(const dvs_option *o, dvsi_buf *why)
{
    int is_list = o->type == DVS_OPTION_LIST || o->type == DVS_OPTION_MAP;
    dvs_cell value;

    if (o->type < DVS_OPTION_TEXT || o->type > DVS_OPTION_MAP)
        dvsi_buf_printf(why, "has type %u, which does not exist", (unsigned)o->type);
    else if (!text_is_good(o->default_value) || !text_is_good(o->choices) || !text_is_good(o->doc))
        dvsi_buf_puts(why, "has a default, choices or doc that are not valid UTF-8");
    else if (o->type == DVS_OPTION_CHOICE && (o->choices == NULL || o->choices[0] == '\0'))
        dvsi_buf_puts(why, "is a choice without choices");
    else if (o->min > o->max)
        dvsi_buf_puts(why, "has a min above its max");
    else if (o->default_value != NULL && (o->flags & DVS_OPTION_REQUIRED) != 0)
        dvsi_buf_puts(why, "is required, but has a default");
    else if (o->default_value != NULL && is_list)
        dvsi_buf_puts(why, "is a list or map, which have no default");
    else if (o->default_value != NULL) {
        dvsi_buf_puts(why, "has a default that ");
        if (dvsi_option_parse(o, o->default_value, strlen(o->default_value), &value, why) == 0)
            return 0;
    } else {
        return 0;
    }
    return -1;
}

static int32_t take_one(const char *where, const char *from, uint32_t stride, uint32_t i, dvs_option *taken,
                        dvs_error *err)
{
    const uint32_t least = (uint32_t)(offsetof(dvs_option, doc) + sizeof(const char *));
    dvs_option *o = &taken[i];
    dvsi_buf why = {0};
    int32_t status = DVS_OK;
    uint32_t size;

    memcpy(&size, from, sizeof size);
    if (size < least || size > stride)
        return dvsi_error_set(err, DVS_E_ABI,
                              "%s: option %u: struct_size %u, must be %u to %u (option_stride)", where,
                              (unsigned)i, (unsigned)size, (unsigned)least, (unsigned)stride);
    memcpy(o, from, size < sizeof *o ? size : sizeof *o);
    o->struct_size = (uint32_t)sizeof *o;
    if (!name_is_good(o->name))
        return dvsi_error_set(err, DVS_E_ABI, "%s: option %u: its name is %s; it must be [a-z][a-z0-9_]*",
                              where, (unsigned)i, o->name == NULL ? "NULL" : "no option name");
    for (uint32_t k = 0; k < i; k++) {
        if (strcmp(taken[k].name, o->name) == 0)
            return dvsi_error_set(err, DVS_E_ABI, "%s: two options of the name %s", where, o->name);
    }
    if (check_option(o, &why) != 0)
        status = dvsi_error_set(err, DVS_E_ABI, "%s: option %s %s", where, o->name, dvsi_buf_text(&why));
    dvsi_buf_free(&why);
    return status;
}

int32_t dvsi_options_take(dvsi_arena *arena, const char *where, const dvs_option *options, uint32_t n,
                          uint32_t stride, const dvs_option **taken, dvs_error *err)
{
    const uint32_t least = (uint32_t)(offsetof(dvs_option, doc) + sizeof(const char *));
    dvs_option *copy;

    *taken = NULL;
    if (n == 0)
        return DVS_OK;
    if (options == NULL || n > OPTIONS_MAX)
        return dvsi_error_set(err, DVS_E_ABI, "%s: %u options, but %s", where, (unsigned)n,
                              options == NULL ? "the table of options is NULL" : "at most 1000 are allowed");
    if (stride < least)
        return dvsi_error_set(err, DVS_E_ABI, "%s: option_stride is %u, must be at least %u", where,
                              (unsigned)stride, (unsigned)least);
    copy = dvsi_arena_calloc(arena, n, sizeof *copy);
    if (copy == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        int32_t status = take_one(where, (const char *)options + (size_t)i * stride, stride, i, copy, err);
        if (status != DVS_OK)
            return status;
    }
    *taken = copy;
    return DVS_OK;
}
