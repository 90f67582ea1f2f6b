/* source.c - the setting `path`: one file, or a folder of which every *.csv, *.tsv and *.txt is a stream. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "csv.h"

static int32_t fail_path(const char *path, int code, dvs_error *err)
{
    char shown[CSV_SHOW_SIZE];
    char reason[128];
    int32_t status = code == ENOENT || code == ENOTDIR ? DVS_E_NOT_FOUND
                     : code == EACCES || code == EPERM ? DVS_E_PERMISSION
                                                       : DVS_E_IO;
    dvs_fail(err, status, DVS_SCOPE_SOURCE, "the csv source's path %s cannot be used: %s",
             csv_text_show(shown, sizeof shown, path, strlen(path)), strerror_r(code, reason, sizeof reason));
    err->native_code = code;
    return status;
}

int32_t csv_source_identity(const dvs_source *source, dvs_out *out, dvs_error *err)
{
    char *real = realpath(source->path, NULL);
    int32_t status = DVS_OK;
    if (real == NULL)
        return fail_path(source->path, errno, err);
    if (csv_text_check(real, strlen(real)) != strlen(real)) {
        char shown[CSV_SHOW_SIZE];
        status = dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                          "the csv source's path leads to %s, a name that is not valid UTF-8: rename it",
                          csv_text_show(shown, sizeof shown, real, strlen(real)));
    } else {
        dvs_put_done(source->host->put_text(source->host, out, real), &status, err);
    }
    free(real);
    return status;
}

static const char *extension(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL || dot == name ? name + strlen(name) : dot;
}

char csv_source_delimiter(const dvs_source *source, const char *path)
{
    if (source->delimiter != 0)
        return source->delimiter;
    const char *slash = strrchr(path, '/');
    return csv_text_compare(extension(slash == NULL ? path : slash + 1), ".tsv") == 0 ? '\t' : ',';
}

static int32_t add(csv_streams *streams, const char *folder, const char *file, dvs_error *err)
{
    if (streams->n == streams->capacity) {
        size_t capacity = streams->capacity == 0 ? 16 : streams->capacity * 2;
        csv_stream *items = reallocarray(streams->items, capacity, sizeof *items);
        if (items == NULL)
            return csv_no_memory(err);
        streams->items = items;
        streams->capacity = capacity;
    }
    csv_stream *stream = &streams->items[streams->n];
    const char *slash = folder == NULL ? strrchr(file, '/') : NULL;
    const char *name = slash == NULL ? file : slash + 1;
    size_t size = strlen(file) + (folder == NULL ? 0 : strlen(folder) + 1) + 1;
    stream->name = strndup(name, (size_t)(extension(name) - name));
    stream->path = malloc(size);
    if (stream->name == NULL || stream->path == NULL) {
        free(stream->name);
        free(stream->path);
        return csv_no_memory(err);
    }
    snprintf(stream->path, size, "%s%s%s", folder == NULL ? "" : folder, folder == NULL ? "" : "/", file);
    streams->n++;
    return DVS_OK;
}

static int is_csv_name(const char *name)
{
    const char *e = extension(name);
    return name[0] != '.' && (csv_text_compare(e, ".csv") == 0 || csv_text_compare(e, ".tsv") == 0 ||
                              csv_text_compare(e, ".txt") == 0);
}

static int by_name(const void *a, const void *b)
{
    const csv_stream *x = a;
    const csv_stream *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->path, y->path);
}

static int32_t check_names(const dvs_source *source, csv_streams *streams, dvs_error *err)
{
    char shown[CSV_SHOW_SIZE];
    for (size_t i = 0; i < streams->n; i++) {
        const char *name = streams->items[i].name;
        if (csv_text_check(name, strlen(name)) != strlen(name))
            return dvs_fail(
                err, DVS_E_SCHEMA, DVS_SCOPE_SOURCE,
                "the name of the file %s is not valid UTF-8 and names no stream: rename it",
                csv_text_show(shown, sizeof shown, streams->items[i].path, strlen(streams->items[i].path)));
        if (i > 0 && csv_text_compare(name, streams->items[i - 1].name) == 0)
            return dvs_fail(
                err, DVS_E_SCHEMA, DVS_SCOPE_SOURCE,
                "two files in %s give the stream %.200s (without their extension, in upper or lower "
                "case): rename one",
                csv_text_show(shown, sizeof shown, source->path, strlen(source->path)), name);
    }
    return DVS_OK;
}

static int32_t list_folder(const dvs_source *source, csv_streams *streams, dvs_error *err)
{
    int32_t status = DVS_OK;
    DIR *folder = opendir(source->path);
    struct dirent *entry;
    struct stat st;
    if (folder == NULL)
        return fail_path(source->path, errno, err);
    streams->is_folder = 1;
    for (errno = 0; status == DVS_OK && (entry = readdir(folder)) != NULL; errno = 0) {
        if (is_csv_name(entry->d_name) && fstatat(dirfd(folder), entry->d_name, &st, 0) == 0 &&
            S_ISREG(st.st_mode))
            status = add(streams, source->path, entry->d_name, err);
    }
    if (status == DVS_OK && errno != 0)
        status = fail_path(source->path, errno, err);
    closedir(folder);
    if (status != DVS_OK)
        return status;
    if (streams->n > 1)
        qsort(streams->items, streams->n, sizeof *streams->items, by_name);
    return check_names(source, streams, err);
}

int32_t csv_streams_list(const dvs_source *source, csv_streams *streams, dvs_error *err)
{
    struct stat st;
    char shown[CSV_SHOW_SIZE];
    int32_t status;
    memset(streams, 0, sizeof *streams);
    if (stat(source->path, &st) != 0)
        return fail_path(source->path, errno, err);
    if (S_ISDIR(st.st_mode))
        status = list_folder(source, streams, err);
    else if (S_ISREG(st.st_mode))
        status = add(streams, NULL, source->path, err);
    else
        status =
            dvs_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_SOURCE,
                     "%s is no regular file and no folder: a CSV file is read more than once, so copy it to "
                     "disk first",
                     csv_text_show(shown, sizeof shown, source->path, strlen(source->path)));
    if (status == DVS_OK && !streams->is_folder)
        status = check_names(source, streams, err);
    if (status != DVS_OK)
        csv_streams_free(streams);
    return status;
}

int32_t csv_streams_find(const dvs_source *source, const csv_streams *streams, const char *name,
                         const csv_stream **stream, dvs_error *err)
{
    char path[CSV_SHOW_SIZE];
    char names[CSV_SHOW_SIZE] = "no stream at all";
    size_t length = 0;
    for (size_t i = 0; i < streams->n; i++) {
        if (strcmp(streams->items[i].name, name) == 0) {
            *stream = &streams->items[i];
            return DVS_OK;
        }
    }
    for (size_t i = 0; i < streams->n; i++) {
        size_t n = strlen(streams->items[i].name);
        if (length + n + 8 > sizeof names) {
            memcpy(names + length, ", ...", 6);
            break;
        }
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i == 0 ? "" : ", ",
                                   streams->items[i].name);
    }
    return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "%s has no stream %.200s; it has: %s",
                    csv_text_show(path, sizeof path, source->path, strlen(source->path)), name, names);
}

void csv_streams_free(csv_streams *streams)
{
    for (size_t i = 0; i < streams->n; i++) {
        free(streams->items[i].name);
        free(streams->items[i].path);
    }
    free(streams->items);
    memset(streams, 0, sizeof *streams);
}
