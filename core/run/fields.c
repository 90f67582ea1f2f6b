/*
 * fields.c - the fields of an entity: what its feeds map, in the project's order, with one type each; and of
 * an entity that gathers, who speaks for them.
 */
#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "run/run.h"

static int same_name(const char *a, const char *b)
{
    return dvsi_utf8_casecmp(a, b) == 0;
}

/* Whose plain mapping gives a field its type: the highest in priority, of those the one listed first. */
static const dvsi_map_field *type_giver(const dvsi_target *target, const char *name)
{
    const dvsi_map_field *best = NULL;
    int64_t priority = INT64_MIN;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_map_field *field = dvsi_feed_field(&target->feeds[f], name, 1);
        if (field == NULL || field->input < 0 ||
            (best != NULL && target->feeds[f].from->endpoint->priority <= priority))
            continue;
        best = field;
        priority = target->feeds[f].from->endpoint->priority;
    }
    return best;
}

static int any_failed(const dvsi_target *target)
{
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].mapping == NULL)
            return 1;
    return 0;
}

static int32_t decide_type(const dvsi_target *target, const char *name, uint32_t *kind,
                           uint32_t *explicit_type, dvs_error *err)
{
    const dvsi_map_field *giver = type_giver(target, name);
    const dvsi_definition_field *old = dvsi_definition_field_of(&target->definition, name);
    *kind = giver != NULL ? giver->kind : DVS_TEXT;
    *explicit_type = 0;
    if (old != NULL && (giver == NULL || any_failed(target)))
        *kind = old->kind; /* who gives the type cannot be asked */
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_map_field *field = dvsi_feed_field(&target->feeds[f], name, 1);
        if (field == NULL || !field->explicit_type)
            continue;
        if (*explicit_type && *kind != field->kind)
            return dvsi_error_set(err, DVS_E_CONFIG,
                                  "entity \"%s\": field \"%s\" has type %s in one \"from\" and type %s in "
                                  "another; say the same in both",
                                  target->entity->name, name, dvsi_kind_name(*kind),
                                  dvsi_kind_name(field->kind));
        *kind = field->kind;
        *explicit_type = 1;
    }
    return DVS_OK;
}

int32_t dvsi_fields_agree(dvsi_target *target, dvs_error *err)
{
    for (uint32_t f = 0; target->n_feeds > 1 && f < target->n_feeds; f++) {
        dvsi_mapping *mapping = target->feeds[f].mapping;
        for (uint32_t i = 0; mapping != NULL && i < mapping->n_plain; i++) {
            dvsi_map_field *field = &mapping->fields[i];
            uint32_t kind = field->kind;
            uint32_t explicit_type = 0;
            int32_t status = decide_type(target, field->name, &kind, &explicit_type, err);
            if (status != DVS_OK)
                return status;
            if (field->key_position != 0 && !dvsi_kind_is_key(kind))
                return dvsi_error_set(err, DVS_E_CONFIG,
                                      "entity \"%s\": key field \"%s\" is of type %s, which cannot be a "
                                      "key",
                                      target->entity->name, field->name, dvsi_kind_name(kind));
            const char *problem = dvsi_mapping_retype(mapping, i, kind);
            if (problem != NULL)
                return dvsi_error_set(err, DVS_E_CONFIG, "entity \"%s\": the static value of field \"%s\" %s",
                                      target->entity->name, field->name, problem);
        }
    }
    return DVS_OK;
}

/* ---- The union ---- */

static int32_t find(const dvsi_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->n_fields; i++)
        if (same_name(target->fields[i].name, name))
            return (int32_t)i;
    return -1;
}

static void add_field(dvsi_target *target, const char *name, uint32_t kind, uint32_t explicit_type)
{
    target->fields[target->n_fields++] =
        (dvsi_target_field){.name = name, .kind = kind, .explicit_type = explicit_type};
}

static void add_mapped(dvsi_target *target, const dvsi_mapping *mapping)
{
    for (uint32_t i = 0; i < mapping->n_plain; i++) {
        const dvsi_map_field *field = &mapping->fields[i];
        int32_t at = find(target, field->name);
        if (at < 0) {
            add_field(target, field->name, field->kind, field->explicit_type);
            target->fields[target->n_fields - 1].key_position = field->key_position;
            target->fields[target->n_fields - 1].gone = field->is_gone;
        } else {
            target->fields[at].explicit_type |= field->explicit_type;
            target->fields[at].gone &= field->is_gone;
        }
    }
}

