/* paths.c - where plugins are looked for, beside the installed directory that the library knows. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/session.h"

typedef struct path_list {
    char **items; /* ends in NULL */
    size_t n_items;
    int failed;
} path_list;

static void add(path_list *list, const char *path, size_t length)
{
    char **items;

    if (length == 0 || list->failed) /* an empty entry would be the working directory */
        return;
    items = (char **)realloc(list->items, (list->n_items + 2) * sizeof(*items));
    if (!items) {
        list->failed = 1;
        return;
    }
    list->items = items;
    items[list->n_items] = strndup(path, length);
    if (!items[list->n_items])
        list->failed = 1;
    else
        list->n_items++;
    items[list->n_items] = NULL;
}

static int exists(const char *path, int directory)
{
    struct stat status;

    return stat(path, &status) == 0 && (directory ? S_ISDIR(status.st_mode) : S_ISREG(status.st_mode));
}

/* A program in build/X/bin finds build/X/plugins, one in PREFIX/bin PREFIX/lib/dvsync, wherever PREFIX
 * went. */
static void add_neighbours(path_list *list)
{
    static const char *const places[] = {"/plugins", "/lib/dvsync"};
    static const char cache[] = "/CMakeCache.txt"; /* what makes a folder a build tree */
    char root[PATH_MAX];
    dvsi_buf path = {0};
    ssize_t length = readlink("/proc/self/exe", root, sizeof(root) - 1);

    if (length <= 0 || (size_t)length >= sizeof(root) - 1)
        return;
    root[length] = '\0';
    for (int up = 0; up < 2; up++) { /* the program's name, then bin */
        char *slash = strrchr(root, '/');

        if (!slash)
            return;
        *slash = '\0';
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        dvsi_buf_clear(&path);
        dvsi_buf_puts(&path, root);
        dvsi_buf_puts(&path, i == 0 ? cache : "");
        if (i == 0 && !exists(dvsi_buf_text(&path), 0))
            continue;
        dvsi_buf_clear(&path);
        dvsi_buf_puts(&path, root);
        dvsi_buf_puts(&path, places[i]);
        list->failed |= path.failed;
        if (exists(dvsi_buf_text(&path), 1))
            add(list, path.data, path.length);
    }
    dvsi_buf_free(&path);
}

char **dvsi_cli_plugin_paths(const dvsi_cli_args *args)
{
    path_list list = {0};
    const char *variable = getenv("DVSYNC_PLUGIN_PATH");

    list.items = (char **)calloc(1, sizeof(*list.items));
    if (!list.items)
        return NULL;
    for (size_t i = 0; i < args->plugin_paths.n_items; i++)
        add(&list, args->plugin_paths.items[i], strlen(args->plugin_paths.items[i]));
    /* The library reads the variable, too, but only after the directories that it is given. */
    while (variable && *variable) {
        size_t length = strcspn(variable, ":");

        add(&list, variable, length);
        variable += length + (variable[length] == ':');
    }
    add_neighbours(&list);
    if (list.failed) {
        dvsi_cli_paths_free(list.items);
        return NULL;
    }
    return list.items;
}

void dvsi_cli_paths_free(char **paths)
{
    for (char **path = paths; path && *path; path++)
        free(*path);
    free(paths);
}
