#include <stdlib.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "../common/value.h"
#include "row.h"

#define VALUE_SHOWN 60

/* DATAVERSE_TYPE_ → DVS_TEXT ... */
static const uint32_t kinds[] = {
    [DATAVERSE_TYPE_GUID] = DVS_UUID,           [DATAVERSE_TYPE_TEXT] = DVS_TEXT,
    [DATAVERSE_TYPE_INT] = DVS_INT64,           [DATAVERSE_TYPE_DECIMAL] = DVS_DECIMAL,
    [DATAVERSE_TYPE_DOUBLE] = DVS_DOUBLE,       [DATAVERSE_TYPE_BOOL] = DVS_BOOL,
    [DATAVERSE_TYPE_TIMESTAMP] = DVS_TIMESTAMP, [DATAVERSE_TYPE_DATE] = DVS_DATE,
};

uint32_t dataverse_kind(uint32_t type)
{
    return type < sizeof kinds / sizeof *kinds ? kinds[type] : 0;
}

void dataverse_row_free(struct dataverse_row *row)
{
    free(row->cells);
    free(row->scratch);
    memset(row, 0, sizeof *row);
}

int dataverse_row_key(const struct dataverse_value *value, uint8_t *guid)
{
    char scratch[40];
    char *at = scratch;
    dvs_cell cell;
    if (value->type != DATAVERSE_JSON_STRING ||
        plugin_value_read(DVS_UUID, value->text, value->length, (locale_t)0, &at, &cell) != 0)
        return -1;
    memcpy(guid, cell.v.bytes, 16);
    return 0;
}

/* A DateOnly column whose time of day is still printed, as it was before the column's behaviour was
 * changed. */
static int read_date(const struct dataverse_value *value, dvs_cell *cell)
{
    int64_t days;
    int64_t micros;
    if (plugin_time_date(value->text, value->length, &days) != 0) {
        if (plugin_time_timestamp(value->text, value->length, &micros) != 0 ||
            micros % INT64_C(86400000000) != 0)
            return -1;
        days = micros / INT64_C(86400000000);
    }
    *cell = dvs_cell_make(DVS_DATE, days);
    return 0;
}

/* Numbers come as JSON numbers, or as strings where the service was asked for IEEE 754 compatibility. */
static int read_value(const struct dataverse_value *value, uint32_t type, locale_t c_locale, char **scratch,
                      dvs_cell *cell)
{
    int is_string = value->type == DATAVERSE_JSON_STRING;
    switch (type) {
    case DATAVERSE_TYPE_BOOL:
        *cell = dvs_cell_make(DVS_BOOL, value->type == DATAVERSE_JSON_TRUE);
        return value->type == DATAVERSE_JSON_TRUE || value->type == DATAVERSE_JSON_FALSE ? 0 : -1;
    case DATAVERSE_TYPE_INT:
    case DATAVERSE_TYPE_DECIMAL:
    case DATAVERSE_TYPE_DOUBLE:
        if (!is_string && value->type != DATAVERSE_JSON_NUMBER)
            return -1;
        break;
    default:
        if (!is_string || value->flags != 0)
            return -1;
        if (type == DATAVERSE_TYPE_DATE)
            return read_date(value, cell);
    }
    return plugin_value_read(dataverse_kind(type), value->text, value->length, c_locale, scratch, cell);
}

static const char *problem_of(const struct dataverse_value *value, uint32_t type)
{
    if (value->type == DATAVERSE_JSON_STRING && (value->flags & DATAVERSE_VALUE_NUL) != 0)
        return "holds the character U+0000, which is no text";
    if (value->type == DATAVERSE_JSON_STRING && (value->flags & DATAVERSE_VALUE_LONE_SURROGATE) != 0)
        return "holds half a surrogate pair, which is no text";
    return type == DATAVERSE_TYPE_BOOL ? "true or false" : plugin_value_form(dataverse_kind(type));
}

struct row_problem {
    const char *field;
    const struct dataverse_value *value;
    uint32_t type;
};

