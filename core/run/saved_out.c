/* saved_out.c - a plan's file on its way: beside its place until it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "run/saved_parts.h"

struct dvsi_saved_out {
    char *path;
    char *temporary; /* NULL: it is in its place */
    FILE *file;
    dvsi_sha256 *sha;
};

static int32_t failed(const dvsi_saved_out *out, dvs_error *err)
{
    int32_t status = errno == ENOSPC ? DVS_E_DISK_FULL : DVS_E_IO;
    return dvsi_error_set(err, status, "the plan %s could not be written: %s", out->path, strerror(errno));
}

int32_t dvsi_saved_out_open(const char *path, dvsi_saved_out **made, dvs_error *err)
{
    dvsi_buf name = {0};
    dvsi_saved_out *out = calloc(1, sizeof *out);
    *made = NULL;
    if (out == NULL)
        return dvsi_error_no_memory(err);
    dvsi_buf_printf(&name, "%s.XXXXXX", path);
    char *temporary = dvsi_buf_take(&name);
    out->path = strdup(path);
    out->sha = dvsi_sha256_new();
    if (temporary == NULL || out->path == NULL || out->sha == NULL) {
        free(temporary);
        dvsi_saved_out_free(out);
        return dvsi_error_no_memory(err);
    }
    int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        int32_t status = failed(out, err);
        free(temporary);
        dvsi_saved_out_free(out);
        return status;
    }
    out->temporary = temporary;
    out->file = fdopen(fd, "w");
    if (out->file == NULL) {
        close(fd);
        dvsi_saved_out_free(out);
        return dvsi_error_no_memory(err);
    }
    *made = out;
    return DVS_OK;
}

int32_t dvsi_saved_out_add(dvsi_saved_out *out, const void *data, size_t length, dvs_error *err)
{
    if (length != 0 && fwrite(data, 1, length, out->file) != length)
        return failed(out, err);
    dvsi_sha256_add(out->sha, data, length);
    return DVS_OK;
}

int32_t dvsi_saved_out_end(dvsi_saved_out *out, dvs_error *err)
{
    char hex[DVSI_SHA256_HEX];
    dvsi_sha256_end(out->sha, hex);
    out->sha = NULL;
    int bad = fprintf(out->file, "{\"sha256\":\"%s\"}\n", hex) < 0 || fflush(out->file) != 0 ||
              fsync(fileno(out->file)) != 0;
    if (bad)
        return failed(out, err);
    bad = fclose(out->file) != 0;
    out->file = NULL;
    if (bad || rename(out->temporary, out->path) != 0)
        return failed(out, err);
    free(out->temporary);
    out->temporary = NULL;
    return DVS_OK;
}

void dvsi_saved_out_free(dvsi_saved_out *out)
{
    if (out == NULL)
        return;
    if (out->file != NULL)
        fclose(out->file);
    if (out->temporary != NULL)
        (void)unlink(out->temporary);
    free(out->temporary);
    free(out->path);
    dvsi_sha256_free(out->sha);
    free(out);
}
