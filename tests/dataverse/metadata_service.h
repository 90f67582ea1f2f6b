/* metadata_service.h - plays the service (dataverse_api_get) for the tests of metadata: documents by address.
 * Included by one file of a program. */
#ifndef METADATA_SERVICE_H
#define METADATA_SERVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <dvsync/plugin_util.h>

#include "fake_host.h"
#include "metadata_internal.h"

#define TABLE_A                                                                                              \
    "{\"value\":[{\"LogicalName\":\"a\",\"EntitySetName\":\"as\",\"PrimaryIdAttribute\":\"aid\"}]}"
#define A "EntityDefinitions(LogicalName='a')/Attributes"
#define AID "{\"LogicalName\":\"aid\",\"AttributeType\":\"Uniqueidentifier\"}"
#define LIST "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute,IsPrivate"
#define ACCOUNT "EntityDefinitions(LogicalName='account')/Attributes"
#define COLUMNS                                                                                              \
    "?$select=LogicalName,AttributeType,AttributeTypeName,AttributeOf,IsValidForRead,"                       \
    "IsValidODataAttribute,IsSecured,CanBeSecuredForRead,ColumnNumber"
#define LOOKUPS "/Microsoft.Dynamics.CRM.LookupAttributeMetadata?$select=LogicalName,Targets"
#define DATES "/Microsoft.Dynamics.CRM.DateTimeAttributeMetadata?$select=LogicalName,DateTimeBehavior"

/* ---- the service ---- */

struct document {
    const char *path;
    const char *file; /* below tests/data/dataverse; NULL: `text` is the body */
    const char *text;
    int32_t failure; /* not 0: refused like this */
};

static const struct document usual[] = {
    {LIST, "definitions.json", NULL, 0},
    {ACCOUNT COLUMNS, "account_attributes.json", NULL, 0},
    {ACCOUNT LOOKUPS, "account_lookups.json", NULL, 0},
    {ACCOUNT DATES, "account_dates.json", NULL, 0},
    {"$metadata", "metadata.xml", NULL, 0},
};

static struct {
    const struct document *documents;
    size_t n_documents;
    _Atomic int requests;
    _Atomic int unreadable;
    _Atomic int hold;
    pthread_mutex_t mutex;
    char asked[20][400];
} service = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct fake_host *fake;
static struct dataverse_api api;
static struct dataverse_metadata *metadata;
static dvs_error err = DVS_ERROR_INIT;

const dvs_host *dataverse_http_host(const struct dataverse_http *http)
{
    (void)http;
    return &fake->host;
}

static void add_file(struct dataverse_buffer *body, const char *name)
{
    char path[400];
    char piece[1000];
    size_t n;
    snprintf(path, sizeof path, TEST_DATA "/dataverse/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        abort();
    while ((n = fread(piece, 1, sizeof piece, file)) > 0)
        if (dataverse_buffer_add(body, piece, n) != 0)
            abort();
    fclose(file);
}

int32_t dataverse_api_get(struct dataverse_api *of, const char *path, const char *accept, const char *what,
                          size_t max_bytes, int (*check)(const char *body, size_t length),
                          const atomic_int *interrupted, struct dataverse_buffer *body, int *outcome,
                          dvs_error *error)
{
    (void)of;
    (void)interrupted;
    (void)outcome;
    assert_true(max_bytes > 0);
    assert_string_equal(accept, strcmp(path, "$metadata") == 0 ? "application/xml" : "application/json");
    int request = service.requests++;
    pthread_mutex_lock(&service.mutex);
    if (request < 20)
        snprintf(service.asked[request], sizeof service.asked[request], "%s", path);
    pthread_mutex_unlock(&service.mutex);
    while (service.hold)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    dataverse_buffer_clear(body);
    for (size_t i = 0; i < service.n_documents; i++) {
        const struct document *document = &service.documents[i];
        if (strcmp(document->path, path) != 0)
            continue;
        if (document->failure != 0)
            return dvs_fail(error, document->failure, DVS_SCOPE_STREAM, "%s (%s): refused", what, path);
        if (document->file != NULL)
            add_file(body, document->file);
        else if (dataverse_buffer_add(body, document->text, strlen(document->text)) != 0)
            abort();
        if (check(body->length == 0 ? "" : body->data + body->start, body->length) == 0)
            return DVS_OK;
        service.unreadable++;
        return dvs_fail(error, DVS_E_PROTOCOL, DVS_SCOPE_STREAM, "%s: unreadable", what);
    }
    return dvs_fail(error, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "%s: nothing at %s", what, path);
}

static void serve(const struct document *documents, size_t n)
{
    dataverse_metadata_free(metadata);
    metadata = NULL;
    err = (dvs_error)DVS_ERROR_INIT;
    service.documents = documents;
    service.n_documents = n;
    service.requests = 0;
    service.unreadable = 0;
    service.hold = 0;
    assert_int_equal(dataverse_metadata_new(&api, &metadata, &err), DVS_OK);
}

#define SERVE(documents) serve(documents, sizeof documents / sizeof documents[0])

static int setup(void **state)
{
    (void)state;
    fake = fake_host_new();
    return fake == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    dataverse_metadata_free(metadata);
    metadata = NULL;
    fake_host_free(fake);
    return 0;
}

static const struct dataverse_table *get(const char *name, int refresh)
{
    const struct dataverse_table *table = NULL;
    if (dataverse_metadata_table(metadata, name, refresh, &table, &err) != DVS_OK)
        fail_msg("%s", err.message);
    return table;
}

static void assert_fails(const char *name, int32_t status, const char *says)
{
    const struct dataverse_table *table = NULL;
    assert_int_equal(dataverse_metadata_table(metadata, name, 0, &table, &err), status);
    assert_int_equal(err.status, status);
    assert_null(table);
    if (strstr(err.message, says) == NULL)
        fail_msg("no \"%s\" in: %s", says, err.message);
}

static int32_t collect(void *context, const char *set_name, const char *logical_name)
{
    char *all = context;
    size_t length = strlen(all);
    snprintf(all + length, 500 - length, "%s=%s ", set_name, logical_name);
    return strcmp(set_name, "systemusers") == 0 ? 77 : DVS_OK;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
