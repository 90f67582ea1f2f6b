/* load.c - see load.h. */
#include "plugin/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"
#include "plugin/trust.h"

#define NEWEST_MAJOR 9u /* entries that are looked for, to tell a plugin of another ABI from no plugin */

typedef struct loaded loaded;
struct loaded {
    loaded *next;
    void *handle;
    dvsi_plugin plugin;
    dvsi_arena arena; /* option tables */
};

/* What is loaded stays until the process ends (a plugin's code may run in atexit or thread destructors), so
 * it belongs to the process, not to a registry. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static loaded *all;

int dvsi_plugin_name_valid(const char *name)
{
    size_t n = 0;

    if (name == NULL || name[0] < 'a' || name[0] > 'z')
        return 0;
    while ((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= '0' && name[n] <= '9') || name[n] == '-') {
        if (++n > 32)
            return 0;
    }
    return name[n] == '\0';
}

static int32_t no_entry(void *handle, const char *path, dvs_error *err)
{
    char symbol[sizeof "dvs_plugin_v" + 11];

    for (unsigned major = 0; major <= NEWEST_MAJOR; major++) {
        snprintf(symbol, sizeof symbol, "dvs_plugin_v%u", major);
        if (major != DVS_ABI_MAJOR && dlsym(handle, symbol) != NULL)
            return dvsi_error_set(
                err, DVS_E_ABI,
                "%s: the plugin was built for plugin ABI %u, this dvsync has ABI %u.%u; install a "
                "build of the plugin for ABI %u",
                path, major, DVS_ABI_MAJOR, DVS_ABI_MINOR, DVS_ABI_MAJOR);
    }
    return dvsi_error_set(err, DVS_E_ABI, "%s: no dvsync plugin: it exports no symbol dvs_plugin_v%u", path,
                          DVS_ABI_MAJOR);
}

/* A text that may be missing; NULL when it is there but no text. */
static const char *text_or_empty(const char *text)
{
    if (text == NULL)
        return "";
    return dvsi_utf8_valid(text, strlen(text)) == strlen(text) ? text : NULL;
}

/* Reads what the entry returned into `plugin`, whose path is set. */
static int32_t shake_hands(dvsi_plugin *plugin, dvsi_arena *arena, const dvs_plugin *theirs, dvs_error *err)
{
    const uint32_t least = (uint32_t)(offsetof(dvs_plugin, sink) + sizeof theirs->sink);
    int32_t status = DVS_OK;
    dvs_plugin p = {0};

    if (theirs == NULL)
        return dvsi_error_set(err, DVS_E_ABI, "%s: dvs_plugin_v%u returned NULL", plugin->path,
                              DVS_ABI_MAJOR);
    if (theirs->struct_size < offsetof(dvs_plugin, reserved))
        return dvsi_error_set(err, DVS_E_ABI,
                              "%s: dvs_plugin is too short: struct_size %u, ABI %u.%u needs %u", plugin->path,
                              (unsigned)theirs->struct_size, DVS_ABI_MAJOR, 0u, (unsigned)least);
    if (theirs->abi_major != DVS_ABI_MAJOR)
        return dvsi_error_set(
            err, DVS_E_ABI,
            "%s: the plugin says that it was built for plugin ABI %u.%u, this dvsync has ABI "
            "%u.%u",
            plugin->path, (unsigned)theirs->abi_major, (unsigned)theirs->abi_minor, DVS_ABI_MAJOR,
            DVS_ABI_MINOR);
    if (theirs->struct_size < least)
        return dvsi_error_set(err, DVS_E_ABI,
                              "%s: dvs_plugin is too short: struct_size %u, ABI %u.%u needs %u", plugin->path,
                              (unsigned)theirs->struct_size, DVS_ABI_MAJOR, 0u, (unsigned)least);
    memcpy(&p, theirs, theirs->struct_size < sizeof p ? theirs->struct_size : sizeof p);
    if (!dvsi_plugin_name_valid(p.name))
        return dvsi_error_set(err, DVS_E_ABI, "%s: dvs_plugin.name is %s; it must be [a-z][a-z0-9-]{0,31}",
                              plugin->path, p.name == NULL ? "NULL" : "no plugin name");
    plugin->name = p.name;
    plugin->version = text_or_empty(p.version);
    plugin->doc = text_or_empty(p.doc);
    plugin->abi_minor = p.abi_minor;
    if (plugin->version == NULL || plugin->doc == NULL)
        return dvsi_error_set(err, DVS_E_ABI, "%s: dvs_plugin.version or .doc is not valid UTF-8",
                              plugin->path);
    if (p.source == NULL && p.sink == NULL)
        return dvsi_error_set(
            err, DVS_E_ABI,
            "%s: the plugin %s (plugin ABI %u.%u) offers nothing: its source and sink table are NULL",
            plugin->path, p.name, DVS_ABI_MAJOR, (unsigned)p.abi_minor);
    if (p.source != NULL)
        status = dvsi_take_source(plugin, arena, p.source, err);
    if (status == DVS_OK && p.sink != NULL)
        status = dvsi_take_sink(plugin, arena, p.sink, err);
    return status;
}

