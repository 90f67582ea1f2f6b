/* random.h (tests) - a small generator with a fixed start, so that a failure comes again. */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

/* xorshift64* */
static inline uint64_t random_bits(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(2685821657736338717);
}

static inline size_t random_below(size_t limit)
{
    return (size_t)((random_bits() >> 16) % limit);
}

#endif
