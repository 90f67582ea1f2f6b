/* record.c - comparing a record with the stored one, and telling what was done. */
#include "reconcile/record.h"

#include <string.h>

#include "base/hash.h"
#include "data/cell.h"
#include "data/json.h"

const char *dvsi_op_name(dvsi_op op)
{
    switch (op) {
    case DVSI_OP_CREATE:
        return "create";
    case DVSI_OP_UPDATE:
        return "update";
    case DVSI_OP_REVIVE:
        return "revive";
    case DVSI_OP_DELETE:
        return "delete";
    case DVSI_OP_NONE:
        break;
    }
    return "";
}

dvsi_op dvsi_reconcile_record(const dvs_cell *offered, const dvs_cell *current, uint32_t n_fields,
                              int deleted, uint32_t *changed, uint32_t *n_changed)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_fields; i++) {
        if (offered[i].kind == DVS_ABSENT)
            continue;
        if (current == NULL || !dvsi_cell_equal(&offered[i], &current[i]))
            changed[n++] = i;
    }
    *n_changed = n;
    if (current == NULL)
        return DVSI_OP_CREATE;
    if (deleted)
        return DVSI_OP_REVIVE;
    return n != 0 ? DVSI_OP_UPDATE : DVSI_OP_NONE;
}

static uint32_t hash_of(const dvs_cell *cell, dvsi_buf *scratch)
{
    uint32_t hash;
    if (cell->kind == DVS_NULL)
        return 1;
    if (cell->kind == DVS_TEXT || cell->kind == DVS_DECIMAL) { /* these are their own canonical text */
        hash = dvsi_hash32(cell->v.text, cell->length);
    } else {
        dvsi_buf_clear(scratch);
        dvsi_cell_canonical(scratch, cell);
        hash = dvsi_hash32(dvsi_buf_text(scratch), scratch->length);
    }
    return hash > 1 ? hash : hash + 2;
}

void dvsi_sync_hash_put(dvsi_buf *hash, uint32_t position, const dvs_cell *cell, dvsi_buf *scratch)
{
    size_t end = ((size_t)position + 1) * DVSI_SYNC_HASH_BYTES;
    if (cell->kind == DVS_ABSENT)
        return;
    if (hash->length < end) {
        size_t more = end - hash->length;
        char *room = dvsi_buf_reserve(hash, more);
        if (room == NULL)
            return;
        memset(room, 0, more);
        hash->length = end;
    }
    uint32_t value = hash_of(cell, scratch);
    if (scratch->failed)
        hash->failed = 1;
    uint8_t *at = (uint8_t *)hash->data + end - DVSI_SYNC_HASH_BYTES;
    for (uint32_t i = 0; i < DVSI_SYNC_HASH_BYTES; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

uint32_t dvsi_sync_hash_get(const uint8_t *hash, size_t length, uint32_t position)
{
    size_t end = ((size_t)position + 1) * DVSI_SYNC_HASH_BYTES;
    if (length < end)
        return 0;
    const uint8_t *at = hash + end - DVSI_SYNC_HASH_BYTES;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

int dvsi_sync_hash_edited(const uint8_t *hash, size_t length, uint32_t position, const dvs_cell *stored,
                          dvsi_buf *scratch)
{
    uint32_t written = dvsi_sync_hash_get(hash, length, position);
    if (written == 0 || stored->kind == DVS_ABSENT)
        return 0;
    uint32_t found = hash_of(stored, scratch);
    return found != written && !scratch->failed;
}

void dvsi_lineage_value(dvsi_buf *out, const dvs_cell *cell)
{
    size_t start = out->length;
    dvsi_cell_json(out, cell);
    if (out->failed || out->length - start <= DVSI_LINEAGE_VALUE_MAX)
        return;
    dvsi_buf canonical = {0};
    char hex[DVSI_SHA256_HEX];
    dvsi_cell_canonical(&canonical, cell);
    if (canonical.failed)
        out->failed = 1;
    dvsi_hash_sha256(dvsi_buf_text(&canonical), canonical.length, hex);
    out->length = start;
    dvsi_buf_printf(out, "{\"sha256\":\"%s\",\"bytes\":%zu}", hex, canonical.length);
    dvsi_buf_free(&canonical);
}

/* Adds the members that tell where a value comes from; nothing when it comes from where its row does. */
static void put_origin(dvsi_buf *out, const dvsi_origin *own, const dvsi_origin *origin, const char *before)
{
    const char *const names[] = {"\"source\":", "\"source_entity\":", "\"from\":"};
    const char *values[] = {origin->source, origin->source_entity, origin->from};
    if (strcmp(origin->source, own->source) == 0)
        values[0] = NULL;
    if (origin->source_entity != NULL && own->source_entity != NULL &&
        strcmp(origin->source_entity, own->source_entity) == 0)
        values[1] = NULL;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (values[i] == NULL)
            continue;
        dvsi_buf_puts(out, before);
        dvsi_buf_puts(out, names[i]);
        dvsi_json_string(out, values[i], strlen(values[i]));
        before = ",";
    }
}

static int is_foreign(const dvsi_origin *own, const dvsi_origin *origins, uint32_t field)
{
    const dvsi_origin *origin = origins != NULL ? &origins[field] : NULL;
    if (origin == NULL || origin->source == NULL)
        return 0;
    return strcmp(origin->source, own->source) != 0 ||
           (origin->source_entity != NULL && own->source_entity != NULL &&
            strcmp(origin->source_entity, own->source_entity) != 0);
}

void dvsi_lineage_update(dvsi_buf *out, const char *const *names, const dvs_cell *current,
                         const dvs_cell *offered, const uint32_t *changed, uint32_t n_changed,
                         const dvsi_origin *own, const dvsi_origin *origins)
{
    dvsi_buf_putc(out, '{');
    for (uint32_t i = 0; i < n_changed; i++) {
        uint32_t field = changed[i];
        if (i != 0)
            dvsi_buf_putc(out, ',');
        dvsi_json_string(out, names[field], strlen(names[field]));
        dvsi_buf_puts(out, ":{\"old\":");
        dvsi_lineage_value(out, &current[field]);
        dvsi_buf_puts(out, ",\"new\":");
        dvsi_lineage_value(out, &offered[field]);
        if (is_foreign(own, origins, field))
            put_origin(out, own, &origins[field], ",");
        dvsi_buf_putc(out, '}');
    }
    dvsi_buf_putc(out, '}');
}

void dvsi_lineage_changes(dvsi_buf *out, const char *const *names, const dvs_cell *current,
                          const dvs_cell *offered, const uint32_t *changed, uint32_t n_changed)
{
    dvsi_lineage_update(out, names, current, offered, changed, n_changed, NULL, NULL);
}

uint32_t dvsi_lineage_create(dvsi_buf *out, const char *const *names, uint32_t n, const dvsi_origin *own,
                             const dvsi_origin *origins)
{
    uint32_t named = 0;
    for (uint32_t field = 0; field < n; field++) {
        if (!is_foreign(own, origins, field))
            continue;
        dvsi_buf_putc(out, named++ == 0 ? '{' : ',');
        dvsi_json_string(out, names[field], strlen(names[field]));
        dvsi_buf_putc(out, ':');
        put_origin(out, own, &origins[field], "{");
        dvsi_buf_putc(out, '}');
    }
    if (named != 0)
        dvsi_buf_putc(out, '}');
    return named;
}
