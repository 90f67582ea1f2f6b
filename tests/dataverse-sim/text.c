#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

char *sim_text_room(struct sim_text *text, size_t n)
{
    if (text->failed)
        return NULL;
    if (n >= text->capacity - text->length) {
        if (n >= SIZE_MAX / 2 - text->length) {
            text->failed = 1;
            return NULL;
        }
        size_t capacity = text->capacity < 256 ? 256 : text->capacity;
        while (capacity <= text->length + n)
            capacity *= 2;
        char *data = realloc(text->data, capacity);
        if (data == NULL) {
            text->failed = 1;
            return NULL;
        }
        text->data = data;
        text->capacity = capacity;
    }
    return text->data + text->length;
}

void sim_text_add(struct sim_text *text, const char *bytes, size_t n)
{
    char *at = sim_text_room(text, n);
    if (at == NULL)
        return;
    memcpy(at, bytes, n);
    at[n] = '\0';
    text->length += n;
}

void sim_text_puts(struct sim_text *text, const char *string)
{
    sim_text_add(text, string, strlen(string));
}

void sim_text_printf(struct sim_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *at = n < 0 ? NULL : sim_text_room(text, (size_t)n);
    if (at != NULL) {
        vsnprintf(at, (size_t)n + 1, format, again);
        text->length += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void sim_text_json(struct sim_text *text, const char *bytes, size_t n)
{
    sim_text_add(text, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        sim_text_add(text, bytes + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\')
            sim_text_printf(text, "\\%c", c);
        else if (c == '\n')
            sim_text_puts(text, "\\n");
        else
            sim_text_printf(text, "\\u%04x", c);
    }
    sim_text_add(text, bytes + from, n - from);
    sim_text_add(text, "\"", 1);
}

char *sim_text_take(struct sim_text *text, size_t *length)
{
    if (text->failed || sim_text_room(text, 0) == NULL) {
        sim_text_free(text);
        return NULL;
    }
    text->data[text->length] = '\0';
    char *data = text->data;
    if (length != NULL)
        *length = text->length;
    memset(text, 0, sizeof *text);
    return data;
}

void sim_text_free(struct sim_text *text)
{
    free(text->data);
    memset(text, 0, sizeof *text);
}
