/* clock.c - see clock.h. */
#include "base/clock.h"

#include <errno.h>
#include <stddef.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now = {0, 0};

    clock_gettime(id, &now); /* cannot fail with these clocks */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t dvsi_clock_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t dvsi_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int dvsi_clock_uuid7(int64_t now, char out[DVSI_RUN_ID_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];
    uint64_t millis;
    uint32_t fraction;
    size_t done = 0, at = 0;

    if (now < 0)
        return -1;
    while (done < sizeof bytes) {
        ssize_t got = getrandom(bytes + done, sizeof bytes - done, 0);

        if (got > 0)
            done += (size_t)got;
        else if (got < 0 && errno != EINTR)
            return -1;
    }
    /* RFC 9562, 5.7 with 6.2 method 3: 48 bits of milliseconds, then 12 bits of what is below them. */
    millis = (uint64_t)now / 1000;
    fraction = (uint32_t)((uint64_t)now % 1000 * 4096 / 1000);
    for (size_t i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(millis >> (40 - 8 * i));
    bytes[6] = (uint8_t)(0x70 | fraction >> 8);
    bytes[7] = (uint8_t)fraction;
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = hex[bytes[i] >> 4];
        out[at++] = hex[bytes[i] & 15];
    }
    out[at] = '\0';
    return 0;
}
