/*
 * csdl.c - reads $metadata (Microsoft's documentation: Web API types and service documents; entity types;
 * OData CSDL XML 4.0). Namespaces are not looked at, but for taking them off: `mscrm.account` and
 * `Microsoft.Dynamics.CRM.account` are one type.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>

#include <dvsync/plugin_util.h>

#include "csdl_internal.h"

#define DEPTH_MAX 64u
#define PROPERTIES_MAX ((size_t)4 * 1000 * 1000)
#define REFERENCES_MAX ((size_t)4 * 1000 * 1000)

#define STOP_NONE 0
#define STOP_DOCTYPE 1
#define STOP_DEPTH 2
#define STOP_LIMIT 3
#define STOP_MEMORY 4

struct reading {
    XML_Parser parser;
    struct dataverse_csdl *csdl;
    unsigned depth;       /* of the element that is open; 0: none */
    unsigned type_depth;  /* of the EntityType that is open; 0: none */
    unsigned child_depth; /* of its Key or NavigationProperty that is open; 0: none */
    csdl_name target;     /* of that NavigationProperty; 0: it is a Key, or leads to many */
    int in_key;
    int stopped; /* STOP_ */
};

static void stop(struct reading *reading, int why)
{
    if (reading->stopped == STOP_NONE)
        reading->stopped = why;
    XML_StopParser(reading->parser, XML_FALSE);
}

static const char *attribute(const XML_Char **attributes, const char *name)
{
    for (; attributes[0] != NULL; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

/* Behind the namespace; expat sets it off with '|'. */
static const char *local_name(const XML_Char *name)
{
    const char *bar = strrchr(name, '|');
    return bar == NULL ? name : bar + 1;
}

/* The name of a type of the document without its namespace; NULL: none that could be one of ours. */
static const char *short_type(const char *type)
{
    const char *dot = type == NULL ? NULL : strrchr(type, '.');
    const char *name = dot == NULL ? type : dot + 1;
    return name != NULL && dataverse_is_name(name) ? name : NULL;
}

/* 0: no name, or no room for it; then the reading is stopped. */
static csdl_name keep(struct reading *reading, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return 0;
    csdl_name name = dataverse_csdl_intern(reading->csdl, text, strlen(text));
    if (name == 0)
        stop(reading, STOP_MEMORY);
    return name;
}

static void *grow(struct reading *reading, void **list, size_t *n, size_t *capacity, size_t size, size_t max)
{
    void *item = dataverse_csdl_grow(list, n, capacity, size, max);
    if (item == NULL)
        stop(reading, *n >= max ? STOP_LIMIT : STOP_MEMORY);
    return item;
}

/* One more at the end of a list of the model; NULL: the reading is stopped. */
#define DEFINE_GROW(list, item)                                                                              \
    static struct item *grow_##list(struct reading *reading, size_t max)                                     \
    {                                                                                                        \
        void *items = reading->csdl->list;                                                                   \
        void *grown = grow(reading, &items, &reading->csdl->n_##list, &reading->csdl->list##_capacity,       \
                           sizeof(struct item), max);                                                        \
        reading->csdl->list = items;                                                                         \
        return grown;                                                                                        \
    }
DEFINE_GROW(types, csdl_type)
DEFINE_GROW(properties, csdl_property)
DEFINE_GROW(references, csdl_reference)
DEFINE_GROW(sets, csdl_set)

static struct csdl_type *open_type(struct reading *reading)
{
    return &reading->csdl->types[reading->csdl->n_types - 1];
}

static void start_type(struct reading *reading, const XML_Char **attributes)
{
    const char *name = attribute(attributes, "Name");
    const char *base = short_type(attribute(attributes, "BaseType"));
    if (name == NULL || !dataverse_is_name(name))
        return;
    struct csdl_type *type = grow_types(reading, DATAVERSE_TABLES_MAX);
    if (type == NULL)
        return;
    type->name = keep(reading, name);
    type->base = keep(reading, base);
    type->property = (uint32_t)reading->csdl->n_properties;
    type->reference = (uint32_t)reading->csdl->n_references;
    reading->type_depth = reading->depth;
}

static void start_property(struct reading *reading, const XML_Char **attributes)
{
    const char *name = attribute(attributes, "Name");
    const char *type = attribute(attributes, "Type");
    if (name == NULL || type == NULL || !dataverse_is_name(name) || strlen(type) > DATAVERSE_NAME_MAX)
        return;
    struct csdl_property *property = grow_properties(reading, PROPERTIES_MAX);
    if (property == NULL)
        return;
    property->name = keep(reading, name);
    property->type = keep(reading, type);
    open_type(reading)->n_properties++;
}

static void start_key_property(struct reading *reading, const XML_Char **attributes)
{
    const char *name = attribute(attributes, "Name");
    struct csdl_type *type = open_type(reading);
    if (name == NULL || !dataverse_is_name(name))
        return;
    if (type->n_keys++ == 0)
        type->key = keep(reading, name);
}

static void start_constraint(struct reading *reading, const XML_Char **attributes)
{
    const char *property = attribute(attributes, "Property");
    if (property == NULL || !dataverse_is_name(property) || reading->target == 0)
        return;
    struct csdl_reference *reference = grow_references(reading, REFERENCES_MAX);
    if (reference == NULL)
        return;
    reference->property = keep(reading, property);
    reference->target = reading->target;
    open_type(reading)->n_references++;
}

static void start_set(struct reading *reading, const XML_Char **attributes)
{
    const char *name = attribute(attributes, "Name");
    const char *type = short_type(attribute(attributes, "EntityType"));
    if (name == NULL || type == NULL || !dataverse_is_name(name))
        return;
    struct csdl_set *set = grow_sets(reading, DATAVERSE_TABLES_MAX);
    if (set == NULL)
        return;
    set->name = keep(reading, name);
    set->type = keep(reading, type);
}

/* A child of an EntityType. */
static void start_child(struct reading *reading, const char *name, const XML_Char **attributes)
{
    if (strcmp(name, "Property") == 0) {
        start_property(reading, attributes);
    } else if (strcmp(name, "Key") == 0) {
        reading->child_depth = reading->depth;
        reading->in_key = 1;
    } else if (strcmp(name, "NavigationProperty") == 0) {
        reading->child_depth = reading->depth;
        reading->in_key = 0;
        const char *type = attribute(attributes, "Type");
        reading->target = keep(reading, short_type(type)); /* Collection(mscrm.x) is no name: 0 */
    }
}

static void XMLCALL start_element(void *user, const XML_Char *full_name, const XML_Char **attributes)
{
    struct reading *reading = user;
    const char *name = local_name(full_name);
    if (++reading->depth > DEPTH_MAX) {
        stop(reading, STOP_DEPTH);
        return;
    }
    if (reading->type_depth == 0) {
        if (strcmp(name, "EntityType") == 0)
            start_type(reading, attributes);
        else if (strcmp(name, "EntitySet") == 0)
            start_set(reading, attributes);
    } else if (reading->depth == reading->type_depth + 1) {
        start_child(reading, name, attributes);
    } else if (reading->child_depth != 0 && reading->depth == reading->child_depth + 1) {
        if (reading->in_key && strcmp(name, "PropertyRef") == 0)
            start_key_property(reading, attributes);
        else if (!reading->in_key && strcmp(name, "ReferentialConstraint") == 0)
            start_constraint(reading, attributes);
    }
}

static void XMLCALL end_element(void *user, const XML_Char *name)
{
    struct reading *reading = user;
    (void)name;
    if (reading->depth == reading->child_depth)
        reading->child_depth = 0;
    if (reading->depth == reading->type_depth)
        reading->type_depth = 0;
    reading->depth--;
}

/* Nothing that describes tables needs one, and entities are how XML documents blow up. */
static void XMLCALL start_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
                                  const XML_Char *public_id, int internal)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)internal;
    stop(user, STOP_DOCTYPE);
}

