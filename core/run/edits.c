/* edits.c - see edits.h. Without open conflicts, pins or changed fields none of this costs anything. */
#include "run/edits.h"

#include <string.h>

#include "base/error.h"

/* ---- Pins ---- */

static void put_pins(const dvsi_key_pins *pins, dvs_cell *fields)
{
    for (uint32_t i = 0; i < pins->n; i++)
        fields[pins->pins[i].field] = pins->pins[i].value;
}

static int set_origins(const dvsi_edits *e, const dvsi_key_pins *pins, dvsi_record *record)
{
    const dvsi_target *t = e->feed->target;
    const dvsi_from *from = e->feed->from;
    dvsi_origin *origins = dvsi_arena_calloc(&t->run->batch_arena, (size_t)t->n_fields + 1, sizeof *origins);
    if (origins == NULL)
        return -1;
    origins[t->n_fields] = (dvsi_origin){.source = from->label, .source_entity = from->entity};
    for (uint32_t i = 0; i < pins->n; i++)
        if (strcmp(pins->kept[i], from->label) != 0)
            origins[pins->pins[i].field] = (dvsi_origin){.source = pins->kept[i]};
    record->own = &origins[t->n_fields];
    record->origins = origins;
    return 0;
}

/* The record with its pinned values; derived fields follow them, unless they are pinned themselves. */
static int32_t pin_record(const dvsi_edits *e, const dvsi_key_pins *pins, dvsi_record *record, uint32_t at,
                          dvs_error *err)
{
    const dvsi_target *t = e->feed->target;
    dvsi_arena *arena = &t->run->batch_arena;
    dvsi_map_error problem = {0};
    dvs_cell *fields = dvsi_arena_calloc(arena, (size_t)t->n_fields + 1, sizeof *fields);
    if (fields == NULL || set_origins(e, pins, record) != 0)
        return dvsi_error_no_memory(err);
    memcpy(fields, record->fields, t->n_fields * sizeof *fields);
    put_pins(pins, fields);
    if (dvsi_mapping_derive(e->feed->mapping, arena, fields, &problem) != 0) {
        int32_t status = dvsi_error_set(err, DVS_E_DATA, "field \"%s\" %s", problem.field, problem.message);
        err->scope = DVS_SCOPE_ROW;
        err->row = at;
        return status;
    }
    put_pins(pins, fields);
    record->fields = fields;
    return DVS_OK;
}

int32_t dvsi_edits_pin(dvsi_edits *e, const dvsi_record **records, uint32_t n, dvs_error *err)
{
    dvsi_run *run = e->feed->run;
    e->n_records = n;
    if (!e->feed->target->has_pins || run->options->force_overwrite)
        return DVS_OK;
    const char **keys = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, sizeof *keys);
    dvsi_record *pinned = dvsi_arena_calloc(&run->batch_arena, (size_t)n + 1, sizeof *pinned);
    if (keys == NULL || pinned == NULL)
        return dvsi_error_no_memory(err);
    memcpy(pinned, *records, n * sizeof *pinned);
    for (uint32_t i = 0; i < n; i++)
        keys[i] = pinned[i].key != NULL ? pinned[i].key : "";
    int32_t status = dvsi_pins_read(e->feed, keys, n, &e->pins, err);
    for (uint32_t i = 0; e->pins != NULL && i < n && status == DVS_OK; i++)
        if (e->pins[i].n != 0 && (pinned[i].flags & (DVSI_RECORD_FAILED | DVSI_RECORD_DEFERRED)) == 0)
            status = pin_record(e, &e->pins[i], &pinned[i], i, err);
    *records = pinned;
    return status;
}

/* ---- Local edits ---- */

static int is_pinned(const dvsi_edits *e, uint32_t at, uint32_t field)
{
    for (uint32_t i = 0; e->pins != NULL && i < e->pins[at].n; i++)
        if (e->pins[at].pins[i].field == field)
            return 1;
    return 0;
}

/* A derived value is nobody's. */
static uint32_t winner_of(const dvsi_edits *e, uint32_t at, uint32_t field)
{
    if (is_pinned(e, at, field))
        return DVSI_VOICE_PIN;
    return field >= e->feed->target->n_plain ? DVSI_VOICE_NONE : 0;
}

static const char *rule_of(const dvsi_edits *e, uint32_t at, uint32_t field)
{
    if (is_pinned(e, at, field))
        return "pin";
    return field >= e->feed->target->n_plain ? "derived" : "source_of_truth";
}

/* Which of the values that are overwritten were not ours. */
static int find_edits(const dvsi_edits *e, const dvsi_record *record, uint32_t at, const dvs_cell *hash,
                      const dvs_cell *stored, const uint32_t *changed, uint32_t n_changed,
                      dvsi_clash **clashes, uint32_t *n)
{
    const dvsi_target *t = e->feed->target;
    dvsi_buf scratch = {0};
    int failed = 0;
    *n = 0;
    *clashes = NULL;
    for (uint32_t i = 0; i < n_changed && !failed; i++) {
        const uint32_t field = changed[i];
        if (!dvsi_sync_hash_edited(hash->v.bytes, hash->length, t->positions[field], &stored[field],
                                   &scratch))
            continue;
        if (*clashes == NULL)
            *clashes = dvsi_arena_calloc(&t->run->batch_arena, n_changed, sizeof **clashes);
        failed = *clashes == NULL;
        if (failed)
            break;
        (*clashes)[(*n)++] = (dvsi_clash){.kind = DVSI_LOCAL_EDIT,
                                          .field = field,
                                          .winner = winner_of(e, at, field),
                                          .loser = DVSI_VOICE_SINK,
                                          .winner_value = record->fields[field],
                                          .loser_value = stored[field],
                                          .rule = rule_of(e, at, field)};
    }
    failed |= scratch.failed;
    dvsi_buf_free(&scratch);
    return failed ? -1 : 0;
}

int dvsi_edits_note(dvsi_edits *e, const dvsi_record *records, uint32_t at, const dvs_cell *row,
                    const dvs_cell *stored, const uint32_t *changed, uint32_t n_changed)
{
    const dvsi_target *t = e->feed->target;
    const dvs_cell *hash = row != NULL && t->lookup_hash >= 0 ? &row[t->lookup_hash] : NULL;
    dvsi_clash *clashes = NULL;
    uint32_t n = 0;
    if (n_changed != 0 && hash != NULL && hash->kind == DVS_BYTES &&
        find_edits(e, &records[at], at, hash, stored, changed, n_changed, &clashes, &n) != 0)
        return -1;
    if (n == 0 && !t->has_conflicts)
        return 0;
    if (e->found == NULL)
        e->found = dvsi_arena_calloc(&t->run->batch_arena, e->n_records, sizeof *e->found);
    if (e->found == NULL)
        return -1;
    e->found[e->n_found++] = (dvsi_key_clashes){.key = records[at].key,
                                                .clashes = clashes,
                                                .n_clashes = n,
                                                .pins = e->pins != NULL ? &e->pins[at] : NULL};
    return 0;
}

int32_t dvsi_edits_settle(dvsi_edits *e, dvs_error *err)
{
    return e->n_found != 0 ? dvsi_conflicts_settle(e->feed, e->found, e->n_found, err) : DVS_OK;
}
