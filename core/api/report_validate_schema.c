/* report_validate_schema.c - the columns of the sources against what was recorded of them. */

#include "api/report_validate.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "run/schema_rule.h"

static const dvsi_definition_field *recorded_field(const dvsi_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->definition.n_fields; i++)
        if (dvsi_utf8_casecmp(target->definition.fields[i].name, name) == 0)
            return &target->definition.fields[i];
    return NULL;
}

static const dvsi_map_field *mapped(const dvsi_feed *feed, const char *name)
{
    for (uint32_t i = 0; feed->mapping != NULL && i < feed->mapping->n_fields; i++)
        if (dvsi_utf8_casecmp(feed->mapping->fields[i].name, name) == 0)
            return &feed->mapping->fields[i];
    return NULL;
}

/* A feed that maps the field from a column, else any that maps it; NULL: none does. */
static const dvsi_feed *giver(const dvsi_target *target, const char *name)
{
    const dvsi_feed *found = NULL;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_map_field *field = mapped(&target->feeds[f], name);
        if (field != NULL && (found == NULL || (field->input >= 0 && mapped(found, name)->input < 0)))
            found = &target->feeds[f];
    }
    return found;
}

/* ---- A source against its former columns ---- */

typedef struct comparison {
    dvsi_validation *v;
    const dvsi_target *target;
    const dvsi_feed *feed;
} comparison;

static void put_new(const comparison *c, const dvsi_difference *d, const dvsi_validation_place *place)
{
    switch (c->target->entity->schema) {
    case DVSI_SCHEMA_EVOLVE:
        dvsi_validation_row(c->v, DVSI_PROBLEM_INFO, "column_new", place,
                            "column \"%s\" (%s) is new at the source; the next sync adds it to the table and "
                            "fills it (schema: "
                            "evolve)",
                            d->column, d->is);
        break;
    case DVSI_SCHEMA_STRICT:
        dvsi_validation_row(
            c->v, DVSI_PROBLEM_ERROR, "column_new", place,
            "column \"%s\" (%s) is new at the source (schema: strict); leave it out with `%s: false`, or say "
            "`schema: evolve` for one sync to take it over",
            d->column, d->is, d->column);
        break;
    default:
        dvsi_validation_row(c->v, DVSI_PROBLEM_WARNING, "column_new", place,
                            "column \"%s\" (%s) is new at the source and is not synced (schema: lock); name "
                            "it under `fields:`, "
                            "or say `schema: evolve`",
                            d->column, d->is);
        break;
    }
}

/* A type that the project names, or that comes of an expression, does not follow the source's. */
static int is_converted(const comparison *c, const char *column)
{
    const dvsi_mapping *mapping = c->feed->mapping;
    int converted = 1;
    for (uint32_t i = 0; i < mapping->n_plain; i++)
        if (mapping->fields[i].from != NULL && dvsi_utf8_casecmp(mapping->fields[i].from, column) == 0)
            converted = converted && mapping->fields[i].explicit_type;
    return converted;
}

static void put_difference(void *context, const dvsi_difference *d)
{
    const comparison *c = context;
    const int strict = c->target->entity->schema == DVSI_SCHEMA_STRICT;
    const char *rule = strict ? " (schema: strict)" : "";
    dvsi_validation_place place = dvsi_validation_at(c->v, c->target, c->feed, d->column);
    switch (d->kind) {
    case DVSI_COLUMN_NEW:
        put_new(c, d, &place);
        break;
    case DVSI_COLUMN_GONE:
        dvsi_validation_row(c->v, strict ? DVSI_PROBLEM_ERROR : DVSI_PROBLEM_WARNING, "column_gone", &place,
                            "column \"%s\" is gone at the source%s; %s", d->column, rule,
                            strict
                                ? "put it back, or say `schema: lock` for one sync to do without it"
                                : "the table keeps its values. Leave the field out if it does not come back");
        break;
    case DVSI_COLUMN_TYPE:
        if (is_converted(c, d->column)) /* else the field's own type says it */
            dvsi_validation_row(c->v, strict ? DVSI_PROBLEM_ERROR : DVSI_PROBLEM_INFO, "type", &place,
                                "column \"%s\" was of type %s at the source and is now %s%s; %s", d->column,
                                d->was, d->is, rule,
                                strict ? "put it back, or say `schema: lock` for one sync"
                                       : "its values go on being converted");
        break;
    case DVSI_COLUMN_NULLABLE:
        dvsi_validation_row(c->v, strict ? DVSI_PROBLEM_ERROR : DVSI_PROBLEM_INFO, "nullability", &place,
                            "column \"%s\" was %s at the source and is now %s%s%s", d->column, d->was, d->is,
                            rule, strict ? "; put it back, or say `schema: lock` for one sync" : "");
        break;
    case DVSI_COLUMN_KEY:
        if (strict || c->target->entity->n_key != 0) /* else the entity's key says it */
            dvsi_validation_row(c->v, strict ? DVSI_PROBLEM_ERROR : DVSI_PROBLEM_INFO, "key", &place,
                                "column \"%s\" was %s at the source and is now %s%s%s", d->column, d->was,
                                d->is, rule,
                                strict ? "; put it back, or say `schema: lock` for one sync" : "");
        break;
    }
}

/* ---- The entity against its former fields ---- */

