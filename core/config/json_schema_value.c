#include "config/json_schema_value.h"

#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "config/json_out.h"

#define OR_VARIABLE "|" DVSI_SCHEMA_VARIABLE
/* A scalar that is read as text may look like a number or a bool to an editor. */
#define ANY_TEXT "[\"string\",\"number\",\"boolean\"]"

static void add_number(dvsi_buf *out, const char *name, int64_t value)
{
    char digits[DVSI_INT64_SIZE + 1];
    digits[dvsi_number_from_int64(digits, value)] = '\0';
    dvsi_out_name(out, name);
    dvsi_out_raw(out, digits);
}

static void add_text(dvsi_buf *out, const char *pattern)
{
    dvsi_out_name(out, "type");
    dvsi_out_raw(out, ANY_TEXT);
    dvsi_out_member(out, "pattern", pattern);
}

static void add_bool(dvsi_buf *out)
{
    dvsi_out_name(out, "type");
    dvsi_out_raw(out, "[\"boolean\",\"string\"]");
    dvsi_out_member(out, "pattern", "^(true|True|TRUE|false|False|FALSE)$" OR_VARIABLE);
}

/* `pattern`: what a text must look like. */
static void add_amount(dvsi_buf *out, int has_range, int64_t min, int64_t max, const char *pattern)
{
    dvsi_out_name(out, "type");
    dvsi_out_raw(out, "[\"integer\",\"string\"]");
    if (has_range) {
        add_number(out, "minimum", min);
        add_number(out, "maximum", max);
    }
    dvsi_out_member(out, "pattern", pattern);
}

static void add_choices(dvsi_buf *out, const char *choices)
{
    dvsi_out_name(out, "anyOf");
    dvsi_out_open(out, '[');
    dvsi_out_open(out, '{');
    dvsi_out_name(out, "enum");
    dvsi_out_open(out, '[');
    while (choices) {
        size_t length = strcspn(choices, "|");
        char text[128];
        if (length < sizeof(text)) {
            memcpy(text, choices, length);
            text[length] = '\0';
            dvsi_out_text(out, text);
        }
        choices = choices[length] ? choices + length + 1 : NULL;
    }
    dvsi_out_close(out, ']');
    dvsi_out_close(out, '}');
    dvsi_out_open(out, '{');
    dvsi_out_member(out, "type", "string");
    dvsi_out_member(out, "pattern", DVSI_SCHEMA_VARIABLE);
    dvsi_out_close(out, '}');
    dvsi_out_close(out, ']');
}

static void add_list_of_texts(dvsi_buf *out, const char *pattern)
{
    dvsi_out_member(out, "type", "array");
    dvsi_out_name(out, "items");
    dvsi_out_open(out, '{');
    add_text(out, pattern);
    dvsi_out_close(out, '}');
}

static void add_texts(dvsi_buf *out)
{
    dvsi_out_name(out, "anyOf");
    dvsi_out_open(out, '[');
    dvsi_out_open(out, '{');
    add_text(out, ".");
    dvsi_out_close(out, '}');
    dvsi_out_open(out, '{');
    add_list_of_texts(out, ".");
    dvsi_out_name(out, "minItems");
    dvsi_out_raw(out, "1");
    dvsi_out_close(out, '}');
    dvsi_out_close(out, ']');
}

static void add_reference(dvsi_buf *out, const char *shape)
{
    dvsi_out_name(out, "$ref");
    dvsi_buf_puts(out, "\"#/$defs/");
    dvsi_buf_puts(out, shape);
    dvsi_buf_puts(out, "\"");
}

static void add_container(dvsi_buf *out, const dvsi_key *key)
{
    if (key->type == DVSI_KEY_LIST) {
        dvsi_out_member(out, "type", "array");
        dvsi_out_name(out, "minItems");
        dvsi_out_raw(out, "1");
        dvsi_out_name(out, "items");
        dvsi_out_open(out, '{');
        add_reference(out, key->shape);
        dvsi_out_close(out, '}');
    } else if (key->type == DVSI_KEY_MAP) {
        add_reference(out, key->shape);
    } else {
        dvsi_out_name(out, "anyOf");
        dvsi_out_open(out, '[');
        dvsi_out_open(out, '{');
        add_reference(out, key->shape);
        dvsi_out_close(out, '}');
        dvsi_out_raw(out, "{\"type\":\"null\"}");
        dvsi_out_close(out, ']');
    }
}

