/* schema_rule.c - what sources that changed their columns may do to a table: `lock`, `evolve`, `strict`. */
#include "run/schema_rule.h"

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"

#define MOST_NAMED 5u /* in one message */

static int same_name(const char *a, const char *b)
{
    return dvsi_utf8_casecmp(a, b) == 0;
}

/* ---- Types ---- */

int dvsi_schema_widens(uint32_t from, uint32_t to, int is_key)
{
    if (from == to)
        return 0;
    if (to == DVS_TEXT) /* the canonical text of any value */
        return 1;
    switch (from) {
    case DVS_BOOL: /* "true" becomes "1" */
        return to == DVS_INT64 && !is_key;
    case DVS_INT64:
        return to == DVS_DECIMAL || (to == DVS_DOUBLE && !is_key);
    case DVS_DOUBLE:
        return to == DVS_DECIMAL && !is_key;
    case DVS_DATE: /* at midnight UTC */
        return to == DVS_TIMESTAMP && !is_key;
    default:
        return 0;
    }
}

/* A mapping of the field whose column is there, else any; the feeds agree on its kind. */
static const dvsi_map_field *live(const dvsi_target *target, const char *name)
{
    const dvsi_map_field *found = NULL;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_map_field *field = dvsi_feed_field(&target->feeds[f], name, 0);
        if (field != NULL && (found == NULL || found->is_gone))
            found = field;
    }
    return found;
}

static int has_widening(const dvsi_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->n_widenings; i++)
        if (same_name(target->widenings[i].field, name))
            return 1;
    return 0;
}

static int32_t add_widening(dvsi_target *target, const dvsi_feed *feed, const dvsi_definition_field *old,
                            uint32_t to, dvs_error *err)
{
    if (target->widenings == NULL)
        target->widenings = dvsi_arena_calloc(&target->run->arena, (size_t)target->definition.n_fields + 1,
                                              sizeof *target->widenings);
    if (target->widenings == NULL)
        return dvsi_error_no_memory(err);
    target->widenings[target->n_widenings++] = (dvsi_widening){old->name, old->kind, to};
    dvsi_run_note(target->run, "warning", target->entity->name, feed->from->label, 0, NULL, old->name,
                  "the field's type %s from %s to %s, as at the source (schema: evolve)",
                  target->run->dry ? "would go" : "went", dvsi_kind_name(old->kind), dvsi_kind_name(to));
    return DVS_OK;
}

static int32_t refuse_type(const dvsi_target *target, const char *name, uint32_t was, uint32_t is,
                           dvs_error *err)
{
    int evolves = target->entity->schema == DVSI_SCHEMA_EVOLVE;
    return dvsi_error_set(
        err, DVS_E_SCHEMA,
        "entity \"%s\": field \"%s\" was of type %s and is now %s%s (schema: %s); say `type: %s` to "
        "convert it, or run `sync --rebuild --entity %s`",
        target->entity->name, name, dvsi_kind_name(was), dvsi_kind_name(is),
        evolves ? ", which could lose something" : "",
        evolves                                        ? "evolve"
        : target->entity->schema == DVSI_SCHEMA_STRICT ? "strict"
                                                       : "lock",
        dvsi_kind_name(was), target->entity->name);
}

/* The kind that the field has from now on. Narrower values go into a wider column as they are. */
static int32_t settle_kind(dvsi_target *target, const dvsi_feed *feed, const dvsi_map_field *field,
                           uint32_t *kind, dvs_error *err)
{
    const dvsi_definition_field *old = dvsi_definition_field_of(&target->definition, field->name);
    const dvsi_map_field *now = live(target, field->name);
    *kind = field->kind;
    if (old == NULL)
        return DVS_OK;
    *kind = old->kind;
    if (now->is_gone || now->kind == old->kind)
        return DVS_OK;
    if (target->entity->schema != DVSI_SCHEMA_EVOLVE)
        return refuse_type(target, field->name, old->kind, now->kind, err);
    int is_key = now->key_position != 0;
    if (dvsi_schema_widens(old->kind, now->kind, is_key)) {
        *kind = now->kind;
        return has_widening(target, old->name) ? DVS_OK : add_widening(target, feed, old, now->kind, err);
    }
    int is_derived =
        field >= feed->mapping->fields + feed->mapping->n_plain; /* its type is the project's word */
    /* What several sources spell in different ways would be several records by the wider type. */
    int falls_apart = is_key && target->n_feeds > 1;
    return !is_derived && !falls_apart && dvsi_schema_widens(now->kind, old->kind, is_key)
               ? DVS_OK
               : refuse_type(target, field->name, old->kind, now->kind, err);
}

