/* raw.c - the whole record as a JSON object of texts, in the order of the columns. */
#include <stdlib.h>

#include "csv.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Copies the bytes that stand in a JSON string as they are, up to the first that does not; returns how many.
 * May read and write CSV_SCAN_SLACK bytes more. */
static inline size_t copy_plain(char *out, const char *p, size_t length)
{
    size_t i = 0;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    for (; i < length; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        _mm_storeu_si128((__m128i *)(void *)(out + i), v);
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0) {
            i += (size_t)__builtin_ctz(mask);
            return i < length ? i : length;
        }
    }
    return length;
#else
    for (; i < length && p[i] != '"' && p[i] != '\\' && (unsigned char)p[i] >= 0x20; i++)
        out[i] = p[i];
    return i;
#endif
}

static size_t escape(char *out, char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char from[] = "\"\\\n\r\t\b\f";
    static const char to[] = "\"\\nrtbf";
    const char *at = c == '\0' ? NULL : strchr(from, c);
    out[0] = '\\';
    if (at != NULL) {
        out[1] = to[at - from];
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = digits[(unsigned char)c >> 4];
    out[5] = digits[c & 15];
    return 6;
}

/* Adds `text`, behind which CSV_SCAN_SLACK bytes can be read, as the inside of a JSON string. */
static int add_text(csv_buf *buf, const char *text, size_t length)
{
    while (length > 0) {
        char *out = csv_buf_reserve(buf, length + 8 + CSV_SCAN_SLACK);
        if (out == NULL)
            return -1;
        size_t n = copy_plain(out, text, length);
        buf->length += n;
        if (n < length) {
            buf->length += escape(out + n, text[n]);
            n++;
        }
        text += n;
        length -= n;
    }
    return 0;
}

static int add(csv_buf *buf, const char *text, size_t length)
{
    char *out = csv_buf_reserve(buf, length);
    if (out == NULL)
        return -1;
    memcpy(out, text, length);
    buf->length += length;
    return 0;
}

int32_t csv_raw_keys_make(csv_raw_keys *keys, const csv_header *header, dvs_error *err)
{
    keys->ends = calloc(header->n_columns, sizeof *keys->ends);
    if (keys->ends == NULL)
        return csv_no_memory(err);
    for (uint32_t i = 0; i < header->n_columns; i++) {
        const char *name = header->columns[i].name;
        char padded[CSV_NAME_MAX + CSV_SCAN_SLACK];
        memset(padded, 0, sizeof padded);
        memcpy(padded, name, strlen(name));
        if (add(&keys->text, i == 0 ? "{\"" : ",\"", 2) != 0 ||
            add_text(&keys->text, padded, strlen(name)) != 0 || add(&keys->text, "\":", 2) != 0)
            return csv_no_memory(err);
        keys->ends[i] = (uint32_t)keys->text.length; /* at most 9,999 names of 6 times 1,024 */
    }
    return DVS_OK;
}

void csv_raw_keys_free(csv_raw_keys *keys)
{
    csv_buf_free(&keys->text);
    free(keys->ends);
    keys->ends = NULL;
}

int csv_raw_write(csv_buf *out, const csv_raw_keys *keys, const csv_field *fields, uint32_t n_fields)
{
    size_t from = 0;
    out->length = 0;
    for (uint32_t i = 0; i < n_fields; i++) {
        const csv_field *field = &fields[i];
        size_t n_key = keys->ends[i] - from;
        size_t length = field->text == NULL ? 0 : field->length;
        char *p = csv_buf_reserve(out, n_key + length + 8 + CSV_SCAN_SLACK);
        if (p == NULL)
            return -1;
        memcpy(p, keys->text.data + from, n_key);
        p += n_key;
        out->length += n_key;
        from = keys->ends[i];
        if (field->text == NULL) {
            memcpy(p, "null", 4);
            out->length += 4;
            continue;
        }
        *p++ = '"';
        size_t n = copy_plain(p, field->text, length);
        out->length += 1 + n;
        if (n == length)
            p[n] = '"';
        else if (add_text(out, field->text + n, length - n) != 0 || (p = csv_buf_reserve(out, 1)) == NULL)
            return -1;
        else
            *p = '"';
        out->length++;
    }
    return add(out, "}", 1);
}
