/*
 * dvsync/plugin_util.h - small conveniences for plugin authors, all of them inline: nothing to link.
 */
#ifndef DVSYNC_PLUGIN_UTIL_H
#define DVSYNC_PLUGIN_UTIL_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DVS_UTIL_UNUSED __attribute__((unused))
#define DVS_UTIL_PRINTF(at, from) __attribute__((format(printf, at, from)))
#else
#define DVS_UTIL_UNUSED
#define DVS_UTIL_PRINTF(at, from)
#endif

/* Fills *err and returns `status`: `return dvs_fail(err, DVS_E_IO, DVS_SCOPE_STREAM, "...", ...)`. */
DVS_UTIL_UNUSED DVS_UTIL_PRINTF(4, 5) static int32_t dvs_fail(dvs_error *err, int32_t status,
                                                              int32_t scope, const char *format, ...)
{
    va_list args;
    err->status = status;
    err->scope = scope;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

/* What a slot returns for an answer of put_row or put_error: 0 as long as the slot should go on pushing,
 * else the status to return at once in *status (DVS_OK for "full"). */
DVS_UTIL_UNUSED static int dvs_put_done(int32_t answer, int32_t *status, dvs_error *err)
{
    switch (answer) {
    case DVS_PUT_OK:
    case DVS_PUT_ROW_ERROR:
        return 0;
    case DVS_PUT_FULL:
        *status = DVS_OK;
        return 1;
    case DVS_PUT_CANCELLED:
        *status = dvs_fail(err, DVS_E_CANCELLED, DVS_SCOPE_STREAM, "cancelled");
        return 1;
    default:
        *status = dvs_fail(err, DVS_E_ABI, DVS_SCOPE_STREAM, "the host refused what the plugin pushed");
        return 1;
    }
}

/* A setting by name; NULL when it has no value. */
DVS_UTIL_UNUSED static const dvs_setting *dvs_setting_get(const dvs_settings *settings, const char *name)
{
    uint32_t i;
    for (i = 0; i < settings->n_settings; i++) {
        const dvs_setting *s =
            (const dvs_setting *)(const void *)((const char *)settings->settings + (size_t)i * settings->stride);
        if (strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

DVS_UTIL_UNUSED static const char *dvs_setting_text(const dvs_settings *settings, const char *name,
                                                    const char *otherwise)
{
    const dvs_setting *s = dvs_setting_get(settings, name);
    return s != NULL && s->value.kind == DVS_TEXT ? s->value.v.text : otherwise;
}

DVS_UTIL_UNUSED static int64_t dvs_setting_int(const dvs_settings *settings, const char *name, int64_t otherwise)
{
    const dvs_setting *s = dvs_setting_get(settings, name);
    return s != NULL && (s->value.kind == DVS_INT64 || s->value.kind == DVS_BOOL) ? s->value.v.i64 : otherwise;
}

/* Cells without copying: the bytes must stay until the host has taken the row. */
DVS_UTIL_UNUSED static dvs_cell dvs_cell_make(uint32_t kind, int64_t i64)
{
    dvs_cell cell;
    memset(&cell, 0, sizeof cell);
    cell.kind = (uint8_t)kind;
    cell.v.i64 = i64;
    return cell;
}

DVS_UTIL_UNUSED static dvs_cell dvs_cell_make_bytes(uint32_t kind, const void *data, uint32_t length)
{
    dvs_cell cell;
    memset(&cell, 0, sizeof cell);
    cell.kind = (uint8_t)kind;
    cell.length = length;
    cell.v.bytes = (const uint8_t *)data;
    return cell;
}

#ifdef __cplusplus
}
#endif

#endif
