/* test_sqlite_views.c - the views, read by the sqlite3 program. */
#include "sqlite_fixture.h"

static void column(dvsi_schema *schema, const char *name, uint32_t kind)
{
    assert_non_null(dvsi_schema_put(schema, name, kind, DVS_COLUMN_NULLABLE));
}

static void current_rows(void **state)
{
    fixture *f = *state;
    static const uint32_t kinds[] = {DVS_TEXT, DVS_TIMESTAMP};
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema schema = {0};
    dvs_cell cells[2][3] = {{dvsi_cell_int64(1), dvsi_cell_text("here"), dvsi_cell_null()},
                            {dvsi_cell_int64(2), dvsi_cell_text("gone"), dvsi_cell_timestamp(0)}};
    dvs_view view = {.struct_size = (uint32_t)sizeof view,
                     .type = DVS_VIEW_CURRENT,
                     .name = "t_\"current\"",
                     .only_null = 2};
    dvs_table table;
    char before[512];
    columns_of(&schema, kinds, 2);
    table = table_of(f, "t", &schema);
    view.table = &table;
    begin(sink);
    make_table(sink, &table);
    insert(sink, &table, &cells[0][0], 2);
    OK(dvsi_sink_ensure_view(sink, &view, ERR));
    commit(sink);
    LOOK("SELECT * FROM \"t_\"\"current\"\"\"", "1|here|NULL");
    /* The same view again is no change of the schema; another one is. */
    snprintf(before, sizeof before, "%s", look(f->path, "PRAGMA schema_version"));
    begin(sink);
    OK(dvsi_sink_ensure_view(sink, &view, ERR));
    commit(sink);
    LOOK("PRAGMA schema_version", before);
    view.only_null = -1;
    begin(sink);
    OK(dvsi_sink_ensure_view(sink, &view, ERR));
    commit(sink);
    LOOK("SELECT count(*) FROM \"t_\"\"current\"\"\"", "2");
    /* A table of that name is nobody's view. */
    view.name = "t";
    begin(sink);
    FAILS(dvsi_sink_ensure_view(sink, &view, ERR), DVS_E_SCHEMA, "t");
    OK(dvsi_sink_rollback(sink, ERR));
    dvsi_sink_close(sink);
    dvsi_schema_free(&schema);
}

static void lineage_tables(fixture *f, dvsi_sink *sink, dvsi_schema *lineage, dvsi_schema *schema,
                           dvs_table *a, dvs_table *b)
{
    static const char *const lineage_names[] = {"project", "run_id",        "entity",  "key",       "op",
                                                "source",  "source_entity", "changes", "changed_at"};
    static const char *const schema_names[] = {"project",      "entity", "field",      "position",
                                               "type",         "source", "plugin",     "source_entity",
                                               "source_field", "is_key", "first_seen", "last_seen"};
    assert_non_null(dvsi_schema_put(lineage, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID));
    assert_non_null(dvsi_schema_put(schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID));
    for (size_t i = 0; i < sizeof lineage_names / sizeof lineage_names[0]; i++)
        column(lineage, lineage_names[i], DVS_TEXT);
    for (size_t i = 0; i < sizeof schema_names / sizeof schema_names[0]; i++)
        column(schema, schema_names[i], DVS_TEXT);
    *a = table_of(f, "_sync_lineage", lineage);
    *b = table_of(f, "_sync_schema", schema);
    begin(sink);
    make_table(sink, a);
    make_table(sink, b);
    commit(sink);
}

static void field_lineage(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvsi_schema lineage = {0}, schema = {0};
    dvs_table a, b;
    dvs_view view = {.struct_size = (uint32_t)sizeof view,
                     .type = DVS_VIEW_FIELD_LINEAGE,
                     .name = "field_lineage",
                     .table = &a,
                     .table2 = &b,
                     .only_null = -1};
    lineage_tables(f, sink, &lineage, &schema, &a, &b);
    begin(sink);
    OK(dvsi_sink_ensure_view(sink, &view, ERR));
    commit(sink);
    dvsi_sink_close(sink);
    LOOK("INSERT INTO _sync_schema VALUES"
         "(1,'p','c','code',1,'text','crm','dataverse','accounts','accountnumber',1,'2024-01','2024-09'),"
         "(2,'p','c','name',2,'text','crm','dataverse','accounts','fullname',0,'2024-01','2024-09'),"
         "(3,'p','c','later',3,'text','crm','dataverse','accounts','later',0,'2024-06','2024-09'),"
         "(4,'p','c','name',2,'text','sheet','csv','partners','label',0,'2024-01','2024-09'),"
         "(5,'other','c','name',2,'text','crm','csv','x','x',0,'2024-01','2024-09');"
         "INSERT INTO _sync_lineage VALUES"
         "(1,'p','r1','c','K1','create','crm','accounts',NULL,'2024-02'),"
         "(2,'p','r2','c','K1','update','crm','accounts',"
         "'{\"code\":{\"old\":\"a\",\"new\":null},\"name\":{\"old\":1,\"new\":{\"sha256\":\"00\"},\"source\":"
         "\"sheet\","
         "\"source_entity\":\"partners\",\"from\":\"label\"}}','2024-03'),"
         "(3,'p','r3','c','K2','create','crm','accounts','{\"name\":{\"new\":\"x\",\"source\":\"sheet\","
         "\"source_entity\":\"partners\"}}','2024-07'),"
         "(4,'p','r4','c','K1','delete',NULL,NULL,NULL,'2024-08');",
         "");
    LOOK("SELECT * FROM field_lineage ORDER BY sync_run_id, field_name",
         "c|K1|code|dataverse|crm|accounts.accountnumber|NULL|NULL|r1|2024-02\n"
         "c|K1|name|dataverse|crm|accounts.fullname|NULL|NULL|r1|2024-02\n"
         "c|K1|code|dataverse|crm|accounts.accountnumber|a|NULL|r2|2024-03\n"
         "c|K1|name|csv|sheet|partners.label|1|{\"sha256\":\"00\"}|r2|2024-03\n"
         "c|K2|code|dataverse|crm|accounts.accountnumber|NULL|NULL|r3|2024-07\n"
         "c|K2|later|dataverse|crm|accounts.later|NULL|NULL|r3|2024-07\n"
         "c|K2|name|csv|sheet|partners.label|NULL|x|r3|2024-07");
    LOOK("SELECT group_concat(name) FROM pragma_table_info('field_lineage')",
         "entity_type,entity_id,field_name,source_type,source_id,source_ref,previous_value,new_value,sync_"
         "run_id,"
         "changed_at");
    /* It works where a schema is not trusted, as in most programs. */
    LOOK("PRAGMA trusted_schema=OFF; SELECT count(*) FROM field_lineage WHERE entity_id = 'K2'", "3");
    dvsi_schema_free(&lineage);
    dvsi_schema_free(&schema);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(current_rows),
        TEST(field_lineage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
