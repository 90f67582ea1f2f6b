/*
 * Behaviour of metadata: tables and columns from EntityDefinitions, and from $metadata where that is refused.
 * The service (dataverse_api_get) is played by this file: documents by address.
 */
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

/* ---- the list ---- */

static int32_t collect(void *context, const char *set_name, const char *logical_name)
{
    char *all = context;
    size_t length = strlen(all);
    snprintf(all + length, 500 - length, "%s=%s ", set_name, logical_name);
    return strcmp(set_name, "systemusers") == 0 ? 77 : DVS_OK;
}

static void test_list(void **state)
{
    (void)state;
    char all[500] = "";
    SERVE(usual);
    assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), 77);
    assert_string_equal(all,
                        "accountleadscollection=accountleads accounts=account contacts=contact emails=email "
                        "systemusers=systemuser ");
    assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), 77);
    assert_int_equal(service.requests, 1);
}

static void test_list_in_parts(void **state)
{
    (void)state;
    static const struct document parts[] = {
        {LIST, NULL,
         "{\"value\":[{\"LogicalName\":\"b\",\"EntitySetName\":\"bs\",\"PrimaryIdAttribute\":\"bid\"}],"
         "\"@odata.nextLink\":\"https://org/next\"}",
         0},
        {"https://org/next", NULL,
         "{\"value\":[{\"LogicalName\":\"a\",\"EntitySetName\":\"as\",\"PrimaryIdAttribute\":\"aid\"}]}", 0},
    };
    char all[500] = "";
    SERVE(parts);
    assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), DVS_OK);
    assert_string_equal(all, "as=a bs=b ");
    static const struct document loop[] = {
        {LIST, NULL, "{\"value\":[],\"@odata.nextLink\":\"" LIST "\"}", 0}};
    SERVE(loop);
    assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), DVS_E_PROTOCOL);
    assert_non_null(strstr(err.message, "without end"));
}

static void test_names(void **state)
{
    (void)state;
    SERVE(usual);
    const struct dataverse_table *table = get("accounts", 0);
    assert_ptr_equal(table, get("account", 0));
    assert_ptr_equal(table, get("ACCOUNTS", 0));
    assert_ptr_equal(table, get("Account", 0));
    assert_int_equal(service.requests, 4);
    assert_fails("acounts", DVS_E_NOT_FOUND, "the organisation has no table acounts (near: accounts");
    assert_fails("contactz", DVS_E_NOT_FOUND, "(near: contacts");
    assert_fails("zzzzzzzz", DVS_E_NOT_FOUND, "no table zzzzzzzz;");
    assert_fails("new_keylesses", DVS_E_NOT_FOUND, "no table new_keylesses");
    assert_fails("", DVS_E_NOT_FOUND, "no table");
    assert_fails("a name that is longer than any that a table may have, and then some more of it",
                 DVS_E_NOT_FOUND, "a name that is longer");
    assert_int_equal(service.requests, 4);
}

/* ---- columns ---- */

