/* base64.h - bytes as base64 (RFC 4648, with padding). */
#ifndef DVSI_DATA_BASE64_H
#define DVSI_DATA_BASE64_H

#include "base/arena.h"
#include "base/buf.h"

void dvsi_base64_encode(dvsi_buf *out, const void *data, size_t length);
/* The bytes, in `arena`; NULL when the text is no base64 (*length is then 0) or memory is out (*length is
 * then SIZE_MAX). Padding is needed, white space is not allowed, unused bits are zero. */
uint8_t *dvsi_base64_decode(dvsi_arena *arena, const char *text, size_t text_length, size_t *length);

#endif
