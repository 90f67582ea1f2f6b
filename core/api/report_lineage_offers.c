/* report_lineage_offers.c - what sources offer for a record's fields of authority reference: kept, and not
 * written. */
#include "api/report_lineage.h"

#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/json.h"

static int has_reference(const dvsi_from *from)
{
    for (uint32_t i = 0; i < from->n_fields; i++)
        if (from->fields[i].kind != DVSI_FIELD_EXCLUDE && from->fields[i].authority == DVSI_REFERENCE)
            return 1;
    return 0;
}

static int any_reference(const dvsi_entity *entity)
{
    for (uint32_t f = 0; f < entity->n_from; f++)
        if (has_reference(&entity->from[f]))
            return 1;
    return 0;
}

static const dvsi_from *from_of(const dvsi_entity *entity, const dvs_cell *label)
{
    for (uint32_t f = 0; f < entity->n_from; f++)
        if (dvsi_cell_says(label, entity->from[f].label))
            return &entity->from[f];
    return NULL;
}

static const dvsi_json *member_of(const dvsi_json *object, const char *name)
{
    for (const dvsi_json *item = object->first; item != NULL; item = item->next)
        if (dvsi_utf8_casecmp(item->name, name) == 0)
            return item;
    return NULL;
}

static void put_field(const dvsi_from *from, const dvsi_field *field, const dvsi_json *value, dvsi_buf *out)
{
    dvsi_buf text = {0};
    dvsi_json_write(&text, value);
    out->failed |= text.failed;
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "field", field->name);
    dvsi_out_name(out, "value");
    dvsi_out_raw(out, dvsi_buf_text(&text));
    dvsi_report_text(out, "source", from->label);
    dvsi_report_text(out, "source_entity", from->entity);
    dvsi_report_text(out, "source_field", field->kind == DVSI_FIELD_FROM ? field->from : NULL);
    dvsi_out_close(out, '}');
    dvsi_buf_free(&text);
}

static int32_t put_offer(dvsi_arena *arena, const dvsi_from *from, const dvs_cell *fields, const char *only,
                         dvsi_buf *out, dvs_error *err)
{
    const char *problem = NULL;
    size_t offset = 0;
    const dvsi_json *object = fields->kind == DVS_JSON || fields->kind == DVS_TEXT
                                  ? dvsi_json_parse(arena, fields->v.text, fields->length, &problem, &offset)
                                  : NULL;
    if (object == NULL || object->type != DVSI_JSON_OBJECT)
        return dvsi_error_set(err, DVS_E_CORRUPT,
                              "an offer in table \"_sync_offers\" cannot be read; run `sync --full`");
    for (uint32_t i = 0; i < from->n_fields; i++) {
        const dvsi_field *field = &from->fields[i];
        const dvsi_json *value = member_of(object, field->name);
        if (field->authority == DVSI_REFERENCE && field->kind != DVSI_FIELD_EXCLUDE && value != NULL &&
            (only == NULL || dvsi_utf8_casecmp(only, field->name) == 0))
            put_field(from, field, value, out);
    }
    return DVS_OK;
}

int32_t dvsi_report_reference_offers(dvsi_view *view, const dvsi_target *target, const dvs_cell *key,
                                     const char *only, dvsi_buf *out, dvs_error *err)
{
    const dvsi_entity *entity = target->entity;
    dvs_where where[2] = {dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(entity->name)),
                          dvsi_where(DVSI_OFFERS_KEY, DVS_OP_EQ, *key)};
    if (!any_reference(entity))
        return DVS_OK;
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_OFFERS);
    int32_t status = rows == NULL
                         ? dvsi_error_no_memory(err)
                         : dvsi_books_find(&view->run->books, DVSI_BOOK_OFFERS, where, 2, 0, 0, rows, err);
    dvsi_out_name(out, "reference_offers");
    dvsi_out_open(out, '[');
    for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++) {
        const dvs_cell *row = dvsi_batch_cells(rows, r);
        const dvsi_from *from = from_of(entity, &row[DVSI_OFFERS_SOURCE]);
        if (from != NULL)
            status = put_offer(&view->run->arena, from, &row[DVSI_OFFERS_FIELDS], only, out, err);
    }
    dvsi_out_close(out, ']');
    dvsi_batch_free(rows);
    return status;
}
