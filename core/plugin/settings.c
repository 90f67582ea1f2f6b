/* settings.c - see settings.h. */
#include "plugin/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "plugin/options.h"

typedef struct resolver {
    dvsi_arena *arena;
    const dvs_option *options;
    uint32_t n_options;
    const dvsi_endpoint *endpoint;
    const char *file;
    const char *path; /* "sources.crm" */
    const char *directory;
    dvsi_problems *problems;
    uint32_t n_errors;
    int no_memory;
} resolver;

/* A problem with a setting, at a node's value or, without one, where the endpoint stands. */
static void complain(resolver *r, const dvsi_node *node, const char *path, const char *message)
{
    const dvsi_node *at = node != NULL ? node : r->endpoint->settings;

    if (at == NULL)
        at = r->endpoint->node;
    dvsi_problem_add(r->problems, DVSI_PROBLEM_ERROR, r->file, at != NULL ? at->line : 0,
                     at != NULL ? at->column : 0, path, "%s", message);
    r->n_errors++;
}

static const char *path_of(resolver *r, const char *name)
{
    dvsi_buf shown = {0};
    const char *path;

    dvsi_utf8_show(&shown, name, strlen(name), 100);
    path = dvsi_arena_printf(r->arena, "%s.settings.%s", r->path, dvsi_buf_text(&shown));
    dvsi_buf_free(&shown);
    r->no_memory |= path == NULL;
    return path != NULL ? path : r->path;
}

static void unknown(resolver *r, const dvsi_node *node)
{
    const char **names = dvsi_arena_calloc(r->arena, (size_t)r->n_options + 1, sizeof *names);
    const char *nearest;
    dvsi_buf message = {0};

    if (names == NULL) {
        r->no_memory = 1;
        return;
    }
    for (uint32_t i = 0; i < r->n_options; i++)
        names[i] = r->options[i].name;
    nearest = dvsi_problem_nearest(node->key, names);
    dvsi_buf_printf(&message, "plugin %s has no such setting", r->endpoint->plugin);
    if (nearest != NULL)
        dvsi_buf_printf(&message, "; did you mean %s?", nearest);
    dvsi_problem_add(r->problems, DVSI_PROBLEM_ERROR, r->file, node->key_line, node->key_column,
                     path_of(r, node->key), "%s", dvsi_buf_text(&message));
    r->n_errors++;
    dvsi_buf_free(&message);
}

static int is_null(const dvsi_node *node)
{
    static const char *const words[] = {"~", "null", "Null", "NULL"};

    for (size_t i = 0; node->plain && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(node->text, words[i]) == 0)
            return 1;
    }
    return 0;
}

/* Shows the value in a message, unless it is secret. */
static void add_value(dvsi_buf *message, const dvs_option *option, const dvsi_node *node)
{
    if ((option->flags & DVS_OPTION_SECRET) != 0 || node->secret || node->length == 0)
        return;
    dvsi_buf_puts(message, ", not \"");
    dvsi_utf8_show(message, node->text, node->length, 100);
    dvsi_buf_puts(message, "\"");
}

static const char *absolute(resolver *r, const char *text)
{
    const char *path = text;

    while (strncmp(text, "./", 2) == 0)
        text += 2;
    if (path[0] != '/')
        path = dvsi_arena_printf(r->arena, "%s/%s", r->directory, text);
    r->no_memory |= path == NULL;
    return path;
}

/* One value; `node` NULL: the default. */
static void take_scalar(resolver *r, const dvs_option *option, const dvsi_node *node, dvs_setting *setting)
{
    const char *text = node != NULL ? node->text : option->default_value;
    size_t length = node != NULL ? node->length : strlen(option->default_value);
    dvsi_buf message = {0};

    if (node != NULL && node->type != DVSI_NODE_SCALAR) {
        complain(r, node, path_of(r, option->name), "must be a single value");
        return;
    }
    if (node != NULL && is_null(node)) {
        complain(r, node, path_of(r, option->name),
                 "is null; leave the setting out, or quote it to mean the text");
        return;
    }
    text = dvsi_arena_copy(r->arena, text, length);
    if (text == NULL) {
        r->no_memory = 1;
        return;
    }
    if (dvsi_option_parse(option, text, length, &setting->value, &message) != 0) {
        if (node != NULL)
            add_value(&message, option, node);
        complain(r, node, path_of(r, option->name), dvsi_buf_text(&message));
    } else if (setting->value.kind == DVS_TEXT &&
               ((option->flags & DVS_OPTION_SECRET) != 0 || (node != NULL && node->secret))) {
        setting->value.flags = DVS_CELL_SECRET;
    }
    if (setting->value.kind == DVS_TEXT && option->type == DVS_OPTION_PATH) {
        setting->value.v.text = absolute(r, text);
        setting->value.length = setting->value.v.text != NULL ? (uint32_t)strlen(setting->value.v.text) : 0;
    }
    dvsi_buf_free(&message);
}

