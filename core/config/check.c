#include "config/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "config/nearest.h"

int dvsi_check_wants_hints(const dvsi_problems *problems)
{
    return problems->n_problems < DVSI_PROBLEMS_KEPT;
}

static void unknown_key(dvsi_problems *problems, const dvsi_node *node, const dvsi_key *keys)
{
    dvsi_nearest nearest = {.name = node->key};
    dvsi_buf known = {0};

    if (!dvsi_check_wants_hints(problems)) {
        dvsi_node_error(problems, node, "is not known here");
        return;
    }
    for (const dvsi_key *key = keys; key->name; key++) {
        dvsi_nearest_offer(&nearest, key->name);
        dvsi_buf_printf(&known, "%s%s", known.length ? ", " : "", key->name);
    }
    if (nearest.best)
        dvsi_node_error(problems, node, "is not known here; did you mean \"%s\"?", nearest.best);
    else
        dvsi_node_error(problems, node, "is not known here; known are %s", dvsi_buf_text(&known));
    dvsi_buf_free(&known);
}

static void wrong_type(dvsi_problems *problems, const dvsi_node *node, const char *expected)
{
    dvsi_arena scratch = {0};
    if (dvsi_node_is_null(node) && node->key)
        dvsi_node_value_error(problems, node, "has no value; it must be %s", expected);
    else
        dvsi_node_value_error(problems, node, "must be %s, not %s", expected, dvsi_node_show(&scratch, node));
    dvsi_arena_free(&scratch);
}

static void check_text(dvsi_problems *problems, const dvsi_node *node)
{
    if (node->type != DVSI_NODE_SCALAR || dvsi_node_is_null(node))
        wrong_type(problems, node, "a text");
    else if (node->length == 0)
        dvsi_node_value_error(problems, node, "must not be empty");
}

static void check_pattern(dvsi_problems *problems, const dvsi_node *node, int (*allowed)(const char *),
                          const char *expected)
{
    if (node->type != DVSI_NODE_SCALAR || dvsi_node_is_null(node) || !allowed(node->text))
        wrong_type(problems, node, expected);
}

static void check_bool(dvsi_problems *problems, const dvsi_node *node)
{
    uint32_t value;
    if (dvsi_node_to_bool(node, &value))
        wrong_type(problems, node, "true or false");
}

static void check_int(dvsi_problems *problems, const dvsi_node *node, const dvsi_key *key)
{
    char expected[100];
    int64_t value;
    if (dvsi_node_to_int64(node, &value) == 0 && value >= key->min && value <= key->max)
        return;
    snprintf(expected, sizeof(expected), "a whole number from %" PRId64 " to %" PRId64, key->min, key->max);
    wrong_type(problems, node, expected);
}

static void check_choice(dvsi_problems *problems, const dvsi_node *node, const dvsi_key *key)
{
    dvsi_arena scratch = {0};
    dvsi_buf expected = {0};
    dvsi_nearest nearest = {.name = node->type == DVSI_NODE_SCALAR ? node->text : ""};
    const char *choice;
    size_t length;

    if (node->type == DVSI_NODE_SCALAR && dvsi_keys_choice_index(key->choices, node->text) >= 0)
        return;
    for (uint32_t n = 0; (choice = dvsi_keys_choice(key->choices, n, &length)) != NULL; n++) {
        const char *copy = dvsi_arena_copy(&scratch, choice, length);
        if (!copy)
            break;
        if (dvsi_check_wants_hints(problems) && !node->secret)
            dvsi_nearest_offer(&nearest, copy);
        dvsi_buf_printf(&expected, "%s%s", n ? ", " : "", copy);
    }
    const char *shown = dvsi_node_show(&scratch, node);
    const char *one_of = strchr(key->choices, '|') ? "one of " : "";
    if (dvsi_node_is_null(node))
        dvsi_node_value_error(problems, node, "has no value; it must be %s%s", one_of,
                              dvsi_buf_text(&expected));
    else if (nearest.best)
        dvsi_node_value_error(problems, node, "must be %s%s, not %s; did you mean \"%s\"?", one_of,
                              dvsi_buf_text(&expected), shown, nearest.best);
    else
        dvsi_node_value_error(problems, node, "must be %s%s, not %s", one_of, dvsi_buf_text(&expected),
                              shown);
    dvsi_buf_free(&expected);
    dvsi_arena_free(&scratch);
}

static void check_limit(dvsi_problems *problems, const dvsi_node *node)
{
    dvsi_limit limit;
    if (node->type != DVSI_NODE_SCALAR || dvsi_limit_parse(node->text, &limit))
        wrong_type(problems, node, "a share such as 20% (0% to 100%) or a count of rows");
}

static void check_duration(dvsi_problems *problems, const dvsi_node *node)
{
    int64_t micros;
    if (node->type != DVSI_NODE_SCALAR || dvsi_duration_parse(node->text, &micros))
        wrong_type(problems, node, "a time such as 90s, 30m, 12h, 7d or 2w, or 0");
}

static void check_texts(dvsi_problems *problems, const dvsi_node *node)
{
    if (node->type == DVSI_NODE_MAP || dvsi_node_is_null(node)) {
        wrong_type(problems, node, "a list of names");
    } else if (node->type == DVSI_NODE_SCALAR) {
        check_text(problems, node);
    } else if (!node->first) {
        dvsi_node_value_error(problems, node, "must not be empty");
    }
    for (const dvsi_node *item = node->first; item && node->type == DVSI_NODE_LIST; item = item->next)
        if (!item->open)
            check_text(problems, item);
}

