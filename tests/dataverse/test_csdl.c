/* Behaviour of the reader of $metadata: what becomes of the documented shapes, and of everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dvsync/plugin_util.h>

#include "csdl.h"
#include "fake_host.h"

static char *document;
static size_t document_length;
static struct fake_host *fake;
static dvs_error err = DVS_ERROR_INIT;

static int setup(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_DATA "/dataverse/metadata.xml", "rb");
    if (file == NULL)
        return -1;
    document = calloc(1, 65536);
    document_length = fread(document, 1, 65535, file);
    fclose(file);
    fake = fake_host_new();
    return document_length > 0 && fake != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(document);
    fake_host_free(fake);
    return 0;
}

static struct dataverse_csdl *read_text(const char *text)
{
    struct dataverse_csdl *csdl = NULL;
    if (dataverse_csdl_read(text, strlen(text), &csdl, &err) != DVS_OK)
        fail_msg("%s", err.message);
    return csdl;
}

static struct dataverse_table *table_of(const struct dataverse_csdl *csdl, const char *logical,
                                        const char *key)
{
    struct dataverse_table *table = NULL;
    struct dataverse_entity *entity = dataverse_entity_new(logical, "the_set", key, 0);
    assert_non_null(entity);
    if (dataverse_csdl_table(csdl, &fake->host, entity, &table, &err) != DVS_OK)
        assert_null(table);
    dataverse_entity_free(entity);
    return table;
}

static void assert_column(const struct dataverse_table *table, size_t at, const char *name, uint32_t type,
                          const char *targets)
{
    char found[300] = "";
    assert_true(at < table->n_columns);
    const struct dataverse_column *column = &table->columns[at];
    assert_string_equal(column->name, name);
    assert_int_equal(column->type, type);
    assert_int_equal(column->secured, 0);
    for (size_t i = 0; i < column->n_targets; i++) {
        strcat(found, i == 0 ? "" : " ");
        strcat(found, column->targets[i]);
    }
    assert_string_equal(found, targets);
}

static void test_account(void **state)
{
    (void)state;
    struct dataverse_csdl *csdl = read_text(document);
    struct dataverse_table *table = table_of(csdl, "account", NULL);
    assert_non_null(table);
    assert_string_equal(table->set_name, "the_set");
    assert_string_equal(table->logical_name, "account");
    assert_string_equal(table->key, "accountid");
    assert_true(table->has_modifiedon);
    size_t n = 0;
    assert_column(table, n++, "accountid", DATAVERSE_TYPE_GUID, "");
    assert_column(table, n++, "name", DATAVERSE_TYPE_TEXT, "");
    assert_column(table, n++, "revenue", DATAVERSE_TYPE_DECIMAL, "");
    assert_column(table, n++, "creditonhold", DATAVERSE_TYPE_BOOL, "");
    assert_column(table, n++, "numberofemployees", DATAVERSE_TYPE_INT, "");
    assert_column(table, n++, "versionnumber", DATAVERSE_TYPE_INT, "");
    assert_column(table, n++, "address1_latitude", DATAVERSE_TYPE_DOUBLE, "");
    assert_column(table, n++, "createdon", DATAVERSE_TYPE_TIMESTAMP, "");
    assert_column(table, n++, "modifiedon", DATAVERSE_TYPE_TIMESTAMP, "");
    assert_column(table, n++, "new_founded", DATAVERSE_TYPE_DATE, "");
    assert_column(table, n++, "new_interests", DATAVERSE_TYPE_TEXT, "");
    assert_column(table, n++, "_ownerid_value", DATAVERSE_TYPE_GUID, "systemusers teams");
    assert_column(table, n++, "_primarycontactid_value", DATAVERSE_TYPE_GUID, "contacts");
    assert_column(table, n++, "_new_customer_value", DATAVERSE_TYPE_GUID, "accounts contacts");
    assert_column(table, n++, "_new_elsewhere_value", DATAVERSE_TYPE_GUID, "new_hidden");
    assert_int_equal(table->n_columns, n);
    assert_string_equal(table->columns[2].native_type, "Edm.Decimal");
    assert_true(fake_host_logged(fake, "the_set.entityimage is left out"));
    assert_true(fake_host_logged(fake, "the_set.new_stream is left out"));
    dataverse_table_free(table);
    dataverse_csdl_free(csdl);
}

static void test_keys_of_derived_types(void **state)
{
    (void)state;
    static const struct {
        const char *logical;
        const char *key;
        size_t n;
    } cases[] = {
        {"systemuser", "systemuserid", 3}, /* the inherited key ownerid is principal's */
        {"team", "teamid", 2},
        {"task", "activityid", 3}, /* an activity's id is inherited, and its own */
        {"activitypointer", "activityid", 2},
        {"contactleads", "contactleadid", 4},
        {"contact", "contactid", 1}, /* its twin ContactId is dropped */
        {"new_snake", "new_snakeid", 2},
    };
    struct dataverse_csdl *csdl = read_text(document);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dataverse_table *table = table_of(csdl, cases[i].logical, NULL);
        if (table == NULL)
            fail_msg("%s: %s", cases[i].logical, err.message);
        assert_string_equal(table->key, cases[i].key);
        assert_string_equal(table->columns[0].name, cases[i].key);
        assert_int_equal(table->columns[0].type, DATAVERSE_TYPE_GUID);
        assert_int_equal(table->n_columns, cases[i].n);
        assert_false(table->has_modifiedon);
        dataverse_table_free(table);
    }
    /* what EntityDefinitions said goes before any rule */
    struct dataverse_table *table = table_of(csdl, "systemuser", "ownerid");
    assert_non_null(table);
    assert_string_equal(table->key, "ownerid");
    dataverse_table_free(table);
    dataverse_csdl_free(csdl);
}

