/* hash.h - the two hashes in use. */
#ifndef DVSI_BASE_HASH_H
#define DVSI_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Fast, not against an attacker (XXH64). */
uint64_t dvsi_hash64(const void *data, size_t length);
uint32_t dvsi_hash32(const void *data, size_t length);

#define DVSI_SHA256_HEX 65
/* SHA-256 as lower-case hex with NUL. */
void dvsi_hash_sha256(const void *data, size_t length, char hex[DVSI_SHA256_HEX]);

/* The same piece by piece: NULL when memory is out; _end frees, as does _free. */
typedef struct dvsi_sha256 dvsi_sha256;
dvsi_sha256 *dvsi_sha256_new(void);
void dvsi_sha256_add(dvsi_sha256 *sha, const void *data, size_t length);
void dvsi_sha256_end(dvsi_sha256 *sha, char hex[DVSI_SHA256_HEX]);
void dvsi_sha256_free(dvsi_sha256 *sha);

#endif
