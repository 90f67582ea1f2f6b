/* report_validate_reference.c - fields that hold keys of other entities, against these and against what the
 * source says. */
#include <string.h>

#include "api/report_validate.h"
#include "base/utf8.h"
#include "data/cell.h"

#define MOST_NAMED 5u

static const dvsi_target *target_of(const dvsi_validation *v, const char *entity)
{
    for (uint32_t e = 0; e < v->project->n_entities; e++)
        if (strcmp(v->project->entities[e].name, entity) == 0)
            return &v->targets[e];
    return NULL;
}

static const dvsi_target_field *field_of(const dvsi_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->n_fields; i++)
        if (dvsi_utf8_casecmp(target->fields[i].name, name) == 0)
            return &target->fields[i];
    return NULL;
}

static int reads(const dvsi_target *target, const dvsi_endpoint *source, const char *stream)
{
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].from->endpoint == source &&
            (strcmp(target->feeds[f].from->entity, stream) == 0 ||
             (target->feeds[f].stream != NULL && strcmp(target->feeds[f].stream, stream) == 0)))
            return 1;
    return 0;
}

static int in_project(const dvsi_validation *v, const dvsi_endpoint *source, const char *stream)
{
    for (uint32_t e = 0; e < v->project->n_entities; e++)
        if (reads(&v->targets[e], source, stream))
            return 1;
    return 0;
}

/* The project's word against the source's: does the entity hold what the column points to? */
static void check_streams(dvsi_validation *v, const dvsi_target *other, const dvsi_feed *feed,
                          const dvs_column *column, const dvsi_validation_place *place)
{
    for (uint32_t i = 0; i < column->n_targets; i++)
        if (reads(other, feed->from->endpoint, column->targets[i]))
            return;
    if (column->n_targets != 0)
        dvsi_validation_row(v, DVSI_PROBLEM_WARNING, "reference", place,
                            "column \"%s\" refers to \"%s\"%s by its source, and entity \"%s\" does not take "
                            "that stream; let "
                            "`refers_to` name the entity that does",
                            column->name, column->targets[0], column->n_targets > 1 ? " and others" : "",
                            other->entity->name);
}

static void check_given(dvsi_validation *v, const dvsi_target *target, const dvsi_feed *feed,
                        const dvsi_field *spec, const dvs_column *column)
{
    const dvsi_target *other = target_of(v, spec->refers_to);
    const dvsi_target_field *field = field_of(target, spec->name);
    dvsi_validation_place place = dvsi_validation_at(v, target, feed, spec->name);
    if (other == NULL || other->n_fields == 0 || field == NULL)
        return; /* told elsewhere */
    if (other->n_key != 1) {
        dvsi_validation_row(
            v, DVSI_PROBLEM_ERROR, "reference", &place,
            "field \"%s\" refers to entity \"%s\", whose key has %u fields; only a key of one field can be "
            "referred to. Leave `refers_to` out",
            field->name, other->entity->name, other->n_key);
        return;
    }
    const dvsi_target_field *key = &other->fields[other->key_columns[0] - 1];
    if (key->kind != field->kind)
        dvsi_validation_row(v, DVSI_PROBLEM_WARNING, "reference", &place,
                            "field \"%s\" is of type %s and refers to field \"%s\" of entity \"%s\", of type "
                            "%s; the same value "
                            "may be spelled otherwise there. Give both the same `type:`",
                            field->name, dvsi_kind_name(field->kind), key->name, other->entity->name,
                            dvsi_kind_name(key->kind));
    if (column != NULL)
        check_streams(v, other, feed, column, &place);
}

/* What the source says refers to streams that the project does not have, in one row. */
static void check_declared(dvsi_validation *v, const dvsi_target *target, const dvsi_feed *feed)
{
    dvsi_buf names = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < feed->mapping->n_plain; i++) {
        const dvsi_map_field *field = &feed->mapping->fields[i];
        const dvs_column *column = field->input >= 0 ? &feed->mapping->wanted.columns[field->input] : NULL;
        const dvsi_field *spec = dvsi_from_field(feed->from, field->name);
        int there = column == NULL || column->n_targets == 0 || (spec != NULL && spec->refers_to != NULL);
        for (uint32_t k = 0; column != NULL && k < column->n_targets && !there; k++)
            there = in_project(v, feed->from->endpoint, column->targets[k]);
        if (!there && n++ < MOST_NAMED)
            dvsi_buf_printf(&names, "%s%s (%s%s)", n > 1 ? ", " : "", field->name, column->targets[0],
                            column->n_targets > 1 ? ", ..." : "");
    }
    if (n > MOST_NAMED)
        dvsi_buf_printf(&names, " and %u more", n - MOST_NAMED);
    dvsi_validation_place place = dvsi_validation_at(v, target, feed, NULL);
    if (n != 0)
        dvsi_validation_row(
            v, DVSI_PROBLEM_INFO, "reference", &place,
            "%u field%s to streams that no entity takes: %s; add entities for them to have the records, too",
            n, n != 1 ? "s refer" : " refers", dvsi_buf_text(&names));
    dvsi_buf_free(&names);
}

void dvsi_validate_references(dvsi_validation *v)
{
    for (uint32_t e = 0; e < v->project->n_entities; e++) {
        const dvsi_target *target = &v->targets[e];
        for (uint32_t f = 0; f < target->n_feeds; f++) {
            const dvsi_feed *feed = &target->feeds[f];
            for (uint32_t i = 0; i < feed->from->n_fields && feed->mapping != NULL; i++) {
                const dvsi_field *spec = &feed->from->fields[i];
                int at = spec->kind == DVSI_FIELD_FROM ? dvsi_schema_find(&feed->columns, spec->from) : -1;
                if (spec->refers_to != NULL)
                    check_given(v, target, feed, spec, at >= 0 ? &feed->columns.columns[at] : NULL);
            }
            if (feed->mapping != NULL)
                check_declared(v, target, feed);
        }
    }
}
