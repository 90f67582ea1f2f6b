/* json_out.h - writing a JSON document piece by piece; commas come by themselves. */
#ifndef DVSI_CONFIG_JSON_OUT_H
#define DVSI_CONFIG_JSON_OUT_H

#include "base/buf.h"

void dvsi_out_open(dvsi_buf *out, char bracket);  /* '{' or '[', as a value */
void dvsi_out_close(dvsi_buf *out, char bracket); /* '}' or ']' */
void dvsi_out_name(dvsi_buf *out, const char *name);
void dvsi_out_text(dvsi_buf *out, const char *text);
void dvsi_out_raw(dvsi_buf *out, const char *json); /* JSON as it stands, as a value */
/* A member: name and text, or nothing when the text is NULL. */
void dvsi_out_member(dvsi_buf *out, const char *name, const char *text);

#endif
