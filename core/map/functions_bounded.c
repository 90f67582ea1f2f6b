/* functions_bounded.c - instr, replace and the trims as SQLite has them, but in time that grows with the
 * texts' sum: its own take the product, minutes for two texts of a megabyte. */
#include "map/expression_parts.h"

#include <string.h>

#define MOST_TRIMMED 256 /* bytes of the characters to trim */

static size_t characters(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static void instr(sqlite3_context *context, int n, sqlite3_value **args)
{
    if (dvsi_function_null(context, n, args))
        return;
    int blobs = sqlite3_value_type(args[0]) == SQLITE_BLOB && sqlite3_value_type(args[1]) == SQLITE_BLOB;
    const char *in = blobs ? sqlite3_value_blob(args[0]) : (const void *)sqlite3_value_text(args[0]);
    size_t in_length = (size_t)sqlite3_value_bytes(args[0]);
    const char *what = blobs ? sqlite3_value_blob(args[1]) : (const void *)sqlite3_value_text(args[1]);
    size_t length = (size_t)sqlite3_value_bytes(args[1]);
    if ((in == NULL && in_length != 0) || (what == NULL && length != 0)) {
        sqlite3_result_error_nomem(context);
        return;
    }
    const char *found = length == 0 ? in : in_length == 0 ? NULL : memmem(in, in_length, what, length);
    if (length != 0 && found == NULL)
        sqlite3_result_int(context, 0);
    else if (length == 0 || found == in)
        sqlite3_result_int(context, 1);
    else
        sqlite3_result_int64(
            context,
            (sqlite3_int64)(blobs ? (size_t)(found - in) : characters(in, (size_t)(found - in))) + 1);
}

static void replace(sqlite3_context *context, int n, sqlite3_value **args)
{
    dvsi_buf out = {0};
    if (dvsi_function_null(context, n, args))
        return;
    const char *in = (const char *)sqlite3_value_text(args[0]);
    const char *what = (const char *)sqlite3_value_text(args[1]);
    const char *by = (const char *)sqlite3_value_text(args[2]);
    size_t left = (size_t)sqlite3_value_bytes(args[0]), length = (size_t)sqlite3_value_bytes(args[1]);
    size_t by_length = (size_t)sqlite3_value_bytes(args[2]);
    size_t most = (size_t)sqlite3_limit(dvsi_function_engine(context)->db, SQLITE_LIMIT_LENGTH, -1);
    if (in == NULL || what == NULL || by == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    const char *found = length != 0 && left != 0 ? memmem(in, left, what, length) : NULL;
    if (found == NULL) {
        sqlite3_result_value(context, args[0]);
        return;
    }
    for (; found != NULL && out.length <= most; found = memmem(in, left, what, length)) {
        dvsi_buf_add(&out, in, (size_t)(found - in));
        dvsi_buf_add(&out, by, by_length);
        left -= (size_t)(found - in) + length;
        in = found + length;
    }
    dvsi_buf_add(&out, in, left);
    if (out.failed)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text64(context, dvsi_buf_text(&out), out.length, SQLITE_TRANSIENT, SQLITE_UTF8);
    dvsi_buf_free(&out);
}

/* Bytes of the character at `at`. */
static size_t character(const char *at, const char *end)
{
    size_t n = 1;
    while (at + n < end && ((unsigned char)at[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* One of the characters `set` at the start (or the end) of the text: its bytes, or 0. */
static size_t trimmed(const char *at, const char *end, int at_end, const char *set, size_t set_length)
{
    const char *set_end = set + set_length;
    for (size_t n; set < set_end; set += n) {
        n = character(set, set_end);
        if ((size_t)(end - at) >= n && memcmp(at_end ? end - n : at, set, n) == 0)
            return n;
    }
    return 0;
}

static void trim_sides(sqlite3_context *context, sqlite3_value **args, int left, int right)
{
    if (dvsi_function_null(context, 2, args))
        return;
    const char *at = (const char *)sqlite3_value_text(args[0]);
    const char *end = at != NULL ? at + sqlite3_value_bytes(args[0]) : NULL;
    const char *set = (const char *)sqlite3_value_text(args[1]);
    size_t set_length = (size_t)sqlite3_value_bytes(args[1]), n;
    if (at == NULL || set == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    if (set_length > MOST_TRIMMED) {
        sqlite3_result_error(context, "trim: more than 256 bytes of characters to trim", -1);
        return;
    }
    while (left && at < end && (n = trimmed(at, end, 0, set, set_length)) != 0)
        at += n;
    while (right && at < end && (n = trimmed(at, end, 1, set, set_length)) != 0)
        end -= n;
    sqlite3_result_text64(context, at, (sqlite3_uint64)(end - at), SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void trim(sqlite3_context *context, int n, sqlite3_value **args)
{
    (void)n;
    trim_sides(context, args, 1, 1);
}

static void ltrim(sqlite3_context *context, int n, sqlite3_value **args)
{
    (void)n;
    trim_sides(context, args, 1, 0);
}

static void rtrim(sqlite3_context *context, int n, sqlite3_value **args)
{
    (void)n;
    trim_sides(context, args, 0, 1);
}

int dvsi_functions_add_bounded(dvsi_expressions *e)
{
    return dvsi_function_add(e, "instr", 2, 0, instr) != 0 ||
                   dvsi_function_add(e, "replace", 3, 0, replace) != 0 ||
                   dvsi_function_add(e, "trim", 2, 0, trim) != 0 ||
                   dvsi_function_add(e, "ltrim", 2, 0, ltrim) != 0 ||
                   dvsi_function_add(e, "rtrim", 2, 0, rtrim) != 0
               ? -1
               : 0;
}
