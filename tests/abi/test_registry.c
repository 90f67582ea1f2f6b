/* test_registry.c - which file is loaded for a name, and which never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/registry.h"

typedef struct place {
    char top[64];
    char first[96];
    char second[96];
} place;

static void copy_file(const char *from, const char *to, off_t at_most)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    char block[65536];
    ssize_t n;
    off_t done = 0;

    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, block, sizeof block)) > 0 && done < at_most) {
        if (n > at_most - done)
            n = (ssize_t)(at_most - done);
        assert_int_equal(write(out, block, (size_t)n), n);
        done += n;
    }
    close(in);
    close(out);
}

/* Puts bad/`from` into `folder` as `to`. */
static const char *put(const char *folder, const char *from, const char *to)
{
    static char path[256];
    char source[512];

    snprintf(source, sizeof source, "%s/%s", BAD_PLUGINS, from);
    snprintf(path, sizeof path, "%s/%s", folder, to);
    copy_file(source, path, 1 << 30);
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

static int set_up(void **state)
{
    place *p = calloc(1, sizeof *p);

    strcpy(p->top, "/tmp/dvsync-registry-XXXXXX");
    if (mkdtemp(p->top) == NULL)
        return -1;
    snprintf(p->first, sizeof p->first, "%s/first", p->top);
    snprintf(p->second, sizeof p->second, "%s/second", p->top);
    *state = p;
    return mkdir(p->first, 0755) | mkdir(p->second, 0755) | chmod(p->first, 0755) | chmod(p->second, 0755) |
           unsetenv("DVSYNC_PLUGIN_PATH");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    place *p = *state;
    int status = nftw(p->top, remove_one, 8, FTW_DEPTH | FTW_PHYS);

    free(p);
    return status;
}

static int32_t load_from(const char *const *paths, uint32_t n, const char *name, uint32_t role,
                         const dvsi_plugin **plugin, dvs_error *err)
{
    dvsi_registry *registry = dvsi_registry_new(paths, n);
    int32_t status;

    assert_non_null(registry);
    status = dvsi_registry_load(registry, name, role, plugin, err);
    dvsi_registry_free(registry);
    assert_true((status == DVS_OK) == (*plugin != NULL));
    return status;
}

/* Loads from the two folders of the place; the error's text in `message`. */
static int32_t load(const place *p, const char *name, uint32_t role, const dvsi_plugin **plugin,
                    char *message)
{
    const char *paths[] = {p->first, p->second};
    dvs_error err = DVS_ERROR_INIT;
    int32_t status = load_from(paths, 2, name, role, plugin, &err);

    memcpy(message, err.message, sizeof err.message);
    return status;
}

static void the_first_folder_wins(void **state)
{
    const place *p = *state;
    const dvsi_plugin *plugin = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE], path[256];

    put(p->second, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(load(p, "good", DVSI_PLUGIN_SOURCE, &plugin, message), DVS_OK);
    snprintf(path, sizeof path, "%s/dvsync-source-good.so", p->second);
    assert_string_equal(plugin->path, path);

    put(p->first, "dvsync-source-good.so", "dvsync-good.so");
    assert_int_equal(load(p, "good", DVSI_PLUGIN_SOURCE, &plugin, message), DVS_OK);
    snprintf(path, sizeof path, "%s/dvsync-good.so", p->first);
    assert_string_equal(plugin->path, path);
    assert_string_equal(plugin->name, "good");
    assert_int_equal(plugin->offers, DVSI_PLUGIN_SOURCE);
    assert_int_equal(plugin->has_fetch, 0);
    assert_non_null((void *)(uintptr_t)plugin->source.fetch);
}

static void one_file_is_one_plugin(void **state)
{
    const place *p = *state;
    const dvsi_plugin *a = NULL, *b = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE];

    put(p->first, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(load(p, "good", DVSI_PLUGIN_SOURCE, &a, message), DVS_OK);
    assert_int_equal(load(p, "good", 0, &b, message), DVS_OK);
    assert_ptr_equal(a, b);
}

/* A source and a sink of one name are two files; each role gets its own. */
static void the_role_chooses_the_file(void **state)
{
    const place *p = *state;
    const dvsi_plugin *plugin = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE], expected[512];

    put(p->first, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(load(p, "good", DVSI_PLUGIN_SINK, &plugin, message), DVS_E_UNSUPPORTED);
    snprintf(expected, sizeof expected, "%s/dvsync-source-good.so: the plugin good offers no sink", p->first);
    assert_string_equal(message, expected);

    put(p->second, "dvsync-sink-good.so", "dvsync-sink-good.so");
    assert_int_equal(load(p, "good", DVSI_PLUGIN_SINK, &plugin, message), DVS_OK);
    assert_int_equal(plugin->offers, DVSI_PLUGIN_SINK);
    assert_int_equal(load(p, "good", DVSI_PLUGIN_SOURCE, &plugin, message), DVS_OK);
    assert_int_equal(plugin->offers, DVSI_PLUGIN_SOURCE);
}

static void a_name_is_never_a_path(void **state)
{
    static const char *const names[] = {
        "",         "../good", "/tmp/good", "good.so", "Good",
        "9good",    "-good",   "go_od",     "good\nx", "a1234567890123456789012345678901x",
        "g\xc3\xb6"};
    const place *p = *state;
    const dvsi_plugin *plugin = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE];

    put(p->first, "dvsync-source-good.so", "dvsync-source-good.so");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(load(p, names[i], 0, &plugin, message), DVS_E_CONFIG);
        assert_non_null(strstr(message, "is no plugin name"));
        assert_null(strchr(message, '\n'));
    }
}