/* First all are asked, then all are set: what one feed settles, the next must not take for its source's own
 * type. */
static int32_t settle_kinds(dvsi_target *target, dvs_error *err)
{
    dvsi_arena arena = {0};
    int32_t status = DVS_OK;
    uint32_t **kinds = dvsi_arena_calloc(&arena, (size_t)target->n_feeds + 1, sizeof *kinds);
    if (kinds == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        if (feed->mapping == NULL)
            continue;
        kinds[f] = dvsi_arena_calloc(&arena, (size_t)feed->mapping->n_fields + 1, sizeof *kinds[f]);
        if (kinds[f] == NULL)
            status = dvsi_error_no_memory(err);
        for (uint32_t i = 0; i < feed->mapping->n_fields && status == DVS_OK; i++)
            status = settle_kind(target, feed, &feed->mapping->fields[i], &kinds[f][i], err);
    }
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        dvsi_mapping *mapping = target->feeds[f].mapping;
        for (uint32_t i = 0; mapping != NULL && i < mapping->n_fields && status == DVS_OK; i++) {
            const char *problem = dvsi_mapping_retype(mapping, i, kinds[f][i]);
            if (problem != NULL)
                status =
                    dvsi_error_set(err, DVS_E_CONFIG, "entity \"%s\": the static value of field \"%s\" %s",
                                   target->entity->name, mapping->fields[i].name, problem);
        }
    }
    dvsi_arena_free(&arena);
    return status;
}

/* ---- Columns ---- */

int dvsi_schema_takes(const dvsi_from *from, const char *column)
{
    int named = 0;
    for (uint32_t i = 0; i < from->n_fields; i++) {
        const dvsi_field *field = &from->fields[i];
        if (field->kind == DVSI_FIELD_FROM && same_name(field->from, column))
            return 1;
        named |= same_name(field->name, column);
    }
    return from->all_fields && !named;
}

static int known_column(const dvsi_definition_source *known, const char *name)
{
    for (uint32_t i = 0; i < known->n_columns; i++)
        if (same_name(known->columns[i], name))
            return (int)i;
    return -1;
}

static const char *nullable_text(uint32_t nullable)
{
    return nullable != 0 ? "nullable" : "never NULL";
}

static const char *key_text(uint32_t position)
{
    static const char *const parts[] = {"no part of the key", "first in the key", "second in the key",
                                        "third in the key"};
    return position < sizeof parts / sizeof *parts ? parts[position] : "further back in the key";
}

/* One column that is still there. */
static uint32_t compare_column(const char *name, const dvsi_definition_column *was, const dvs_column *is,
                               dvsi_difference_fn *each, void *context)
{
    uint32_t n = 0;
    uint32_t nullable = (is->flags & DVS_COLUMN_NULLABLE) != 0;
    if (was->kind == 0)
        return 0;
    if (was->kind != is->kind) {
        each(context,
             &(dvsi_difference){DVSI_COLUMN_TYPE, name, dvsi_kind_name(was->kind), dvsi_kind_name(is->kind)});
        n++;
    }
    if (was->key_position != is->key_position) {
        each(context, &(dvsi_difference){.kind = DVSI_COLUMN_KEY,
                                         .column = name,
                                         .was = key_text(was->key_position),
                                         .is = key_text(is->key_position)});
        n++;
    }
    if (was->nullable != nullable) {
        each(context, &(dvsi_difference){.kind = DVSI_COLUMN_NULLABLE,
                                         .column = name,
                                         .was = nullable_text(was->nullable),
                                         .is = nullable_text(nullable)});
        n++;
    }
    return n;
}

uint32_t dvsi_schema_differences(const dvsi_from *from, const dvsi_definition_source *known,
                                 const dvsi_schema *described, dvsi_difference_fn *each, void *context)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < known->n_columns; i++) {
        int at = dvsi_schema_find(described, known->columns[i]);
        int used = dvsi_schema_takes(from, known->columns[i]) || known->details[i].key_position != 0 ||
                   (at >= 0 && described->columns[at].key_position != 0);
        if (at >= 0 && used) {
            n +=
                compare_column(known->columns[i], &known->details[i], &described->columns[at], each, context);
        } else if (used) {
            each(context, &(dvsi_difference){.kind = DVSI_COLUMN_GONE,
                                             .column = known->columns[i],
                                             .was = dvsi_kind_name(known->details[i].kind)});
            n++;
        }
    }
    for (uint32_t i = 0; i < described->n_columns; i++) {
        const dvs_column *column = &described->columns[i];
        if ((column->flags & DVS_COLUMN_RAW) != 0 || known_column(known, column->name) >= 0 ||
            !dvsi_schema_takes(from, column->name))
            continue;
        each(context, &(dvsi_difference){DVSI_COLUMN_NEW, column->name, NULL, dvsi_kind_name(column->kind)});
        n++;
    }
    return n;
}

