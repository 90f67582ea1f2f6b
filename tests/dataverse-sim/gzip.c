#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "gzip.h"

#define KEPT_ENTRIES 256
#define KEPT_BYTES ((size_t)128 << 20)

/* A body is known by its length and two sums: enough for a simulator, whose bodies nobody forges. */
struct kept {
    size_t plain_length;
    unsigned long crc, adler;
    unsigned char *data;
    size_t length;
};

struct sim_gzip {
    pthread_mutex_t lock;
    struct kept kept[KEPT_ENTRIES]; /* a ring */
    size_t next;
    size_t bytes;
};

struct sim_gzip *sim_gzip_new(void)
{
    struct sim_gzip *gzip = calloc(1, sizeof *gzip);
    if (gzip == NULL || pthread_mutex_init(&gzip->lock, NULL) != 0) {
        free(gzip);
        return NULL;
    }
    return gzip;
}

void sim_gzip_free(struct sim_gzip *gzip)
{
    if (gzip == NULL)
        return;
    for (size_t i = 0; i < KEPT_ENTRIES; i++)
        free(gzip->kept[i].data);
    pthread_mutex_destroy(&gzip->lock);
    free(gzip);
}

int sim_gzip_accepted(const char *accept_encoding)
{
    const char *at = accept_encoding;
    while (at != NULL && *at != '\0') {
        at += strspn(at, " \t,");
        size_t n = strcspn(at, " \t,;");
        size_t whole = strcspn(at, ",");
        if ((n == 4 && strncasecmp(at, "gzip", 4) == 0) || (n == 1 && *at == '*')) {
            const char *q = memmem(at, whole, "q=0", 3);
            return q == NULL || strspn(q + 2, "0.") < strspn(q + 2, "0123456789."); /* q=0.000 forbids it */
        }
        at += whole;
    }
    return 0;
}

static char *compress_body(const char *body, size_t length, size_t *out_length)
{
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    if (length > UINT32_MAX / 2 ||
        deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    size_t bound = deflateBound(&stream, length);
    char *out = malloc(bound);
    char *in = NULL;
    int rc = Z_MEM_ERROR;
    if (out != NULL) {
        memcpy(&in, &body, sizeof in); /* zlib's field is not const, but it only reads */
        stream.next_in = (Bytef *)in;
        stream.avail_in = (uInt)length;
        stream.next_out = (Bytef *)out;
        stream.avail_out = (uInt)bound;
        rc = deflate(&stream, Z_FINISH);
        *out_length = stream.total_out;
    }
    deflateEnd(&stream);
    if (rc == Z_STREAM_END)
        return out;
    free(out);
    return NULL;
}

static char *find(struct sim_gzip *gzip, const struct kept *wanted, size_t *length)
{
    char *copy = NULL;
    pthread_mutex_lock(&gzip->lock);
    for (size_t i = 0; i < KEPT_ENTRIES; i++) {
        const struct kept *kept = &gzip->kept[i];
        if (kept->data == NULL || kept->plain_length != wanted->plain_length || kept->crc != wanted->crc ||
            kept->adler != wanted->adler)
            continue;
        copy = malloc(kept->length);
        if (copy != NULL)
            memcpy(copy, kept->data, kept->length);
        *length = kept->length;
        break;
    }
    pthread_mutex_unlock(&gzip->lock);
    return copy;
}

static void drop(struct sim_gzip *gzip, size_t i)
{
    gzip->bytes -= gzip->kept[i].length;
    free(gzip->kept[i].data);
    memset(&gzip->kept[i], 0, sizeof gzip->kept[i]);
}

static void keep(struct sim_gzip *gzip, struct kept entry, const char *data, size_t length)
{
    if (length > KEPT_BYTES / 4)
        return;
    entry.data = malloc(length);
    entry.length = length;
    if (entry.data == NULL)
        return;
    memcpy(entry.data, data, length);
    pthread_mutex_lock(&gzip->lock);
    size_t place = gzip->next++ % KEPT_ENTRIES;
    drop(gzip, place);
    for (size_t i = 1; gzip->bytes + length > KEPT_BYTES && i < KEPT_ENTRIES; i++)
        drop(gzip, (place + i) % KEPT_ENTRIES); /* the oldest follow */
    gzip->kept[place] = entry;
    gzip->bytes += length;
    pthread_mutex_unlock(&gzip->lock);
}

void sim_gzip_answer(struct sim_gzip *gzip, struct sim_answer *answer)
{
    struct kept entry = {.plain_length = answer->length};
    size_t length = 0;
    char *data = NULL;
    if (gzip != NULL) {
        entry.crc = crc32_z(crc32(0, NULL, 0), (const Bytef *)answer->body, answer->length);
        entry.adler = adler32_z(adler32(0, NULL, 0), (const Bytef *)answer->body, answer->length);
        data = find(gzip, &entry, &length);
    }
    if (data == NULL) {
        data = compress_body(answer->body, answer->length, &length);
        if (data == NULL) {
            answer->failed = 1;
            return;
        }
        if (gzip != NULL)
            keep(gzip, entry, data, length);
    }
    free(answer->body);
    answer->body = data;
    answer->length = length;
    answer->compressed = 1;
    sim_answer_header(answer, "Content-Encoding", "gzip");
}
