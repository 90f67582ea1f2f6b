/*
 * metadata_json.c - tables and columns from EntityDefinitions (Microsoft's documentation: query table
 * definitions with the Web API; column data types). The answers are whole documents without a limit, so
 * columns are asked for table by table, and of each only what is needed: $expand over all tables has brought
 * other clients down.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <dvsync/plugin_util.h>

#include "metadata_internal.h"

#define ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define ANSWERS_MAX 1000 /* links of an answer in parts; the service is not known to send any */

/* ---- answers ---- */

/* For dataverse_api_get(): a body that is no JSON object, or an error behind a 200, may come whole the next
 * time. */
static int check_json(const char *body, size_t length)
{
    json_t *answer = json_loadb(body, length, 0, NULL);
    int good = json_is_object(answer) && json_object_get(answer, "error") == NULL;
    json_decref(answer);
    return good ? 0 : -1;
}

/* Where in the answers we are, for messages. */
struct place {
    const char *what;
    size_t entry; /* from 1 */
};

static int32_t wrong(const struct place *place, const char *problem, dvs_error *err)
{
    return dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM,
                    "%s: the answer is not what Dataverse documents: entry %zu: %s", place->what,
                    place->entry, problem);
}

/* A text of an object: NULL when it is missing or null, DVS_E_PROTOCOL when it is something else. */
static int32_t text_of(const struct place *place, const json_t *object, const char *name, const char **text,
                       dvs_error *err)
{
    const json_t *value = json_object_get(object, name);
    char problem[100];
    *text = NULL;
    if (value == NULL || json_is_null(value))
        return DVS_OK;
    if (!json_is_string(value)) {
        snprintf(problem, sizeof problem, "%s is no text", name);
        return wrong(place, problem, err);
    }
    *text = json_string_value(value);
    return DVS_OK;
}

/* 1 true, 0 false, -1 missing or null; a managed property's value is in its member Value. */
static int32_t flag_of(const struct place *place, const json_t *object, const char *name, int *flag,
                       dvs_error *err)
{
    const json_t *value = json_object_get(object, name);
    char problem[100];
    *flag = -1;
    if (json_is_object(value))
        value = json_object_get(value, "Value");
    if (value == NULL || json_is_null(value))
        return DVS_OK;
    if (!json_is_boolean(value)) {
        snprintf(problem, sizeof problem, "%s is neither true nor false", name);
        return wrong(place, problem, err);
    }
    *flag = json_is_true(value);
    return DVS_OK;
}

typedef int32_t (*take_entry)(void *context, const struct place *place, const json_t *entry, dvs_error *err);

/* One answer: its entries, and the address of the next in *link (to be freed; NULL: none). */
static int32_t take_answer(const struct dataverse_buffer *body, struct place *place, take_entry take,
                           void *context, char **link, dvs_error *err)
{
    json_t *answer = json_loadb(body->data + body->start, body->length, 0, NULL);
    const json_t *entries = json_object_get(answer, "value");
    int32_t status = DVS_OK;
    const char *next = NULL;
    if (answer == NULL) {
        status = dataverse_metadata_no_memory(err); /* it has been read before, by check_json() */
    } else if (!json_is_array(entries)) {
        status = dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM,
                          "%s: the answer is not what Dataverse documents: it has no array \"value\"",
                          place->what);
    }
    for (size_t i = 0; status == DVS_OK && i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        place->entry++;
        status = json_is_object(entry) ? take(context, place, entry, err) : wrong(place, "no object", err);
    }
    if (status == DVS_OK)
        status = text_of(place, answer, "@odata.nextLink", &next, err);
    if (status == DVS_OK && next != NULL) {
        *link = strdup(next);
        if (*link == NULL)
            status = dataverse_metadata_no_memory(err);
    }
    json_decref(answer);
    return status;
}

/* Asks for a list and hands out its entries. */
static int32_t each_entry(struct dataverse_api *api, const char *path, const char *what, take_entry take,
                          void *context, dvs_error *err)
{
    struct dataverse_buffer body = {0};
    struct place place = {.what = what};
    char *link = NULL;
    int32_t status = DVS_OK;
    for (int answers = 0; status == DVS_OK; answers++) {
        if (answers == ANSWERS_MAX) {
            status =
                dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM, "%s: the answer goes on without end", what);
            break;
        }
        status = dataverse_api_get(api, link != NULL ? link : path, "application/json", what, ANSWER_MAX,
                                   check_json, NULL, &body, NULL, err);
        free(link);
        link = NULL;
        if (status == DVS_OK)
            status = take_answer(&body, &place, take, context, &link, err);
        if (status == DVS_OK && link == NULL)
            break;
    }
    free(link);
    dataverse_buffer_free(&body);
    return status;
}

