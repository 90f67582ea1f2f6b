/* map_fixture.h - a mapping from a project's text and a source's columns. */
#ifndef MAP_FIXTURE_H
#define MAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "data/cell.h"
#include "map/mapping.h"

#define UNUSED __attribute__((unused))

typedef struct fixture {
    dvsi_project *project;
    dvsi_schema source;
    dvsi_known_columns known;
    dvsi_mapping *mapping;
    dvs_error err;
} fixture;

/* The project whose only entity is the text behind `entities:`, as a list item. */
UNUSED static void read_project(fixture *f, const char *entity)
{
    dvsi_problems problems = {0};
    dvsi_buf text = {0};
    dvsi_arena arena = {0};
    dvsi_buf_printf(&text, "name: demo\nsources: {crm: {plugin: csv}}\nsink: {plugin: sqlite}\nentities:\n%s",
                    entity);
    f->project = dvsi_project_parse("/tmp/p.yml", dvsi_buf_text(&text), text.length, 0, &problems);
    if (f->project == NULL)
        fail_msg("%s", dvsi_problem_text(&arena, problems.first));
    dvsi_problems_free(&problems);
    dvsi_arena_free(&arena);
    dvsi_buf_free(&text);
}

UNUSED static dvs_column *column(fixture *f, const char *name, uint32_t kind, uint32_t flags,
                                 uint32_t key_position)
{
    dvs_column *c = dvsi_schema_put(&f->source, name, kind, flags);
    assert_non_null(c);
    c->key_position = key_position;
    if (key_position != 0)
        c->flags |= DVS_COLUMN_KEY;
    return c;
}

/* id (key), Name, born, seq (version), changed (modified), raw. */
UNUSED static void usual_columns(fixture *f)
{
    column(f, "id", DVS_INT64, 0, 1);
    column(f, "Name", DVS_TEXT, DVS_COLUMN_NULLABLE, 0);
    column(f, "born", DVS_DATE, DVS_COLUMN_NULLABLE, 0);
    column(f, "seq", DVS_INT64, DVS_COLUMN_VERSION, 0);
    column(f, "changed", DVS_TIMESTAMP, DVS_COLUMN_MODIFIED, 0);
    column(f, "raw", DVS_JSON, DVS_COLUMN_RAW, 0);
}

UNUSED static int32_t build(fixture *f)
{
    dvsi_error_clear(&f->err);
    return dvsi_mapping_build(&f->project->entities[0], &f->project->entities[0].from[0], &f->source,
                              &f->known, f->project->file, &f->mapping, &f->err);
}

UNUSED static void must_build(fixture *f)
{
    if (build(f) != DVS_OK)
        fail_msg("%s", f->err.message);
    assert_non_null(f->mapping);
}

/* Reads the entity, over the usual columns. */
UNUSED static void usual(fixture *f, const char *entity)
{
    memset(f, 0, sizeof *f);
    read_project(f, entity);
    usual_columns(f);
}

UNUSED static void close_fixture(fixture *f)
{
    dvsi_mapping_free(f->mapping);
    dvsi_project_free(f->project);
    dvsi_schema_free(&f->source);
}

/* The build fails as a mistake in the project, with exactly this message. */
UNUSED static void refused(fixture *f, const char *message)
{
    assert_int_equal(build(f), DVS_E_CONFIG);
    assert_null(f->mapping);
    assert_string_equal(f->err.message, message);
    close_fixture(f);
}

/* The fields as "name:type=input", separated by blanks; static ones "name:type!", gone ones "name:type?". */
UNUSED static void fields_are(const fixture *f, const char *expected)
{
    dvsi_buf text = {0};
    for (uint32_t i = 0; i < f->mapping->n_fields; i++) {
        const dvsi_map_field *field = &f->mapping->fields[i];
        dvsi_buf_printf(&text, "%s%s:%s", i != 0 ? " " : "", field->name, dvsi_kind_name(field->kind));
        if (field->is_static)
            dvsi_buf_putc(&text, '!');
        else if (field->input < 0)
            dvsi_buf_putc(&text, '?');
        else
            dvsi_buf_printf(&text, "=%s", f->mapping->wanted.columns[field->input].name);
    }
    assert_string_equal(dvsi_buf_text(&text), expected);
    dvsi_buf_free(&text);
}

/* Position of a wanted column. */
UNUSED static uint32_t wanted(const fixture *f, const char *name)
{
    int at = dvsi_schema_find(&f->mapping->wanted, name);
    assert_true(at >= 0);
    return (uint32_t)at;
}

#endif
