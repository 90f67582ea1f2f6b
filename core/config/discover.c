#include "config/discover.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/check.h"
#include "config/file.h"
#include "config/project.h"
#include "config/yaml_scan.h"

static int ends_in(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static int is_regular(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISREG(st.st_mode); /* a FIFO would block, a folder is looked into */
    return errno != ENOENT ||
           (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)); /* then reading says what is wrong */
}

/* False for YAML files of somebody else: readable to the end, but neither sources nor a sink. */
static int is_project(const char *path)
{
    dvsi_arena arena = {0};
    dvsi_problems problems = {0};
    dvsi_yaml_facts facts = {0};
    const char *data = NULL;
    size_t length = 0;

    if (dvsi_file_read(&arena, path, &data, &length) == 0)
        dvsi_yaml_scan(path, data, length, &problems, &facts);
    dvsi_problems_free(&problems);
    dvsi_arena_free(&arena);
    return !facts.is_yaml || facts.has_project_keys;
}

static void add_endpoint(dvsi_buf *out, const char *name, const dvsi_node *node)
{
    const char *plugin = dvsi_check_text(node, "plugin");
    if (out->length > 0)
        dvsi_buf_puts(out, ", ");
    if (name)
        dvsi_buf_printf(out, plugin ? "%s (%s)" : "%s", name, plugin);
    else
        dvsi_buf_puts(out, plugin ? plugin : "?");
}

static const char *keep(dvsi_arena *arena, dvsi_buf *buf)
{
    const char *text = buf->length > 0 && !buf->failed ? dvsi_arena_strdup(arena, buf->data) : NULL;
    dvsi_buf_free(buf);
    return text;
}

static const char *describe_sources(dvsi_arena *arena, const dvsi_node *root)
{
    const dvsi_node *several = dvsi_node_get(root, "sources");
    const dvsi_node *one = dvsi_node_get(root, "source");
    dvsi_buf text = {0};

    if (several && several->type == DVSI_NODE_MAP) {
        for (const dvsi_node *node = several->first; node; node = node->next)
            add_endpoint(&text, node->key, node);
    } else if (one && one->type == DVSI_NODE_MAP) {
        add_endpoint(&text, dvsi_check_text(one, "plugin"), one);
    }
    return keep(arena, &text);
}

static const char *describe_sink(dvsi_arena *arena, const dvsi_node *root)
{
    const dvsi_node *sink = dvsi_node_get(root, "sink");
    dvsi_buf text = {0};
    if (sink && sink->type == DVSI_NODE_MAP)
        add_endpoint(&text, NULL, sink);
    return keep(arena, &text);
}

/* A name with ${...} is shown as it comes out here and now, or as it is written where a variable is
 * missing. */
static const char *describe_name(dvsi_arena *arena, const char *path, const dvsi_node *root)
{
    dvsi_problems problems = {0};
    const dvsi_node *node = dvsi_node_get(root, "name");
    const char *text = dvsi_check_scalar_text(node);

    if (text && strstr(text, "${")) {
        dvsi_node copy = *node;
        const char *directory = dvsi_file_directory(arena, path);
        copy.parent = NULL;
        dvsi_node_interpolate(arena, &copy, directory ? directory : ".", &problems);
        if (!copy.open && !copy.secret)
            text = copy.text;
    }
    dvsi_problems_free(&problems);
    return text ? dvsi_arena_strdup(arena, text) : NULL;
}

/* What can be told of a file, however broken it is. */
static void describe(dvsi_arena *arena, dvsi_found *found)
{
    dvsi_arena scratch = {0};
    dvsi_problems problems = {0};
    const dvsi_node *root = dvsi_node_read(&scratch, found->file, &problems);
    if (root) {
        found->name = describe_name(&scratch, found->file, root);
        found->name = found->name ? dvsi_arena_strdup(arena, found->name) : NULL;
        found->sources = describe_sources(arena, root);
        found->sink = describe_sink(arena, root);
    }
    dvsi_problems_free(&problems);
    dvsi_arena_free(&scratch);
}