/* ISO C has no conversion from an object pointer to a function; POSIX promises that this one works. */
static dvs_plugin_entry entry_of(void *handle)
{
    char symbol[sizeof "dvs_plugin_v" + 11];
    dvs_plugin_entry entry = NULL;
    void *address;

    snprintf(symbol, sizeof symbol, "dvs_plugin_v%u", DVS_ABI_MAJOR);
    address = dlsym(handle, symbol);
    memcpy(&entry, &address, sizeof entry);
    return entry;
}

static int32_t dl_failed(const char *path, dvs_error *err)
{
    const char *why = dlerror();
    dvsi_buf text = {0};
    int32_t status;

    if (why == NULL)
        why = "unknown reason";
    /* The linker begins with the path; it need not be there twice. */
    if (strncmp(why, path, strlen(path)) == 0 && strncmp(why + strlen(path), ": ", 2) == 0)
        why += strlen(path) + 2;
    dvsi_utf8_show(&text, why, strlen(why), 500);
    status =
        dvsi_error_set(err, DVS_E_IO, "%s: the plugin could not be loaded: %s", path, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
    return status;
}

static loaded *find(const void *handle)
{
    for (loaded *l = all; l != NULL; l = l->next) {
        if (l->handle == handle)
            return l;
    }
    return NULL;
}

/* With the lock held. Takes over `path`. */
static int32_t load(char *path, const dvsi_plugin **plugin, dvs_error *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    loaded *l = handle != NULL ? find(handle) : NULL;
    dvs_plugin_entry entry;
    int32_t status;

    if (l != NULL) {
        free(path);
        *plugin = &l->plugin;
        return DVS_OK;
    }
    l = calloc(1, sizeof *l);
    if (handle == NULL || l == NULL) {
        status = handle == NULL ? dl_failed(path, err) : dvsi_error_no_memory(err);
        goto out;
    }
    l->plugin.path = path;
    entry = entry_of(handle);
    status = entry == NULL ? no_entry(handle, path, err) : shake_hands(&l->plugin, &l->arena, entry(), err);
    if (status != DVS_OK)
        goto out;
    l->handle = handle;
    l->next = all;
    all = l;
    *plugin = &l->plugin;
    return DVS_OK;
out:
    if (l != NULL)
        dvsi_arena_free(&l->arena);
    free(l);
    free(path);
    return status;
}

int32_t dvsi_load_file(const char *path, const dvsi_plugin **plugin, dvs_error *err)
{
    char *real = realpath(path, NULL);
    int32_t status;

    *plugin = NULL;
    if (real == NULL) {
        int why = errno;
        struct stat st;

        if (why == ENOENT && lstat(path, &st) == 0)
            return dvsi_error_set(err, DVS_E_IO, "%s: the plugin is a link to a file that does not exist",
                                  path);
        return dvsi_error_set(err, why == ENOENT ? DVS_E_NOT_FOUND : DVS_E_IO,
                              "%s: the plugin could not be opened: %s", path, strerror(why));
    }
    status = dvsi_trust_folder_of(path, err);
    if (status == DVS_OK)
        status = dvsi_trust_file(real, err);
    if (status != DVS_OK) {
        free(real);
        return status;
    }
    pthread_mutex_lock(&lock);
    status = load(real, plugin, err);
    pthread_mutex_unlock(&lock);
    return status;
}
