/* What a project comes to once it is read: values, defaults, short forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/project.h"
#include "dvsync/plugin.h"

#define SECOND ((int64_t)1000000)

static dvsi_project *parse(const char *yaml)
{
    dvsi_problems problems = {0};
    dvsi_project *project =
        dvsi_project_parse("p.yaml", yaml, strlen(yaml), DVSI_PROJECT_INTERPOLATE, &problems);
    if (!project)
        fail_msg("%s", problems.first->message);
    assert_int_equal(problems.n_problems, 0);
    dvsi_problems_free(&problems);
    return project;
}

static const dvsi_field *field(const dvsi_from *from, const char *name)
{
    for (uint32_t i = 0; i < from->n_fields; i++)
        if (strcmp(from->fields[i].name, name) == 0)
            return &from->fields[i];
    fail_msg("no field %s", name);
    return NULL;
}

static void defaults(void **state)
{
    dvsi_project *p = parse("name: p\nsource: {plugin: csv}\nsink: {plugin: sqlite}\nentities: [x]\n");
    char *here = realpath(".", NULL);
    (void)state;

    assert_string_equal(p->name, "p");
    assert_string_equal(p->file, "p.yaml");
    assert_string_equal(p->directory, here);
    assert_int_equal(p->n_sources, 1);
    assert_string_equal(p->sources[0].name, "csv");
    assert_string_equal(p->sources[0].plugin, "csv");
    assert_int_equal(p->sources[0].priority, 0);
    assert_null(p->sources[0].settings);
    assert_string_equal(p->sink.name, "sink");
    assert_string_equal(p->sink.plugin, "sqlite");
    assert_int_equal(p->options.concurrency, 8);
    assert_true(p->options.full_every == 7 * 86400 * SECOND);
    assert_true(p->options.max_delete.is_percent);
    assert_true(p->options.max_delete.percent == 20.0);
    assert_false(p->options.stop_on_row_error);
    assert_int_equal(p->n_entities, 1);
    const dvsi_entity *e = &p->entities[0];
    assert_string_equal(e->name, "x");
    assert_int_equal(e->n_key, 0);
    assert_int_equal(e->adopt, 0);
    assert_int_equal(e->history, DVSI_HISTORY_NONE);
    assert_int_equal(e->deletes, DVSI_DELETES_SOFT);
    assert_int_equal(e->schema, DVSI_SCHEMA_LOCK);
    assert_int_equal(e->keep_raw, 1);
    assert_int_equal(e->n_records_from, 0);
    assert_int_equal(e->n_derived, 0);
    assert_int_equal(e->n_from, 1);
    assert_ptr_equal(e->from[0].endpoint, &p->sources[0]);
    assert_string_equal(e->from[0].source, "csv");
    assert_string_equal(e->from[0].label, "csv");
    assert_string_equal(e->from[0].entity, "x");
    assert_null(e->from[0].where);
    assert_int_equal(e->from[0].scope_referenced, 0);
    assert_int_equal(e->from[0].all_fields, 1);
    assert_int_equal(e->from[0].n_fields, 0);
    free(here);
    dvsi_project_free(p);
    dvsi_project_free(NULL);
}

/* Without `from`: of the source that stands before the others. */
static void default_of_several(void **state)
{
    dvsi_project *p = parse("name: p\nsources: {a: {plugin: csv}, b: {plugin: csv, priority: 2}, "
                            "c: {plugin: csv, priority: 2}}\nsink: {plugin: sqlite}\nentities: [x]\n");
    (void)state;
    assert_int_equal(p->entities[0].n_from, 1);
    assert_string_equal(p->entities[0].from[0].label, "b");
    assert_ptr_equal(p->entities[0].from[0].endpoint, &p->sources[1]);
    dvsi_project_free(p);
}

