/*
 * number.c - decimal numbers between text, int64 and double.
 *
 * A double's decimal is its shortest text: the number with the fewest digits that reads back as the same
 * double. Up to 15 digits every decimal number has a double of its own, so that a number which has so few and
 * reads back must be the shortest; that covers nearly all and needs one division. The C library does the
 * rest, without its locale: it is given whole numbers with an exponent ("12345e-2"), and of what it prints
 * only the digits are looked at.
 */
#include "sink_sqlite.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define EXACT_POWER 22     /* 10^22 is the largest power of ten that is a double */
#define EXACT_DIGITS 15    /* decimal digits that every double keeps */
#define DOUBLE_DIGITS 17   /* that tell every double from every other */
#define MANTISSA_DIGITS 19 /* that fit a uint64 */

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* mantissa * 10^exponent, no trailing zero in the mantissa unless it is 0. */
typedef struct short_number {
    uint64_t mantissa;
    int digits;
    int exponent;
} short_number;

static int count_digits(uint64_t value)
{
    int n = 1;
    for (; value >= 10; value /= 10)
        n++;
    return n;
}

static short_number trimmed(uint64_t mantissa, int exponent)
{
    short_number out = {mantissa, 0, exponent};
    while (out.mantissa != 0 && out.mantissa % 10 == 0) {
        out.mantissa /= 10;
        out.exponent++;
    }
    if (out.mantissa == 0)
        out.exponent = 0;
    out.digits = count_digits(out.mantissa);
    return out;
}

size_t sink_sqlite_text_of_int64(int64_t value, char *out)
{
    char digits[20];
    size_t n = 0, length = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[n++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        out[length++] = '-';
    while (n > 0)
        out[length++] = digits[--n];
    return length;
}

/* The nearest double, for at most 17 digits; may be 0 or infinite. */
static double nearest(const short_number *number)
{
    char text[40];
    double value = (double)number->mantissa;
    if (number->digits <= EXACT_DIGITS && number->exponent >= -EXACT_POWER && number->exponent <= EXACT_POWER)
        return number->exponent < 0 ? value / powers[-number->exponent] : value * powers[number->exponent];
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)number->mantissa, number->exponent);
    return strtod(text, NULL);
}

/* What "%.*e" prints with `precision` digits, as a number. */
static short_number printed(double value, int precision)
{
    char text[64];
    const char *p;
    uint64_t mantissa = 0;
    int n = snprintf(text, sizeof text, "%.*e", precision - 1, value);
    for (p = text; p < text + n && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9') /* and not the locale's decimal point */
            mantissa = mantissa * 10 + (uint64_t)(*p - '0');
    }
    return trimmed(mantissa, (int)strtol(p < text + n ? p + 1 : p, NULL, 10) - (precision - 1));
}

/* The shortest number that reads back as `value`, which is finite and positive. */
static short_number shortest(double value)
{
    short_number number = {0, 0, 0};
    int precision;
    if (value >= 1e-5 && value < 1e15) {
        for (int scale = 0; scale <= EXACT_DIGITS; scale++) {
            double scaled = value * powers[scale];
            if (scaled >= 1e15 - 1)
                break;
            scaled = (double)(int64_t)(scaled + 0.5);
            if (scaled / powers[scale] == value)
                return trimmed((uint64_t)scaled, -scale);
        }
    }
    for (precision = value < DBL_MIN ? 1 : EXACT_DIGITS; precision <= DOUBLE_DIGITS; precision++) {
        number = printed(value, precision);
        if (nearest(&number) == value)
            break;
    }
    return number;
}

size_t sink_sqlite_text_of_double(double value, char *out)
{
    char digits[24];
    short_number number;
    size_t n, length = 0;
    if (value == 0) {
        out[0] = '0';
        return 1;
    }
    if (value < 0)
        out[length++] = '-';
    number = shortest(fabs(value));
    n = sink_sqlite_text_of_int64((int64_t)number.mantissa, digits); /* at most 17 digits */
    if (number.exponent < 0 && number.exponent > -(int)n) {
        size_t whole = n - (size_t)-number.exponent;
        memcpy(out + length, digits, whole);
        out[length + whole] = '.';
        memcpy(out + length + whole + 1, digits + whole, n - whole);
        return length + n + 1;
    }
    memcpy(out + length, digits, n);
    length += n;
    if (number.exponent != 0) {
        out[length++] = 'e';
        length += sink_sqlite_text_of_int64(number.exponent, out + length);
    }
    return length;
}

/* ---- Decimals ---- */

/* A decimal's text taken apart: significant digits, without zeros at either end, times 10^exponent. */
typedef struct parts {
    bool negative;
    size_t n;
    int exponent;
    char digits[SINK_SQLITE_DIGITS];
} parts;