static void an_unknown_name_says_where_and_what_is_near(void **state)
{
    const place *p = *state;
    const dvsi_plugin *plugin = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE], expected[512];

    put(p->second, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(load(p, "godo", DVSI_PLUGIN_SOURCE, &plugin, message), DVS_E_NOT_FOUND);
    snprintf(expected, sizeof expected, "no source plugin godo in %s, %s, ", p->first, p->second);
    assert_memory_equal(message, expected, strlen(expected));
    assert_non_null(strstr(message, "; did you mean good?"));
    assert_int_equal(load(p, "godo", DVSI_PLUGIN_SINK, &plugin, message), DVS_E_NOT_FOUND);
    assert_null(strstr(message, "did you mean"));
}

static void the_environment_is_searched_behind_the_paths(void **state)
{
    const place *p = *state;
    const char *paths[] = {p->first};
    const dvsi_plugin *plugin = NULL;
    char variable[300];

    put(p->second, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(load_from(paths, 1, "good", 0, &plugin, NULL), DVS_E_NOT_FOUND);
    snprintf(variable, sizeof variable, ":/nowhere::%s:", p->second);
    assert_int_equal(setenv("DVSYNC_PLUGIN_PATH", variable, 1), 0);
    assert_int_equal(load_from(paths, 1, "good", 0, &plugin, NULL), DVS_OK);
    assert_memory_equal(plugin->path, p->second, strlen(p->second));
    put(p->first, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(load_from(paths, 1, "good", 0, &plugin, NULL), DVS_OK);
    assert_memory_equal(plugin->path, p->first, strlen(p->first));
}

/* Neither an empty nor a relative entry of the environment means the folder in which dvsync was started. */
static void the_working_directory_is_never_searched(void **state)
{
    const place *p = *state;
    const char *relative[] = {"second"};
    const dvsi_plugin *plugin = NULL;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_registry *registry;
    char *back = getcwd(NULL, 0);

    put(p->first, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(chdir(p->first), 0);
    assert_int_equal(load_from(NULL, 0, "good", 0, &plugin, &err), DVS_E_NOT_FOUND);
    assert_int_equal(setenv("DVSYNC_PLUGIN_PATH", "::.:../first", 1), 0);
    assert_int_equal(load_from(NULL, 0, "good", 0, &plugin, &err), DVS_E_NOT_FOUND);
    assert_non_null(
        strstr(err.message, "(not searched, because it is relative: ., ../first in $DVSYNC_PLUGIN_PATH)"));

    /* What the user gives is meant from where it was given, whatever the working directory is later. */
    put(p->second, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(chdir(p->top), 0);
    registry = dvsi_registry_new(relative, 1);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(dvsi_registry_load(registry, "good", 0, &plugin, &err), DVS_OK);
    assert_memory_equal(plugin->path, p->second, strlen(p->second));
    dvsi_registry_free(registry);
    assert_int_equal(chdir(back), 0);
    free(back);
}

static void what_others_can_write_is_refused(void **state)
{
    static const mode_t modes[] = {0775, 0757, 0777, 01777};
    const place *p = *state;
    const dvsi_plugin *plugin = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE], expected[1024], path[256];

    snprintf(path, sizeof path, "%s", put(p->first, "dvsync-source-good.so", "dvsync-source-good.so"));
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_PERMISSION);
        snprintf(expected, sizeof expected,
                 "%s: others can write the plugin's file (mode %04o); run: chmod go-w '%s'", path,
                 (unsigned)modes[i], path);
        assert_string_equal(message, expected);
        assert_int_equal(chmod(path, 0755), 0);
        assert_int_equal(chmod(p->first, modes[i]), 0);
        assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_PERMISSION);
        snprintf(expected, sizeof expected,
                 "%s: others can write the plugin's folder (mode %04o); run: chmod go-w '%s'", p->first,
                 (unsigned)modes[i], p->first);
        assert_string_equal(message, expected);
        assert_int_equal(chmod(p->first, 0755), 0);
    }
    assert_int_equal(load(p, "good", 0, &plugin, message), DVS_OK);
    if (geteuid() == 0) { /* only root can make a file of somebody else */
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_PERMISSION);
        assert_non_null(strstr(message, "belongs to user 12345"));
    }
}

