/* metadata.c - reads each description once, whoever asks first; the others wait for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "csdl.h"
#include "metadata_internal.h"

#define CSDL_MAX ((size_t)256 * 1024 * 1024)

/* What was given out lives as long as the metadata. */
struct kept_table {
    struct kept_table *next;
    struct dataverse_table *table;
};

struct kept_csdl {
    struct kept_csdl *next;
    struct dataverse_csdl *csdl;
};

struct dataverse_metadata {
    struct dataverse_api *api;
    const dvs_host *host;
    struct dataverse_flights flights;
    /* All of this is guarded by the mutex of flights. */
    struct dataverse_flight list_flight;
    int listed;  /* entities is complete and will not change */
    int refused; /* EntityDefinitions is: all is read from $metadata */
    struct dataverse_entities entities;
    struct dataverse_flight csdl_flight;
    struct kept_csdl *csdl; /* the newest first */
    struct kept_table *tables;
};

int32_t dataverse_metadata_new(struct dataverse_api *api, struct dataverse_metadata **metadata,
                               dvs_error *err)
{
    *metadata = NULL;
    struct dataverse_metadata *new = calloc(1, sizeof *new);
    if (new == NULL)
        return dataverse_metadata_no_memory(err);
    int32_t status = dataverse_flights_init(&new->flights, err);
    if (status != DVS_OK) {
        free(new);
        return status;
    }
    new->api = api;
    new->host = dataverse_http_host(api->http);
    *metadata = new;
    return DVS_OK;
}

void dataverse_metadata_free(struct dataverse_metadata *metadata)
{
    if (metadata == NULL)
        return;
    for (struct kept_table *kept = metadata->tables, *next; kept != NULL; kept = next) {
        next = kept->next;
        dataverse_table_free(kept->table);
        free(kept);
    }
    for (struct kept_csdl *kept = metadata->csdl, *next; kept != NULL; kept = next) {
        next = kept->next;
        dataverse_csdl_free(kept->csdl);
        free(kept);
    }
    dataverse_entities_free(&metadata->entities);
    dataverse_flights_free(&metadata->flights);
    free(metadata);
}

/* The description is not given to us, rather than broken: no right to it, or a service that has none. */
static int is_refusal(int32_t status)
{
    return status == DVS_E_PERMISSION || status == DVS_E_NOT_FOUND || status == DVS_E_UNSUPPORTED;
}

static void say_why(const struct dataverse_metadata *metadata, const dvs_error *refusal)
{
    char line[DVS_ERROR_MESSAGE_SIZE + 100];
    snprintf(line, sizeof line,
             "dataverse: reading the schema from $metadata, since EntityDefinitions was refused: %s",
             refusal->message);
    metadata->host->log(metadata->host, DVS_LOG_INFO, line);
}

/* ---- $metadata ---- */

static int32_t fetch_csdl(struct dataverse_metadata *metadata, struct kept_csdl **kept, dvs_error *err)
{
    struct dataverse_buffer body = {0};
    *kept = calloc(1, sizeof **kept);
    if (*kept == NULL)
        return dataverse_metadata_no_memory(err);
    int32_t status =
        dataverse_api_get(metadata->api, "$metadata", "application/xml", "the schema document $metadata",
                          CSDL_MAX, dataverse_csdl_check, NULL, &body, NULL, err);
    if (status == DVS_OK)
        status = dataverse_csdl_read(body.data + body.start, body.length, &(*kept)->csdl, err);
    dataverse_buffer_free(&body);
    if (status != DVS_OK) {
        free(*kept);
        *kept = NULL;
    }
    return status;
}

