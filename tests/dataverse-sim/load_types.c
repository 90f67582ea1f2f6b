/* Guessing the types of columns. */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "load.h"
#include "store_time.h"

#define FITS_GUID 1u
#define FITS_INTEGER 2u
#define FITS_BIGINT 4u
#define FITS_DECIMAL 8u
#define FITS_BOOL 16u
#define FITS_DATE 32u
#define FITS_TIME 64u
#define FITS_STRING 128u
#define FITS_DOUBLE 256u

/* A number that keeps its text when it is taken for one: 0012 and 1e5 are texts. */
static unsigned fits_number(const char *text, size_t length)
{
    size_t i = text[0] == '-' ? 1 : 0;
    size_t whole = strspn(text + i, "0123456789");
    if (whole == 0 || whole > 38 || (whole > 1 && text[i] == '0'))
        return 0;
    if (i + whole == length) {
        unsigned fits = FITS_DECIMAL;
        const char *bounds[2][2] = {{"2147483647", "-2147483648"},
                                    {"9223372036854775807", "-9223372036854775808"}};
        for (int b = 0; b < 2; b++)
            if (sim_number_compare(text, length, bounds[b][0], strlen(bounds[b][0])) <= 0 &&
                sim_number_compare(text, length, bounds[b][1], strlen(bounds[b][1])) >= 0)
                fits |= b == 0 ? FITS_INTEGER : FITS_BIGINT;
        return fits;
    }
    size_t fraction = text[i + whole] == '.' ? strspn(text + i + whole + 1, "0123456789") : 0;
    return fraction > 0 && i + whole + 1 + fraction == length ? FITS_DECIMAL : 0;
}

static unsigned fits(const json_t *value)
{
    if (json_is_boolean(value))
        return FITS_BOOL;
    if (json_is_integer(value)) {
        json_int_t n = json_integer_value(value);
        return FITS_BIGINT | FITS_DECIMAL | (n >= INT32_MIN && n <= INT32_MAX ? FITS_INTEGER : 0);
    }
    if (json_is_real(value))
        return FITS_DECIMAL;
    if (!json_is_string(value))
        return 0;
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    struct sim_guid guid;
    int64_t time = 0;
    unsigned answer = FITS_STRING;
    if (strlen(text) != length || length == 0)
        return answer;
    if (sim_guid_parse(text, length, &guid) == 0)
        answer |= FITS_GUID;
    if (sim_time_parse(text, length, &time) == 0)
        answer |= length == 10 ? FITS_DATE : FITS_TIME;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        answer |= FITS_BOOL;
    return answer | fits_number(text, length);
}

enum sim_type sim_load_guess(const json_t *rows, const char *key, uint32_t *flags)
{
    static const struct {
        unsigned fits;
        enum sim_type type;
    } order[] = {{FITS_GUID, SIM_UNIQUEIDENTIFIER}, {FITS_BOOL, SIM_BOOLEAN},    {FITS_INTEGER, SIM_INTEGER},
                 {FITS_BIGINT, SIM_BIGINT},         {FITS_DECIMAL, SIM_DECIMAL}, {FITS_DATE, SIM_DATETIME},
                 {FITS_TIME, SIM_DATETIME}};
    unsigned all = ~0u;
    size_t longest = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *value = json_object_get(json_array_get(rows, i), key);
        if (value == NULL || json_is_null(value))
            continue;
        all &= fits(value);
        if (json_string_length(value) > longest)
            longest = json_string_length(value);
    }
    if (all != ~0u)
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
            if (all & order[i].fits) {
                if (order[i].fits == FITS_DATE)
                    *flags |= SIM_COL_DATE_ONLY;
                return order[i].type;
            }
    return longest > 4000 ? SIM_MEMO : SIM_STRING;
}

char *sim_load_name(const char *text)
{
    char *name = strdup(text);
    for (char *c = name; c != NULL && *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
        else if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9')))
            *c = '_';
    }
    return name;
}