static void test_no_table(void **state)
{
    (void)state;
    struct dataverse_csdl *csdl = read_text(document);
    assert_null(table_of(csdl, "new_nowhere", NULL));
    assert_int_equal(err.status, DVS_E_NOT_FOUND);
    assert_null(table_of(csdl, "AppModule", NULL)); /* a ComplexType */
    assert_int_equal(err.status, DVS_E_NOT_FOUND);
    assert_null(table_of(csdl, "new_keyless", NULL));
    assert_int_equal(err.status, DVS_E_PROTOCOL);
    assert_non_null(strstr(err.message, "key new_keylessid"));
    dataverse_csdl_free(csdl);
}

static void test_entities(void **state)
{
    (void)state;
    struct dataverse_entities entities = {0};
    struct dataverse_csdl *csdl = read_text(document);
    assert_int_equal(dataverse_csdl_entities(csdl, &entities), 0);
    assert_int_equal(dataverse_entities_sort(&entities), 0);
    assert_int_equal(entities.n, 11);
    assert_string_equal(dataverse_entities_find(&entities, "ContactLeadsCollection")->logical_name,
                        "contactleads");
    assert_string_equal(dataverse_entities_set(&entities, "task"), "tasks");
    assert_null(dataverse_entities_set(&entities, "new_hidden"));
    dataverse_entities_free(&entities);
    dataverse_csdl_free(csdl);
}

/* ---- documents that are refused ---- */

static void assert_refused(const char *text, const char *reason)
{
    struct dataverse_csdl *csdl = NULL;
    assert_int_equal(dataverse_csdl_read(text, strlen(text), &csdl, &err), DVS_E_PROTOCOL);
    assert_null(csdl);
    if (strstr(err.message, reason) == NULL)
        fail_msg("no \"%s\" in: %s", reason, err.message);
}

static void test_doctype(void **state)
{
    (void)state;
    static const char laughs[] =
        "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>\n<x>&b;</x>";
    assert_refused(laughs, "DOCTYPE");
    assert_int_equal(dataverse_csdl_check(laughs, strlen(laughs)), 0); /* no use in asking again */
    assert_refused("<!DOCTYPE html><html><body>Sign in</body></html>", "DOCTYPE");
}

static void test_depth(void **state)
{
    (void)state;
    char text[65 * 4 + 65 * 5 + 1] = "";
    for (int i = 0; i < 65; i++)
        strcat(text, "<x>");
    for (int i = 0; i < 65; i++)
        strcat(text, "</x>");
    assert_refused(text, "nested too deeply");
    assert_refused(text + 3, "not usable"); /* 64 open, 65 closed */
}

static void test_other_documents(void **state)
{
    (void)state;
    assert_refused("<html/>", "names no EntitySet");
    assert_refused("", "not usable");
    assert_refused("<a><EntitySet Name='x' EntityType='m.x'/></b>", "line 1");
    assert_refused("<?xml version='1.0' encoding='EBCDIC-9'?><a/>", "not usable");
    assert_int_equal(dataverse_csdl_check("<a/>", 4), 0);
    assert_int_equal(dataverse_csdl_check("<a>", 3), -1);
    assert_int_equal(dataverse_csdl_check("", 0), -1);
    assert_int_equal(dataverse_csdl_check("{}", 2), -1);
}