/* The document, which stays valid. Read once, or anew when `refresh` says so. */
static int32_t need_csdl(struct dataverse_metadata *metadata, int refresh, const struct dataverse_csdl **csdl,
                         dvs_error *err)
{
    int32_t status = DVS_OK;
    int mine = 0;
    pthread_mutex_lock(&metadata->flights.mutex);
    while (status == DVS_OK && (metadata->csdl == NULL || refresh)) {
        status = dataverse_flight_board(&metadata->flights, &metadata->csdl_flight, metadata->host, NULL,
                                        &mine, err);
        if (status != DVS_OK)
            break;
        refresh = 0; /* whoever read it did so just now */
        if (!mine)
            continue;
        struct kept_csdl *kept = NULL;
        pthread_mutex_unlock(&metadata->flights.mutex);
        status = fetch_csdl(metadata, &kept, err);
        pthread_mutex_lock(&metadata->flights.mutex);
        if (status == DVS_OK) {
            kept->next = metadata->csdl;
            metadata->csdl = kept;
        }
        dataverse_flight_land(&metadata->flights, &metadata->csdl_flight, status, err);
    }
    if (status == DVS_OK)
        *csdl = metadata->csdl->csdl;
    pthread_mutex_unlock(&metadata->flights.mutex);
    return status;
}

/* ---- the list of tables ---- */

static int32_t list_from_csdl(struct dataverse_metadata *metadata, struct dataverse_entities *entities,
                              dvs_error *err)
{
    const struct dataverse_csdl *csdl = NULL;
    int32_t status = need_csdl(metadata, 0, &csdl, err);
    if (status == DVS_OK && dataverse_csdl_entities(csdl, entities) != 0)
        status = dataverse_metadata_no_memory(err);
    return status;
}

static int32_t fetch_list(struct dataverse_metadata *metadata, struct dataverse_entities *entities,
                          int *refused, dvs_error *err)
{
    int32_t status = dataverse_definitions_list(metadata->api, entities, err);
    *refused = is_refusal(status);
    if (*refused) {
        dvs_error refusal = *err;
        dataverse_entities_free(entities);
        status = list_from_csdl(metadata, entities, err);
        if (status == DVS_OK)
            say_why(metadata, &refusal);
        else if (is_refusal(status)) /* both are: the first says more */
            *err = refusal;
        status = status == DVS_OK ? DVS_OK : err->status;
    }
    if (status == DVS_OK && dataverse_entities_sort(entities) != 0)
        status = dataverse_metadata_no_memory(err);
    if (status != DVS_OK)
        dataverse_entities_free(entities);
    return status;
}

static int32_t need_list(struct dataverse_metadata *metadata, dvs_error *err)
{
    int32_t status = DVS_OK;
    int mine = 0;
    pthread_mutex_lock(&metadata->flights.mutex);
    while (status == DVS_OK && !metadata->listed) {
        status = dataverse_flight_board(&metadata->flights, &metadata->list_flight, metadata->host, NULL,
                                        &mine, err);
        if (status != DVS_OK || !mine)
            continue;
        struct dataverse_entities entities = {0};
        int refused = 0;
        if (!metadata->listed) { /* else it came while we waited for somebody who was cancelled */
            pthread_mutex_unlock(&metadata->flights.mutex);
            status = fetch_list(metadata, &entities, &refused, err);
            pthread_mutex_lock(&metadata->flights.mutex);
            if (status == DVS_OK) {
                metadata->entities = entities;
                metadata->refused = refused;
                metadata->listed = 1;
            }
        }
        dataverse_flight_land(&metadata->flights, &metadata->list_flight, status, err);
    }
    pthread_mutex_unlock(&metadata->flights.mutex);
    return status;
}

int32_t dataverse_metadata_tables(struct dataverse_metadata *metadata,
                                  int32_t (*each)(void *context, const char *set_name,
                                                  const char *logical_name),
                                  void *context, dvs_error *err)
{
    int32_t status = need_list(metadata, err);
    for (size_t i = 0; status == DVS_OK && i < metadata->entities.n; i++) {
        const struct dataverse_entity *entity = metadata->entities.list[i];
        if (!entity->hidden)
            status = each(context, entity->set_name, entity->logical_name);
    }
    return status;
}

/* ---- a table ---- */