static void test_account(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *native;
        uint32_t type;
        const char *targets;
    } wanted[] = {
        {"accountid", "Uniqueidentifier", DATAVERSE_TYPE_GUID, ""},
        {"_ownerid_value", "Owner", DATAVERSE_TYPE_GUID, "systemusers team"},
        {"_primarycontactid_value", "Lookup", DATAVERSE_TYPE_GUID, "contacts"},
        {"_new_customer_value", "Customer", DATAVERSE_TYPE_GUID, "accounts contacts"},
        {"new_interests", "MultiSelectPicklist", DATAVERSE_TYPE_TEXT, ""},
        {"new_contract", "File", DATAVERSE_TYPE_GUID, ""},
        {"name", "String", DATAVERSE_TYPE_TEXT, ""},
        {"revenue", "Money", DATAVERSE_TYPE_DECIMAL, ""},
        {"revenue_base", "Money", DATAVERSE_TYPE_DECIMAL, ""},
        {"exchangerate", "Decimal", DATAVERSE_TYPE_DECIMAL, ""},
        {"address1_latitude", "Double", DATAVERSE_TYPE_DOUBLE, ""},
        {"creditonhold", "Boolean", DATAVERSE_TYPE_BOOL, ""},
        {"numberofemployees", "Integer", DATAVERSE_TYPE_INT, ""},
        {"industrycode", "Picklist", DATAVERSE_TYPE_INT, ""},
        {"statecode", "State", DATAVERSE_TYPE_INT, ""},
        {"statuscode", "Status", DATAVERSE_TYPE_INT, ""},
        {"description", "Memo", DATAVERSE_TYPE_TEXT, ""},
        {"objecttypecode", "EntityName", DATAVERSE_TYPE_TEXT, ""},
        {"createdon", "DateTime", DATAVERSE_TYPE_TIMESTAMP, ""},
        {"modifiedon", "DateTime", DATAVERSE_TYPE_TIMESTAMP, ""},
        {"new_founded", "DateTime", DATAVERSE_TYPE_DATE, ""},
        {"new_meeting", "DateTime", DATAVERSE_TYPE_TIMESTAMP, ""},
        {"versionnumber", "BigInt", DATAVERSE_TYPE_INT, ""}, /* has no ColumnNumber: last */
    };
    SERVE(usual);
    const struct dataverse_table *table = get("accounts", 0);
    assert_string_equal(table->key, "accountid");
    assert_string_equal(table->set_name, "accounts");
    assert_string_equal(table->logical_name, "account");
    assert_true(table->has_modifiedon);
    assert_true(table->has_versionnumber);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        char targets[200] = "";
        assert_true(i < table->n_columns);
        const struct dataverse_column *column = &table->columns[i];
        for (size_t k = 0; k < column->n_targets; k++) {
            strcat(targets, k == 0 ? "" : " ");
            strcat(targets, column->targets[k]);
        }
        assert_string_equal(column->name, wanted[i].name);
        assert_string_equal(column->native_type, wanted[i].native);
        assert_int_equal(column->type, wanted[i].type);
        assert_string_equal(targets, wanted[i].targets);
        assert_int_equal(column->secured, strcmp(column->name, "_new_customer_value") == 0);
    }
    assert_int_equal(table->n_columns, sizeof wanted / sizeof wanted[0]);
    assert_true(fake_host_logged(fake, "accounts.entityimage is left out"));
    assert_true(
        fake_host_logged(fake, "accounts.new_future is left out: its type is not known: HologramType"));
}

#define TABLE_A                                                                                              \
    "{\"value\":[{\"LogicalName\":\"a\",\"EntitySetName\":\"as\",\"PrimaryIdAttribute\":\"aid\"}]}"
#define A "EntityDefinitions(LogicalName='a')/Attributes"
#define AID "{\"LogicalName\":\"aid\",\"AttributeType\":\"Uniqueidentifier\"}"

/* Nothing is asked that is not needed: no lookups, no dates. */
static void test_small_table(void **state)
{
    (void)state;
    static const struct document documents[] = {{LIST, NULL, TABLE_A, 0},
                                                {A COLUMNS, NULL, "{\"value\":[" AID "]}", 0}};
    SERVE(documents);
    const struct dataverse_table *table = get("as", 0);
    assert_int_equal(table->n_columns, 1);
    assert_false(table->has_modifiedon);
    assert_false(table->has_versionnumber);
    assert_int_equal(service.requests, 2);
}

static void test_wrong_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *columns;
        const char *lookups;
        const char *says;
    } cases[] = {
        {"{}", NULL, NULL, "the list of tables: the answer is not what Dataverse documents: it has no array"},
        {"{\"value\":{}}", NULL, NULL, "no array \"value\""},
        {"{\"value\":[7]}", NULL, NULL, "entry 1: no object"},
        {"{\"value\":[{\"LogicalName\":7}]}", NULL, NULL, "entry 1: LogicalName is no text"},
        {"{\"value\":[{}]}", NULL, NULL, "entry 1: it has no LogicalName"},
        {"{\"value\":[{\"LogicalName\":\"a\",\"EntitySetName\":[]}]}", NULL, NULL,
         "EntitySetName is no text"},
        {"{\"value\":[{\"LogicalName\":\"a\",\"IsPrivate\":\"no\"}]}", NULL, NULL,
         "IsPrivate is neither true"},
        {"{\"value\":[],\"@odata.nextLink\":1}", NULL, NULL, "nextLink is no text"},
        {TABLE_A, "{\"value\":[]}", NULL, "its key aid is none of the columns"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\"}]}", NULL, "the columns of as: "},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\"}]}", NULL, "entry 1: it has no AttributeType"},
        {TABLE_A, "{\"value\":[" AID ",{\"AttributeType\":\"String\"}]}", NULL,
         "entry 2: it has no LogicalName"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\",\"AttributeTypeName\":\"x\"}]}", NULL,
         "AttributeTypeName is no object"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\",\"AttributeTypeName\":{\"Value\":1}}]}", NULL,
         "Value is no text"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\",\"AttributeType\":\"String\",\"IsValidForRead\":1}]}",
         NULL, "IsValidForRead is neither true nor false"},
        {TABLE_A, "{\"value\":[{\"LogicalName\":\"aid\",\"AttributeType\":\"String\",\"IsSecured\":[]}]}",
         NULL, "IsSecured is neither"},
        {TABLE_A, "{\"value\":[" AID ",{\"LogicalName\":\"l\",\"AttributeType\":\"Lookup\"}]}",
         "{\"value\":[{\"LogicalName\":\"l\",\"Targets\":\"a\"}]}", "Targets is no array"},
        {TABLE_A, "{\"value\":[" AID ",{\"LogicalName\":\"l\",\"AttributeType\":\"Lookup\"}]}",
         "{\"value\":[{\"LogicalName\":\"l\",\"Targets\":[null]}]}", "Targets holds something"},
        {TABLE_A, "{\"value\":[" AID ",{\"LogicalName\":\"l\",\"AttributeType\":\"Lookup\"}]}",
         "{\"value\":[{\"Targets\":[]}]}", "the lookups of as: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct document documents[] = {{LIST, NULL, cases[i].list, 0},
                                       {A COLUMNS, NULL, cases[i].columns, 0},
                                       {A LOOKUPS, NULL, cases[i].lookups, 0}};
        serve(documents, 3);
        assert_fails("as", DVS_E_PROTOCOL, cases[i].says);
        assert_int_equal(service.unreadable, 0);
    }
}