/* ---- tables ---- */

struct listing {
    struct dataverse_entities *entities;
    const dvs_host *host;
};

static int32_t take_table(void *context, const struct place *place, const json_t *entry, dvs_error *err)
{
    struct listing *listing = context;
    const char *logical;
    const char *set;
    const char *key;
    int private;
    int32_t status = text_of(place, entry, "LogicalName", &logical, err);
    if (status == DVS_OK)
        status = text_of(place, entry, "EntitySetName", &set, err);
    if (status == DVS_OK)
        status = text_of(place, entry, "PrimaryIdAttribute", &key, err);
    if (status == DVS_OK)
        status = flag_of(place, entry, "IsPrivate", &private, err);
    if (status != DVS_OK)
        return status;
    if (logical == NULL)
        return wrong(place, "it has no LogicalName", err);
    if (set == NULL || set[0] == '\0' || key == NULL || key[0] == '\0')
        return DVS_OK; /* not offered by the Web API, or without ids */
    if (!dataverse_is_name(logical) || !dataverse_is_name(set) || !dataverse_is_name(key)) {
        listing->host->log(
            listing->host, DVS_LOG_DEBUG,
            "dataverse: a table is left out: its name has other characters than letters, digits and _");
        return DVS_OK;
    }
    if (listing->entities->n >= DATAVERSE_TABLES_MAX)
        return wrong(place, "more tables than any organisation has", err);
    if (dataverse_entities_add(listing->entities, dataverse_entity_new(logical, set, key, private == 1)) != 0)
        return dataverse_metadata_no_memory(err);
    return DVS_OK;
}

int32_t dataverse_definitions_list(struct dataverse_api *api, struct dataverse_entities *entities,
                                   dvs_error *err)
{
    struct listing listing = {entities, dataverse_http_host(api->http)};
    return each_entry(api, "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute,IsPrivate",
                      "the list of tables", take_table, &listing, err);
}

/* ---- columns ---- */

/* AttributeTypeName, without "Type" at its end, to what the JSON value is. 0: no value in the table's own
 * records. */
static const struct type_name {
    const char *name;
    uint32_t type;
    int lookup; /* the JSON key is _name_value */
} type_names[] = {
    {"BigInt", DATAVERSE_TYPE_INT, 0},
    {"Boolean", DATAVERSE_TYPE_BOOL, 0},
    {"CalendarRules", 0, 0},
    {"Customer", DATAVERSE_TYPE_GUID, 1},
    {"DateTime", DATAVERSE_TYPE_TIMESTAMP, 0},
    {"Decimal", DATAVERSE_TYPE_DECIMAL, 0},
    {"Double", DATAVERSE_TYPE_DOUBLE, 0},
    {"EntityName", DATAVERSE_TYPE_TEXT, 0},
    {"File", DATAVERSE_TYPE_GUID, 0}, /* the file's id; its bytes are not read */
    {"Image", 0, 0},                  /* a thumbnail of each record: heavy, and nobody's data to map */
    {"Integer", DATAVERSE_TYPE_INT, 0},
    {"Lookup", DATAVERSE_TYPE_GUID, 1},
    {"ManagedProperty", 0, 0},
    {"Memo", DATAVERSE_TYPE_TEXT, 0},
    {"Money", DATAVERSE_TYPE_DECIMAL, 0},
    {"MultiSelectPicklist", DATAVERSE_TYPE_TEXT, 0},
    {"Owner", DATAVERSE_TYPE_GUID, 1},
    {"PartyList", 0, 0},
    {"Picklist", DATAVERSE_TYPE_INT, 0},
    {"State", DATAVERSE_TYPE_INT, 0},
    {"Status", DATAVERSE_TYPE_INT, 0},
    {"String", DATAVERSE_TYPE_TEXT, 0},
    {"Uniqueidentifier", DATAVERSE_TYPE_GUID, 0},
    {"Virtual", 0, 0},
};

static const struct type_name *find_type(const char *name)
{
    size_t length = strlen(name);
    if (length > strlen("Type") && strcmp(name + length - strlen("Type"), "Type") == 0)
        length -= strlen("Type");
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++)
        if (strlen(type_names[i].name) == length && strncmp(type_names[i].name, name, length) == 0)
            return &type_names[i];
    return NULL;
}