const dvsi_field *dvsi_from_field(const dvsi_from *from, const char *name)
{
    for (uint32_t i = 0; i < from->n_fields; i++)
        if (same_name(from->fields[i].name, name))
            return &from->fields[i];
    return NULL;
}

static int is_derived(const dvsi_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->entity->n_derived; i++)
        if (same_name(target->entity->derived[i].name, name))
            return 1;
    return 0;
}

int dvsi_fields_spoke(const dvsi_target *target, const dvsi_feed *feed, const char *name)
{
    const dvsi_definition_source *known = dvsi_definition_of(&target->definition, feed->from->label);
    const dvsi_field *spec = dvsi_from_field(feed->from, name);
    if (spec != NULL)
        return spec->kind != DVSI_FIELD_EXCLUDE;
    for (uint32_t i = 0; feed->from->all_fields && known != NULL && i < known->n_columns; i++)
        if (same_name(known->columns[i], name))
            return 1;
    return 0;
}

/* Of a source that failed: the fields that are recorded, so that its offers can be read. */
static void add_recorded(dvsi_target *target, const dvsi_feed *feed)
{
    for (uint32_t i = 0; i < target->definition.n_fields; i++) {
        const dvsi_definition_field *old = &target->definition.fields[i];
        if (find(target, old->name) < 0 && !is_derived(target, old->name) &&
            dvsi_fields_spoke(target, feed, old->name))
            add_field(target, old->name, old->kind, old->explicit_type);
    }
}

static int32_t add_derived(dvsi_target *target, dvs_error *err)
{
    for (uint32_t i = 0; i < target->entity->n_derived; i++) {
        const dvsi_derived *spec = &target->entity->derived[i];
        if (find(target, spec->name) >= 0)
            return dvsi_error_set(err, DVS_E_CONFIG,
                                  "entity \"%s\": field \"%s\" is derived and comes from a source, too: "
                                  "leave one out",
                                  target->entity->name, spec->name);
        add_field(target, spec->name, spec->type >= 0 ? (uint32_t)spec->type : DVS_TEXT, spec->type >= 0);
    }
    return DVS_OK;
}

static int32_t make_key(dvsi_target *target, dvs_error *err)
{
    dvsi_arena *arena = &target->schema.arena;
    const dvsi_feed *first = NULL;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        const dvsi_mapping *mapping = feed->mapping;
        if (mapping == NULL)
            continue;
        int same = first == NULL || mapping->n_key == target->n_key;
        if (first == NULL) {
            first = feed;
            target->n_key = mapping->n_key;
            target->key_columns =
                dvsi_arena_calloc(arena, (size_t)mapping->n_key + 1, sizeof *target->key_columns);
            if (target->key_columns == NULL)
                return dvsi_error_no_memory(err);
            for (uint32_t k = 0; k < mapping->n_key; k++)
                target->key_columns[k] = (uint32_t)find(target, mapping->fields[mapping->key[k]].name) + 1;
        }
        for (uint32_t k = 0; same && k < mapping->n_key; k++)
            same = same_name(mapping->fields[mapping->key[k]].name,
                             target->fields[target->key_columns[k] - 1].name);
        if (!same)
            return dvsi_error_set(err, DVS_E_CONFIG,
                                  "entity \"%s\": the keys of \"%s\" and \"%s\" are other fields; name the "
                                  "fields by which their records are the same with `key: [...]`",
                                  target->entity->name, first->from->label, feed->from->label);
    }
    return DVS_OK;
}

static int number_fields(dvsi_target *target)
{
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        dvsi_feed *feed = &target->feeds[f];
        if (feed->mapping == NULL)
            continue;
        feed->field_of = dvsi_arena_calloc(&target->schema.arena, (size_t)feed->mapping->n_fields + 1,
                                           sizeof *feed->field_of);
        if (feed->field_of == NULL)
            return -1;
        for (uint32_t i = 0; i < feed->mapping->n_fields; i++)
            feed->field_of[i] = (uint32_t)find(target, feed->mapping->fields[i].name);
    }
    return 0;
}

