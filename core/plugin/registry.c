/* registry.c - the search path: which file is meant by a plugin's name. */
#include "plugin/registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"
#include "config/problem.h"
#include "plugin/load.h"

#define ENVIRONMENT "DVSYNC_PLUGIN_PATH"

/* The forms of a file's name: before and behind the plugin's name. */
static const struct {
    const char *prefix;
    uint32_t role; /* what a file of this name is for; 0: both */
} forms[] = {{"dvsync-source-", DVSI_PLUGIN_SOURCE}, {"dvsync-sink-", DVSI_PLUGIN_SINK}, {"dvsync-", 0}};
#define N_FORMS (sizeof forms / sizeof forms[0])

struct dvsi_registry {
    dvsi_arena arena;
    const char **folders; /* absolute, in the order of search */
    uint32_t n_folders;
    dvsi_buf refused; /* relative folders of the environment, for messages */
};

/* Adds a folder made absolute against the working directory of now: a later chdir changes nothing. */
static int add_folder(dvsi_registry *r, const char *folder, size_t length)
{
    char *text = dvsi_arena_copy(&r->arena, folder, length);
    char *cwd;

    if (text == NULL)
        return -1;
    if (text[0] != '/') {
        cwd = getcwd(NULL, 0);
        text = cwd != NULL ? dvsi_arena_printf(&r->arena, "%s/%s", cwd, text) : text;
        free(cwd);
    }
    if (text == NULL)
        return -1;
    if (text[0] != '/') /* there is no working directory any more */
        return 0;
    for (uint32_t i = 0; i < r->n_folders; i++)
        if (strcmp(r->folders[i], text) == 0)
            return 0; /* it is searched already */
    r->folders[r->n_folders++] = text;
    return 0;
}

/* The environment is inherited, its relative folders would mean the working directory: they are refused. */
static int add_environment(dvsi_registry *r, const char *text)
{
    for (const char *next; text != NULL; text = next) {
        const char *colon = strchrnul(text, ':');
        size_t length = (size_t)(colon - text);
        next = *colon == ':' ? colon + 1 : NULL;
        if (length == 0)
            continue;
        if (text[0] != '/') {
            dvsi_buf_puts(&r->refused, r->refused.length > 0 ? ", " : "");
            dvsi_utf8_show(&r->refused, text, length, 200);
        } else if (add_folder(r, text, length) != 0) {
            return -1;
        }
    }
    return r->refused.failed ? -1 : 0;
}

static size_t count_entries(const char *text)
{
    size_t n = 1;

    for (; text != NULL && *text != '\0'; text++)
        n += *text == ':';
    return n;
}

dvsi_registry *dvsi_registry_new(const char *const *paths, uint32_t n_paths)
{
    const char *environment = secure_getenv(ENVIRONMENT);
    dvsi_registry *r = calloc(1, sizeof *r);
    int failed = r == NULL;

    if (r != NULL) {
        r->folders =
            dvsi_arena_calloc(&r->arena, n_paths + count_entries(environment) + 1, sizeof *r->folders);
        failed = r->folders == NULL;
    }
    for (uint32_t i = 0; i < n_paths && !failed; i++) {
        if (paths[i][0] != '\0')
            failed = add_folder(r, paths[i], strlen(paths[i])) != 0;
    }
    if (!failed)
        failed = add_environment(r, environment) != 0 ||
                 add_folder(r, DVSYNC_PLUGIN_DIR, strlen(DVSYNC_PLUGIN_DIR)) != 0;
    if (failed) {
        dvsi_registry_free(r);
        return NULL;
    }
    return r;
}

void dvsi_registry_free(dvsi_registry *registry)
{
    if (registry == NULL)
        return;
    dvsi_arena_free(&registry->arena);
    dvsi_buf_free(&registry->refused);
    free(registry);
}

/* ---- Listing ---- */

typedef struct file {
    const char *path;
    const char *base; /* the file's own name, in `path` */
    const char *name; /* the plugin's, as the file's name says */
    uint32_t form;
    uint32_t folder;
} file;

typedef struct listing {
    dvsi_arena arena;
    file *files;
    size_t n;
    size_t capacity;
} listing;

