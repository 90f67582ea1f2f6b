/* console.h - standard error: messages as text or JSON, and the lines of the progress below them. */
#ifndef DVSI_CLI_CONSOLE_H
#define DVSI_CLI_CONSOLE_H

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define DVSI_CLI_ERROR 0
#define DVSI_CLI_WARNING 1
#define DVSI_CLI_INFO 2
#define DVSI_CLI_DEBUG 3

typedef struct dvsi_cli_console {
    pthread_mutex_t mutex; /* the library logs from several threads */
    int32_t level;         /* nothing above it is printed */
    int json;
    int color;
    int terminal; /* 1: stderr is one that can move its cursor */
    size_t drawn; /* lines of progress on the screen */
} dvsi_cli_console;

/* One message, one line: "dvsync: error: MESSAGE". Any thread. */
void dvsi_cli_say(dvsi_cli_console *console, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* For dvs_context_options.log; the context is a dvsi_cli_console. */
void dvsi_cli_log(void *context, int32_t level, const char *message);
/* Something to be read although nobody asked for it, whatever the level but with --quiet: progress as
 * messages. */
void dvsi_cli_notice(dvsi_cli_console *console, const char *message);

/* Draws lines (valid, printable UTF-8, each ending in a newline, none wider than the terminal) in the place
 * of those drawn before; "" with 0 lines takes them away. */
void dvsi_cli_draw(dvsi_cli_console *console, const char *lines, size_t n_lines);
/* Columns and rows of the terminal behind stderr. */
void dvsi_cli_terminal_size(size_t *columns, size_t *rows);

#endif
