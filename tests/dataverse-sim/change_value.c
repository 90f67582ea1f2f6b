#include <stdlib.h>
#include <string.h>

#include "change_value.h"
#include "filter.h"
#include "store_time.h"
#include "text.h"

int sim_change_is_kept(const struct sim_column *column)
{
    static const char *const kept[] = {"createdon",  "createdby",     "modifiedon",
                                       "modifiedby", "versionnumber", "statecode",
                                       "statuscode", "ownerid",       "owningbusinessunit"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strcmp(column->name, kept[i]) == 0)
            return 1;
    return (column->flags & SIM_COL_KEY) != 0;
}

static int refuse(const struct sim_column *column, const char *expected, struct sim_error *error)
{
    sim_error_set(error, "A value of %s does not fit: %s is expected.", column->key, expected);
    return -1;
}

static int is_number(const char *text)
{
    size_t i = text[0] == '-' ? 1 : 0;
    size_t whole = strspn(text + i, "0123456789");
    int leading_zero = whole > 1 && text[i] == '0';
    i += whole;
    size_t fraction = 0;
    if (text[i] == '.') {
        fraction = strspn(text + i + 1, "0123456789");
        i += 1 + fraction;
        if (fraction == 0)
            return 0;
    }
    if (text[i] == 'e' || text[i] == 'E') {
        i++;
        i += text[i] == '-' || text[i] == '+' ? 1 : 0;
        size_t exponent = strspn(text + i, "0123456789");
        if (exponent == 0)
            return 0;
        i += exponent;
    }
    return whole > 0 && !leading_zero && text[i] == '\0';
}

static int number_of(const struct sim_column *column, const json_t *value, struct sim_text *made,
                     struct sim_error *error)
{
    int whole = column->type != SIM_DECIMAL && column->type != SIM_MONEY && column->type != SIM_DOUBLE;
    if (json_is_integer(value)) {
        sim_text_printf(made, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        sim_text_puts(made, text == NULL ? "" : text);
        free(text);
    } else if (json_is_string(value) && is_number(json_string_value(value))) {
        sim_text_puts(made, json_string_value(value));
    } else {
        return refuse(column, "a number", error);
    }
    if (whole && made->data != NULL && strpbrk(made->data, ".eE") != NULL)
        return refuse(column, "a whole number", error);
    /* Money has four decimals. */
    if (column->type == SIM_MONEY && made->data != NULL && strpbrk(made->data, "eE") == NULL) {
        const char *point = strchr(made->data, '.');
        size_t decimals = point == NULL ? 0 : strlen(point + 1);
        if (point == NULL)
            sim_text_puts(made, ".");
        for (; decimals < 4; decimals++)
            sim_text_puts(made, "0");
    }
    return 0;
}

static int text_of(const struct sim_column *column, const json_t *value, struct sim_text *made,
                   struct sim_error *error)
{
    if (!json_is_string(value))
        return refuse(column, "a string", error);
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    struct sim_guid guid;
    int64_t time = 0;
    char print[SIM_GUID_TEXT + 1];
    switch (sim_kind_of(column)) {
    case SIM_KIND_GUID:
        if (sim_guid_parse(text, length, &guid) != 0)
            return refuse(column, "a GUID", error);
        sim_guid_print(&guid, print);
        sim_text_printf(made, "\"%s\"", print);
        return 0;
    case SIM_KIND_TIME:
        if (sim_time_parse(text, length, &time) != 0)
            return refuse(column, "a date, 2024-03-15 or 2024-03-15T10:20:30Z,", error);
        sim_time_print(time, (column->flags & SIM_COL_DATE_ONLY) != 0, print);
        sim_text_printf(made, "\"%s\"", print);
        return 0;
    default:
        sim_text_json(made, text, length);
        return 0;
    }
}

int sim_change_value(const struct sim_column *column, const json_t *value, char **text, size_t *length,
                     struct sim_error *error)
{
    *text = NULL;
    *length = 0;
    if (json_is_null(value))
        return 0;
    struct sim_text made = {0};
    int answer = 0;
    if (column->type == SIM_BOOLEAN) {
        if (json_is_boolean(value))
            sim_text_puts(&made, json_is_true(value) ? "true" : "false");
        else
            answer = refuse(column, "true or false", error);
    } else if (column->type == SIM_MANAGED) {
        answer = refuse(column, "nothing (a managed property cannot be changed)", error);
    } else if (sim_kind_of(column) == SIM_KIND_NUMBER) {
        answer = number_of(column, value, &made, error);
    } else {
        answer = text_of(column, value, &made, error);
    }
    if (answer == 0 && (made.failed || (*text = sim_text_take(&made, length)) == NULL)) {
        sim_error_set(error, "Memory is out.");
        answer = -1;
    }
    sim_text_free(&made);
    return answer;
}