int32_t dvsi_fields_make(dvsi_target *target, dvs_error *err)
{
    size_t most = (size_t)target->definition.n_fields + target->entity->n_derived + 1;
    for (uint32_t f = 0; f < target->n_feeds; f++)
        most += target->feeds[f].mapping != NULL ? target->feeds[f].mapping->n_fields : 0;
    target->n_fields = 0;
    target->fields = dvsi_arena_calloc(&target->schema.arena, most, sizeof *target->fields);
    if (target->fields == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        if (feed->mapping != NULL)
            add_mapped(target, feed->mapping);
        else
            add_recorded(target, feed);
    }
    target->n_plain = target->n_fields;
    int32_t status = add_derived(target, err);
    if (status == DVS_OK)
        status = make_key(target, err);
    if (status == DVS_OK && number_fields(target) != 0)
        status = dvsi_error_no_memory(err);
    return status;
}

/* ---- Who speaks for them ---- */

static uint32_t says(const dvsi_target *target, const dvsi_feed *feed, uint32_t at)
{
    const char *name = target->fields[at].name;
    const dvsi_field *spec = dvsi_from_field(feed->from, name);
    if (at >= target->n_plain || (feed->mapping != NULL ? dvsi_feed_field(feed, name, 1) == NULL
                                                        : !dvsi_fields_spoke(target, feed, name)))
        return DVSI_SAYS_NOTHING;
    return spec != NULL && spec->authority == DVSI_REFERENCE ? DVSI_SAYS_REFERENCE : DVSI_SAYS_TRUTH;
}

static int decides(const dvsi_target *target, const dvsi_feed *feed)
{
    const dvsi_entity *entity = target->entity;
    for (uint32_t i = 0; i < entity->n_records_from; i++)
        if (same_name(entity->records_from[i], feed->from->label))
            return 1;
    return entity->n_records_from == 0;
}

static int fill_voice(const dvsi_target *target, uint32_t number, dvsi_arena *arena, dvsi_voice *voice)
{
    const dvsi_feed *feed = &target->feeds[number];
    uint8_t *all = dvsi_arena_calloc(arena, (size_t)target->n_fields + 1, 1);
    uint8_t *nulls = dvsi_arena_calloc(arena, (size_t)target->n_fields + 1, 1);
    if (all == NULL || nulls == NULL)
        return -1;
    for (uint32_t i = 0; i < target->n_fields; i++) {
        const dvsi_field *spec = dvsi_from_field(feed->from, target->fields[i].name);
        all[i] = (uint8_t)says(target, feed, i);
        nulls[i] = spec != NULL && spec->null_wins;
    }
    *voice = (dvsi_voice){.priority = feed->from->endpoint->priority,
                          .listed = number,
                          .decides = (uint32_t)decides(target, feed),
                          .says = all,
                          .null_wins = nulls};
    return 0;
}

int32_t dvsi_fields_derive(dvsi_target *target, const char *file, dvs_error *err)
{
    if (target->derived != NULL || target->n_fields == target->n_plain ||
        !dvsi_feed_gathers(&target->feeds[0]))
        return DVS_OK;
    const char **names = dvsi_arena_calloc(&target->schema.arena, (size_t)target->n_plain + 1, sizeof *names);
    if (names == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t i = 0; i < target->n_plain; i++)
        names[i] = target->fields[i].name;
    return dvsi_derived_compile(target->entity, names, target->n_plain, file, &target->schema.arena,
                                &target->derived, err);
}

int32_t dvsi_fields_voices(dvsi_target *target, dvs_error *err)
{
    dvsi_arena *arena = &target->schema.arena;
    dvsi_voice *voices = dvsi_arena_calloc(arena, (size_t)target->n_feeds + 1, sizeof *voices);
    if (voices == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (fill_voice(target, f, arena, &voices[f]) != 0)
            return dvsi_error_no_memory(err);
    target->policy = (dvsi_policy){.voices = voices,
                                   .n_voices = target->n_feeds,
                                   .n_fields = target->n_fields,
                                   .n_plain = target->n_plain,
                                   .force = target->run->options->force_overwrite != 0,
                                   .positions = target->positions};
    return dvsi_fields_derive(target, target->run->project->file, err);
}