/* The link's own folder may be safe, what it leads to counts. */
static void a_link_is_followed(void **state)
{
    const place *p = *state;
    const dvsi_plugin *plugin = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE], link[256], path[256];

    snprintf(path, sizeof path, "%s", put(p->second, "dvsync-source-good.so", "real.so"));
    snprintf(link, sizeof link, "%s/dvsync-source-good.so", p->first);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(load(p, "good", 0, &plugin, message), DVS_OK);
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_PERMISSION);
    assert_int_equal(chmod(path, 0755), 0);
    /* Whoever can write the folder of the link can lead it elsewhere. */
    assert_int_equal(chmod(p->first, 0777), 0);
    assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_PERMISSION);
}

static void a_file_that_is_no_plugin_is_named(void **state)
{
    const place *p = *state;
    const dvsi_plugin *plugin = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE], path[256], source[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/dvsync-source-good.so", p->first);
    snprintf(source, sizeof source, "%s/dvsync-source-good.so", BAD_PLUGINS);
    file = fopen(path, "w");
    fputs("#!/bin/sh\n", file);
    fclose(file);
    assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_CORRUPT);
    assert_memory_equal(message, path, strlen(path));
    /* Every length that a broken copy may have; the dynamic linker would crash on some. */
    for (off_t size = 0; size < 12288; size += 512) {
        copy_file(source, path, size);
        if (load(p, "good", 0, &plugin, message) == DVS_OK)
            break;
        assert_memory_equal(message, path, strlen(path));
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_IO);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_IO);
    assert_memory_equal(message, path, strlen(path));
    assert_non_null(strstr(message, "a link to a file that does not exist"));
}

/* A broken plugin does not let one of the same name in a later folder step in. */
static void an_error_ends_the_search(void **state)
{
    const place *p = *state;
    const dvsi_plugin *plugin = NULL;
    char message[DVS_ERROR_MESSAGE_SIZE];

    put(p->first, "dvsync-source-no-entry.so", "dvsync-source-good.so");
    put(p->second, "dvsync-source-good.so", "dvsync-source-good.so");
    assert_int_equal(load(p, "good", 0, &plugin, message), DVS_E_ABI);
    assert_non_null(strstr(message, "no dvsync plugin"));
}

