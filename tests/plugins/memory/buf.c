/* buf.c - bytes of the journal, little-endian. */
#include "memory.h"

#include <stdlib.h>

void memory_put(memory_buf *buf, const void *data, size_t length)
{
    if (buf->failed || length == 0)
        return;
    if (length > buf->capacity - buf->length) {
        size_t capacity = buf->capacity != 0 ? buf->capacity : 4096;
        uint8_t *grown;
        while (capacity <= SIZE_MAX / 4 && capacity - buf->length < length)
            capacity *= 2;
        grown = capacity - buf->length >= length ? realloc(buf->data, capacity) : NULL;
        if (grown == NULL) {
            buf->failed = 1;
            return;
        }
        buf->data = grown;
        buf->capacity = capacity;
    }
    memcpy(buf->data + buf->length, data, length);
    buf->length += length;
}

void memory_put_u8(memory_buf *buf, uint8_t value)
{
    memory_put(buf, &value, 1);
}

void memory_put_u32(memory_buf *buf, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    memory_put(buf, bytes, 4);
}

void memory_put_u64(memory_buf *buf, uint64_t value)
{
    memory_put_u32(buf, (uint32_t)value);
    memory_put_u32(buf, (uint32_t)(value >> 32));
}

void memory_put_text(memory_buf *buf, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    memory_put_u32(buf, (uint32_t)length);
    memory_put(buf, text, length);
}

static int has_bytes(uint32_t kind)
{
    return kind == DVS_DECIMAL || kind == DVS_TEXT || kind == DVS_BYTES || kind == DVS_UUID ||
           kind == DVS_JSON;
}

void memory_put_cell(memory_buf *buf, const dvs_cell *cell)
{
    uint8_t kind = cell->kind == DVS_ABSENT ? DVS_NULL : cell->kind;
    uint64_t bits = 0;
    memory_put_u8(buf, kind);
    if (kind == DVS_NULL)
        return;
    if (has_bytes(kind)) {
        memory_put_u32(buf, cell->length);
        memory_put(buf, cell->v.bytes, cell->length);
    } else {
        memcpy(&bits, &cell->v, sizeof bits);
        memory_put_u64(buf, bits);
    }
}

static const uint8_t *take(memory_bytes *bytes, size_t length)
{
    const uint8_t *at = bytes->at;
    if (bytes->bad || (size_t)(bytes->end - bytes->at) < length) {
        bytes->bad = 1;
        return NULL;
    }
    bytes->at += length;
    return at;
}

uint8_t memory_get_u8(memory_bytes *bytes)
{
    const uint8_t *at = take(bytes, 1);
    return at != NULL ? *at : 0;
}

uint32_t memory_get_u32(memory_bytes *bytes)
{
    const uint8_t *at = take(bytes, 4);
    return at != NULL ? (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24
                      : 0;
}

uint64_t memory_get_u64(memory_bytes *bytes)
{
    uint64_t low = memory_get_u32(bytes);
    return low | (uint64_t)memory_get_u32(bytes) << 32;
}

char *memory_get_text(memory_bytes *bytes)
{
    uint32_t length = memory_get_u32(bytes);
    const uint8_t *at = take(bytes, length);
    char *text = at != NULL ? malloc((size_t)length + 1) : NULL;
    if (text == NULL) {
        bytes->bad = 1;
        return NULL;
    }
    memcpy(text, at, length);
    text[length] = '\0';
    return text;
}

dvs_cell memory_get_cell(memory_bytes *bytes)
{
    dvs_cell cell = dvs_cell_make(memory_get_u8(bytes), 0);
    uint64_t bits;
    if (cell.kind >= DVS_KIND_COUNT) {
        bytes->bad = 1;
        return dvs_cell_make(DVS_NULL, 0);
    }
    if (cell.kind <= DVS_NULL)
        return cell;
    if (has_bytes(cell.kind)) {
        cell.length = memory_get_u32(bytes);
        cell.v.bytes = take(bytes, cell.length);
        if (cell.v.bytes == NULL)
            cell = dvs_cell_make(DVS_NULL, 0);
    } else {
        bits = memory_get_u64(bytes);
        memcpy(&cell.v, &bits, sizeof bits);
    }
    return cell;
}

uint32_t memory_crc(const void *data, size_t length)
{
    static const uint32_t TABLE[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const uint8_t *at = data;
    uint32_t crc = 0xffffffff;
    size_t i;
    for (i = 0; i < length; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ TABLE[crc & 15];
        crc = crc >> 4 ^ TABLE[crc & 15];
    }
    return ~crc;
}