/* The plugin's name in a file's name, in `arena`; NULL when it is no plugin's. */
static const char *name_in(dvsi_arena *arena, const char *base, uint32_t *form)
{
    size_t length = strlen(base);

    if (length < 4 || strcmp(base + length - 3, ".so") != 0)
        return NULL;
    for (uint32_t f = 0; f < N_FORMS; f++) {
        size_t prefix = strlen(forms[f].prefix);
        const char *name;
        if (strncmp(base, forms[f].prefix, prefix) != 0 || length - 3 <= prefix)
            continue;
        name = dvsi_arena_copy(arena, base + prefix, length - 3 - prefix);
        *form = f;
        return name != NULL && dvsi_plugin_name_valid(name) ? name : NULL;
    }
    return NULL;
}

static int add_file(listing *list, const char *folder, uint32_t position, const char *base)
{
    file f = {.folder = position};
    size_t capacity;
    file *grown;

    f.name = name_in(&list->arena, base, &f.form);
    if (f.name == NULL)
        return 0;
    f.path = dvsi_arena_printf(&list->arena, "%s/%s", folder, base);
    if (f.path == NULL)
        return -1;
    f.base = f.path + strlen(folder) + 1;
    if (list->n == list->capacity) {
        capacity = list->capacity != 0 ? list->capacity * 2 : 16;
        grown = reallocarray(list->files, capacity, sizeof *grown);
        if (grown == NULL)
            return -1;
        list->files = grown;
        list->capacity = capacity;
    }
    list->files[list->n++] = f;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const file *x = a, *y = b;
    int c = strcmp(x->name, y->name);

    if (c == 0)
        c = strcmp(x->base, y->base);
    return c != 0 ? c : (x->folder > y->folder) - (x->folder < y->folder);
}

/* All plugin files of all folders, by name; of equal file names the first in the order of search comes
 * first. */
static void list_files(const dvsi_registry *r, listing *list)
{
    for (uint32_t i = 0; i < r->n_folders; i++) {
        DIR *dir = opendir(r->folders[i]);
        const struct dirent *entry;
        int failed = 0;
        while (dir != NULL && !failed && (entry = readdir(dir)) != NULL)
            failed = add_file(list, r->folders[i], i, entry->d_name) != 0;
        if (dir != NULL)
            closedir(dir);
    }
    if (list->n > 1)
        qsort(list->files, list->n, sizeof *list->files, by_name);
}

static void free_listing(listing *list)
{
    dvsi_arena_free(&list->arena);
    free(list->files);
}

/* ---- By name ---- */

static int32_t check_name(const dvsi_plugin *plugin, const char *name, dvs_error *err)
{
    if (strcmp(plugin->name, name) == 0)
        return DVS_OK;
    return dvsi_error_set(err, DVS_E_ABI, "%s: the plugin calls itself %s, its file's name says %s",
                          plugin->path, plugin->name, name);
}

static const char *role_name(uint32_t role)
{
    return role == DVSI_PLUGIN_SOURCE ? "source " : role == DVSI_PLUGIN_SINK ? "sink " : "";
}

static int32_t not_found(const dvsi_registry *r, const char *name, uint32_t role, dvs_error *err)
{
    listing list = {0};
    const char **names;
    const char *nearest = NULL;
    dvsi_buf text = {0};
    int32_t status;

    list_files(r, &list);
    names = calloc(list.n + 1, sizeof *names);
    if (names != NULL) {
        for (size_t i = 0, n = 0; i < list.n; i++) {
            if (role == 0 || forms[list.files[i].form].role == 0 || forms[list.files[i].form].role == role)
                names[n++] = list.files[i].name;
        }
        nearest = dvsi_problem_nearest(name, names);
    }
    dvsi_buf_printf(&text, "no %splugin %s in ", role_name(role), name);
    for (uint32_t i = 0; i < r->n_folders; i++)
        dvsi_buf_printf(&text, "%s%s", i > 0 ? ", " : "", r->folders[i]);
    if (nearest != NULL)
        dvsi_buf_printf(&text, "; did you mean %s?", nearest);
    if (r->refused.length > 0)
        dvsi_buf_printf(&text, " (not searched, because it is relative: %s in $" ENVIRONMENT ")",
                        r->refused.data);
    status = text.failed ? dvsi_error_no_memory(err)
                         : dvsi_error_set(err, DVS_E_NOT_FOUND, "%s", dvsi_buf_text(&text));
    dvsi_buf_free(&text);
    free(names);
    free_listing(&list);
    return status;
}

