/* merge.c - which offer wins which field, and the record that comes of it. */
#include "reconcile/merge.h"

#include <string.h>

#include "data/cell.h"
#include "reconcile/merge_parts.h"

/* Another record of the same source stands before it. */
static int is_second(const dvsi_said *said, uint32_t at)
{
    return at > 0 && said[at].voice == said[at - 1].voice;
}

/* Absent is no opinion, and NULL only where the project says so. */
static int has_opinion(const dvsi_policy *policy, const dvsi_said *said, uint32_t field)
{
    const dvs_cell *cell = &said->fields[field];
    return cell->kind > DVS_NULL || (cell->kind == DVS_NULL && policy->voices[said->voice].null_wins[field]);
}

/* The first of those who speak in this way, with an opinion before a NULL. */
static uint32_t winner_of(const dvsi_policy *policy, const dvsi_said *said, uint32_t n_said, uint32_t field,
                          uint32_t how)
{
    uint32_t null = DVSI_VOICE_NONE;
    for (uint32_t i = 0; i < n_said; i++) {
        if (policy->voices[said[i].voice].says[field] != how || said[i].fields[field].kind == DVS_ABSENT ||
            is_second(said, i))
            continue;
        if (has_opinion(policy, &said[i], field))
            return i;
        if (null == DVSI_VOICE_NONE)
            null = i;
    }
    return null;
}

dvsi_clash *dvsi_merge_clash(dvsi_arena *arena, dvsi_merged *merged)
{
    if (merged->n_clashes == merged->clash_room) {
        uint32_t room = merged->clash_room != 0 ? merged->clash_room * 2 : 4;
        dvsi_clash *more = dvsi_arena_calloc(arena, room, sizeof *more);
        if (more == NULL)
            return NULL;
        if (merged->n_clashes != 0)
            memcpy(more, merged->clashes, merged->n_clashes * sizeof *more);
        merged->clashes = more;
        merged->clash_room = room;
    }
    return &merged->clashes[merged->n_clashes++];
}

/* Those behind the winner who have another opinion. A reference offer does not compete: it stands back for
 * ever. */
static int add_losers(const dvsi_policy *policy, const dvsi_said *said, uint32_t n_said, uint32_t field,
                      dvsi_arena *arena, dvsi_merged *merged)
{
    uint32_t winner = merged->truth[field];
    const dvsi_voice *first = &policy->voices[said[winner].voice];
    for (uint32_t i = winner + 1; i < n_said; i++) {
        const dvsi_voice *voice = &policy->voices[said[i].voice];
        if (said[i].fields == said[winner].fields || is_second(said, i) ||
            voice->says[field] != DVSI_SAYS_TRUTH || !has_opinion(policy, &said[i], field) ||
            dvsi_cell_equal(&said[winner].fields[field], &said[i].fields[field]))
            continue;
        dvsi_clash *clash = dvsi_merge_clash(arena, merged);
        if (clash == NULL)
            return -1;
        *clash = (dvsi_clash){.kind = DVSI_FIELD_DIFFERS,
                              .field = field,
                              .winner = said[winner].voice,
                              .loser = said[i].voice,
                              .winner_value = said[winner].fields[field],
                              .loser_value = said[i].fields[field],
                              .rule = voice->priority < first->priority ? "priority" : "order"};
    }
    return 0;
}

static int make_room(const dvsi_policy *policy, dvsi_arena *arena, dvsi_merged *merged)
{
    size_t n = (size_t)policy->n_fields + 1;
    uint32_t *numbers = dvsi_arena_calloc(arena, n * 5, sizeof *numbers);
    dvs_cell *cells = dvsi_arena_calloc(arena, n * 2, sizeof *cells);
    *merged = (dvsi_merged){.voice = DVSI_VOICE_NONE};
    if (numbers == NULL || cells == NULL)
        return -1;
    merged->truth = numbers;
    merged->reference = numbers + n;
    merged->from = numbers + 2 * n;
    merged->changed = numbers + 3 * n;
    merged->claimed = numbers + 4 * n;
    merged->fields = cells;
    merged->whole = cells + n;
    return 0;
}

