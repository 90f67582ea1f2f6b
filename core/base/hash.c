/* hash.c - see hash.h. */
#include "base/hash.h"

#include <stdlib.h>
#include <sys/types.h>

#include <sha2.h>
#define XXH_INLINE_ALL /* most of what is hashed is a few bytes: a call costs as much as the hash */
#include <xxhash.h>

uint64_t dvsi_hash64(const void *data, size_t length)
{
    return XXH64(data, length, 0);
}

uint32_t dvsi_hash32(const void *data, size_t length)
{
    return XXH32(data, length, 0);
}

struct dvsi_sha256 {
    SHA2_CTX context;
};

static void finish(SHA2_CTX *context, char hex[DVSI_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256Final(digest, context);
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * sizeof digest] = '\0';
}

void dvsi_hash_sha256(const void *data, size_t length, char hex[DVSI_SHA256_HEX])
{
    SHA2_CTX context;

    SHA256Init(&context);
    if (length > 0)
        SHA256Update(&context, data, length);
    finish(&context, hex);
}

dvsi_sha256 *dvsi_sha256_new(void)
{
    dvsi_sha256 *sha = malloc(sizeof *sha);

    if (sha != NULL)
        SHA256Init(&sha->context);
    return sha;
}

void dvsi_sha256_add(dvsi_sha256 *sha, const void *data, size_t length)
{
    if (length > 0)
        SHA256Update(&sha->context, data, length);
}

void dvsi_sha256_end(dvsi_sha256 *sha, char hex[DVSI_SHA256_HEX])
{
    finish(&sha->context, hex);
    free(sha);
}

void dvsi_sha256_free(dvsi_sha256 *sha)
{
    free(sha);
}
