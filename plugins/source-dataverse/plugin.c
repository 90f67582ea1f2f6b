/* plugin.c - the dataverse source: the source object and its slots, the handshake. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <dvsync/plugin_util.h>

#include "select.h"
#include "source.h"

#define WHO_MAX (64u << 10)

#ifndef DATAVERSE_PLUGIN_NAME
#define DATAVERSE_PLUGIN_NAME "dataverse"
#endif

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
}

static void close_source(dvs_source *source)
{
    dataverse_metadata_free(source->metadata);
    dataverse_api_free(&source->api);
    if (source->c_locale != (locale_t)0)
        freelocale(source->c_locale);
    pthread_mutex_destroy(&source->identity_lock);
    free(source);
}

static int32_t open_source(const dvs_host *host, const dvs_settings *settings, dvs_source **out,
                           dvs_error *err)
{
    dvs_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return no_memory(err);
    if (pthread_mutex_init(&source->identity_lock, NULL) != 0) {
        free(source);
        return no_memory(err);
    }
    source->host = host;
    source->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    int32_t status = source->c_locale == (locale_t)0 ? no_memory(err) : DVS_OK;
    if (status == DVS_OK)
        status = dataverse_settings_read(settings, &source->settings, err);
    if (status == DVS_OK)
        status = dataverse_api_init(&source->api, host, &source->settings, err);
    if (status == DVS_OK)
        status = dataverse_metadata_new(&source->api, &source->metadata, err);
    if (status != DVS_OK)
        close_source(source);
    else
        *out = source;
    return status;
}

static int is_json(const char *body, size_t length)
{
    json_t *document = json_loadb(body, length, 0, NULL);
    json_decref(document);
    return document != NULL ? 0 : -1;
}

int32_t dataverse_source_organization(dvs_source *source, const char **id, dvs_error *err)
{
    struct dataverse_buffer body = {0};
    int32_t status = DVS_OK;
    pthread_mutex_lock(&source->identity_lock);
    if (source->organization_id[0] == '\0')
        status = dataverse_api_get(&source->api, "WhoAmI", NULL, "who we are (WhoAmI)", WHO_MAX, is_json,
                                   NULL, &body, NULL, err);
    if (status == DVS_OK && source->organization_id[0] == '\0') {
        json_t *document = json_loadb(body.data + body.start, body.length, 0, NULL);
        const char *text = json_string_value(json_object_get(document, "OrganizationId"));
        if (text != NULL && strlen(text) == 36)
            memcpy(source->organization_id, text, 37);
        else
            status =
                dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_SOURCE,
                         "%s did not say which organisation it is (WhoAmI without an OrganizationId): is the "
                         "setting url the address of a Dataverse organisation?",
                         source->settings.url);
        json_decref(document);
    }
    pthread_mutex_unlock(&source->identity_lock);
    dataverse_buffer_free(&body);
    *id = source->organization_id;
    return status;
}

static int32_t put_identity(dvs_source *source, dvs_out *out, dvs_error *err)
{
    char text[DATAVERSE_HOST_MAX + 64];
    const char *id;
    int32_t status = dataverse_source_organization(source, &id, err);
    if (status != DVS_OK)
        return status;
    const struct dataverse_origin *origin = &source->settings.origin;
    snprintf(text, sizeof text, "%s://%s:%u organization %s", origin->https ? "https" : "http", origin->host,
             origin->port, id);
    dvs_put_done(source->host->put_text(source->host, out, text), &status, err);
    return status;
}

struct stream_list {
    dvs_source *source;
    dvs_out *out;
    dvs_error *err;
};

static int32_t put_stream(void *context, const char *set_name, const char *logical_name)
{
    struct stream_list *list = context;
    int32_t status = DVS_OK;
    /* Whether a table has modifiedon is known after its columns were read only: a cursor read of one that has
     * none cannot come about, for it never gave a cursor. */
    dvs_stream stream = {.struct_size = sizeof stream,
                         .flags =
                             DVS_STREAM_COMPLETE | DVS_STREAM_CURSOR | DVS_STREAM_RESUME | DVS_STREAM_FETCH,
                         .rows = -1,
                         .name = set_name,
                         .alias = logical_name};
    dvs_put_done(list->source->host->put_stream(list->source->host, list->out, &stream), &status, list->err);
    return status;
}

static int32_t put_streams(dvs_source *source, dvs_out *out, dvs_error *err)
{
    struct stream_list list = {source, out, err};
    return dataverse_metadata_tables(source->metadata, put_stream, &list, err);
}

static dvs_column describe_column(const struct dataverse_table *table, const struct dataverse_column *c)
{
    dvs_column column = {.struct_size = sizeof column,
                         .kind = dataverse_kind(c->type),
                         .flags = DVS_COLUMN_NULLABLE,
                         .n_targets = (uint32_t)c->n_targets,
                         .choice_stride = sizeof(dvs_choice),
                         .name = c->name,
                         .native_type = c->native_type,
                         .targets = (const char *const *)c->targets};
    if (strcmp(c->name, table->key) == 0) {
        column.flags = DVS_COLUMN_KEY;
        column.key_position = 1;
    } else if (strcmp(c->name, "versionnumber") == 0 && c->type == DATAVERSE_TYPE_INT) {
        column.flags |= DVS_COLUMN_VERSION;
    } else if (strcmp(c->name, "modifiedon") == 0 && c->type == DATAVERSE_TYPE_TIMESTAMP) {
        column.flags |= DVS_COLUMN_MODIFIED;
    }
    if (c->secured)
        column.flags |= DVS_COLUMN_SECURED;
    return column;
}

static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    const struct dataverse_table *table = NULL;
    int32_t status = dataverse_metadata_table(source->metadata, stream, 0, &table, err);
    for (size_t i = 0; status == DVS_OK && i < table->n_columns; i++) {
        dvs_column column = describe_column(table, &table->columns[i]);
        if (dvs_put_done(source->host->put_column(source->host, out, &column), &status, err))
            return status;
    }
    if (status == DVS_OK) {
        dvs_column raw = {.struct_size = sizeof raw,
                          .kind = DVS_JSON,
                          .flags = DVS_COLUMN_RAW,
                          .name = DATAVERSE_RAW_NAME,
                          .native_type = "record"};
        dvs_put_done(source->host->put_column(source->host, out, &raw), &status, err);
    }
    return status;
}

/* A token, and whether an organisation answers to it. */
static int32_t check(dvs_source *source, dvs_error *err)
{
    const char *id;
    return dataverse_source_organization(source, &id, err);
}

static const dvs_source_api source_api = {
    .struct_size = sizeof source_api,
    .n_options = DATAVERSE_N_OPTIONS,
    .option_stride = sizeof(dvs_option),
    .options = dataverse_options,
    .open = open_source,
    .close = close_source,
    .identity = put_identity,
    .streams = put_streams,
    .describe = describe,
    .start = dataverse_reader_start,
    .pull = dataverse_reader_pull,
    .stop = dataverse_reader_stop,
    .interrupt = dataverse_reader_interrupt,
    .fetch = dataverse_fetch,
    .check = check,
};

static const dvs_plugin plugin = {
    .struct_size = sizeof plugin,
    .abi_major = DVS_ABI_MAJOR,
    .abi_minor = DVS_ABI_MINOR,
    .name = DATAVERSE_PLUGIN_NAME,
    .version = "0.1.0",
    .doc = "tables of a Microsoft Dataverse organisation (Dynamics 365, Power Apps), over its Web API",
    .source = &source_api,
};

const dvs_plugin *dvs_plugin_v1(void)
{
    return &plugin;
}