struct columns {
    const dvs_host *host;
    const struct dataverse_entities *entities;
    const struct dataverse_entity *entity;
    struct dataverse_drafts drafts;
    int lookups; /* there are some: ask for their targets */
    int dates;   /* there are some: ask for their behaviour */
};

static void log_left_out(const struct columns *columns, const char *attribute, const char *why,
                         const char *which)
{
    char line[DATAVERSE_NAME_MAX * 3 + 100];
    snprintf(line, sizeof line, "dataverse: %.200s.%.200s is left out: %s %.200s", columns->entity->set_name,
             attribute, why, which);
    columns->host->log(columns->host, DVS_LOG_DEBUG, line);
}

/* The type, from AttributeTypeName: AttributeType calls choices, files and images all "Virtual". */
static int32_t type_of(const struct place *place, const json_t *entry, const char **name, dvs_error *err)
{
    const json_t *type_name = json_object_get(entry, "AttributeTypeName");
    int32_t status = DVS_OK;
    *name = NULL;
    if (json_is_object(type_name))
        status = text_of(place, type_name, "Value", name, err);
    else if (type_name != NULL && !json_is_null(type_name))
        return wrong(place, "AttributeTypeName is no object", err);
    if (status == DVS_OK && *name == NULL)
        status = text_of(place, entry, "AttributeType", name, err);
    if (status == DVS_OK && *name == NULL)
        return wrong(place, "it has no AttributeType", err);
    return status;
}

/* 1 when records have a member for the attribute: readable, part of the Web API, and none of those that
 * accompany another ("owneridname"), which exist for other interfaces only. */
static int32_t is_readable(const struct place *place, const json_t *entry, int *readable, dvs_error *err)
{
    const char *companion_of;
    int read = -1;
    int odata = -1;
    int32_t status = text_of(place, entry, "AttributeOf", &companion_of, err);
    if (status == DVS_OK)
        status = flag_of(place, entry, "IsValidForRead", &read, err);
    if (status == DVS_OK)
        status = flag_of(place, entry, "IsValidODataAttribute", &odata, err);
    *readable = status == DVS_OK && companion_of == NULL && read != 0 && odata != 0;
    return status;
}

static int32_t add_column(struct columns *columns, const struct place *place, const json_t *entry,
                          const char *attribute, const struct type_name *type, dvs_error *err)
{
    char name[DATAVERSE_NAME_MAX + 10];
    char native[40];
    int secured = -1;
    int securable = -1;
    int32_t status = flag_of(place, entry, "IsSecured", &secured, err);
    if (status == DVS_OK)
        status = flag_of(place, entry, "CanBeSecuredForRead", &securable, err);
    if (status != DVS_OK)
        return status;
    if (columns->drafts.n >= DATAVERSE_COLUMNS_MAX)
        return wrong(place, "more columns than any table has", err);
    snprintf(name, sizeof name, type->lookup ? "_%s_value" : "%s", attribute);
    snprintf(native, sizeof native, "%s", type->name);
    struct dataverse_draft *draft =
        dataverse_drafts_add(&columns->drafts, name, type->lookup ? attribute : NULL, native, type->type);
    if (draft == NULL)
        return dataverse_metadata_no_memory(err);
    draft->column.secured = secured == 1 && securable != 0;
    const json_t *number = json_object_get(entry, "ColumnNumber");
    if (json_is_integer(number))
        draft->order = json_integer_value(number);
    columns->lookups |= type->lookup;
    columns->dates |= type->type == DATAVERSE_TYPE_TIMESTAMP;
    return DVS_OK;
}

static int32_t take_attribute(void *context, const struct place *place, const json_t *entry, dvs_error *err)
{
    struct columns *columns = context;
    const char *attribute;
    const char *type_name;
    int readable = 0;
    int32_t status = text_of(place, entry, "LogicalName", &attribute, err);
    if (status == DVS_OK && attribute == NULL)
        return wrong(place, "it has no LogicalName", err);
    if (status == DVS_OK)
        status = type_of(place, entry, &type_name, err);
    if (status == DVS_OK)
        status = is_readable(place, entry, &readable, err);
    if (status != DVS_OK || !readable)
        return status;
    const struct type_name *type = find_type(type_name);
    if (!dataverse_is_name(attribute))
        log_left_out(columns, "(a column)", "its name has other characters than letters, digits and _", "");
    else if (type == NULL)
        log_left_out(columns, attribute, "its type is not known:", type_name);
    else if (type->type == 0)
        log_left_out(columns, attribute, "records have no plain value of the type", type->name);
    else
        status = add_column(columns, place, entry, attribute, type, err);
    return status;
}

