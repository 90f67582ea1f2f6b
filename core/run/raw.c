/*
 * raw.c - keep_raw: do the rows hold their records as the source gave them?
 *
 * What the entity's definition says of that is what the rows hold; when the project says otherwise, the next
 * complete read writes json_response of all rows that it meets, also of those that did not change otherwise.
 * Until it has ended, the rows are mixed. A column of that name that somebody else has made, in a table that
 * was adopted, is left alone as long as records are not kept.
 */
#include <string.h>

#include "data/json.h"
#include "run/target.h"

static const char *const names[] = {"", "never", "kept", "mixed", "dropped"};

uint32_t dvsi_raw_read(const dvsi_json *member)
{
    const char *text = member != NULL && member->type == DVSI_JSON_STRING ? member->text : "";
    for (uint32_t i = DVSI_RAW_NEVER; i <= DVSI_RAW_DROPPED; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return DVSI_RAW_UNKNOWN;
}

const char *dvsi_raw_name(uint32_t raw)
{
    return names[raw];
}

void dvsi_raw_plan(dvsi_target *target, const dvsi_schema *found)
{
    const uint32_t keeps = target->entity->keep_raw;
    const int has_column = target->rebuilds ? keeps != 0 : dvsi_schema_find(found, "json_response") >= 0;
    uint32_t was = target->rebuilds ? target->former.raw : target->definition.raw;
    if (was == DVSI_RAW_UNKNOWN) /* recorded by a version that did not tell */
        was = has_column ? DVSI_RAW_KEPT : DVSI_RAW_NEVER;
    const int is_known = target->rebuilds || (target->exists && target->definition.row_id != 0);
    if (!is_known || !has_column) { /* no rows that could be otherwise, or none that we would write */
        target->rewrites_raw = is_known && keeps;
        was = keeps ? DVSI_RAW_KEPT : DVSI_RAW_NEVER;
    } else {
        target->rewrites_raw = keeps ? was != DVSI_RAW_KEPT : was == DVSI_RAW_KEPT || was == DVSI_RAW_MIXED;
    }
    target->definition.raw = target->rewrites_raw ? DVSI_RAW_MIXED : was;
}

void dvsi_raw_done(dvsi_target *target)
{
    target->rewrites_raw = 0;
    target->definition.raw = target->entity->keep_raw ? DVSI_RAW_KEPT : DVSI_RAW_DROPPED;
}
