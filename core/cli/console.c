/* console.c - standard error. */
#include "cli/console.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "cli/out.h"

static const char *level_name(int32_t level)
{
    switch (level) {
    case DVSI_CLI_ERROR:
        return "error";
    case DVSI_CLI_WARNING:
        return "warning";
    case DVSI_CLI_INFO:
        return "info";
    default:
        return "debug";
    }
}

static void write_all(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(STDERR_FILENO, text, length);

        if (n <= 0)
            return; /* nobody is left to be told */
        text += n;
        length -= (size_t)n;
    }
}

static void add_json(dvsi_buf *line, const char *level, const char *message)
{
    dvsi_buf shown = {0};
    struct timespec now;
    struct tm utc;
    char time[64] = "";
    json_t *document;
    char *text;

    /* JSON has escapes of its own for control characters; only bytes that are no text need ours. */
    if (dvsi_utf8_valid(message, strlen(message)) != strlen(message)) {
        dvsi_utf8_show(&shown, message, strlen(message), 0);
        message = dvsi_buf_text(&shown);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc)) {
        size_t n = strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(time + n, sizeof(time) - n, ".%06ldZ", now.tv_nsec / 1000);
    }
    document = json_pack("{s:s, s:s, s:s}", "time", time, "level", level, "message", message);
    text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    if (text)
        dvsi_buf_puts(line, text);
    free(text);
    json_decref(document);
    dvsi_buf_free(&shown);
}

static const char *level_color(int32_t level)
{
    return level == DVSI_CLI_ERROR     ? DVSI_CLI_RED
           : level == DVSI_CLI_WARNING ? DVSI_CLI_YELLOW
                                       : DVSI_CLI_CYAN;
}

static void add_text(const dvsi_cli_console *console, dvsi_buf *line, int32_t level, const char *label,
                     const char *message)
{
    dvsi_buf_puts(line, "dvsync: ");
    if (label) {
        dvsi_buf_printf(line, "%s%s:%s ", console->color ? level_color(level) : "", label,
                        console->color ? DVSI_CLI_PLAIN : "");
    }
    dvsi_utf8_show(line, message, strlen(message), 0);
}

/* The progress stays at the bottom of the screen: away with it, the message, and it is drawn anew in time. */
static void take_away(dvsi_cli_console *console, dvsi_buf *line)
{
    if (console->drawn > 0)
        dvsi_buf_printf(line, "\033[%zuA\r\033[J", console->drawn);
    console->drawn = 0;
}

static void print(dvsi_cli_console *console, int32_t level, const char *label, const char *message)
{
    dvsi_buf line = {0};

    pthread_mutex_lock(&console->mutex);
    take_away(console, &line);
    if (console->json)
        add_json(&line, label ? label : "info", message);
    else
        add_text(console, &line, level, label, message);
    dvsi_buf_putc(&line, '\n');
    if (!line.failed)
        write_all(line.data, line.length);
    pthread_mutex_unlock(&console->mutex);
    dvsi_buf_free(&line);
}

void dvsi_cli_log(void *context, int32_t level, const char *message)
{
    dvsi_cli_console *console = (dvsi_cli_console *)context;

    if (level <= console->level)
        print(console, level, level_name(level), message);
}

void dvsi_cli_say(dvsi_cli_console *console, int32_t level, const char *format, ...)
{
    dvsi_buf message = {0};
    va_list args;

    va_start(args, format);
    dvsi_buf_vprintf(&message, format, args);
    va_end(args);
    dvsi_cli_log(console, level, message.failed ? "memory ran out" : dvsi_buf_text(&message));
    dvsi_buf_free(&message);
}

void dvsi_cli_notice(dvsi_cli_console *console, const char *message)
{
    if (console->level > DVSI_CLI_ERROR)
        print(console, DVSI_CLI_INFO, NULL, message);
}

void dvsi_cli_draw(dvsi_cli_console *console, const char *lines, size_t n_lines)
{
    dvsi_buf text = {0};

    pthread_mutex_lock(&console->mutex);
    if (console->drawn > 0 || n_lines > 0) {
        take_away(console, &text);
        dvsi_buf_puts(&text, lines);
        if (!text.failed) {
            write_all(text.data, text.length);
            console->drawn = n_lines;
        }
    }
    pthread_mutex_unlock(&console->mutex);
    dvsi_buf_free(&text);
}

void dvsi_cli_terminal_size(size_t *columns, size_t *rows)
{
    struct winsize size;

    *columns = 80;
    *rows = 24;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
}