static void check(dvsi_arena *arena, dvsi_found *found)
{
    dvsi_problems problems = {0};
    dvsi_project *project = dvsi_project_read(found->file, 0, &problems);
    for (const dvsi_problem *p = problems.first; p && !project && !found->error; p = p->next)
        if (p->severity == DVSI_PROBLEM_ERROR) {
            const char *text = dvsi_problem_text(&problems.arena, p);
            const char *copy = dvsi_arena_strdup(arena, text);
            found->error = copy ? copy : "memory ran out";
        }
    found->n_errors = problems.n_errors;
    dvsi_project_free(project);
    dvsi_problems_free(&problems);
}

static int is_before(const dvsi_found *a, const dvsi_found *b)
{
    if ((a->name != NULL) != (b->name != NULL))
        return a->name != NULL;
    int order = a->name ? strcmp(a->name, b->name) : 0;
    return order ? order < 0 : strcmp(a->file, b->file) < 0;
}

static int32_t add_file(dvsi_discovery *out, const char *path, dvs_error *err)
{
    if (!is_regular(path) || !is_project(path))
        return DVS_OK;
    dvsi_found *found = dvsi_arena_calloc(&out->arena, 1, sizeof(*found));
    if (!found)
        return dvsi_error_no_memory(err);
    found->file = path;
    describe(&out->arena, found);
    check(&out->arena, found);
    if (!found->error &&
        (!found->name || !found->sources || !found->sink)) /* a valid project has all three */
        return dvsi_error_no_memory(err);
    dvsi_found **at = &out->first;
    while (*at && is_before(*at, found))
        at = &(*at)->next;
    found->next = *at;
    *at = found;
    out->n_found++;
    return DVS_OK;
}

static int32_t add_folder(dvsi_discovery *out, const char *folder, dvs_error *err)
{
    static const char *const names[] = {"config.yml", "config.yaml", NULL};
    int32_t status = DVS_OK;
    for (const char *const *name = names; *name && !status; name++) {
        const char *path = dvsi_arena_printf(&out->arena, "%s/%s", folder, *name);
        status = path ? add_file(out, path, err) : dvsi_error_no_memory(err);
    }
    return status;
}

static int32_t add_entry(dvsi_discovery *out, const char *directory, const char *name, dvs_error *err)
{
    struct stat st;
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    const char *path = dvsi_arena_printf(&out->arena, "%s%s%s", directory, slash, name);

    if (!path)
        return dvsi_error_no_memory(err);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return add_folder(out, path, err);
    if (ends_in(name, ".yaml") || ends_in(name, ".yml"))
        return add_file(out, path, err);
    return DVS_OK;
}

/* Neither of two projects of one name can be told by it. They stand beside each other. */
static int32_t mark_doubles(dvsi_discovery *out, dvs_error *err)
{
    for (dvsi_found *found = out->first, *before = NULL; found; before = found, found = found->next) {
        dvsi_found *other = found->next;
        if (before && before->name && found->name && strcmp(before->name, found->name) == 0)
            other = before;
        if (!other || !other->name || !found->name || strcmp(other->name, found->name) != 0)
            continue;
        const char *text = dvsi_arena_printf(&out->arena, "%s: %s has the same name, %s", found->file,
                                             other->file, found->name);
        if (!text)
            return dvsi_error_no_memory(err);
        if (!found->error)
            found->error = text;
        found->n_errors++;
    }
    return DVS_OK;
}

static int32_t open_failed(const char *directory, int code, dvs_error *err)
{
    int32_t status = DVS_E_IO;
    if (code == ENOENT || code == ENOTDIR)
        status = DVS_E_NOT_FOUND;
    else if (code == EACCES)
        status = DVS_E_PERMISSION;
    return dvsi_error_set(err, status, "the directory of projects %s could not be read: %s", directory,
                          strerror(code));
}

int32_t dvsi_discover(const char *directory, dvsi_discovery *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    const struct dirent *entry;
    DIR *dir = opendir(directory);

    *out = (dvsi_discovery){0};
    if (!dir)
        return open_failed(directory, errno, err);
    while (!status && (errno = 0, entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            status = add_entry(out, directory, entry->d_name, err);
    if (!status && errno)
        status = open_failed(directory, errno, err);
    closedir(dir);
    if (!status)
        status = mark_doubles(out, err);
    if (status)
        dvsi_discovery_free(out);
    return status;
}

void dvsi_discovery_free(dvsi_discovery *discovery)
{
    if (!discovery)
        return;
    dvsi_arena_free(&discovery->arena);
    *discovery = (dvsi_discovery){0};
}