/* What may come whole the next time is left to the retries. */
static void test_unreadable(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "<html>", "{\"value\":[", "[]",
                                         "{\"error\":{\"code\":\"0x80040216\"}}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct document documents[] = {{LIST, NULL, bodies[i], 0}};
        serve(documents, 1);
        assert_fails("as", DVS_E_PROTOCOL, "unreadable");
        assert_int_equal(service.unreadable, 1);
    }
}

/* ---- where EntityDefinitions is refused ---- */

static void test_fallback(void **state)
{
    (void)state;
    static const int32_t refusals[] = {DVS_E_PERMISSION, DVS_E_NOT_FOUND, DVS_E_UNSUPPORTED};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct document documents[] = {{LIST, NULL, NULL, refusals[i]},
                                       {"$metadata", "metadata.xml", NULL, 0}};
        char all[500] = "";
        serve(documents, 2);
        assert_string_equal(get("account", 0)->key, "accountid");
        assert_string_equal(get("systemusers", 0)->key, "systemuserid");
        assert_int_equal(dataverse_metadata_tables(metadata, collect, all, &err), 77);
        assert_non_null(strstr(all, "contactleadscollection=contactleads "));
        assert_int_equal(service.requests, 2);
        assert_true(fake_host_logged(fake, "reading the schema from $metadata"));
    }
}

static void test_fallback_for_columns(void **state)
{
    (void)state;
    static const struct document documents[] = {{LIST, "definitions.json", NULL, 0},
                                                {ACCOUNT COLUMNS, "account_attributes.json", NULL, 0},
                                                {ACCOUNT LOOKUPS, "account_lookups.json", NULL, 0},
                                                {ACCOUNT DATES, NULL, NULL, DVS_E_PERMISSION},
                                                {"$metadata", "metadata.xml", NULL, 0}};
    SERVE(documents);
    const struct dataverse_table *table = get("accounts", 0);
    assert_string_equal(table->columns[1].native_type, "Edm.String");
    /* emails have no type in this $metadata: the first refusal is what the user is told */
    assert_fails("emails", DVS_E_NOT_FOUND, "nothing at EntityDefinitions(LogicalName='email')");
    assert_int_equal(service.requests, 6); /* $metadata once */
}

static void test_both_refused(void **state)
{
    (void)state;
    static const struct document documents[] = {{LIST, NULL, NULL, DVS_E_PERMISSION},
                                                {"$metadata", NULL, NULL, DVS_E_PERMISSION}};
    SERVE(documents);
    assert_fails("accounts", DVS_E_PERMISSION, "the list of tables");
    static const struct document broken[] = {{LIST, NULL, NULL, DVS_E_PERMISSION},
                                             {"$metadata", NULL, "<!DOCTYPE x><x/>", 0}};
    SERVE(broken);
    assert_fails("accounts", DVS_E_PROTOCOL, "DOCTYPE");
}