static void check_container(dvsi_problems *problems, const dvsi_node *node, const dvsi_key *key)
{
    int is_list = key->type == DVSI_KEY_LIST;
    if (key->type == DVSI_KEY_MAP_OR_NULL && dvsi_node_is_null(node))
        return;
    if (node->type != (is_list ? DVSI_NODE_LIST : DVSI_NODE_MAP))
        wrong_type(problems, node,
                   is_list ? "a list (\"- \" before each item)" : "a map (\"name: value\" lines)");
    else if (!node->first && key->type != DVSI_KEY_MAP_OR_NULL)
        dvsi_node_value_error(problems, node, "must not be empty");
}

static void check_value(dvsi_problems *problems, const dvsi_node *node, const dvsi_key *key)
{
    if (node->open)
        return;
    switch (key->type) {
    case DVSI_KEY_TEXT:
        check_text(problems, node);
        break;
    case DVSI_KEY_NAME:
        check_pattern(problems, node, dvsi_keys_is_name,
                      "a name of 1 to 64 letters, digits, \"_\", \".\" and \"-\"");
        break;
    case DVSI_KEY_PLUGIN:
        check_pattern(problems, node, dvsi_keys_is_plugin,
                      "a plugin's name (lower-case letters, digits and \"-\", at most 32, a letter first)");
        break;
    case DVSI_KEY_IDENT:
        check_pattern(problems, node, dvsi_keys_is_ident,
                      "a name of 1 to 200 bytes without control characters");
        break;
    case DVSI_KEY_SCALAR:
        if (node->type != DVSI_NODE_SCALAR)
            wrong_type(problems, node, "one value");
        break;
    case DVSI_KEY_BOOL:
        check_bool(problems, node);
        break;
    case DVSI_KEY_INT:
        check_int(problems, node, key);
        break;
    case DVSI_KEY_CHOICE:
        check_choice(problems, node, key);
        break;
    case DVSI_KEY_LIMIT:
        check_limit(problems, node);
        break;
    case DVSI_KEY_DURATION:
        check_duration(problems, node);
        break;
    case DVSI_KEY_TEXTS:
        check_texts(problems, node);
        break;
    case DVSI_KEY_LIST:
    case DVSI_KEY_MAP:
    case DVSI_KEY_MAP_OR_NULL:
        check_container(problems, node, key);
        break;
    }
}

void dvsi_check_map(dvsi_problems *problems, const dvsi_node *node, const dvsi_key *keys)
{
    if (node->type != DVSI_NODE_MAP) {
        if (!node->open)
            wrong_type(problems, node, "a map (\"name: value\" lines)");
        return;
    }
    for (const dvsi_node *child = node->first; child; child = child->next) {
        const dvsi_key *key = dvsi_keys_find(keys, child->key);
        if (key)
            check_value(problems, child, key);
        else
            unknown_key(problems, child, keys);
    }
    for (const dvsi_key *key = keys; key->name; key++)
        if (key->required && !dvsi_node_get(node, key->name))
            dvsi_node_error(problems, node, "\"%s\" is missing: %s", key->name, key->doc);
}

int dvsi_check_ident(dvsi_problems *problems, const dvsi_node *node, int is_key, const char *what)
{
    if (!is_key && node->open)
        return -1;
    if (dvsi_keys_is_ident(is_key ? node->key : node->text))
        return 0;
    if (is_key)
        dvsi_node_error(problems, node, "the name of %s has 1 to 200 bytes and no control characters", what);
    else
        dvsi_node_value_error(problems, node, "the name of %s has 1 to 200 bytes and no control characters",
                              what);
    return -1;
}

const char *dvsi_check_scalar_text(const dvsi_node *node)
{
    return node && node->type == DVSI_NODE_SCALAR && !dvsi_node_is_null(node) && node->length > 0 ? node->text
                                                                                                  : NULL;
}

const char *dvsi_check_text(const dvsi_node *map, const char *key)
{
    return dvsi_check_scalar_text(dvsi_node_get(map, key));
}

uint32_t dvsi_check_bool(const dvsi_node *map, const char *key, uint32_t fallback)
{
    const dvsi_node *node = dvsi_node_get(map, key);
    uint32_t value;
    return node && dvsi_node_to_bool(node, &value) == 0 ? value : fallback;
}

int64_t dvsi_check_int(const dvsi_node *map, const char *key, int64_t fallback)
{
    const dvsi_node *node = dvsi_node_get(map, key);
    int64_t value;
    return node && dvsi_node_to_int64(node, &value) == 0 ? value : fallback;
}

int dvsi_check_choice(const dvsi_key *keys, const dvsi_node *map, const char *key, int fallback)
{
    const dvsi_key *known = dvsi_keys_find(keys, key);
    const char *text = dvsi_check_text(map, key);
    int index = known && text ? dvsi_keys_choice_index(known->choices, text) : -1;
    return index < 0 ? fallback : index;
}

const char *const *dvsi_check_texts(dvsi_arena *arena, dvsi_problems *problems, const dvsi_node *map,
                                    const char *key, uint32_t *n)
{
    const dvsi_node *node = dvsi_node_get(map, key);
    const char *single = dvsi_check_scalar_text(node);

    *n = 0;
    if (!single && (!node || node->type != DVSI_NODE_LIST))
        return NULL;
    const char **texts = dvsi_arena_calloc(arena, single ? 1 : (size_t)node->n_children + 1, sizeof(*texts));
    if (!texts) {
        dvsi_node_error(problems, node, "memory ran out");
        return NULL;
    }
    if (single)
        texts[(*n)++] = single;
    for (const dvsi_node *item = single ? NULL : node->first; item; item = item->next) {
        texts[*n] = dvsi_check_scalar_text(item);
        if (texts[*n])
            ++*n;
    }
    return texts;
}