int dvsi_merge_offers(const dvsi_policy *policy, const dvsi_said *said, uint32_t n_said, dvsi_arena *arena,
                      dvsi_merged *merged)
{
    if (make_room(policy, arena, merged) != 0)
        return -1;
    merged->n_said = n_said;
    for (uint32_t i = n_said; i-- > 0;)
        if (policy->voices[said[i].voice].decides) {
            merged->exists = 1;
            merged->voice = said[i].voice;
        }
    for (uint32_t field = 0; field < policy->n_fields; field++)
        merged->truth[field] = merged->reference[field] = merged->from[field] = DVSI_VOICE_NONE;
    for (uint32_t field = 0; field < policy->n_plain && merged->exists; field++) {
        merged->truth[field] = winner_of(policy, said, n_said, field, DVSI_SAYS_TRUTH);
        merged->reference[field] = winner_of(policy, said, n_said, field, DVSI_SAYS_REFERENCE);
        if (n_said > 1 && merged->truth[field] != DVSI_VOICE_NONE &&
            add_losers(policy, said, n_said, field, arena, merged) != 0)
            return -1;
    }
    return 0;
}

/* A field that no offer names. A source that has the record and speaks for the field, but did not deliver it,
 * leaves it alone. Where none does, what we wrote there came from an offer that is gone: a new database would
 * hold NULL. */
static int is_orphan(const dvsi_policy *policy, const dvsi_said *said, uint32_t n_said,
                     const dvsi_stored *stored, uint32_t field)
{
    if (stored->fields == NULL ||
        dvsi_sync_hash_get(stored->sync_hash, stored->hash_length, policy->positions[field]) == 0)
        return 0;
    for (uint32_t i = 0; i < n_said; i++)
        if (policy->voices[said[i].voice].says[field] == DVSI_SAYS_TRUTH)
            return 0;
    for (uint32_t i = 0; i < policy->n_voices; i++)
        if (policy->voices[i].says[field] == DVSI_SAYS_TRUTH)
            return 1;
    return 0;
}

/* A reference offer is written once: with the row, or when its field was never written by us. */
static int takes_reference(const dvsi_policy *policy, const dvsi_stored *stored, uint32_t field)
{
    return stored->fields == NULL || policy->force ||
           dvsi_sync_hash_get(stored->sync_hash, stored->hash_length, policy->positions[field]) == 0;
}

static void set_field(const dvsi_policy *policy, const dvsi_said *said, const dvsi_stored *stored,
                      uint32_t field, dvsi_merged *merged)
{
    uint32_t offer = merged->truth[field];
    merged->from[field] = stored->fields != NULL ? DVSI_VOICE_SINK : DVSI_VOICE_NONE;
    if (offer == DVSI_VOICE_NONE && merged->reference[field] != DVSI_VOICE_NONE &&
        takes_reference(policy, stored, field))
        offer = merged->reference[field];
    if (offer != DVSI_VOICE_NONE) {
        merged->fields[field] = said[offer].fields[field];
        merged->from[field] = said[offer].voice;
    } else if (merged->reference[field] == DVSI_VOICE_NONE &&
               is_orphan(policy, said, merged->n_said, stored, field)) {
        merged->fields[field] = dvsi_cell_null();
        merged->from[field] = DVSI_VOICE_NONE;
    }
}

/* A pinned value stands before every offer. Its field's disagreements have been resolved, --force-overwrite
 * or not. */
static void set_pin(const dvsi_policy *policy, const dvsi_pin *pin, dvsi_merged *merged)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < merged->n_clashes; i++)
        if (merged->clashes[i].field != pin->field)
            merged->clashes[kept++] = merged->clashes[i];
    merged->n_clashes = kept;
    if (policy->force)
        return;
    merged->fields[pin->field] = pin->value;
    merged->from[pin->field] = DVSI_VOICE_PIN;
}

void dvsi_merge_record(const dvsi_policy *policy, const dvsi_said *said, const dvsi_stored *stored,
                       const dvsi_pin *pins, uint32_t n_pins, dvsi_merged *merged)
{
    if (!merged->exists)
        return;
    for (uint32_t field = 0; field < policy->n_plain; field++)
        set_field(policy, said, stored, field, merged);
    for (uint32_t i = 0; i < n_pins; i++)
        if (pins[i].field < policy->n_fields)
            set_pin(policy, &pins[i], merged);
    for (uint32_t field = 0; field < policy->n_plain; field++)
        dvsi_merge_whole(stored, field, merged);
}
