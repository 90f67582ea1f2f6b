#include "config/node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/file.h"
#include "config/yaml_scan.h"

/* Turns libyaml's document into nodes. */
typedef struct builder {
    dvsi_arena *arena;
    dvsi_problems *problems;
    const char *file;
    yaml_document_t *document;
} builder;

static void no_memory(dvsi_problems *problems, const char *file)
{
    dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, file, 0, 0, "", "memory ran out while the file was read");
}

static dvsi_node *build(const builder *b, int id, const yaml_node_t *key, const dvsi_node *parent);

/* Takes a new child, or nothing when it is NULL. 0 or -1. */
static int append(dvsi_node *parent, dvsi_node **tail, dvsi_node *child)
{
    if (!child)
        return -1;
    child->index = parent->n_children++;
    if (*tail)
        (*tail)->next = child;
    else
        parent->first = child;
    *tail = child;
    return 0;
}

static int build_list(const builder *b, dvsi_node *node, const yaml_node_t *from)
{
    dvsi_node *tail = NULL;
    for (const yaml_node_item_t *item = from->data.sequence.items.start; item < from->data.sequence.items.top;
         item++)
        if (append(node, &tail, build(b, *item, NULL, node)))
            return -1;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const dvsi_node *first = *(dvsi_node *const *)a;
    const dvsi_node *second = *(dvsi_node *const *)b;
    int order = strcmp(first->key, second->key);
    if (order)
        return order;
    return first->index < second->index ? -1 : 1;
}

static int check_duplicates(const builder *b, const dvsi_node *map)
{
    if (map->n_children < 2)
        return 0;
    const dvsi_node **sorted = malloc(map->n_children * sizeof(const dvsi_node *));
    if (!sorted)
        return -1;
    size_t n = 0;
    for (const dvsi_node *child = map->first; child; child = child->next)
        sorted[n++] = child;
    qsort(sorted, n, sizeof(sorted[0]), by_key);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            dvsi_node_error(b->problems, sorted[i],
                            "this key stands here twice, the first time on line %" PRIu32,
                            sorted[i - 1]->key_line);
    free(sorted);
    return 0;
}

static int build_map(const builder *b, dvsi_node *node, const yaml_node_t *from)
{
    dvsi_node *tail = NULL;
    for (const yaml_node_pair_t *pair = from->data.mapping.pairs.start; pair < from->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(b->document, pair->key);
        if (!key || key->type != YAML_SCALAR_NODE) /* the scan has said so */
            return -1;
        if (append(node, &tail, build(b, pair->value, key, node)))
            return -1;
    }
    return check_duplicates(b, node);
}

static int set_key(const builder *b, dvsi_node *node, const yaml_node_t *key)
{
    node->key = dvsi_arena_copy(b->arena, key->data.scalar.value, key->data.scalar.length);
    node->key_line = (uint32_t)key->start_mark.line + 1;
    node->key_column = (uint32_t)key->start_mark.column + 1;
    return node->key ? 0 : -1;
}

/* The scan has bounded the depth. `key` NULL: not in a map. */
static dvsi_node *build(const builder *b, int id, const yaml_node_t *key, const dvsi_node *parent)
{
    const yaml_node_t *from = yaml_document_get_node(b->document, id);
    dvsi_node *node = from ? dvsi_arena_calloc(b->arena, 1, sizeof(*node)) : NULL;
    int failed = 0;

    if (!node || (key && set_key(b, node, key)))
        return NULL;
    node->parent = parent;
    node->file = b->file;
    node->line = (uint32_t)from->start_mark.line + 1;
    node->column = (uint32_t)from->start_mark.column + 1;
    if (from->type == YAML_SEQUENCE_NODE) {
        node->type = DVSI_NODE_LIST;
        failed = build_list(b, node, from);
    } else if (from->type == YAML_MAPPING_NODE) {
        node->type = DVSI_NODE_MAP;
        failed = build_map(b, node, from);
    } else {
        node->type = DVSI_NODE_SCALAR;
        node->plain = from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node->text = dvsi_arena_copy(b->arena, from->data.scalar.value, from->data.scalar.length);
        node->length = from->data.scalar.length;
        failed = !node->text;
    }
    return failed ? NULL : node;
}

static dvsi_node *load(const builder *b, const char *data, size_t length)
{
    yaml_parser_t parser;
    dvsi_node *root = NULL;

    if (!yaml_parser_initialize(&parser)) {
        no_memory(b->problems, b->file);
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, length);
    if (!yaml_parser_load(&parser, b->document)) {
        dvsi_yaml_parser_error(b->file, data, length, &parser, b->problems);
    } else {
        /* Nodes are numbered from 1; the root is the first. */
        root = build(b, 1, NULL, NULL);
        if (!root)
            no_memory(b->problems, b->file);
        yaml_document_delete(b->document);
    }
    yaml_parser_delete(&parser);
    return root;
}

dvsi_node *dvsi_node_parse(dvsi_arena *arena, const char *file, const char *data, size_t length,
                           dvsi_problems *problems)
{
    yaml_document_t document;
    dvsi_yaml_facts facts = {0};
    builder b = {.arena = arena, .problems = problems, .document = &document};

    b.file = dvsi_arena_strdup(arena, file);
    if (!b.file) {
        no_memory(problems, file);
        return NULL;
    }
    if (length > DVSI_FILE_MOST)
        dvsi_file_problem(problems, file, EFBIG);
    else
        dvsi_yaml_scan(file, data, length, problems, &facts);
    return facts.is_usable ? load(&b, data, length) : NULL;
}

dvsi_node *dvsi_node_read(dvsi_arena *arena, const char *path, dvsi_problems *problems)
{
    const char *data = NULL;
    size_t length = 0;
    int status = dvsi_file_read(arena, path, &data, &length);
    if (status) {
        dvsi_file_problem(problems, path, status);
        return NULL;
    }
    return dvsi_node_parse(arena, path, data, length, problems);
}

const dvsi_node *dvsi_node_get(const dvsi_node *map, const char *key)
{
    if (!map || map->type != DVSI_NODE_MAP)
        return NULL;
    for (const dvsi_node *child = map->first; child; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}
