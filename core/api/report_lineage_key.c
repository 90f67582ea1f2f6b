/* report_lineage_key.c - the texts of a key's fields become the key as it stands in the books. */
#include <string.h>

#include "api/report_lineage.h"
#include "base/error.h"
#include "base/utf8.h"
#include "data/cell.h"
#include "data/json.h"
#include "data/key.h"

static uint32_t kind_of(const dvsi_definition *definition, const char *field)
{
    for (uint32_t i = 0; i < definition->n_fields; i++)
        if (dvsi_utf8_casecmp(definition->fields[i].name, field) == 0)
            return definition->fields[i].kind;
    return DVS_TEXT;
}

/* "a, b" */
static const char *key_names(dvsi_arena *arena, const dvsi_definition *definition)
{
    dvsi_buf text = {0};
    for (uint32_t k = 0; k < definition->n_key; k++)
        dvsi_buf_printf(&text, "%s%s", k != 0 ? ", " : "", definition->key[k]);
    const char *copy = text.failed ? NULL : dvsi_arena_strdup(arena, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
    return copy != NULL ? copy : "(unknown)";
}

/* A whole key in its canonical form, ["a","1"]; spaces and numbers without quotes are fine. 0 or -1. */
static int split_array(dvsi_arena *arena, const char *text, uint32_t n, dvs_cell *texts)
{
    const dvsi_json *array = dvsi_json_parse(arena, text, strlen(text), &(const char *){NULL}, &(size_t){0});
    if (array == NULL || array->type != DVSI_JSON_ARRAY || array->length != n)
        return -1;
    for (const dvsi_json *item = array->first; item != NULL; item = item->next) {
        if (item->type == DVSI_JSON_BOOL)
            *texts++ = dvsi_cell_text(item->length != 0 ? "true" : "false");
        else if (item->type == DVSI_JSON_STRING || item->type == DVSI_JSON_NUMBER)
            *texts++ = dvsi_cell_text_n(item->text, item->length);
        else
            return -1;
    }
    return 0;
}

/* The texts in key order. */
static int32_t take_texts(dvsi_arena *arena, const dvsi_target *target, const dvs_lineage_options *o,
                          dvs_cell *texts, dvs_error *err)
{
    const dvsi_definition *d = &target->definition;
    const char *entity = target->entity->name;
    int named = o->key_fields != NULL && o->key_fields[0] != NULL;
    if (o->n_keys == 1 && !named && d->n_key > 1) {
        if (split_array(arena, o->key_values[0], d->n_key, texts) == 0)
            return DVS_OK;
        return dvsi_error_set(
            err, DVS_E_NOT_FOUND,
            "the key of entity \"%s\" has several fields (%s), and \"%s\" is no array of their values; give "
            "each as FIELD=VALUE",
            entity, key_names(arena, d), o->key_values[0]);
    }
    if (o->n_keys == 1 && !named) {
        texts[0] = dvsi_cell_text(o->key_values[0]);
        return DVS_OK;
    }
    for (uint32_t i = 0; i < o->n_keys; i++) {
        const char *name = o->key_fields != NULL ? o->key_fields[i] : NULL;
        uint32_t k = 0;
        while (name != NULL && k < d->n_key && dvsi_utf8_casecmp(d->key[k], name) != 0)
            k++;
        if (name == NULL || k == d->n_key || texts[k].kind != DVS_ABSENT)
            return dvsi_error_set(err, DVS_E_USAGE, "%s%s%s; the key of entity \"%s\" is: %s",
                                  name == NULL ? "a value without a field was given among several" : "\"",
                                  name != NULL ? name : "",
                                  name == NULL   ? ""
                                  : k < d->n_key ? "\" was given twice"
                                                 : "\" is no key field",
                                  entity, key_names(arena, d));
        texts[k] = dvsi_cell_text(o->key_values[i]);
    }
    for (uint32_t k = 0; k < d->n_key; k++)
        if (texts[k].kind == DVS_ABSENT)
            return dvsi_error_set(err, DVS_E_USAGE,
                                  "key field \"%s\" is missing; the key of entity \"%s\" is: %s", d->key[k],
                                  entity, key_names(arena, d));
    return DVS_OK;
}

int32_t dvsi_report_key(dvsi_view *view, const dvsi_target *target, const dvs_lineage_options *options,
                        dvs_cell **cells, dvsi_buf *text, dvs_error *err)
{
    const dvsi_definition *d = &target->definition;
    dvsi_arena *arena = &view->run->arena;
    if (view->run->sink == NULL || d->row_id == 0 || d->n_key == 0)
        return dvsi_error_set(err, DVS_E_NOT_FOUND,
                              "entity \"%s\" of project \"%s\" was never synced, so it has no lineage",
                              target->entity->name, view->run->project->name);
    dvs_cell *texts = dvsi_arena_calloc(arena, d->n_key, sizeof *texts);
    *cells = dvsi_arena_calloc(arena, d->n_key, sizeof **cells);
    if (texts == NULL || *cells == NULL)
        return dvsi_error_no_memory(err);
    int32_t status = take_texts(arena, target, options, texts, err);
    for (uint32_t k = 0; k < d->n_key && status == DVS_OK; k++) {
        dvs_cell clean;
        uint32_t kind = kind_of(d, d->key[k]);
        const char *wrong = dvsi_cell_clean(arena, DVS_TEXT, &texts[k], &clean);
        if (wrong == NULL)
            wrong = dvsi_cell_convert(arena, kind, &clean, &(*cells)[k]);
        if (wrong == dvsi_cell_no_memory)
            status = dvsi_error_no_memory(err);
        else if (wrong != NULL)
            status = dvsi_error_set(
                err, DVS_E_NOT_FOUND,
                "entity \"%s\" has no such record: key field \"%s\" is of type %s, and \"%.*s\" %s",
                target->entity->name, d->key[k], dvsi_kind_name(kind),
                (int)(texts[k].length < 200 ? texts[k].length : 200), texts[k].v.text, wrong);
    }
    if (status != DVS_OK)
        return status;
    const char *wrong = dvsi_key_canonical(text, *cells, d->n_key);
    if (wrong == dvsi_cell_no_memory)
        return dvsi_error_no_memory(err);
    return wrong == NULL
               ? DVS_OK
               : dvsi_error_set(err, DVS_E_NOT_FOUND, "entity \"%s\" has no such record: its key %s",
                                target->entity->name, wrong);
}
