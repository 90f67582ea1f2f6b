/* failing_malloc.h (tests) - the program's own malloc, calloc and realloc, whose n-th call fails.
 *
 * The definitions take the place of the C library's for the whole program; free stays as it is. */
#ifndef TEST_FAILING_MALLOC_H
#define TEST_FAILING_MALLOC_H

#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER_ALLOCATOR 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER_ALLOCATOR 1
#endif

/* 0: nothing fails; 1: the next call does, and so on. fail_hit: it did. */
static size_t fail_countdown;
static int fail_hit;
static size_t malloc_calls;

#ifdef SANITIZER_ALLOCATOR
/* The sanitizers do not bear another malloc: nothing can fail, the tests that need it are skipped. */
#define NEED_FAILING_MALLOC() skip()
#else
#define NEED_FAILING_MALLOC() ((void)0)

#define REAL(name) __libc_##name

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);

static int fails_now(void)
{
    malloc_calls++;
    if (fail_countdown == 0 || --fail_countdown > 0)
        return 0;
    fail_hit = 1;
    return 1;
}

void *malloc(size_t size)
{
    return fails_now() ? NULL : REAL(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : REAL(calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails_now() ? NULL : REAL(realloc)(old, size);
}
#endif

/* Runs `work` with the first, second, ... allocation failing, until it gets through without one. `work`
 * returns 0 when it succeeded; it must fail whenever an allocation did. Returns how often one failed, or
 * SIZE_MAX when a failure went unnoticed. */
static size_t fail_each(int (*work)(void))
{
    for (size_t n = 1;; n++) {
        int result;

        fail_hit = 0;
        fail_countdown = n;
        result = work();
        fail_countdown = 0;
        if (!fail_hit)
            return result == 0 ? n - 1 : SIZE_MAX;
        if (result == 0)
            return SIZE_MAX;
    }
}

#endif