static void add_value(dvsi_buf *out, const dvsi_key *key)
{
    switch (key->type) {
    case DVSI_KEY_TEXT:
        add_text(out, ".");
        break;
    case DVSI_KEY_NAME:
        add_text(out, "^[A-Za-z0-9_.-]{1,64}$" OR_VARIABLE);
        break;
    case DVSI_KEY_PLUGIN:
        add_text(out, "^[a-z][a-z0-9-]{0,31}$" OR_VARIABLE);
        break;
    case DVSI_KEY_IDENT:
        add_text(out, "^[^\\u0000-\\u001f\\u007f]{1,200}$");
        break;
    case DVSI_KEY_SCALAR:
        dvsi_out_name(out, "type");
        dvsi_out_raw(out, "[\"string\",\"number\",\"boolean\",\"null\"]");
        break;
    case DVSI_KEY_BOOL:
        add_bool(out);
        break;
    case DVSI_KEY_INT:
        add_amount(out, 1, key->min, key->max, "^[+-]?[0-9]+$" OR_VARIABLE);
        break;
    case DVSI_KEY_CHOICE:
        add_choices(out, key->choices);
        break;
    case DVSI_KEY_LIMIT:
        add_amount(out, 1, 0, INT64_MAX, "^[0-9]+(\\.[0-9]+)?%$|^[0-9]+$" OR_VARIABLE);
        break;
    case DVSI_KEY_DURATION:
        add_amount(out, 1, 0, 0, "^0$|^[0-9]+[smhdw]$" OR_VARIABLE);
        break;
    case DVSI_KEY_TEXTS:
        add_texts(out);
        break;
    case DVSI_KEY_LIST:
    case DVSI_KEY_MAP:
    case DVSI_KEY_MAP_OR_NULL:
        add_container(out, key);
        break;
    }
}

/* The default, as a number or bool where that is what the value is. */
static void add_default(dvsi_buf *out, const char *value, int is_int, int is_bool)
{
    int64_t number;
    if (!value)
        return;
    if (is_int && dvsi_number_to_int64(value, strlen(value), &number) == 0) {
        add_number(out, "default", number);
    } else if (is_bool && (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)) {
        dvsi_out_name(out, "default");
        dvsi_out_raw(out, value);
    } else {
        dvsi_out_member(out, "default", value);
    }
}

void dvsi_schema_key(dvsi_buf *out, const dvsi_key *key)
{
    dvsi_out_open(out, '{');
    dvsi_out_member(out, "description", key->doc);
    add_value(out, key);
    add_default(out, key->fallback, key->type == DVSI_KEY_INT, key->type == DVSI_KEY_BOOL);
    dvsi_out_close(out, '}');
}

void dvsi_schema_members(dvsi_buf *out, const dvsi_key *keys)
{
    dvsi_out_member(out, "type", "object");
    dvsi_out_name(out, "additionalProperties");
    dvsi_out_raw(out, "false");
    dvsi_out_name(out, "properties");
    dvsi_out_open(out, '{');
    for (const dvsi_key *key = keys; key->name; key++) {
        dvsi_out_name(out, key->name);
        dvsi_schema_key(out, key);
    }
    dvsi_out_close(out, '}');
    dvsi_out_name(out, "required");
    dvsi_out_open(out, '[');
    for (const dvsi_key *key = keys; key->name; key++)
        if (key->required)
            dvsi_out_text(out, key->name);
    dvsi_out_close(out, ']');
}

static void add_map_option(dvsi_buf *out, const dvs_option *option)
{
    dvsi_out_member(out, "type", "object");
    dvsi_out_name(out, "additionalProperties");
    dvsi_out_open(out, '{');
    if (option->choices)
        add_choices(out, option->choices);
    else
        add_text(out, NULL);
    dvsi_out_close(out, '}');
}

void dvsi_schema_option(dvsi_buf *out, const dvs_option *option)
{
    dvsi_out_open(out, '{');
    dvsi_out_member(out, "description", option->doc);
    switch (option->type) {
    case DVS_OPTION_INT:
        add_amount(out, option->min != 0 || option->max != 0, option->min, option->max,
                   "^[+-]?[0-9]+$" OR_VARIABLE);
        break;
    case DVS_OPTION_BOOL:
        add_bool(out);
        break;
    case DVS_OPTION_CHOICE:
        add_choices(out, option->choices);
        break;
    case DVS_OPTION_LIST:
        if (option->choices) {
            dvsi_out_member(out, "type", "array");
            dvsi_out_name(out, "items");
            dvsi_out_open(out, '{');
            add_choices(out, option->choices);
            dvsi_out_close(out, '}');
        } else {
            add_list_of_texts(out, NULL);
        }
        break;
    case DVS_OPTION_MAP:
        add_map_option(out, option);
        break;
    default:
        add_text(out, NULL);
        break;
    }
    if (option->flags & DVS_OPTION_SECRET) {
        dvsi_out_name(out, "writeOnly");
        dvsi_out_raw(out, "true");
    } else {
        add_default(out, option->default_value, option->type == DVS_OPTION_INT,
                    option->type == DVS_OPTION_BOOL);
    }
    dvsi_out_close(out, '}');
}