/* Names that could not stand in an address, and parts without names, are left out. */
static void test_odd_names(void **state)
{
    (void)state;
    struct dataverse_csdl *csdl = read_text(
        "<Schema><EntityType/><EntityType Name='a/b'/><EntityType Name='a'><Key><PropertyRef/><PropertyRef "
        "Name='aid'/>"
        "</Key><Property Name='aid' Type='Edm.Guid'/><Property Name='b c' Type='Edm.String'/><Property "
        "Name='d'/>"
        "<Property Type='Edm.String'/><Property Name='e' Type='mscrm.thing'/><NavigationProperty Name='n'>"
        "<ReferentialConstraint Property='aid'/></NavigationProperty><NavigationProperty Type='m.a'>"
        "<ReferentialConstraint/></NavigationProperty></EntityType><EntitySet Name='as' EntityType='a'/>"
        "<EntitySet Name='x?y' EntityType='m.a'/><EntitySet Name='bs'/><EntitySet "
        "EntityType='m.a'/></Schema>");
    struct dataverse_entities entities = {0};
    assert_int_equal(dataverse_csdl_entities(csdl, &entities), 0);
    assert_int_equal(entities.n, 1);
    dataverse_entities_free(&entities);
    struct dataverse_table *table = table_of(csdl, "a", NULL);
    assert_non_null(table);
    assert_int_equal(table->n_columns, 1);
    assert_column(table, 0, "aid", DATAVERSE_TYPE_GUID, "");
    dataverse_table_free(table);
    dataverse_csdl_free(csdl);
}

/* More names than fit into the first of everything. */
static void test_large(void **state)
{
    (void)state;
    enum { TYPES = 300, PROPERTIES = 40 };
    char *text = malloc(TYPES * (PROPERTIES + 4) * 80);
    assert_non_null(text);
    int at = sprintf(text, "<S>");
    for (int t = 0; t < TYPES; t++) {
        at += sprintf(text + at, "<EntityType Name='t%d'><Key><PropertyRef Name='t%did'/></Key>", t, t);
        at += sprintf(text + at, "<Property Name='t%did' Type='Edm.Guid'/>", t);
        for (int p = 0; p < PROPERTIES; p++)
            at += sprintf(text + at, "<Property Name='p%d_%d' Type='Edm.Int32'/>", t, p);
        at += sprintf(text + at, "</EntityType><EntitySet Name='s%d' EntityType='m.t%d'/>", t, t);
    }
    sprintf(text + at, "</S>");
    struct dataverse_csdl *csdl = read_text(text);
    free(text);
    for (int t = 0; t < TYPES; t++) {
        char name[20];
        snprintf(name, sizeof name, "t%d", t);
        struct dataverse_table *table = table_of(csdl, name, NULL);
        assert_non_null(table);
        assert_int_equal(table->n_columns, PROPERTIES + 1);
        snprintf(name, sizeof name, "p%d_%d", t, PROPERTIES - 1);
        assert_string_equal(table->columns[PROPERTIES].name, name);
        dataverse_table_free(table);
    }
    dataverse_csdl_free(csdl);
}

/* ---- anything at all ---- */

static void use_whatever(const char *text, size_t length)
{
    struct dataverse_csdl *csdl = NULL;
    struct dataverse_entities entities = {0};
    char *exact = malloc(length + 1); /* no byte more, so that the sanitizer sees a step too far */
    assert_non_null(exact);
    memcpy(exact, text, length);
    dataverse_csdl_check(exact, length);
    int32_t status = dataverse_csdl_read(exact, length, &csdl, &err);
    assert_true((status == DVS_OK) == (csdl != NULL));
    if (csdl != NULL) {
        assert_int_equal(dataverse_csdl_entities(csdl, &entities), 0);
        assert_int_equal(dataverse_entities_sort(&entities), 0);
        for (size_t i = 0; i < entities.n; i++)
            dataverse_table_free(table_of(csdl, entities.list[i]->logical_name, NULL));
        dataverse_entities_free(&entities);
    }
    dataverse_csdl_free(csdl);
    free(exact);
}

static void test_mutations(void **state)
{
    (void)state;
    static const char odd[] = "<>\"'/&;=\x01\xff.( ";
    uint64_t random = 20261121;
    for (size_t cut = 0; cut < document_length; cut += 97)
        use_whatever(document, cut);
    char *copy = malloc(document_length);
    assert_non_null(copy);
    for (int round = 0; round < 1500; round++) {
        memcpy(copy, document, document_length);
        for (int k = 0; k < 1 + round % 3; k++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            size_t to = (size_t)(random >> 33) % document_length;
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            size_t from = (size_t)(random >> 33) % document_length;
            size_t n = (size_t)(random >> 20) % 60;
            if (round % 2 == 0) /* one byte, else a piece of the document in another place */
                copy[to] = odd[(size_t)(random >> 33) % (sizeof odd - 1)];
            else if (to + n < document_length && from + n < document_length)
                memmove(copy + to, copy + from, n);
        }
        use_whatever(copy, document_length);
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),         cmocka_unit_test(test_keys_of_derived_types),
        cmocka_unit_test(test_no_table),        cmocka_unit_test(test_entities),
        cmocka_unit_test(test_doctype),         cmocka_unit_test(test_depth),
        cmocka_unit_test(test_other_documents), cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_large),           cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
