/* number.c - see number.h. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEN_MAX 22 /* the powers of ten that a double holds exactly */
static const double tens[TEN_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

size_t dvsi_number_from_int64(char out[DVSI_INT64_SIZE], int64_t value)
{
    static const char pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
        "4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
        "828384858687888990919293949596979899";
    char text[DVSI_INT64_SIZE];
    size_t at = sizeof text;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    while (left >= 100) {
        at -= 2;
        memcpy(text + at, pairs + 2 * (left % 100), 2);
        left /= 100;
    }
    if (left >= 10) {
        at -= 2;
        memcpy(text + at, pairs + 2 * left, 2);
    } else {
        text[--at] = (char)('0' + left);
    }
    if (value < 0)
        text[--at] = '-';
    memcpy(out, text + at, sizeof text - at);
    return sizeof text - at;
}

int dvsi_number_to_int64(const char *text, size_t length, int64_t *value)
{
    uint64_t limit = INT64_MAX, sum = 0;
    size_t i = 0;
    int negative = 0;

    if (length > 0 && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        limit += (uint64_t)negative;
        i = 1;
    }
    if (i == length)
        return -1;
    for (; i < length; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';

        if (digit > 9 || sum > (limit - digit) / 10)
            return -1;
        sum = sum * 10 + digit;
    }
    *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return 0;
}

/*
 * The common doubles are decimals of at most 15 digits, without an exponent. For these the search needs no
 * big numbers: m / 10^k is correctly rounded when m and 10^k are exact doubles, so if it gives the value,
 * m with k decimals reads back as it; and of decimals with at most 15 digits only one does. 0: not one of
 * these.
 */
static size_t from_short_double(char *out, double value)
{
    double size = fabs(value);
    char digits[DVSI_INT64_SIZE];
    size_t k, n, at = 0;

    if (!(size >= 1e-4 && size < 1e15))
        return 0;
    for (k = 0; k <= 18; k++) {
        double scaled = size * tens[k];
        int64_t whole;

        if (scaled >= 999999999999999.0)
            return 0;
        whole = (int64_t)(scaled + 0.5);
        if ((double)whole / tens[k] != size)
            continue;
        n = dvsi_number_from_int64(digits, whole);
        if (value < 0)
            out[at++] = '-';
        if (n <= k) {
            out[at++] = '0';
            out[at++] = '.';
            memset(out + at, '0', k - n);
            at += k - n;
            memcpy(out + at, digits, n);
            return at + n;
        }
        memcpy(out + at, digits, n - k);
        at += n - k;
        if (k > 0) {
            out[at++] = '.';
            memcpy(out + at, digits + n - k, k);
            at += k;
        }
        return at;
    }
    return 0;
}

/*
 * Sixteen digits are tried with the nearest such decimal, which is the best one unless the value is a power
 * of two: there the doubles above lie twice as far away as those below, so that the next decimal above may
 * read back when the nearest, below, does not. The length of such a text, or 0. In the C locale.
 */
static size_t sixteen_digits_above(char text[DVSI_DOUBLE_SIZE], double value)
{
    int exponent;
    char *digit;

    if (fabs(frexp(value, &exponent)) != 0.5)
        return 0;
    snprintf(text, DVSI_DOUBLE_SIZE, "%.15e", value);
    digit = strchr(text, 'e') - 1;
    while (*digit == '9')
        *digit-- = '0';
    if (*digit < '0' || *digit > '8')
        return 0;
    ++*digit;
    return strtod(text, NULL) == value ? strlen(text) : 0;
}

size_t dvsi_number_from_double(char out[DVSI_DOUBLE_SIZE], double value)
{
    char text[DVSI_DOUBLE_SIZE];
    locale_t plain, before;
    size_t length;
    int precision, n = 0;

    if (value == 0) {
        out[0] = '0';
        return 1;
    }
    if (!isfinite(value))
        return 0;
    length = from_short_double(out, value);
    if (length > 0)
        return length;
    /* glibc has this locale ready made: neither call allocates or fails. */
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    before = uselocale(plain);
    /* Below the normal doubles fewer digits than 15 can be enough. */
    precision = fabs(value) < 2.2250738585072014e-308 ? 1 : 15;
    for (; precision <= 17; precision++) {
        n = snprintf(text, sizeof text, "%.*g", precision, value);
        if (precision == 17 || strtod(text, NULL) == value)
            break;
        if (precision == 16 && (n = (int)sixteen_digits_above(text, value)) > 0)
            break;
    }
    uselocale(before);
    freelocale(plain);
    memcpy(out, text, (size_t)n);
    return (size_t)n;
}

/* A decimal number taken apart: 0.DIGITS times ten to the power of `point`. */
#define SIGNIFICANT 800 /* no tie between two doubles has more than 768 digits */
typedef struct parts {
    int negative;
    size_t n_digits; /* significant ones, at most SIGNIFICANT, then `more` if others than zero follow */
    int more;
    int64_t point;
    uint64_t first; /* the first 19 digits */
    char digits[SIGNIFICANT];
} parts;

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void take_digit(parts *p, char c)
{
    if (p->n_digits < SIGNIFICANT) {
        if (p->n_digits < 19)
            p->first = p->first * 10 + (uint64_t)(c - '0');
        p->digits[p->n_digits++] = c;
    } else if (c != '0') {
        p->more = 1;
    }
}

static int take_apart(const char *text, size_t length, parts *p)
{
    const char *end = text + length;
    int any = 0, negative_exponent = 0;
    int64_t exponent = 0;

    p->negative = 0;
    p->n_digits = 0;
    p->more = 0;
    p->point = 0;
    p->first = 0;
    if (text < end && (*text == '-' || *text == '+'))
        p->negative = *text++ == '-';
    for (; text < end && is_digit(*text); text++) {
        any = 1;
        if (p->n_digits == 0 && *text == '0')
            continue;
        p->point++;
        take_digit(p, *text);
    }
    if (text < end && *text == '.') {
        for (text++; text < end && is_digit(*text); text++) {
            any = 1;
            if (p->n_digits == 0 && *text == '0')
                p->point--;
            else
                take_digit(p, *text);
        }
    }
    if (!any)
        return -1;
    if (text < end && (*text == 'e' || *text == 'E')) {
        text++;
        if (text < end && (*text == '-' || *text == '+'))
            negative_exponent = *text++ == '-';
        if (text == end)
            return -1;
        for (; text < end && is_digit(*text); text++) {
            if (exponent < INT64_C(1000000000000000))
                exponent = exponent * 10 + (*text - '0');
        }
    }
    p->point += negative_exponent ? -exponent : exponent;
    return text == end ? 0 : -1;
}

/* The general way: strtod with a plain spelling of the number. */
static double read_parts(const parts *p)
{
    char text[SIGNIFICANT + 32];
    size_t at = 0;
    locale_t plain;
    double value;

    text[at++] = '.';
    memcpy(text + at, p->digits, p->n_digits);
    at += p->n_digits;
    if (p->more)
        text[at++] = '1';
    text[at++] = 'e';
    at += dvsi_number_from_int64(text + at, p->point);
    text[at] = '\0';
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    value = strtod_l(text, NULL, plain);
    freelocale(plain);
    return value;
}

int dvsi_number_to_double(const char *text, size_t length, double *value)
{
    parts p;
    int64_t exponent;
    double read;

    if (length == 0 || take_apart(text, length, &p) != 0)
        return -1;
    while (p.n_digits > 0 && p.n_digits <= 19 && p.digits[p.n_digits - 1] == '0') {
        p.n_digits--; /* the zeros of "1200.00" */
        p.first /= 10;
    }
    exponent = p.point - (int64_t)p.n_digits;
    if (p.n_digits == 0)
        read = 0;
    else if (p.n_digits <= 15 && exponent >= -TEN_MAX && exponent <= TEN_MAX)
        read = exponent < 0 ? (double)p.first / tens[-exponent] : (double)p.first * tens[exponent];
    else if (p.point > 400)
        return -1;
    else if (p.point < -400)
        read = 0;
    else
        read = read_parts(&p);
    if (!isfinite(read))
        return -1;
    *value = p.negative && read != 0 ? -read : read;
    return 0;
}