/* One file that is there: DVS_OK with *plugin; DVS_E_UNSUPPORTED when it does not offer `role`. */
static int32_t try_file(const char *path, const char *name, uint32_t role, const dvsi_plugin **plugin,
                        dvs_error *err)
{
    int32_t status = dvsi_load_file(path, plugin, err);

    if (status == DVS_OK)
        status = check_name(*plugin, name, err);
    if (status == DVS_OK && role != 0 && ((*plugin)->offers & role) == 0)
        status = dvsi_error_set(err, DVS_E_UNSUPPORTED, "%s: the plugin %s offers no %s", (*plugin)->path,
                                name, role == DVSI_PLUGIN_SOURCE ? "source" : "sink");
    if (status != DVS_OK)
        *plugin = NULL;
    return status;
}

/* A file whose name says the other role is tried too (a sink may be a source later), but is no hindrance. */
static int for_other_role(uint32_t form, uint32_t role)
{
    return role != 0 && forms[form].role != 0 && forms[form].role != role;
}

/* The forms of the name in one folder, those for the other role last. DVS_OK with *plugin, a failure that
 * ends the search, or DVS_E_NOT_FOUND: go on; *first keeps the first reason for going on past a file. */
static int32_t try_folder(const char *folder, const char *name, uint32_t role, const dvsi_plugin **plugin,
                          dvs_error *first)
{
    for (uint32_t i = 0; i < 2 * N_FORMS; i++) {
        uint32_t f = i % N_FORMS;
        int other = for_other_role(f, role);
        dvs_error found = DVS_ERROR_INIT;
        dvsi_buf path = {0};
        int32_t status = DVS_OK;
        struct stat st;

        if (other != (i >= N_FORMS))
            continue;
        dvsi_buf_printf(&path, "%s/%s%s.so", folder, forms[f].prefix, name);
        if (path.failed)
            status = dvsi_error_no_memory(&found);
        else if (lstat(path.data, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
            status = DVS_E_NOT_FOUND;
        else
            status = try_file(path.data, name, role, plugin, &found);
        dvsi_buf_free(&path);
        if (status == DVS_OK)
            return DVS_OK;
        if (found.status != DVS_OK && first->status == DVS_OK)
            *first = found;
        if (found.status != DVS_OK && found.status != DVS_E_UNSUPPORTED && !other) {
            *first = found;
            return status;
        }
    }
    return DVS_E_NOT_FOUND;
}

int32_t dvsi_registry_load(dvsi_registry *registry, const char *name, uint32_t role,
                           const dvsi_plugin **plugin, dvs_error *err)
{
    dvs_error first = DVS_ERROR_INIT;
    int32_t status = DVS_E_NOT_FOUND;

    *plugin = NULL;
    if (!dvsi_plugin_name_valid(name)) {
        dvsi_buf shown = {0};
        dvsi_utf8_show(&shown, name, strlen(name), 100);
        status =
            dvsi_error_set(err, DVS_E_CONFIG,
                           "%s is no plugin name: a to z, 0 to 9 and '-', at most 32, a letter first; the "
                           "folder of a plugin is given with --plugin-path or $" ENVIRONMENT,
                           dvsi_buf_text(&shown));
        dvsi_buf_free(&shown);
        return status;
    }
    for (uint32_t i = 0; i < registry->n_folders && status == DVS_E_NOT_FOUND; i++)
        status = try_folder(registry->folders[i], name, role, plugin, &first);
    if (status == DVS_OK)
        return DVS_OK;
    if (first.status != DVS_OK)
        return dvsi_error_set(err, first.status, "%s", first.message);
    return not_found(registry, name, role, err);
}

int32_t dvsi_registry_load_file(dvsi_registry *registry, const char *path, const dvsi_plugin **plugin,
                                dvs_error *err)
{
    (void)registry;
    return dvsi_load_file(path, plugin, err);
}

void dvsi_registry_each(dvsi_registry *registry, dvsi_registry_each_fn *each, void *context)
{
    listing list = {0};

    list_files(registry, &list);
    for (size_t i = 0; i < list.n; i++) {
        dvs_error err = DVS_ERROR_INIT;
        const dvsi_plugin *plugin = NULL;
        if (i > 0 && strcmp(list.files[i].base, list.files[i - 1].base) == 0)
            continue;
        if (dvsi_load_file(list.files[i].path, &plugin, &err) == DVS_OK &&
            check_name(plugin, list.files[i].name, &err) != DVS_OK)
            plugin = NULL;
        each(context, list.files[i].path, plugin, plugin != NULL ? NULL : &err);
    }
    free_listing(&list);
}