/* Several differences in one line. */
typedef struct difference_list {
    dvsi_buf text;
    uint32_t n;
} difference_list;

static void list_difference(void *context, const dvsi_difference *d)
{
    difference_list *list = context;
    if (list->n++ >= MOST_NAMED)
        return;
    dvsi_buf_printf(&list->text, "%scolumn \"%s\" ", list->n > 1 ? "; " : "", d->column);
    if (d->kind == DVSI_COLUMN_NEW)
        dvsi_buf_puts(&list->text, "is new");
    else if (d->kind == DVSI_COLUMN_GONE)
        dvsi_buf_puts(&list->text, "is gone");
    else
        dvsi_buf_printf(&list->text, "was %s%s and is %s%s", d->kind == DVSI_COLUMN_TYPE ? "of type " : "",
                        d->was, d->kind == DVSI_COLUMN_TYPE ? "of type " : "", d->is);
}

static int32_t check_strict(const dvsi_target *target, const dvsi_feed *feed, dvs_error *err)
{
    const dvsi_definition_source *known = dvsi_definition_from(&target->definition, feed->from);
    difference_list list = {{0}, 0};
    int32_t status = DVS_OK;
    if (known == NULL)
        return DVS_OK; /* the project's own change */
    uint32_t n = dvsi_schema_differences(feed->from, known, &feed->columns, list_difference, &list);
    if (n > MOST_NAMED)
        dvsi_buf_printf(&list.text, "; and %u more", n - MOST_NAMED);
    if (n != 0)
        status = dvsi_error_set(
            err, DVS_E_SCHEMA,
            "entity \"%s\": the columns of \"%s\" at source \"%s\" changed: %s (schema: strict); put them "
            "back, or say `schema: evolve` for one sync to take the change over",
            target->entity->name, feed->from->entity, feed->from->label, dvsi_buf_text(&list.text));
    dvsi_buf_free(&list.text);
    return status;
}

int32_t dvsi_schema_rule_check_table(const dvsi_target *target, const dvsi_schema *found, dvs_error *err)
{
    const dvsi_definition *d = &target->definition;
    for (uint32_t i = 0; i < d->n_fields && target->entity->schema == DVSI_SCHEMA_STRICT; i++)
        if (live(target, d->fields[i].name) != NULL && dvsi_schema_find(found, d->fields[i].name) < 0)
            return dvsi_error_set(err, DVS_E_SCHEMA,
                                  "table \"%s\" has lost its column \"%s\" (schema: strict); put it back, or "
                                  "say `schema: lock` "
                                  "for one sync, which adds and fills it",
                                  target->entity->name, d->fields[i].name);
    return DVS_OK;
}

/* A key of the source's own is recorded like one of the project's: the table cannot change it. */
static int32_t check_key(const dvsi_target *target, const dvsi_feed *feed, dvs_error *err)
{
    const dvsi_definition *d = &target->definition;
    const dvsi_mapping *mapping = feed->mapping;
    if (d->row_id == 0 || target->entity->n_key != 0)
        return DVS_OK;
    int differs = mapping->n_key != d->n_key;
    for (uint32_t k = 0; k < d->n_key && !differs; k++)
        differs = !same_name(mapping->fields[mapping->key[k]].name, d->key[k]);
    if (!differs)
        return DVS_OK;
    dvsi_buf was = {0};
    dvsi_buf is = {0};
    for (uint32_t k = 0; k < d->n_key; k++)
        dvsi_buf_printf(&was, "%s%s", k != 0 ? ", " : "", d->key[k]);
    for (uint32_t k = 0; k < mapping->n_key; k++)
        dvsi_buf_printf(&is, "%s%s", k != 0 ? ", " : "", mapping->fields[mapping->key[k]].name);
    int32_t status = dvsi_error_set(
        err, DVS_E_SCHEMA,
        "entity \"%s\": the key of \"%s\" at source \"%s\" was %s and is now %s, and a table "
        "cannot change its key; say `key: [%s]` to keep it, or run `sync --rebuild --entity %s`",
        target->entity->name, feed->from->entity, feed->from->label, dvsi_buf_text(&was), dvsi_buf_text(&is),
        dvsi_buf_text(&was), target->entity->name);
    dvsi_buf_free(&was);
    dvsi_buf_free(&is);
    return status;
}

