/* references.c - which fields hold keys of other entities. */
#include "run/references.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/json.h"

/* ---- Recording ---- */

const char *dvsi_reference_own_key(const dvsi_mapping *mapping)
{
    for (uint32_t i = 0; mapping != NULL && mapping->n_source_key == 1 && i < mapping->n_fields; i++)
        if (mapping->fields[i].input == (int32_t)mapping->source_key[0])
            return mapping->fields[i].name;
    return NULL;
}

static void put_text(dvsi_buf *out, const char *text)
{
    if (text != NULL)
        dvsi_json_string(out, text, strlen(text));
    else
        dvsi_buf_puts(out, "null");
}

static void record_field(const dvsi_feed *feed, const dvsi_map_field *field, int *first, dvsi_buf *out)
{
    int at = field->from != NULL && !field->is_gone ? dvsi_schema_find(&feed->columns, field->from) : -1;
    if (at < 0 || feed->columns.columns[at].n_targets == 0)
        return;
    const dvs_column *column = &feed->columns.columns[at];
    dvsi_buf_puts(out, *first ? "" : ",");
    *first = 0;
    put_text(out, field->name);
    for (uint32_t i = 0; i < column->n_targets; i++) {
        dvsi_buf_puts(out, i == 0 ? ":[" : ",");
        put_text(out, column->targets[i]);
    }
    dvsi_buf_putc(out, ']');
}

void dvsi_references_record(const dvsi_feed *feed, const dvsi_json *known, dvsi_buf *out)
{
    int first = 1;
    if (feed->mapping == NULL) {
        if (known != NULL)
            dvsi_json_write(out, known);
        else
            dvsi_buf_puts(out, "{}");
        return;
    }
    dvsi_buf_puts(out, "{\"stream\":");
    put_text(out, feed->stream);
    dvsi_buf_puts(out, ",\"key_field\":");
    put_text(out, dvsi_reference_own_key(feed->mapping));
    dvsi_buf_puts(out, ",\"references\":{");
    for (uint32_t i = 0; i < feed->mapping->n_fields; i++)
        record_field(feed, &feed->mapping->fields[i], &first, out);
    dvsi_buf_puts(out, "}}");
}

/* ---- Finding ---- */

typedef struct finder {
    dvsi_run *run;
    dvsi_arena *arena;
    dvsi_reference *references;
    uint32_t n;
    size_t room;
    int failed; /* memory is out */
} finder;

static const char *text_of(const dvsi_json *object, const char *name)
{
    const dvsi_json *member =
        object != NULL && object->type == DVSI_JSON_OBJECT ? dvsi_json_get(object, name) : NULL;
    return member != NULL && member->type == DVSI_JSON_STRING ? member->text : NULL;
}

static const dvsi_json *links_of(const dvsi_target *target, const char *label)
{
    const dvsi_definition_source *source = dvsi_definition_of(&target->definition, label);
    return source != NULL ? source->links : NULL;
}

static int is_known(const finder *f, const dvsi_target *target, const char *field)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (f->references[i].target == target && dvsi_utf8_casecmp(f->references[i].field, field) == 0)
            return 1;
    return 0;
}

/* A new one, with room for every entity; NULL when memory is out. */
static dvsi_reference *add(finder *f, dvsi_target *target, const char *field)
{
    if (f->n == f->room) {
        size_t room = f->room == 0 ? 32 : f->room * 2;
        dvsi_reference *more = dvsi_arena_calloc(f->arena, room, sizeof *more);
        if (more != NULL && f->n != 0)
            memcpy(more, f->references, f->n * sizeof *more);
        f->references = more != NULL ? more : f->references;
        f->room = more != NULL ? room : f->room;
        f->failed |= more == NULL;
    }
    dvsi_reference_to *to =
        f->failed ? NULL : dvsi_arena_calloc(f->arena, (size_t)f->run->n_targets + 1, sizeof *to);
    f->failed |= to == NULL;
    if (f->failed)
        return NULL;
    f->references[f->n] = (dvsi_reference){.target = target, .field = field, .to = to};
    return &f->references[f->n++];
}

static void by_project(finder *f, dvsi_target *target, const dvsi_field *field)
{
    if (field->refers_to == NULL || is_known(f, target, field->name))
        return;
    dvsi_reference *reference = add(f, target, field->name);
    for (uint32_t t = 0; reference != NULL && t < f->run->n_targets; t++) {
        dvsi_target *other = &f->run->targets[t];
        if (dvsi_utf8_casecmp(other->entity->name, field->refers_to) == 0)
            reference->to[reference->n_to++] =
                (dvsi_reference_to){other, other->definition.n_key == 1 ? other->definition.key[0] : NULL};
    }
}

/* Adds the entities that take the stream of this source; how many there are. */
static uint32_t take_stream(const finder *f, const dvsi_endpoint *source, const char *stream,
                            dvsi_reference *reference)
{
    uint32_t n = 0;
    for (uint32_t t = 0; t < f->run->n_targets; t++) {
        dvsi_target *other = &f->run->targets[t];
        for (uint32_t i = 0; i < other->entity->n_from; i++) {
            const dvsi_from *from = &other->entity->from[i];
            const dvsi_json *links = links_of(other, from->label);
            const char *recorded = text_of(links, "stream");
            if (reference->n_to == f->run->n_targets || from->endpoint != source ||
                (strcmp(from->entity, stream) != 0 && (recorded == NULL || strcmp(recorded, stream) != 0)))
                continue;
            reference->to[reference->n_to++] = (dvsi_reference_to){other, text_of(links, "key_field")};
            n++;
            break;
        }
    }
    return n;
}

/* One that the source declares, to those of its streams that are entities of the project. */
static void by_source(finder *f, dvsi_target *target, const dvsi_from *from, const dvsi_json *field)
{
    if (field->type != DVSI_JSON_ARRAY || is_known(f, target, field->name))
        return;
    dvsi_reference *reference = add(f, target, field->name);
    if (reference == NULL)
        return;
    reference->declared = 1;
    for (const dvsi_json *stream = field->first; stream != NULL; stream = stream->next)
        reference->partial |=
            stream->type != DVSI_JSON_STRING || take_stream(f, from->endpoint, stream->text, reference) == 0;
    if (reference->n_to == 0)
        f->n--;
}

int32_t dvsi_references_find(dvsi_run *run, dvsi_arena *arena, dvsi_reference **references, uint32_t *n,
                             dvs_error *err)
{
    finder f = {.run = run, .arena = arena};
    for (uint32_t t = 0; t < run->n_targets; t++) {
        dvsi_target *target = &run->targets[t];
        for (uint32_t i = 0; i < target->entity->n_from; i++)
            for (uint32_t k = 0; k < target->entity->from[i].n_fields; k++)
                by_project(&f, target, &target->entity->from[i].fields[k]);
        for (uint32_t i = 0; i < target->entity->n_from; i++) {
            const dvsi_json *links = links_of(target, target->entity->from[i].label);
            const dvsi_json *fields = links != NULL ? dvsi_json_get(links, "references") : NULL;
            if (fields == NULL || fields->type != DVSI_JSON_OBJECT)
                continue;
            for (const dvsi_json *field = fields->first; field != NULL; field = field->next)
                by_source(&f, target, &target->entity->from[i], field);
        }
    }
    *references = f.references;
    *n = f.n;
    return f.failed ? dvsi_error_no_memory(err) : DVS_OK;
}
