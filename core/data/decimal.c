/* decimal.c - see decimal.h. */
#include "data/decimal.h"

#include <string.h>

#include "base/number.h"

/* Exponents beyond this are no different from one another: no text is long enough to make up for them. */
#define EXPONENT_LIMIT INT64_C(1000000000000000)

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The text taken apart: `digits` with perhaps a point among them, from the first that is not zero to the
 * last, and the place of the decimal point, counted in digits from the first. */
typedef struct parts {
    const char *first;
    const char *last; /* behind the last digit that is not zero; equal to first: the number is zero */
    int64_t point;
    int negative;
} parts;

static int take_apart(const char *text, size_t length, parts *p)
{
    const char *end = text + length;
    int any = 0, behind = 0, minus = 0;
    int64_t exponent = 0;

    p->first = p->last = NULL;
    p->point = 0;
    p->negative = 0;
    if (text < end && (*text == '-' || *text == '+'))
        p->negative = *text++ == '-';
    for (; text < end; text++) {
        if (*text == '.' && !behind) {
            behind = 1;
            continue;
        }
        if (!is_digit(*text))
            break;
        any = 1;
        if (*text != '0') {
            if (p->first == NULL)
                p->first = text;
            p->last = text + 1;
        }
        if (!behind)
            p->point += p->first != NULL;
        else
            p->point -= p->first == NULL;
    }
    if (!any)
        return -1;
    if (text < end && (*text == 'e' || *text == 'E')) {
        text++;
        if (text < end && (*text == '-' || *text == '+'))
            minus = *text++ == '-';
        if (text == end)
            return -1;
        for (; text < end && is_digit(*text); text++) {
            if (exponent < EXPONENT_LIMIT)
                exponent = exponent * 10 + (*text - '0');
        }
    }
    p->point += minus ? -exponent : exponent;
    return text == end ? 0 : -1;
}

/* Most numbers arrive in canonical form. Their length, or 0 for the general way. */
static size_t copy_canonical(const char *text, size_t length, char *out)
{
    size_t i = 0, start;

    if (length > 64)
        return 0;
    if (i < length && text[i] == '-')
        i++;
    start = i;
    while (i < length && is_digit(text[i]))
        i++;
    if (i == start || (text[start] == '0' && i - start > 1))
        return 0;
    if (i < length) {
        if (text[i] != '.' || text[length - 1] == '0')
            return 0;
        start = ++i;
        while (i < length && is_digit(text[i]))
            i++;
        if (i < length || i == start)
            return 0;
    } else if (text[0] == '-' && text[1] == '0') {
        return 0;
    }
    memcpy(out, text, length);
    return length;
}

size_t dvsi_decimal_canonical(const char *text, size_t length, char out[DVSI_DECIMAL_SIZE])
{
    parts p;
    int64_t n_digits, whole, behind;
    size_t at;

    if (length == 0)
        return 0; /* text may be NULL */
    at = copy_canonical(text, length, out);
    if (at > 0)
        return at;
    if (take_apart(text, length, &p) != 0)
        return 0;
    if (p.first == NULL) {
        out[0] = '0';
        return 1;
    }
    n_digits = p.last - p.first;
    n_digits -= n_digits > 1 && memchr(p.first, '.', (size_t)n_digits) != NULL;
    whole = p.point > 0 ? p.point : 0;
    behind = n_digits > p.point ? n_digits - p.point : 0;
    if (whole > DVSI_DECIMAL_DIGITS || behind > DVSI_DECIMAL_DIGITS - whole)
        return 0;
    if (p.negative)
        out[at++] = '-';
    if (whole == 0) {
        out[at++] = '0';
        out[at++] = '.';
        memset(out + at, '0', (size_t)-p.point);
        at += (size_t)-p.point;
    }
    for (const char *from = p.first; from < p.last; from++) {
        if (*from == '.')
            continue;
        out[at++] = *from;
        if (whole > 0 && --whole == 0 && behind > 0)
            out[at++] = '.';
    }
    memset(out + at, '0', (size_t)whole);
    return at + (size_t)whole;
}

int dvsi_decimal_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int a_negative = a_length > 0 && a[0] == '-', b_negative = b_length > 0 && b[0] == '-';
    int larger, order;
    size_t a_whole = 0, b_whole = 0, both;

    if (a_negative != b_negative)
        return a_negative ? -1 : 1;
    larger = a_negative ? -1 : 1; /* the answer when the digits of a are more */
    a += a_negative;
    b += b_negative;
    a_length -= (size_t)a_negative;
    b_length -= (size_t)b_negative;
    while (a_whole < a_length && a[a_whole] != '.')
        a_whole++;
    while (b_whole < b_length && b[b_whole] != '.')
        b_whole++;
    if (a_whole != b_whole)
        return a_whole > b_whole ? larger : -larger;
    both = a_length < b_length ? a_length : b_length;
    order = memcmp(a, b, both);
    if (order == 0)
        order = (a_length > b_length) - (a_length < b_length);
    return order == 0 ? 0 : order > 0 ? larger : -larger;
}

int dvsi_decimal_to_int64(const char *text, size_t length, int64_t *value)
{
    return dvsi_number_to_int64(text, length, value); /* which knows no point */
}
