#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/value.h"
#include "token.h"

#define POSITION_HEAD "dataverse position 1\n"
#define CURSOR_HEAD "dataverse cursor 1\n"
#define SECOND INT64_C(1000000)

void dataverse_time_text(int64_t micros, char *text)
{
    time_t seconds = (time_t)(micros >= 0 ? micros / SECOND : (micros - SECOND + 1) / SECOND);
    struct tm parts;
    memset(&parts, 0, sizeof parts);
    gmtime_r(&seconds, &parts);
    snprintf(text, 21, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)(parts.tm_year + 1900) % 10000u,
             (unsigned)(parts.tm_mon + 1) % 100u, (unsigned)parts.tm_mday % 100u,
             (unsigned)parts.tm_hour % 100u, (unsigned)parts.tm_min % 100u, (unsigned)parts.tm_sec % 100u);
}

static int write_all(struct dataverse_buffer *out, const char *head, const char *rest)
{
    dataverse_buffer_clear(out);
    return dataverse_buffer_add(out, head, strlen(head)) != 0 ? -1
                                                              : dataverse_buffer_add(out, rest, strlen(rest));
}

int dataverse_position_write(const struct dataverse_position *position, struct dataverse_buffer *out)
{
    char lines[160];
    char watermark[24] = "-";
    if (position->watermark != INT64_MIN)
        dataverse_time_text(position->watermark, watermark);
    snprintf(lines, sizeof lines, "watermark %s\nrows %llu\npage %llu\npage_size %u\ncolumns %016llx\n",
             watermark, (unsigned long long)position->rows, (unsigned long long)position->page,
             position->page_size, (unsigned long long)position->columns);
    if (write_all(out, POSITION_HEAD, lines) != 0)
        return -1;
    return dataverse_buffer_add(out, position->link, strlen(position->link));
}

/* The next line, without its end; NULL when there is none. */
static const char *take_line(const char **at, const char *end, const char *name, size_t *length)
{
    size_t n = strlen(name);
    const char *line_end = memchr(*at, '\n', (size_t)(end - *at));
    if (line_end == NULL || (size_t)(line_end - *at) < n + 1 || memcmp(*at, name, n) != 0 || (*at)[n] != ' ')
        return NULL;
    const char *value = *at + n + 1;
    *length = (size_t)(line_end - value);
    *at = line_end + 1;
    return value;
}

static int take_number(const char **at, const char *end, const char *name, uint64_t max, uint64_t *number)
{
    size_t length;
    const char *value = take_line(at, end, name, &length);
    if (value == NULL || length == 0 || length > 18)
        return -1;
    *number = 0;
    for (size_t i = 0; i < length; i++) {
        if (value[i] < '0' || value[i] > '9')
            return -1;
        *number = *number * 10 + (uint64_t)(value[i] - '0');
    }
    return *number <= max ? 0 : -1;
}

/* Sixteen hexadecimal digits, as they are written. */
static int take_hash(const char **at, const char *end, const char *name, uint64_t *hash)
{
    size_t length;
    const char *value = take_line(at, end, name, &length);
    *hash = 0;
    if (value == NULL || length != 16)
        return -1;
    for (size_t i = 0; i < length; i++) {
        int digit = value[i] >= '0' && value[i] <= '9'   ? value[i] - '0'
                    : value[i] >= 'a' && value[i] <= 'f' ? value[i] - 'a' + 10
                                                         : -1;
        if (digit < 0)
            return -1;
        *hash = *hash << 4 | (uint64_t)digit;
    }
    return 0;
}

static const char *skip_head(const uint8_t *token, size_t length, const char *head)
{
    size_t n = strlen(head);
    return length > n && memcmp(token, head, n) == 0 ? (const char *)token + n : NULL;
}

int dataverse_position_read(const uint8_t *token, size_t length, struct dataverse_position *position,
                            char **link)
{
    const char *at = skip_head(token, length, POSITION_HEAD);
    const char *end = (const char *)token + length;
    uint64_t page_size;
    size_t n;
    *link = NULL;
    memset(position, 0, sizeof *position);
    if (at == NULL)
        return -1;
    const char *watermark = take_line(&at, end, "watermark", &n);
    if (watermark == NULL)
        return -1;
    position->watermark = INT64_MIN;
    if (!(n == 1 && watermark[0] == '-') && plugin_time_timestamp(watermark, n, &position->watermark) != 0)
        return -1;
    if (take_number(&at, end, "rows", UINT64_MAX, &position->rows) != 0 ||
        take_number(&at, end, "page", UINT64_MAX, &position->page) != 0 ||
        take_number(&at, end, "page_size", 5000, &page_size) != 0 || page_size == 0 ||
        take_hash(&at, end, "columns", &position->columns) != 0 || at == end ||
        memchr(at, '\0', (size_t)(end - at)) != NULL)
        return -1;
    position->page_size = (uint32_t)page_size;
    *link = strndup(at, (size_t)(end - at));
    position->link = *link;
    return *link != NULL ? 0 : -1;
}

int dataverse_cursor_write(int64_t from, struct dataverse_buffer *out)
{
    char text[24];
    dataverse_time_text(from, text);
    return write_all(out, CURSOR_HEAD, text);
}

int dataverse_cursor_read(const uint8_t *token, size_t length, int64_t *from)
{
    const char *at = skip_head(token, length, CURSOR_HEAD);
    return at != NULL ? plugin_time_timestamp(at, (size_t)((const char *)token + length - at), from) : -1;
}
