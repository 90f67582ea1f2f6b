/* What project files may say by the specification, but this version cannot do: one table, one check. A
 * feature that is built loses its line here, and nothing else changes. */
#include "config/project_parts.h"

#include <string.h>

typedef enum condition {
    IS_THERE,
    HAS_VALUE,  /* `value` */
    HAS_SEVERAL /* more than one item */
} condition;

typedef struct rule {
    const char *path; /* keys from the root: "*" is every key of a map or item of a list */
    condition when;
    const char *value;
    const char *name; /* for the message */
} rule;

#define ENTITY "entities.*."
#define FROM ENTITY "from.*."
#define FIELD FROM "fields.*."

static const rule rules[] = {
    {"options.history", HAS_VALUE, "scd2", "\"history: scd2\" is"},
    {"options.schema", HAS_VALUE, "evolve", "\"schema: evolve\" is"},
    {"options.schema", HAS_VALUE, "strict", "\"schema: strict\" is"},
    {ENTITY "history", HAS_VALUE, "scd2", "\"history: scd2\" is"},
    {ENTITY "schema", HAS_VALUE, "evolve", "\"schema: evolve\" is"},
    {ENTITY "schema", HAS_VALUE, "strict", "\"schema: strict\" is"},
    {ENTITY "records_from", IS_THERE, NULL, "\"records_from\" is"},
    {ENTITY "from", HAS_SEVERAL, NULL, "several \"from\" of one entity are"},
    {FROM "as", IS_THERE, NULL, "\"as\" is"},
    {FROM "scope", HAS_VALUE, "referenced", "\"scope: referenced\" is"},
    {FIELD "refers_to", IS_THERE, NULL, "\"refers_to\" is"},
    {FIELD "nulls", IS_THERE, NULL, "\"nulls\" is"},
    {FIELD "authority", HAS_VALUE, "reference", "\"authority: reference\" is"},
    {FIELD "authority", HAS_VALUE, "derived", "\"authority: derived\" is"},
};

static int applies(const rule *r, const dvsi_node *node)
{
    switch (r->when) {
    case HAS_VALUE:
        return node->type == DVSI_NODE_SCALAR && !node->open && strcmp(node->text, r->value) == 0;
    case HAS_SEVERAL:
        return node->type == DVSI_NODE_LIST && node->n_children > 1;
    default:
        return 1;
    }
}

/* As deep as the rule's path is long. */
static void follow(const rule *r, const char *path, const dvsi_node *node, dvsi_problems *problems)
{
    size_t length = strcspn(path, ".");
    if (length == 0) {
        if (applies(r, node))
            dvsi_node_error(problems, node, "%s not supported yet", r->name);
        return;
    }
    const char *rest = path[length] ? path + length + 1 : path + length;
    for (const dvsi_node *child = node->first; child; child = child->next)
        if ((length == 1 && path[0] == '*') ||
            (child->key && strlen(child->key) == length && memcmp(child->key, path, length) == 0))
            follow(r, rest, child, problems);
}

void dvsi_project_check_supported(const dvsi_node *root, dvsi_problems *problems)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        follow(&rules[i], rules[i].path, root, problems);
}