static enum XML_Status parse(struct reading *reading, const char *text, size_t length)
{
    XML_SetUserData(reading->parser, reading);
    XML_SetStartDoctypeDeclHandler(reading->parser, start_doctype);
    return XML_Parse(reading->parser, text, (int)length, XML_TRUE);
}

int dataverse_csdl_check(const char *text, size_t length)
{
    if (length > INT_MAX)
        return -1;
    struct reading reading = {.parser = XML_ParserCreate(NULL)};
    if (reading.parser == NULL)
        return -1;
    enum XML_Status status = parse(&reading, text, length);
    XML_ParserFree(reading.parser);
    return status == XML_STATUS_OK || reading.stopped != STOP_NONE ? 0 : -1;
}

static int by_name(const void *a, const void *b)
{
    const struct csdl_type *x = a;
    const struct csdl_type *y = b;
    return (x->name > y->name) - (x->name < y->name);
}

static int32_t problem(const struct reading *reading, dvs_error *err)
{
    static const char *const reasons[] = {NULL, "it has a DOCTYPE", "its elements are nested too deeply",
                                          "it has more entries than any organisation has"};
    enum XML_Error error = XML_GetErrorCode(reading->parser);
    if (reading->stopped == STOP_MEMORY || (reading->stopped == STOP_NONE && error == XML_ERROR_NO_MEMORY))
        return dataverse_metadata_no_memory(err);
    return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_SOURCE,
                    "the schema document $metadata is not usable: %s, line %lu",
                    reading->stopped != STOP_NONE ? reasons[reading->stopped] : XML_ErrorString(error),
                    (unsigned long)XML_GetCurrentLineNumber(reading->parser));
}

int32_t dataverse_csdl_read(const char *text, size_t length, struct dataverse_csdl **csdl, dvs_error *err)
{
    *csdl = NULL;
    if (length > INT_MAX)
        return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_SOURCE,
                        "the schema document $metadata is larger than 2 GB");
    struct reading reading = {.parser = XML_ParserCreateNS(NULL, '|'), .csdl = calloc(1, sizeof **csdl)};
    int32_t status = DVS_OK;
    if (reading.parser == NULL || reading.csdl == NULL) {
        status = dataverse_metadata_no_memory(err);
        goto out;
    }
    XML_SetElementHandler(reading.parser, start_element, end_element);
    if (parse(&reading, text, length) != XML_STATUS_OK || reading.stopped != STOP_NONE) {
        status = problem(&reading, err);
        goto out;
    }
    if (reading.csdl->n_sets == 0) {
        status = dvs_fail(
            err, DVS_E_PROTOCOL, DVS_SCOPE_SOURCE,
            "the schema document $metadata names no EntitySet: it is none of a Dataverse organisation");
        goto out;
    }
    if (reading.csdl->n_types > 0)
        qsort(reading.csdl->types, reading.csdl->n_types, sizeof *reading.csdl->types, by_name);
    *csdl = reading.csdl;
    reading.csdl = NULL;
out:
    dataverse_csdl_free(reading.csdl);
    if (reading.parser != NULL)
        XML_ParserFree(reading.parser);
    return status;
}