static void everything(void **state)
{
    dvsi_problems problems = {0};
    dvsi_project *p = dvsi_project_read(TEST_DATA "/config/valid/everything-now/project.yaml",
                                        DVSI_PROJECT_INTERPOLATE, &problems);
    char *real = realpath(TEST_DATA "/config/valid/everything-now", NULL);
    (void)state;

    assert_non_null(p);
    assert_string_equal(p->directory, real);
    assert_int_equal(p->n_sources, 2);
    assert_string_equal(p->sources[1].name, "two");
    assert_int_equal(p->sources[0].priority, 100);
    assert_int_equal(p->sources[1].priority, -5);
    assert_string_equal(dvsi_node_get(p->sources[0].settings, "path")->text, "data/one.csv");
    assert_null(p->sources[1].settings);
    assert_ptr_equal(dvsi_project_source(p, "two"), &p->sources[1]);
    assert_null(dvsi_project_source(p, "TWO"));
    assert_string_equal(dvsi_node_get(p->sink.settings, "path")->text, "out.db");
    assert_int_equal(p->options.concurrency, 4);
    assert_true(p->options.full_every == 12 * 3600 * SECOND);
    assert_true(p->options.max_delete.percent == 0.5);
    assert_true(p->options.stop_on_row_error);

    const dvsi_entity *e = &p->entities[0];
    assert_int_equal(e->n_key, 2);
    assert_string_equal(e->key[0], "code");
    assert_string_equal(e->key[1], "country");
    assert_int_equal(e->deletes, DVSI_DELETES_IGNORE);
    assert_int_equal(e->keep_raw, 1);
    assert_int_equal(e->adopt, 1);
    const dvsi_from *from = &e->from[0];
    assert_string_equal(from->entity, "accounts");
    assert_int_equal(from->all_fields, 0);
    assert_int_equal(from->n_fields, 10);
    assert_string_equal(from->fields[0].name, "code");
    assert_string_equal(from->fields[0].from, "accountnumber");
    assert_int_equal(from->fields[0].type, -1);
    assert_int_equal(field(from, "country")->kind, DVSI_FIELD_STATIC);
    assert_string_equal(field(from, "country")->from, "de");
    assert_int_equal(field(from, "name")->authority, DVSI_SOURCE_OF_TRUTH);
    assert_int_equal(field(from, "amount")->type, DVS_DECIMAL);
    assert_string_equal(field(from, "same")->from, "same");
    assert_int_equal(field(from, "same")->kind, DVSI_FIELD_FROM);
    assert_int_equal(field(from, "same")->type, DVS_INT64);
    assert_null(field(from, "nothing")->from);
    assert_string_equal(field(from, "empty")->from, "");
    assert_string_equal(field(from, "number")->from, "5");
    assert_string_equal(field(from, "flag")->from, "true");

    from = &p->entities[1].from[0];
    assert_int_equal(from->all_fields, 1);
    assert_int_equal(from->n_fields, 3);
    assert_int_equal(field(from, "secret")->kind, DVSI_FIELD_EXCLUDE);
    assert_string_equal(field(from, "renamed")->from, "original");
    assert_string_equal(from->label, "two");
    assert_string_equal(from->entity, "all_but");
    assert_int_equal(p->entities[1].n_key, 1);
    assert_string_equal(p->entities[1].key[0], "id");

    /* The options are defaults for entities. */
    assert_int_equal(p->entities[2].deletes, DVSI_DELETES_HARD);
    assert_int_equal(p->entities[2].keep_raw, 0);
    free(real);
    dvsi_project_free(p);
    dvsi_problems_free(&problems);
}

static void odd_identifiers(void **state)
{
    dvsi_problems problems = {0};
    dvsi_project *p = dvsi_project_read(TEST_DATA "/config/valid/odd-identifiers/project.yaml", 0, &problems);
    (void)state;

    assert_non_null(p);
    assert_string_equal(p->name, "1.2-3_x");
    assert_string_equal(p->entities[0].name, "2024");
    assert_string_equal(p->entities[1].name, "select * from \"x\"; --");
    const dvsi_from *from = &p->entities[4].from[0];
    assert_string_equal(p->entities[4].key[0], "c d");
    assert_string_equal(from->entity, "E.F");
    assert_string_equal(field(from, "c d")->from, "12");
    assert_string_equal(field(from, "it's")->from, "x.y");
    assert_string_equal(field(from, "no")->from, "off"); /* not a bool */
    assert_int_equal(field(from, "row_id")->kind, DVSI_FIELD_EXCLUDE);
    dvsi_project_free(p);
}

