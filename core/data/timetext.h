/* timetext.h - dates and timestamps as text. */
#ifndef DVSI_DATA_TIMETEXT_H
#define DVSI_DATA_TIMETEXT_H

#include <stddef.h>
#include <stdint.h>

#define DVSI_DATE_SIZE 11
#define DVSI_TIMESTAMP_SIZE 28

/* Years 0001 to 9999. */
#define DVSI_DATE_MIN INT64_C(-719162)
#define DVSI_DATE_MAX INT64_C(2932896)
#define DVSI_TIMESTAMP_MIN INT64_C(-62135596800000000)
#define DVSI_TIMESTAMP_MAX INT64_C(253402300799999999)

/* "2024-02-29": days since 1970-01-01. Out with NUL; returns the length (10). */
size_t dvsi_date_format(int64_t days, char out[DVSI_DATE_SIZE]);
int dvsi_date_parse(const char *text, size_t length, int64_t *days);
/* "2024-02-29T12:00:00.000000Z": microseconds since 1970. Out with NUL; returns the length (27). */
size_t dvsi_timestamp_format(int64_t micros, char out[DVSI_TIMESTAMP_SIZE]);
/*
 * RFC 3339, a little wider: 'T', 't' or a space between date and time; seconds may be missing; a fraction
 * of any length (beyond six digits it is cut off); then Z, z, or an offset +hh:mm, +hhmm or +hh. A time
 * without zone is refused. Second 60 becomes the next minute's 0. 0 or -1.
 */
int dvsi_timestamp_parse(const char *text, size_t length, int64_t *micros);

#endif