static void check_type(dvsi_validation *v, const dvsi_target *target, const dvsi_target_field *field)
{
    const dvsi_definition_field *old = recorded_field(target, field->name);
    const dvsi_feed *feed = giver(target, field->name);
    const char *rule = target->entity->schema == DVSI_SCHEMA_STRICT ? "strict" : "lock";
    if (old == NULL || field->gone || field->kind == old->kind || field->explicit_type)
        return; /* a changed `type:` is refused as an edit of the project */
    const char *was = dvsi_kind_name(old->kind);
    const char *is = dvsi_kind_name(field->kind);
    const int is_key = field->key_position != 0;
    const int is_derived = field >= target->fields + target->n_plain;
    dvsi_validation_place place = dvsi_validation_at(v, target, feed, field->name);
    if (target->entity->schema != DVSI_SCHEMA_EVOLVE)
        dvsi_validation_row(
            v, DVSI_PROBLEM_ERROR, "type", &place,
            "field \"%s\" was of type %s and is now %s (schema: %s); say `type: %s` to convert it, `schema: "
            "evolve` if the new type is the wider one, or run `sync --rebuild --entity %s`",
            field->name, was, is, rule, was, target->entity->name);
    else if (dvsi_schema_widens(old->kind, field->kind, is_key))
        dvsi_validation_row(
            v, DVSI_PROBLEM_INFO, "type", &place,
            "field \"%s\" was of type %s and is now %s; the next sync widens its column (schema: evolve)",
            field->name, was, is);
    else if (!is_derived && dvsi_schema_widens(field->kind, old->kind, is_key))
        dvsi_validation_row(v, DVSI_PROBLEM_INFO, "type", &place,
                            "field \"%s\" is of type %s at the source; its column stays of type %s, into "
                            "which its values fit",
                            field->name, is, was);
    else
        dvsi_validation_row(v, DVSI_PROBLEM_ERROR, "type", &place,
                            "field \"%s\" was of type %s and is now %s, which could lose something (schema: "
                            "evolve); say `type: "
                            "%s` to convert it, or run `sync --rebuild --entity %s`",
                            field->name, was, is, was, target->entity->name);
}

/* The source's own key, where the project names none. */
static void check_key(dvsi_validation *v, const dvsi_target *target, const dvsi_feed *feed)
{
    const dvsi_definition *d = &target->definition;
    const dvsi_mapping *mapping = feed->mapping;
    int differs = mapping->n_key != d->n_key;
    for (uint32_t k = 0; k < d->n_key && !differs; k++)
        differs = dvsi_utf8_casecmp(mapping->fields[mapping->key[k]].name, d->key[k]) != 0;
    if (d->row_id == 0 || target->entity->n_key != 0 || !differs)
        return;
    dvsi_validation_place place = dvsi_validation_at(v, target, feed, NULL);
    dvsi_validation_row(v, DVSI_PROBLEM_ERROR, "key", &place,
                        "the key of stream \"%s\" at the source is another one than that of table \"%s\", "
                        "which cannot change "
                        "its key; name the former with `key: [...]`, or run `sync --rebuild --entity %s`",
                        feed->from->entity, target->entity->name, target->entity->name);
}

/* A record without its key is a row error. Sources without types do not tell. */
static void check_key_nulls(dvsi_validation *v, const dvsi_target *target, const dvsi_feed *feed)
{
    const dvsi_mapping *mapping = feed->mapping;
    for (uint32_t k = 0; k < mapping->n_key; k++) {
        const dvsi_map_field *field = &mapping->fields[mapping->key[k]];
        if (field->input < 0 || (field->flags & DVS_COLUMN_NULLABLE) == 0 ||
            (field->flags & DVS_COLUMN_UNTYPED) != 0)
            continue;
        dvsi_validation_place place = dvsi_validation_at(v, target, feed, field->name);
        dvsi_validation_row(
            v, DVSI_PROBLEM_INFO, "nullability", &place,
            "key field \"%s\" may be NULL at the source; records without it become row errors", field->name);
    }
}

static void check_target(dvsi_validation *v, dvsi_target *target)
{
    dvs_error err = DVS_ERROR_INIT;
    uint32_t n_mapped = 0;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        const dvsi_definition_source *known = dvsi_definition_from(&target->definition, feed->from);
        comparison c = {v, target, feed};
        if (feed->mapping == NULL)
            continue;
        n_mapped++;
        if (known != NULL)
            dvsi_schema_differences(feed->from, known, &feed->columns, put_difference, &c);
        check_key(v, target, feed);
        check_key_nulls(v, target, feed);
    }
    if (n_mapped == 0)
        return;
    if (dvsi_fields_agree(target, &err) != DVS_OK || dvsi_fields_make(target, &err) != DVS_OK ||
        dvsi_fields_derive(target, v->project->file, &err) != DVS_OK) {
        dvsi_validation_place place = dvsi_validation_at(v, target, NULL, NULL);
        target->n_fields = 0;
        dvsi_validation_row(v, DVSI_PROBLEM_ERROR, "fields", &place, "%s", err.message);
        return;
    }
    for (uint32_t i = 0; i < target->n_fields; i++)
        check_type(v, target, &target->fields[i]);
}

void dvsi_validate_schemas(dvsi_validation *v)
{
    for (uint32_t e = 0; e < v->project->n_entities; e++)
        check_target(v, &v->targets[e]);
}
