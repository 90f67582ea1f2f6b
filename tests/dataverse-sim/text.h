/*
 * text.h - a growing string.
 */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* All zero is the empty text. `data` ends in NUL unless it is NULL. When memory is out, `failed` is set and
 * what follows is ignored: look at it once, at the end. */
struct sim_text {
    char *data;
    size_t length;
    size_t capacity;
    int failed;
};

void sim_text_add(struct sim_text *text, const char *bytes, size_t n);
void sim_text_puts(struct sim_text *text, const char *string);
__attribute__((format(printf, 2, 3))) void sim_text_printf(struct sim_text *text, const char *format, ...);
/* A JSON string, quotes included. */
void sim_text_json(struct sim_text *text, const char *bytes, size_t n);
/* Room for n bytes and a NUL at data + length, for a caller that writes them itself and adds to length; NULL
 * (and `failed`) when memory is out. */
char *sim_text_room(struct sim_text *text, size_t n);
/* Gives the string to the caller, who frees it, and empties the text; NULL when memory is out. */
char *sim_text_take(struct sim_text *text, size_t *length);
void sim_text_free(struct sim_text *text);

#endif
