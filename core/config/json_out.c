#include "config/json_out.h"

#include <string.h>

#include "data/json.h"

static void separate(dvsi_buf *out)
{
    if (out->length > 0 && !strchr("{[:,", out->data[out->length - 1]))
        dvsi_buf_putc(out, ',');
}

void dvsi_out_open(dvsi_buf *out, char bracket)
{
    separate(out);
    dvsi_buf_putc(out, bracket);
}

void dvsi_out_close(dvsi_buf *out, char bracket)
{
    dvsi_buf_putc(out, bracket);
}

void dvsi_out_text(dvsi_buf *out, const char *text)
{
    separate(out);
    dvsi_json_string(out, text, strlen(text));
}

void dvsi_out_name(dvsi_buf *out, const char *name)
{
    dvsi_out_text(out, name);
    dvsi_buf_putc(out, ':');
}

void dvsi_out_raw(dvsi_buf *out, const char *json)
{
    separate(out);
    dvsi_buf_puts(out, json);
}

void dvsi_out_member(dvsi_buf *out, const char *name, const char *text)
{
    if (!text)
        return;
    dvsi_out_name(out, name);
    dvsi_out_text(out, text);
}