/* Failures that are no refusal are reported as they are. */
static void test_no_fallback(void **state)
{
    (void)state;
    static const struct document documents[] = {{LIST, NULL, NULL, DVS_E_NETWORK},
                                                {"$metadata", "metadata.xml", NULL, 0}};
    SERVE(documents);
    assert_fails("accounts", DVS_E_NETWORK, "the list of tables");
    assert_fails("accounts", DVS_E_NETWORK, "the list of tables"); /* asked again */
    assert_int_equal(service.requests, 2);
}

/* ---- once, and anew ---- */

static void test_refresh_and_forget(void **state)
{
    (void)state;
    struct document documents[] = {{LIST, NULL, TABLE_A, 0}, {A COLUMNS, NULL, "{\"value\":[" AID "]}", 0}};
    serve(documents, 2);
    const struct dataverse_table *old = get("as", 0);
    documents[1].text =
        "{\"value\":[" AID ",{\"LogicalName\":\"more\",\"AttributeType\":\"String\",\"ColumnNumber\":2}]}";
    assert_ptr_equal(get("as", 0), old);
    const struct dataverse_table *new = get("as", 1);
    assert_int_equal(new->n_columns, 2);
    assert_int_equal(old->n_columns, 1); /* stays as it was */
    assert_string_equal(old->columns[0].name, "aid");
    assert_ptr_equal(get("a", 0), new);
    dataverse_metadata_forget(metadata, "as");
    dataverse_metadata_forget(metadata, "nothing");
    assert_ptr_not_equal(get("as", 0), new);
    assert_ptr_not_equal(get("as", 0), old);
    assert_int_equal(service.requests, 4);
}

static void test_refresh_reads_csdl_anew(void **state)
{
    (void)state;
    struct document documents[] = {{LIST, NULL, NULL, DVS_E_PERMISSION},
                                   {"$metadata", "metadata.xml", NULL, 0}};
    serve(documents, 2);
    size_t n = get("accounts", 0)->n_columns;
    documents[1].file = NULL;
    documents[1].text =
        "<S><EntityType Name='account'><Key><PropertyRef Name='accountid'/></Key><Property Name='accountid' "
        "Type='Edm.Guid'/></EntityType><EntitySet Name='accounts' EntityType='m.account'/></S>";
    assert_int_equal(get("accounts", 0)->n_columns, n);
    assert_int_equal(get("accounts", 1)->n_columns, 1);
    assert_int_equal(service.requests, 3);
    dataverse_metadata_forget(metadata, "accounts");
    assert_int_equal(get("accounts", 0)->n_columns, 1);
    assert_int_equal(service.requests, 4);
}

#define READERS 8

struct reader {
    pthread_t thread;
    const struct dataverse_table *table;
    int32_t status;
    dvs_error err;
};

static _Atomic int finished;

static void *read_table(void *argument)
{
    struct reader *reader = argument;
    reader->err = (dvs_error)DVS_ERROR_INIT;
    reader->status = dataverse_metadata_table(metadata, "accounts", 0, &reader->table, &reader->err);
    finished++;
    return NULL;
}

static void run_readers(struct reader *readers, int cancel)
{
    finished = 0;
    service.hold = 1;
    for (int i = 0; i < READERS; i++) {
        readers[i].table = NULL;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_table, &readers[i]), 0);
    }
    while (service.requests == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    fake->is_cancelled = cancel;
    do /* all that wait for another are gone; or had a moment to begin to wait */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    while (cancel && finished < READERS - 1);
    service.hold = 0;
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
}

static void test_readers_share(void **state)
{
    (void)state;
    struct reader readers[READERS];
    SERVE(usual);
    run_readers(readers, 0);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].status, DVS_OK);
        assert_ptr_equal(readers[i].table, readers[0].table);
    }
    assert_int_equal(service.requests, 4);
}

/* Those that wait go when the run is cancelled; the one at work is the network's to wake. */
static void test_readers_are_cancelled(void **state)
{
    (void)state;
    struct reader readers[READERS];
    int cancelled = 0;
    SERVE(usual);
    run_readers(readers, 1);
    for (int i = 0; i < READERS; i++)
        cancelled += readers[i].status == DVS_E_CANCELLED;
    assert_int_equal(cancelled, READERS - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_list),
        TEST(test_list_in_parts),
        TEST(test_names),
        TEST(test_account),
        TEST(test_small_table),
        TEST(test_wrong_shapes),
        TEST(test_unreadable),
        TEST(test_fallback),
        TEST(test_fallback_for_columns),
        TEST(test_both_refused),
        TEST(test_no_fallback),
        TEST(test_refresh_and_forget),
        TEST(test_refresh_reads_csdl_anew),
        TEST(test_readers_share),
        TEST(test_readers_are_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
