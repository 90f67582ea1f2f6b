/*
 * Behaviour of metadata: $metadata where EntityDefinitions is refused; what is read once, what anew, by whom.
 */
#include "metadata_service.h"

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
    const struct CMUnitTest tests[] = {
        TEST(test_fallback),      TEST(test_fallback_for_columns),  TEST(test_both_refused),
        TEST(test_no_fallback),   TEST(test_refresh_and_forget),    TEST(test_refresh_reads_csdl_anew),
        TEST(test_readers_share), TEST(test_readers_are_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
