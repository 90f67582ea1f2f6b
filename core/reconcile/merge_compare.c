/* merge_compare.c - the record that offers make against the one that is stored. */
#include "data/cell.h"
#include "reconcile/merge.h"
#include "reconcile/merge_parts.h"

void dvsi_merge_whole(const dvsi_stored *stored, uint32_t field, dvsi_merged *merged)
{
    if (merged->fields[field].kind != DVS_ABSENT)
        merged->whole[field] = merged->fields[field];
    else if (stored->fields != NULL && stored->fields[field].kind != DVS_ABSENT)
        merged->whole[field] = stored->fields[field];
    else
        merged->whole[field] = dvsi_cell_null();
}

/* The field has its value from a reference offer. */
static int by_reference(const dvsi_merged *merged, uint32_t field)
{
    return merged->truth[field] == DVSI_VOICE_NONE && merged->reference[field] != DVSI_VOICE_NONE &&
           merged->from[field] != DVSI_VOICE_PIN;
}

static const char *rule_of(const dvsi_policy *policy, const dvsi_merged *merged, uint32_t field)
{
    if (merged->from[field] == DVSI_VOICE_PIN)
        return "pin";
    if (field >= policy->n_plain)
        return "derived";
    return by_reference(merged, field) ? "reference" : "source_of_truth";
}

/* Adds a local edit, if somebody else changed what we wrote: `edit` says who stands against whom. */
static int add_edit(const dvsi_policy *policy, const dvsi_stored *stored, const dvsi_clash *edit,
                    dvsi_buf *scratch, dvsi_arena *arena, dvsi_merged *merged)
{
    if (!dvsi_sync_hash_edited(stored->sync_hash, stored->hash_length, policy->positions[edit->field],
                               &stored->fields[edit->field], scratch))
        return scratch->failed ? -1 : 0;
    dvsi_clash *clash = dvsi_merge_clash(arena, merged);
    if (clash == NULL)
        return -1;
    *clash = *edit;
    return 0;
}

/* The stored value is about to be overwritten. */
static int overwritten(const dvsi_policy *policy, const dvsi_stored *stored, uint32_t field,
                       dvsi_buf *scratch, dvsi_arena *arena, dvsi_merged *merged)
{
    const dvsi_clash edit = {.kind = DVSI_LOCAL_EDIT,
                             .field = field,
                             .winner = merged->from[field],
                             .loser = DVSI_VOICE_SINK,
                             .winner_value = merged->fields[field],
                             .loser_value = stored->fields[field],
                             .rule = rule_of(policy, merged, field)};
    return add_edit(policy, stored, &edit, scratch, arena, merged);
}

/* The stored value is kept against what a reference offers. */
static int kept(const dvsi_policy *policy, const dvsi_said *said, const dvsi_stored *stored, uint32_t field,
                dvsi_buf *scratch, dvsi_arena *arena, dvsi_merged *merged)
{
    if (stored->fields == NULL || !by_reference(merged, field))
        return 0;
    const dvsi_said *reference = &said[merged->reference[field]];
    const dvsi_clash edit = {.kind = DVSI_LOCAL_EDIT,
                             .field = field,
                             .winner = DVSI_VOICE_SINK,
                             .loser = reference->voice,
                             .winner_value = stored->fields[field],
                             .loser_value = reference->fields[field],
                             .rule = "reference"};
    return dvsi_cell_equal(&edit.winner_value, &edit.loser_value)
               ? 0
               : add_edit(policy, stored, &edit, scratch, arena, merged);
}

static int compare_field(const dvsi_policy *policy, const dvsi_said *said, const dvsi_stored *stored,
                         uint32_t field, dvsi_buf *scratch, dvsi_arena *arena, dvsi_merged *merged)
{
    if (field >= policy->n_plain)
        dvsi_merge_whole(stored, field, merged);
    if (merged->fields[field].kind == DVS_ABSENT)
        return kept(policy, said, stored, field, scratch, arena, merged);
    if (stored->fields != NULL && dvsi_cell_equal(&merged->fields[field], &stored->fields[field])) {
        if (by_reference(merged, field) &&
            dvsi_sync_hash_get(stored->sync_hash, stored->hash_length, policy->positions[field]) == 0)
            merged->claimed[merged->n_claimed++] = field;
        return 0;
    }
    merged->changed[merged->n_changed++] = field;
    return stored->fields != NULL ? overwritten(policy, stored, field, scratch, arena, merged) : 0;
}

int dvsi_merge_compare(const dvsi_policy *policy, const dvsi_said *said, const dvsi_stored *stored,
                       dvsi_arena *arena, dvsi_merged *merged)
{
    dvsi_buf scratch = {0};
    int result = 0;
    if (!merged->exists) {
        merged->op = stored->fields != NULL && !stored->deleted ? DVSI_OP_DELETE : DVSI_OP_NONE;
        return 0;
    }
    for (uint32_t field = 0; field < policy->n_fields && result == 0; field++)
        result = compare_field(policy, said, stored, field, &scratch, arena, merged);
    if (stored->fields == NULL)
        merged->op = DVSI_OP_CREATE;
    else if (stored->deleted)
        merged->op = DVSI_OP_REVIVE;
    else
        merged->op = merged->n_changed != 0 ? DVSI_OP_UPDATE : DVSI_OP_NONE;
    dvsi_buf_free(&scratch);
    return result;
}