/* Fills the cells; what cannot be read stays ABSENT, the first such value is *problem. */
static void fill(dvs_source *source, struct dataverse_row *row, const struct dataverse_select *select,
                 const struct dataverse_value *const *values, const char *json, size_t json_length,
                 struct row_problem *problem)
{
    char *scratch = row->scratch;
    for (uint32_t i = 0; i < select->n_wants; i++) {
        const struct dataverse_want *want = &select->wants[i];
        dvs_cell *cell = &row->cells[i];
        memset(cell, 0, sizeof *cell);
        if (want->member == DATAVERSE_MEMBER_RAW) {
            *cell = dvs_cell_make_bytes(DVS_JSON, json, (uint32_t)json_length);
            continue;
        }
        if (want->member == DATAVERSE_MEMBER_NONE)
            continue;
        const struct dataverse_value *value = &values[want->part][want->member];
        if (value->type == DATAVERSE_JSON_MISSING)
            continue;
        if (value->type == DATAVERSE_JSON_NULL) {
            /* A secured column is null also for whoever may not see its value: no word of it. */
            cell->kind = want->secured ? DVS_ABSENT : DVS_NULL;
        } else if (read_value(value, want->type, source->c_locale, &scratch, cell) != 0) {
            memset(cell, 0, sizeof *cell);
            if (problem->field == NULL)
                *problem = (struct row_problem){want->name, value, want->type};
        }
    }
}

static int32_t put_problem(dvs_source *source, const struct dataverse_row *row,
                           const struct row_problem *problem, const struct dataverse_value *key,
                           const char *json, size_t json_length, uint64_t number, dvs_out *out)
{
    char message[256];
    char shown[VALUE_SHOWN + 1];
    char source_key[40] = "";
    uint8_t guid[16];
    size_t n = 0;
    while (n < problem->value->json_length && n < VALUE_SHOWN && problem->value->json[n] > ' ' &&
           problem->value->json[n] < 0x7F) {
        shown[n] = problem->value->json[n];
        n++;
    }
    shown[n] = '\0';
    const char *form = problem_of(problem->value, problem->type);
    if (problem->value->flags != 0)
        snprintf(message, sizeof message, "the value %s", form);
    else
        snprintf(message, sizeof message, "%s%s is not what the column is: it must be %s", shown,
                 n < problem->value->json_length ? "..." : "", form);
    if (dataverse_row_key(key, guid) == 0)
        dataverse_guid_text(guid, source_key);
    dvs_row_error error = {.struct_size = sizeof error,
                           .number = number,
                           .source_key = source_key[0] != '\0' ? source_key : NULL,
                           .field = problem->field,
                           .message = message,
                           .record = json,
                           .record_length = json_length,
                           .cells = row->cells,
                           .n_cells = row->n_cells};
    return source->host->put_error(source->host, out, &error);
}

/* What the readers of a value may write: its bytes and a few more, of each column. */
static int make_room(struct dataverse_row *row, const struct dataverse_select *select,
                     const struct dataverse_value *const *values)
{
    size_t size = 64;
    for (uint32_t i = 0; i < select->n_wants; i++) {
        const struct dataverse_want *want = &select->wants[i];
        if (want->member < DATAVERSE_MEMBER_RAW)
            size += values[want->part][want->member].length + 20;
    }
    if (row->cells == NULL) {
        row->cells = calloc((size_t)select->n_wants + 1, sizeof *row->cells);
        row->n_cells = select->n_wants;
    }
    if (size > row->scratch_size) {
        free(row->scratch);
        row->scratch_size = size + size / 2;
        row->scratch = malloc(row->scratch_size);
        if (row->scratch == NULL)
            row->scratch_size = 0;
    }
    return row->cells != NULL && row->scratch != NULL ? 0 : -1;
}

int dataverse_row_put(dvs_source *source, struct dataverse_row *row, const struct dataverse_select *select,
                      const struct dataverse_value *const *values, const char *json, size_t json_length,
                      uint64_t number, dvs_out *out, int32_t *status, dvs_error *err)
{
    struct row_problem problem = {0};
    if (make_room(row, select, values) != 0) {
        *status = dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
        return 1;
    }
    fill(source, row, select, values, json, json_length, &problem);
    int32_t answer;
    if (problem.field != NULL) {
        answer = put_problem(source, row, &problem, &values[0][0], json, json_length, number, out);
    } else {
        dvs_row out_row = {
            .struct_size = sizeof out_row, .n_cells = select->n_wants, .number = number, .cells = row->cells};
        answer = source->host->put_row(source->host, out, &out_row);
    }
    return dvs_put_done(answer, status, err);
}