/* ---- What is said of them ---- */

static void note_new_locked(const dvsi_target *target, const dvsi_feed *feed)
{
    uint32_t n = feed->mapping->n_new_columns;
    if (n != 0)
        dvsi_run_note(target->run, "warning", target->entity->name, feed->from->label, 0, NULL,
                      feed->mapping->new_columns[0],
                      "%u new column%s at the source, not synced (schema: lock); json_response has %s", n,
                      n != 1 ? "s" : "", n != 1 ? "them" : "it");
}

static void note_new_evolved(const dvsi_target *target, const dvsi_feed *feed,
                             const dvsi_definition_source *known)
{
    const dvsi_mapping *mapping = feed->mapping;
    dvsi_buf names = {0};
    const char *first = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < mapping->n_plain; i++) {
        const dvsi_map_field *field = &mapping->fields[i];
        if (field->from == NULL || field->is_gone || known_column(known, field->from) >= 0 ||
            dvsi_definition_field_of(&target->definition, field->name) != NULL)
            continue;
        first = first != NULL ? first : field->name;
        if (n++ < MOST_NAMED)
            dvsi_buf_printf(&names, "%s%s", n > 1 ? ", " : "", field->name);
    }
    if (n > MOST_NAMED)
        dvsi_buf_printf(&names, " and %u more", n - MOST_NAMED);
    if (n != 0)
        dvsi_run_note(target->run, "warning", target->entity->name, feed->from->label, 0, NULL, first,
                      "%u new column%s at the source %s the table (schema: evolve): %s", n, n != 1 ? "s" : "",
                      target->run->dry ? "would be added to"
                      : n != 1         ? "were added to"
                                       : "was added to",
                      dvsi_buf_text(&names));
    dvsi_buf_free(&names);
}

static int gives_field(const dvsi_target *target, const dvsi_feed *feed, const char *name)
{
    const dvsi_map_field *field = dvsi_feed_field(feed, name, 1);
    return feed->mapping != NULL ? field != NULL && !field->is_gone : dvsi_fields_spoke(target, feed, name);
}

/* Is the field of a column that is gone another source's alone now? Not one that the project maps by its
 * name: there the last values stand. */
static int is_left_to_others(const dvsi_target *target, const dvsi_feed *feed, const char *column)
{
    if (dvsi_feed_field(feed, column, 1) != NULL)
        return 0;
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (&target->feeds[f] != feed && gives_field(target, &target->feeds[f], column))
            return 1;
    return 0;
}

static void note_gone(const dvsi_target *target, const dvsi_feed *feed, const dvsi_definition_source *known)
{
    for (uint32_t i = 0; i < known->n_columns; i++)
        if (dvsi_schema_takes(feed->from, known->columns[i]) &&
            dvsi_schema_find(&feed->columns, known->columns[i]) < 0)
            dvsi_run_note(
                target->run, "warning", target->entity->name, feed->from->label, 0, NULL, known->columns[i],
                "the column is gone at the source; %s",
                is_left_to_others(target, feed, known->columns[i])
                    ? "now the other sources alone give the field: it is NULL where they have no value"
                    : "the table keeps its values");
}

/* New columns that `lock` keeps out are new in every run. */
static void note_change(void *context, const dvsi_difference *d)
{
    dvsi_target *target = context;
    target->columns_changed |= d->kind != DVSI_COLUMN_NEW || target->entity->schema == DVSI_SCHEMA_EVOLVE;
}

int32_t dvsi_schema_rule_check(dvsi_target *target, dvs_error *err)
{
    int32_t status = DVS_OK;
    target->n_widenings = 0;
    target->columns_changed = 0;
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        if (target->feeds[f].mapping == NULL)
            continue;
        if (target->entity->schema == DVSI_SCHEMA_STRICT)
            status = check_strict(target, &target->feeds[f], err);
        if (status == DVS_OK)
            status = check_key(target, &target->feeds[f], err);
    }
    if (status == DVS_OK)
        status = settle_kinds(target, err);
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        const dvsi_definition_source *known = dvsi_definition_from(&target->definition, feed->from);
        if (feed->mapping == NULL || known == NULL)
            continue;
        if (target->entity->schema == DVSI_SCHEMA_EVOLVE)
            note_new_evolved(target, feed, known);
        else
            note_new_locked(target, feed);
        note_gone(target, feed, known);
        dvsi_schema_differences(feed->from, known, &feed->columns, note_change, target);
    }
    return status;
}