/* [+-]digits of an exponent, all that is left; -1 when it is none or beyond any decimal of ours. */
static int read_exponent(const char *p, const char *end, int *exponent)
{
    bool negative = p < end && *p == '-';
    int value = 0;
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return -1;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9' || value > 10 * SINK_SQLITE_DIGITS)
            return -1;
        value = value * 10 + (*p - '0');
    }
    *exponent += negative ? -value : value;
    return 0;
}

static int take_apart(const char *text, size_t length, parts *out)
{
    const char *p = text, *end = text + length;
    bool seen = false, point = false;
    int zeros = 0; /* that were seen and not yet kept: leading ones never are, trailing ones not in the end */
    out->n = 0;
    out->exponent = 0;
    out->negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.' && !point) {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9' || length > 4 * SINK_SQLITE_DIGITS)
            return -1;
        seen = true;
        out->exponent -= point;
        if (*p == '0') {
            zeros += out->n > 0;
            continue;
        }
        if (out->n + (size_t)zeros + 1 > SINK_SQLITE_DIGITS)
            return -1;
        memset(out->digits + out->n, '0', (size_t)zeros);
        out->n += (size_t)zeros;
        out->digits[out->n++] = *p;
        zeros = 0;
    }
    if (!seen || (p < end && read_exponent(p + 1, end, &out->exponent) != 0))
        return -1;
    out->exponent += zeros;
    if (out->n == 0)
        out->exponent = 0;
    return 0;
}

/* Writes the canonical text: no exponent, no zeros that say nothing. The number is not 0. */
static size_t put_together(const parts *in, char *out)
{
    size_t length = 0;
    size_t fraction = in->exponent < 0 ? (size_t)-in->exponent : 0;
    if (in->negative)
        out[length++] = '-';
    if (fraction >= in->n) {
        out[length++] = '0';
        out[length++] = '.';
        memset(out + length, '0', fraction - in->n);
        length += fraction - in->n;
        memcpy(out + length, in->digits, in->n);
        return length + in->n;
    }
    memcpy(out + length, in->digits, in->n - fraction);
    length += in->n - fraction;
    if (fraction > 0) {
        out[length++] = '.';
        memcpy(out + length, in->digits + in->n - fraction, fraction);
        return length + fraction;
    }
    memset(out + length, '0', (size_t)in->exponent);
    return length + (size_t)in->exponent;
}

/* Digits of the number written out: at most SINK_SQLITE_DIGITS. */
static bool too_long(const parts *in)
{
    size_t digits = in->n;
    if (in->exponent > 0)
        digits += (size_t)in->exponent;
    else if ((size_t)-in->exponent >= in->n)
        digits = (size_t)-in->exponent + 1;
    return digits > SINK_SQLITE_DIGITS;
}

static bool as_integer(const short_number *number, bool negative, int64_t *out)
{
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = number->mantissa;
    if (number->exponent < 0)
        return false;
    for (int i = 0; i < number->exponent; i++) {
        if (value > limit / 10)
            return false;
        value *= 10;
    }
    if (value > limit)
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool as_real(const short_number *number, bool negative, double *out)
{
    short_number back;
    double value;
    if (number->digits > DOUBLE_DIGITS)
        return false;
    value = nearest(number);
    if (value == 0 || !isfinite(value))
        return false;
    if (number->digits > EXACT_DIGITS || value < DBL_MIN) {
        back = shortest(value);
        if (back.mantissa != number->mantissa || back.exponent != number->exponent)
            return false;
    }
    *out = negative ? -value : value;
    return true;
}

void sink_sqlite_decimal_read(const char *text, size_t length, sink_sqlite_decimal *out)
{
    parts in;
    short_number number = {0, 0, 0};
    out->as = SINK_SQLITE_BAD;
    if (take_apart(text, length, &in) != 0 || too_long(&in))
        return;
    if (in.n == 0) {
        out->as = SINK_SQLITE_INTEGER;
        out->integer = 0;
        return;
    }
    if (in.n <= MANTISSA_DIGITS) {
        for (size_t i = 0; i < in.n; i++)
            number.mantissa = number.mantissa * 10 + (uint64_t)(in.digits[i] - '0');
        number.digits = (int)in.n;
        number.exponent = in.exponent;
        if (as_integer(&number, in.negative, &out->integer)) {
            out->as = SINK_SQLITE_INTEGER;
            return;
        }
        if (as_real(&number, in.negative, &out->real)) {
            out->as = SINK_SQLITE_REAL;
            return;
        }
    }
    out->as = SINK_SQLITE_TEXT;
    out->length = put_together(&in, out->text);
}
