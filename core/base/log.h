/* log.h - where messages go: a callback with a level, none by default. */
#ifndef DVSI_BASE_LOG_H
#define DVSI_BASE_LOG_H

#include <stdint.h>

#include "dvsync/plugin.h" /* DVS_LOG_ */

/* All zero is a silent log. The callback may be called from several threads at once. */
typedef struct dvsi_log {
    void (*write)(void *context, int32_t level, const char *message);
    void *context;
    int32_t level; /* messages above this level are not passed on */
} dvsi_log;

void dvsi_log_printf(const dvsi_log *log, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
