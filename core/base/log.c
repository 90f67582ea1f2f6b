/* log.c - see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void dvsi_log_printf(const dvsi_log *log, int32_t level, const char *format, ...)
{
    char small[1024];
    char *large = NULL;
    va_list args;
    int length;

    if (log == NULL || log->write == NULL || level > log->level)
        return;
    va_start(args, format);
    length = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof small && (large = malloc((size_t)length + 1)) != NULL) {
        va_start(args, format);
        vsnprintf(large, (size_t)length + 1, format, args);
        va_end(args);
    }
    log->write(log->context, level, large != NULL ? large : small);
    free(large);
}