static int32_t table_from_csdl(struct dataverse_metadata *metadata, const struct dataverse_entity *entity,
                               int refresh, struct dataverse_table **table, dvs_error *err)
{
    const struct dataverse_csdl *csdl = NULL;
    int32_t status = need_csdl(metadata, refresh, &csdl, err);
    if (status == DVS_OK)
        status = dataverse_csdl_table(csdl, metadata->host, entity, table, err);
    return status;
}

static int32_t fetch_table(struct dataverse_metadata *metadata, const struct dataverse_entity *entity,
                           int refused, int refresh, struct kept_table **kept, dvs_error *err)
{
    *kept = calloc(1, sizeof **kept);
    if (*kept == NULL)
        return dataverse_metadata_no_memory(err);
    struct dataverse_table **table = &(*kept)->table;
    int32_t status;
    if (refused) {
        status = table_from_csdl(metadata, entity, refresh, table, err);
    } else {
        status = dataverse_definitions_table(metadata->api, &metadata->entities, entity, table, err);
        if (is_refusal(status)) {
            dvs_error refusal = *err;
            status = table_from_csdl(metadata, entity, refresh, table, err);
            if (status == DVS_OK)
                say_why(metadata, &refusal);
            else if (is_refusal(status))
                *err = refusal;
            status = status == DVS_OK ? DVS_OK : err->status;
        }
    }
    if (status != DVS_OK) {
        free(*kept);
        *kept = NULL;
    }
    return status;
}

static int32_t no_such_table(const struct dataverse_metadata *metadata, const char *name, dvs_error *err)
{
    char near[3 * DATAVERSE_NAME_MAX + 10];
    dataverse_entities_near(&metadata->entities, name, near, sizeof near);
    return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "the organisation has no table %.200s%s%s%s; %s",
                    name, near[0] != '\0' ? " (near: " : "", near, near[0] != '\0' ? ")" : "",
                    "tables are named by their set, as in accounts, and must be readable with the Web API");
}

int32_t dataverse_metadata_table(struct dataverse_metadata *metadata, const char *name, int refresh,
                                 const struct dataverse_table **table, dvs_error *err)
{
    *table = NULL;
    int32_t status = need_list(metadata, err);
    if (status != DVS_OK)
        return status;
    struct dataverse_entity *entity = dataverse_entities_find(&metadata->entities, name);
    if (entity == NULL)
        return no_such_table(metadata, name, err);
    int mine = 0;
    pthread_mutex_lock(&metadata->flights.mutex);
    while (status == DVS_OK && (entity->table == NULL || refresh)) {
        status =
            dataverse_flight_board(&metadata->flights, &entity->flight, metadata->host, NULL, &mine, err);
        if (status != DVS_OK)
            break;
        int anew = refresh;
        refresh = 0; /* whoever read it did so just now */
        if (!mine)
            continue;
        struct kept_table *kept = NULL;
        if (entity->table == NULL || anew) { /* else it came while we waited for somebody who was cancelled */
            int refused = metadata->refused;
            anew = anew || entity->forgotten;
            pthread_mutex_unlock(&metadata->flights.mutex);
            status = fetch_table(metadata, entity, refused, anew, &kept, err);
            pthread_mutex_lock(&metadata->flights.mutex);
        }
        if (kept != NULL) {
            kept->next = metadata->tables;
            metadata->tables = kept;
            entity->table = kept->table;
            entity->forgotten = 0;
        }
        dataverse_flight_land(&metadata->flights, &entity->flight, status, err);
    }
    if (status == DVS_OK)
        *table = entity->table;
    pthread_mutex_unlock(&metadata->flights.mutex);
    return status;
}

void dataverse_metadata_forget(struct dataverse_metadata *metadata, const char *name)
{
    pthread_mutex_lock(&metadata->flights.mutex);
    struct dataverse_entity *entity =
        metadata->listed ? dataverse_entities_find(&metadata->entities, name) : NULL;
    if (entity != NULL) {
        entity->table = NULL;
        entity->forgotten = 1;
    }
    pthread_mutex_unlock(&metadata->flights.mutex);
}
