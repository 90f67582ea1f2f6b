/* out.c - standard output. Not stdio, which forgets the errno of a write that failed in the middle. */
#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

#define ENOUGH (64u * 1024u)

static void flush_when_full(dvsi_cli_out *out)
{
    if (out->buffer.length >= ENOUGH || out->buffer.failed)
        dvsi_cli_flush(out);
}

void dvsi_cli_put(dvsi_cli_out *out, const char *text)
{
    dvsi_buf_puts(&out->buffer, text);
    flush_when_full(out);
}

void dvsi_cli_printf(dvsi_cli_out *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    dvsi_buf_vprintf(&out->buffer, format, args);
    va_end(args);
    flush_when_full(out);
}

void dvsi_cli_show_most(dvsi_cli_out *out, const char *text, size_t length, size_t most)
{
    dvsi_utf8_show(&out->buffer, text, length, most);
    flush_when_full(out);
}

void dvsi_cli_show(dvsi_cli_out *out, const char *text)
{
    dvsi_cli_show_most(out, text, strlen(text), 0);
}

void dvsi_cli_paint(dvsi_cli_out *out, const char *color)
{
    if (out->color)
        dvsi_cli_put(out, color);
}

int dvsi_cli_flush(dvsi_cli_out *out)
{
    size_t done = 0;

    if (out->buffer.failed && !out->error)
        out->error = ENOMEM;
    while (done < out->buffer.length && !out->error) {
        ssize_t n = write(out->fd, out->buffer.data + done, out->buffer.length - done);

        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            out->error = errno;
    }
    dvsi_buf_clear(&out->buffer);
    return out->error ? -1 : 0;
}

int dvsi_cli_write_file(const char *path, const char *text, size_t length, int replace)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL), 0666);
    int failed = fd < 0 ? errno : 0;

    while (!failed && length > 0) {
        ssize_t n = write(fd, text, length);
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            failed = errno;
        }
    }
    if (fd >= 0 && close(fd) != 0 && !failed)
        failed = errno;
    if (failed && fd >= 0 && !replace)
        unlink(path);
    return failed;
}
