/*
 * testplugins_fixture.h - the scripted source and the memory sink behind the host's wrappers, in a folder of
 * their own, with their log.
 */
#ifndef TESTPLUGINS_FIXTURE_H
#define TESTPLUGINS_FIXTURE_H

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/arena.h"
#include "data/batch.h"
#include "data/cell.h"
#include "data/schema.h"
#include "plugin/host.h"
#include "plugin/registry.h"

#define UNUSED __attribute__((unused))

typedef struct fixture {
    dvsi_registry *registry;
    const dvsi_plugin *scripted;
    const dvsi_plugin *memory;
    char folder[64];
    dvs_setting items[8];
    dvs_settings settings;
    atomic_int cancelled;
    dvsi_services services;
    char state[64]; /* what the plugin keeps under "runs" */
    size_t state_length;
    dvs_error err;
    dvsi_arena *paths;
} fixture;

UNUSED static char *in_folder(const fixture *f, const char *name)
{
    char *path = dvsi_arena_printf(f->paths, "%s/%s", f->folder, name);
    assert_non_null(path);
    return path; /* lives as long as the test */
}

UNUSED static int there(const fixture *f, const char *name)
{
    return access(in_folder(f, name), F_OK) == 0;
}

/* Written beside and renamed, as tests outside should do it too. */
UNUSED static void write_file(const fixture *f, const char *name, const char *text)
{
    char *path = in_folder(f, name), *beside = in_folder(f, "beside");
    FILE *file = fopen(beside, "wb");
    assert_non_null(file);
    assert_true(fwrite(text, 1, strlen(text), file) == strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(beside, path), 0);
}

UNUSED static void set_cell(fixture *f, const char *name, dvs_cell value)
{
    dvs_setting *s = &f->items[f->settings.n_settings++];
    assert_true(f->settings.n_settings <= 8);
    memset(s, 0, sizeof *s);
    s->struct_size = (uint32_t)sizeof *s;
    s->name = name;
    s->value = value;
}

UNUSED static void set_text(fixture *f, const char *name, const char *value)
{
    set_cell(f, name, dvsi_cell_text(value));
}

static int32_t state_get(void *state, const char *source, const char *key, dvsi_arena *arena,
                         dvs_bytes *value)
{
    fixture *f = state;
    (void)source;
    if (strcmp(key, "runs") == 0 && f->state_length > 0) {
        value->data = (const uint8_t *)dvsi_arena_copy(arena, f->state, f->state_length);
        value->length = f->state_length;
    }
    return DVS_OK;
}

static int32_t state_put(void *state, const char *source, const char *key, const void *data, size_t length)
{
    fixture *f = state;
    (void)source;
    if (strcmp(key, "runs") != 0 || length > sizeof f->state)
        return DVS_E_USAGE;
    memcpy(f->state, data, length);
    f->state_length = length;
    return DVS_OK;
}

UNUSED static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    dvs_error err = DVS_ERROR_INIT;
    if (f == NULL || (f->paths = calloc(1, sizeof *f->paths)) == NULL)
        return -1;
    f->registry = dvsi_registry_new(NULL, 0);
    if (dvsi_registry_load_file(f->registry, TEST_PLUGINS "/dvsync-source-scripted.so", &f->scripted, &err) !=
            DVS_OK ||
        dvsi_registry_load_file(f->registry, TEST_PLUGINS "/dvsync-sink-memory.so", &f->memory, &err) !=
            DVS_OK) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    strcpy(f->folder, "/tmp/testplugins.XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    f->settings.struct_size = (uint32_t)sizeof f->settings;
    f->settings.stride = (uint32_t)sizeof(dvs_setting);
    f->settings.settings = f->items;
    f->services.cancelled = &f->cancelled;
    f->services.state = f;
    f->services.state_get = state_get;
    f->services.state_put = state_put;
    f->err.struct_size = (uint32_t)sizeof f->err;
    *state = f;
    return 0;
}

UNUSED static int tear_down(void **state)
{
    fixture *f = *state;
    char *command = NULL;
    if (asprintf(&command, "rm -rf '%s'", f->folder) > 0 && system(command) != 0)
        fprintf(stderr, "%s stays behind\n", f->folder);
    free(command);
    dvsi_registry_free(f->registry);
    dvsi_arena_free(f->paths);
    free(f->paths);
    free(f);
    return 0;
}

#define OK(f, call)                                                                                          \
    do {                                                                                                     \
        int32_t status_ = (call);                                                                            \
        if (status_ != DVS_OK)                                                                               \
            fprintf(stderr, "%s: %d: %s\n", #call, (int)status_, (f)->err.message);                          \
        assert_int_equal(status_, DVS_OK);                                                                   \
    } while (0)

/* The lines of the log as an array of objects. */
UNUSED static json_t *log_read(const fixture *f)
{
    json_t *lines = json_array();
    char *path = in_folder(f, "log"), *line = NULL;
    FILE *file = fopen(path, "r");
    size_t size = 0;
    while (file != NULL && getline(&line, &size, file) > 0) {
        json_t *object = json_loads(line, 0, NULL);
        assert_non_null(object);
        json_array_append_new(lines, object);
    }
    if (file != NULL)
        fclose(file);
    free(line);
    return lines;
}

/* The nth (from 0; -1: last) line of this slot; fails when there is none. The line belongs to `lines`. */
UNUSED static json_t *log_find(json_t *lines, const char *slot, int nth)
{
    json_t *found = NULL;
    size_t i;
    for (i = 0; i < json_array_size(lines); i++) {
        json_t *line = json_array_get(lines, i);
        const char *name = json_string_value(json_object_get(line, "slot"));
        if (name == NULL || strcmp(name, slot) != 0 || json_object_get(line, "event") != NULL)
            continue;
        found = line;
        if (nth-- == 0)
            break;
    }
    assert_non_null(found);
    return found;
}

UNUSED static int64_t log_int(json_t *line, const char *name)
{
    assert_true(json_is_integer(json_object_get(line, name)));
    return json_integer_value(json_object_get(line, name));
}

UNUSED static const char *log_text(json_t *line, const char *name)
{
    assert_true(json_is_string(json_object_get(line, name)));
    return json_string_value(json_object_get(line, name));
}

UNUSED static void log_clear(const fixture *f)
{
    assert_int_equal(truncate(in_folder(f, "log"), 0), 0);
}

UNUSED static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

#endif