/* An item of a list or map: a text, one of the choices if there are any. */
static const char *take_item(resolver *r, const dvs_option *option, const dvsi_node *item)
{
    const char *path = path_of(r, option->name);
    dvsi_buf message = {0};
    const char *text = NULL, *inner;

    if (item->key != NULL && (inner = dvsi_arena_printf(r->arena, "%s.%s", option->name, item->key)) != NULL)
        path = path_of(r, inner);
    if (item->type != DVSI_NODE_SCALAR || is_null(item)) {
        complain(r, item, path, "must be a text");
    } else if (dvsi_utf8_valid(item->text, item->length) != item->length) {
        complain(r, item, path, "must be a text of valid UTF-8 without NUL");
    } else if (option->choices != NULL && !dvsi_option_has_choice(option->choices, item->text)) {
        dvsi_buf_puts(&message, "must be ");
        dvsi_option_list_choices(&message, option->choices);
        add_value(&message, option, item);
        complain(r, item, path, dvsi_buf_text(&message));
    } else {
        text = dvsi_arena_copy(r->arena, item->text, item->length);
        r->no_memory |= text == NULL;
    }
    dvsi_buf_free(&message);
    return text;
}

static void take_pairs(resolver *r, const dvs_option *option, const dvsi_node *node, dvs_setting *setting)
{
    int is_map = option->type == DVS_OPTION_MAP;
    dvs_pair *pairs;
    uint32_t n = 0;

    if (node->type != (is_map ? DVSI_NODE_MAP : DVSI_NODE_LIST)) {
        complain(r, node, path_of(r, option->name),
                 is_map ? "must be a map: {name: value, ...}" : "must be a list: [value, ...]");
        return;
    }
    if (node->n_children == 0 && (option->flags & DVS_OPTION_REQUIRED) != 0) {
        complain(r, node, path_of(r, option->name), "must not be empty");
        return;
    }
    pairs = dvsi_arena_calloc(r->arena, node->n_children, sizeof *pairs);
    if (pairs == NULL) {
        r->no_memory = 1;
        return;
    }
    for (const dvsi_node *item = node->first; item != NULL; item = item->next) {
        pairs[n].key = is_map ? dvsi_arena_strdup(r->arena, item->key) : "";
        pairs[n].value = take_item(r, option, item);
        r->no_memory |= pairs[n].key == NULL;
        n++;
    }
    setting->pairs = pairs;
    setting->n_pairs = n;
}

/* Fills in one setting; 0 when it has no value. */
static int take_setting(resolver *r, const dvs_option *option, dvs_setting *setting)
{
    const dvsi_node *map = r->endpoint->settings;
    const dvsi_node *node =
        map != NULL && map->type == DVSI_NODE_MAP ? dvsi_node_get(map, option->name) : NULL;
    dvsi_buf message = {0};

    setting->struct_size = (uint32_t)sizeof *setting;
    setting->name = option->name;
    if (node == NULL && option->default_value == NULL) {
        if ((option->flags & DVS_OPTION_REQUIRED) != 0) {
            dvsi_buf_printf(&message, "is missing; plugin %s needs it", r->endpoint->plugin);
            if (option->doc != NULL && option->doc[0] != '\0')
                dvsi_buf_printf(&message, ": %s", option->doc);
            complain(r, NULL, path_of(r, option->name), dvsi_buf_text(&message));
            dvsi_buf_free(&message);
        }
        return 0;
    }
    if (node != NULL && (option->type == DVS_OPTION_LIST || option->type == DVS_OPTION_MAP))
        take_pairs(r, option, node, setting);
    else
        take_scalar(r, option, node, setting);
    return 1;
}

const dvs_settings *dvsi_settings_resolve(dvsi_arena *arena, const dvs_option *options, uint32_t n_options,
                                          const dvsi_endpoint *endpoint, const char *file, const char *path,
                                          const char *directory, dvsi_problems *problems)
{
    resolver r = {.arena = arena,
                  .options = options,
                  .n_options = n_options,
                  .endpoint = endpoint,
                  .file = file,
                  .path = path,
                  .directory = directory,
                  .problems = problems};
    dvs_settings *result = dvsi_arena_calloc(arena, 1, sizeof *result);
    dvs_setting *settings = dvsi_arena_calloc(arena, n_options, sizeof *settings);
    const dvsi_node *map = endpoint->settings;
    uint32_t n = 0;

    if (result == NULL || settings == NULL) {
        complain(&r, NULL, path, "out of memory");
        return NULL;
    }
    if (map != NULL && map->type != DVSI_NODE_MAP && map->length > 0)
        complain(&r, map, path, "settings must be a map: {name: value, ...}");
    for (const dvsi_node *node = map != NULL ? map->first : NULL; node != NULL; node = node->next) {
        uint32_t i = 0;
        while (node->key != NULL && i < n_options && strcmp(options[i].name, node->key) != 0)
            i++;
        if (node->key != NULL && i == n_options)
            unknown(&r, node);
    }
    for (uint32_t i = 0; i < n_options; i++)
        n += (uint32_t)take_setting(&r, &options[i], &settings[n]);
    if (r.no_memory)
        complain(&r, NULL, path, "out of memory");
    if (r.n_errors > 0)
        return NULL;
    result->struct_size = (uint32_t)sizeof *result;
    result->n_settings = n;
    result->stride = (uint32_t)sizeof *settings;
    result->settings = settings;
    return result;
}