/* The tables that a lookup may point to, as the names of their sets. */
static int32_t take_targets(void *context, const struct place *place, const json_t *entry, dvs_error *err)
{
    struct columns *columns = context;
    const char *attribute;
    const json_t *targets = json_object_get(entry, "Targets");
    int32_t status = text_of(place, entry, "LogicalName", &attribute, err);
    if (status != DVS_OK)
        return status;
    if (attribute == NULL)
        return wrong(place, "it has no LogicalName", err);
    if (targets != NULL && !json_is_null(targets) && !json_is_array(targets))
        return wrong(place, "Targets is no array", err);
    struct dataverse_draft *draft = dataverse_drafts_find(&columns->drafts, attribute);
    for (size_t i = 0; draft != NULL && i < json_array_size(targets); i++) {
        const char *target = json_string_value(json_array_get(targets, i));
        if (target == NULL || !dataverse_is_name(target))
            return wrong(place, "Targets holds something that is no table's name", err);
        const char *set = dataverse_entities_set(columns->entities, target);
        if (dataverse_draft_target(draft, set != NULL ? set : target) != 0)
            return dataverse_metadata_no_memory(err);
    }
    return DVS_OK;
}

/* A date without time of day is written 2024-03-15, and is no moment; the type alone does not tell. */
static int32_t take_behavior(void *context, const struct place *place, const json_t *entry, dvs_error *err)
{
    struct columns *columns = context;
    const char *attribute;
    const char *behavior = NULL;
    const json_t *object = json_object_get(entry, "DateTimeBehavior");
    int32_t status = text_of(place, entry, "LogicalName", &attribute, err);
    if (status == DVS_OK && attribute == NULL)
        return wrong(place, "it has no LogicalName", err);
    if (status == DVS_OK && object != NULL && !json_is_null(object) && !json_is_object(object))
        return wrong(place, "DateTimeBehavior is no object", err);
    if (status == DVS_OK)
        status = text_of(place, object, "Value", &behavior, err);
    if (status != DVS_OK || behavior == NULL || strcmp(behavior, "DateOnly") != 0)
        return status;
    struct dataverse_draft *draft = dataverse_drafts_find(&columns->drafts, attribute);
    if (draft != NULL && draft->column.type == DATAVERSE_TYPE_TIMESTAMP)
        draft->column.type = DATAVERSE_TYPE_DATE;
    return DVS_OK;
}

/* Asks about the attributes of one class; "" is all of them. */
static int32_t ask_attributes(struct dataverse_api *api, struct columns *columns, const char *class,
                              const char *select, const char *about, take_entry take, dvs_error *err)
{
    char path[DATAVERSE_NAME_MAX + 400];
    char what[DATAVERSE_NAME_MAX + 100];
    snprintf(path, sizeof path, "EntityDefinitions(LogicalName='%s')/Attributes%s?$select=%s",
             columns->entity->logical_name, class, select);
    snprintf(what, sizeof what, "%s of %s", about, columns->entity->set_name);
    return each_entry(api, path, what, take, columns, err);
}

int32_t dataverse_definitions_table(struct dataverse_api *api, const struct dataverse_entities *entities,
                                    const struct dataverse_entity *entity, struct dataverse_table **table,
                                    dvs_error *err)
{
    struct columns columns = {.host = dataverse_http_host(api->http), .entities = entities, .entity = entity};
    int32_t status = ask_attributes(
        api, &columns, "",
        "LogicalName,AttributeType,AttributeTypeName,AttributeOf,IsValidForRead,IsValidODataAttribute,"
        "IsSecured,CanBeSecuredForRead,ColumnNumber",
        "the columns", take_attribute, err);
    if (status == DVS_OK && columns.lookups)
        status = ask_attributes(api, &columns, "/Microsoft.Dynamics.CRM.LookupAttributeMetadata",
                                "LogicalName,Targets", "the lookups", take_targets, err);
    if (status == DVS_OK && columns.dates)
        status = ask_attributes(api, &columns, "/Microsoft.Dynamics.CRM.DateTimeAttributeMetadata",
                                "LogicalName,DateTimeBehavior", "the dates", take_behavior, err);
    if (status == DVS_OK)
        status = dataverse_drafts_table(&columns.drafts, entity->logical_name, entity->set_name, entity->key,
                                        table, err);
    dataverse_drafts_free(&columns.drafts);
    return status;
}
