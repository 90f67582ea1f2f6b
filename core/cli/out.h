/* out.h - standard output: buffered, escaped for people, and honest about what could not be written. */
#ifndef DVSI_CLI_OUT_H
#define DVSI_CLI_OUT_H

#include <stddef.h>

#include "base/buf.h"

#define DVSI_CLI_RED "\033[31m"
#define DVSI_CLI_GREEN "\033[32m"
#define DVSI_CLI_YELLOW "\033[33m"
#define DVSI_CLI_CYAN "\033[36m"
#define DVSI_CLI_BOLD "\033[1m"
#define DVSI_CLI_PLAIN "\033[0m"

typedef struct dvsi_cli_out {
    dvsi_buf buffer;
    int fd;
    int color; /* 1: write colours   */
    int error; /* the first errno, 0: none; nothing is written after it */
} dvsi_cli_out;

/* As it is: our own words, and JSON. */
void dvsi_cli_put(dvsi_cli_out *out, const char *text);
void dvsi_cli_printf(dvsi_cli_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text from elsewhere: control and bidi characters and invalid UTF-8 escaped. At most `most` bytes, 0:
 * all. */
void dvsi_cli_show(dvsi_cli_out *out, const char *text);
void dvsi_cli_show_most(dvsi_cli_out *out, const char *text, size_t length, size_t most);
/* A colour from here on (DVSI_CLI_PLAIN: none), if there are colours. */
void dvsi_cli_paint(dvsi_cli_out *out, const char *color);
/* Writes what is buffered; 0, or -1 once anything could not be written. */
int dvsi_cli_flush(dvsi_cli_out *out);

/* Writes a file: a new one, or (`replace`) in place of one that is there. 0, or errno; a new one is not left
 * half-written. */
int dvsi_cli_write_file(const char *path, const char *text, size_t length, int replace);

#endif