static void a_file_is_loaded_whatever_its_name(void **state)
{
    const place *p = *state;
    dvsi_registry *registry = dvsi_registry_new(NULL, 0);
    const dvsi_plugin *plugin = NULL;
    dvs_error err = DVS_ERROR_INIT;

    assert_int_equal(
        dvsi_registry_load_file(registry, put(p->first, "dvsync-source-good.so", "my.so"), &plugin, &err),
        DVS_OK);
    assert_string_equal(plugin->name, "good");
    assert_int_equal(dvsi_registry_load_file(registry, "/nowhere/my.so", &plugin, &err), DVS_E_NOT_FOUND);
    assert_null(plugin);
    assert_string_equal(err.message,
                        "/nowhere/my.so: the plugin could not be opened: No such file or directory");
    dvsi_registry_free(registry);
}

static void collect(void *context, const char *path, const dvsi_plugin *plugin, const dvs_error *err)
{
    char *text = context;
    const place *p = (const place *)(const void *)(text + 2048);

    if (strncmp(path, p->top, strlen(p->top)) != 0)
        return; /* the installed folder */
    sprintf(text + strlen(text), "%s %s|", path + strlen(p->top), plugin != NULL ? plugin->name : "");
    assert_true((plugin == NULL) == (err != NULL));
}

static void each_lists_by_name_and_only_once(void **state)
{
    const place *p = *state;
    const char *paths[] = {p->first, p->second};
    dvsi_registry *registry;
    char text[2048 + sizeof *p] = "";

    memcpy(text + 2048, p, sizeof *p);
    put(p->first, "dvsync-source-good.so", "dvsync-source-good.so");
    put(p->second, "dvsync-source-good.so", "dvsync-source-good.so");
    put(p->second, "dvsync-sink-good.so", "dvsync-sink-good.so");
    put(p->second, "dvsync-source-no-entry.so", "dvsync-aaa.so");
    put(p->second, "dvsync-source-good.so", "dvsync-source-other.so");
    put(p->second, "dvsync-source-good.so", "libgood.so");
    put(p->second, "dvsync-source-good.so", "dvsync-source-Good.so");
    put(p->second, "dvsync-source-good.so", "dvsync-source-good.so.1");
    registry = dvsi_registry_new(paths, 2);
    dvsi_registry_each(registry, collect, text);
    assert_string_equal(text, "/second/dvsync-aaa.so |/second/dvsync-sink-good.so good|"
                              "/first/dvsync-source-good.so good|/second/dvsync-source-other.so |");
    dvsi_registry_free(registry);
}

static void *load_often(void *context)
{
    dvsi_registry *registry = context;
    const dvsi_plugin *plugin = NULL;

    for (int i = 0; i < 50; i++) {
        if (dvsi_registry_load(registry, "good", DVSI_PLUGIN_SOURCE, &plugin, NULL) != DVS_OK)
            return NULL;
    }
    return (void *)(uintptr_t)plugin;
}

static void threads_get_the_same_plugin(void **state)
{
    const place *p = *state;
    const char *paths[] = {p->first};
    dvsi_registry *registry = dvsi_registry_new(paths, 1);
    pthread_t threads[4];
    void *plugins[4];

    put(p->first, "dvsync-source-good.so", "dvsync-source-good.so");
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_often, registry), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &plugins[i]);
        assert_non_null(plugins[i]);
        assert_ptr_equal(plugins[i], plugins[0]);
    }
    dvsi_registry_free(registry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_folder_wins),
        TEST(one_file_is_one_plugin),
        TEST(the_role_chooses_the_file),
        TEST(a_name_is_never_a_path),
        TEST(an_unknown_name_says_where_and_what_is_near),
        TEST(the_environment_is_searched_behind_the_paths),
        TEST(the_working_directory_is_never_searched),
        TEST(what_others_can_write_is_refused),
        TEST(a_link_is_followed),
        TEST(a_file_that_is_no_plugin_is_named),
        TEST(an_error_ends_the_search),
        TEST(a_file_is_loaded_whatever_its_name),
        TEST(each_lists_by_name_and_only_once),
        TEST(threads_get_the_same_plugin),
    };
    umask(022);
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
