/*
 * scan.c - bytes to fields, RFC 4180. Two bytes matter outside quotes (separator, line feed) and two inside
 * (quote, line feed), so the loop looks for two bytes at a time, 16 bytes a step where SSE2 is there.
 */
#include "csv.h"

#if defined(__SSE2__)
#include <emmintrin.h>

/* The first `a` or `b` from `p` on, `end` if there is none. Reads up to CSV_SCAN_SLACK bytes behind. */
static inline const char *find2(const char *p, const char *end, char a, char b)
{
    const __m128i va = _mm_set1_epi8(a);
    const __m128i vb = _mm_set1_epi8(b);
    for (; p < end; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, va), _mm_cmpeq_epi8(v, vb));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0) {
            p += __builtin_ctz(mask);
            return p < end ? p : end;
        }
    }
    return end;
}
#else
static inline const char *find2(const char *p, const char *end, char a, char b)
{
    while (p < end && *p != a && *p != b)
        p++;
    return p;
}
#endif

typedef struct scan {
    const char *p;
    const char *end;
    int final;
    char delimiter;
    csv_record *record;
} scan;

/* What stands behind a field. */
#define BEHIND_DELIMITER 0
#define BEHIND_LINE 1
#define BEHIND_END 2  /* of the file */
#define BEHIND_MORE 3 /* cannot be told yet */

/* A field without quotes: s->p is its first byte, then the first byte of the next field or record. */
static inline int scan_plain(scan *s, const char *start, csv_field *field)
{
    const char *q = find2(s->p, s->end, s->delimiter, '\n');
    int behind = BEHIND_DELIMITER;
    if (q == s->end) {
        if (!s->final)
            return BEHIND_MORE;
        behind = BEHIND_END;
    } else if (*q == '\n') {
        behind = BEHIND_LINE;
    }
    s->p = q == s->end ? q : q + 1;
    /* A carriage return belongs to the line end, at the file's end too (half a line end). */
    if (behind != BEHIND_DELIMITER && q > start && q[-1] == '\r')
        q--;
    field->text = start;
    field->length = (uint32_t)(q - start);
    field->flags = 0;
    return behind;
}

/* What comes behind the closing quote at s->p - 1. */
static int scan_behind_quote(scan *s, csv_field *field, const char *start, uint32_t number)
{
    const char *q = s->p;
    if (q == s->end)
        return s->final ? BEHIND_END : BEHIND_MORE;
    if (*q == s->delimiter || *q == '\n') {
        s->p++;
        return *q == '\n' ? BEHIND_LINE : BEHIND_DELIMITER;
    }
    if (*q == '\r') {
        if (q + 1 == s->end) {
            s->p++;
            return s->final ? BEHIND_END : BEHIND_MORE;
        }
        if (q[1] == '\n') {
            s->p += 2;
            return BEHIND_LINE;
        }
    }
    if (s->record->problem == CSV_FINE) {
        s->record->problem = CSV_BEHIND_QUOTE;
        s->record->problem_field = number;
        s->record->problem_line = s->record->n_lines;
    }
    return scan_plain(s, start, field);
}

/* A field in quotes: s->p is the opening one. */
static int scan_quoted(scan *s, csv_field *field, uint32_t number)
{
    const char *start = s->p;
    const char *q = start + 1;
    uint64_t first_line = s->record->n_lines;
    field->text = q;
    field->flags = CSV_QUOTED;
    for (;;) {
        q = find2(q, s->end, '"', '\n');
        if (q == s->end) {
            if (!s->final)
                return BEHIND_MORE;
            s->record->problem = CSV_OPEN_QUOTE;
            s->record->problem_field = number;
            s->record->problem_line = first_line;
            field->length = (uint32_t)(q - field->text);
            s->p = q;
            return BEHIND_END;
        }
        if (*q == '\n') {
            s->record->n_lines++;
            q++;
            continue;
        }
        if (q + 1 < s->end && q[1] == '"') {
            field->flags |= CSV_ESCAPED;
            q += 2;
            continue;
        }
        field->length = (uint32_t)(q - field->text);
        s->p = q + 1;
        return scan_behind_quote(s, field, start, number);
    }
}

int csv_scan(const char *data, size_t length, int final, char delimiter, csv_field *fields, uint32_t capacity,
             csv_record *record)
{
    scan s = {data, data + length, final, delimiter, record};
    csv_field spare;
    uint32_t n = 0;
    int behind;

    if (length == 0)
        return final ? CSV_SCAN_END : CSV_SCAN_MORE;
    record->n_lines = 0;
    record->problem = CSV_FINE;
    do {
        csv_field *field = n < capacity ? &fields[n] : &spare;
        if (s.p < s.end && *s.p == '"')
            behind = scan_quoted(&s, field, n);
        else
            behind = scan_plain(&s, s.p, field);
        n++;
    } while (behind == BEHIND_DELIMITER);
    if (behind == BEHIND_MORE)
        return CSV_SCAN_MORE;

    record->n_fields = n;
    record->size = (size_t)(s.p - data);
    record->length = record->size;
    if (behind == BEHIND_LINE) {
        record->n_lines++;
        record->length--;
    }
    if (record->length > 0 && data[record->length - 1] == '\r')
        record->length--;
    return CSV_SCAN_RECORD;
}

size_t csv_scan_unescape(const csv_field *field, char *out)
{
    const char *p = field->text;
    const char *end = p + field->length;
    char *o = out;
    while (p < end) {
        const char *q = memchr(p, '"', (size_t)(end - p));
        size_t n = (size_t)((q == NULL ? end : q + 1) - p);
        memcpy(o, p, n);
        o += n;
        p += n + (q != NULL);
    }
    return (size_t)(o - out);
}

#define SKIP_FIELD 0  /* at the first byte of a field        */
#define SKIP_PLAIN 1  /* in a field without quotes           */
#define SKIP_QUOTED 2 /* inside quotes                       */
#define SKIP_CLOSED 3 /* behind a quote that was inside them */

size_t csv_scan_skip(csv_skip *skip, const char *data, size_t length, char delimiter, int *done)
{
    size_t i;
    for (i = 0; i < length; i++) {
        char c = data[i];
        skip->n_lines += c == '\n';
        if (skip->state == SKIP_QUOTED) {
            if (c == '"')
                skip->state = SKIP_CLOSED;
        } else if (c == '\n') {
            *done = 1;
            return i + 1;
        } else if (c == delimiter) {
            skip->state = SKIP_FIELD;
        } else if (c == '"' && skip->state != SKIP_PLAIN) {
            skip->state = SKIP_QUOTED; /* an opening quote, or the second of a doubled one */
        } else {
            skip->state = SKIP_PLAIN;
        }
    }
    return length;
}