static void open_values_are_no_errors(void **state)
{
    dvsi_problems problems = {0};
    unsetenv("DVSYNC_TEST_UNSET_1");
    static const char yaml[] =
        "name: ${DVSYNC_TEST_UNSET_1}\n"
        "sources:\n  a: {plugin: \"${DVSYNC_TEST_UNSET_1}\", priority: \"${DVSYNC_TEST_UNSET_1}\"}\n"
        "sink: {plugin: sqlite, settings: {path: \"${file:nowhere}\"}}\n"
        "options: {concurrency: \"${DVSYNC_TEST_UNSET_1}\", deletes: \"${DVSYNC_TEST_UNSET_1}\","
        " max_delete: \"${DVSYNC_TEST_UNSET_1}\", full_every: \"${DVSYNC_TEST_UNSET_1}\"}\n"
        "entities:\n  - name: \"${DVSYNC_TEST_UNSET_1}\"\n    key: [\"${DVSYNC_TEST_UNSET_1}\"]\n"
        "    from: [{source: \"${DVSYNC_TEST_UNSET_1}\", fields: {a: \"${DVSYNC_TEST_UNSET_1}\","
        " b: {static: \"${DVSYNC_TEST_UNSET_1}\", type: int64}}}]\n";
    (void)state;

    dvsi_project *p = dvsi_project_parse("p.yaml", yaml, strlen(yaml), 0, &problems);
    if (!p)
        fail_msg("%s", problems.first->message);
    assert_string_equal(p->name, "${DVSYNC_TEST_UNSET_1}");
    assert_int_equal(p->options.concurrency, 8);
    assert_true(p->options.max_delete.percent == 20.0);
    dvsi_project_free(p);
    /* A mistake beside them is still found. */
    static const char broken[] =
        "name: ${X}\nsource: {plugin: csv, prio: 1}\nsink: {plugin: sqlite}\nentities: [x]\n";
    assert_null(dvsi_project_parse("p.yaml", broken, strlen(broken), 0, &problems));
    assert_int_equal(problems.n_errors, 1);
    dvsi_problems_free(&problems);
}

static void limits(void **state)
{
    static const char *const bad[] = {"",       "%",    "-1", "+1",  " 1",  "1 ",   "1.5",
                                      "100.1%", "1e1%", "x",  "5%%", "0x5", "20 %", "99999999999999999999",
                                      "..%",    "1.%%", NULL};
    dvsi_limit limit = {.count = 77};
    (void)state;

    for (const char *const *text = bad; *text; text++)
        if (dvsi_limit_parse(*text, &limit) == 0)
            fail_msg("\"%s\" was taken", *text);
    assert_true(limit.count == 77);
    assert_int_equal(dvsi_limit_parse("0", &limit), 0);
    assert_true(!limit.is_percent && limit.count == 0);
    assert_int_equal(dvsi_limit_parse("9223372036854775807", &limit), 0);
    assert_true(limit.count == INT64_MAX);
    assert_int_equal(dvsi_limit_parse("100%", &limit), 0);
    assert_true(limit.is_percent && limit.percent == 100.0);
    assert_int_equal(dvsi_limit_parse("2.25%", &limit), 0);
    assert_true(limit.percent == 2.25);
    assert_int_equal(dvsi_limit_parse("0%", &limit), 0);
    assert_true(limit.percent == 0.0);
}

static void durations(void **state)
{
    static const char *const bad[] = {"",          "1",   "d",   "-1d", "+1d", "1.5h",
                                      "1 d",       "1D",  "1y",  "00",  "1dd", "9223372036854775807s",
                                      "15250285w", " 1s", "1s ", NULL};
    int64_t micros = 77;
    (void)state;

    for (const char *const *text = bad; *text; text++)
        if (dvsi_duration_parse(*text, &micros) == 0)
            fail_msg("\"%s\" was taken", *text);
    assert_true(micros == 77);
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {{"0", 0},       {"0s", 0},      {"90s", 90},    {"30m", 1800},
                {"12h", 43200}, {"7d", 604800}, {"2w", 1209600}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(dvsi_duration_parse(good[i].text, &micros), 0);
        assert_true(micros == good[i].seconds * SECOND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(default_of_several),
        cmocka_unit_test(everything),
        cmocka_unit_test(odd_identifiers),
        cmocka_unit_test(open_values_are_no_errors),
        cmocka_unit_test(limits),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
