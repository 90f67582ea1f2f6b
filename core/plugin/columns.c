/* columns.c - columns that a plugin describes, and whether they can be true. */
#include "plugin/out.h"

#include <string.h>

#include "base/utf8.h"
#include "data/cell.h"

#define NAME_MAX_BYTES 1024u
#define COLUMNS_MAX 10000u
#define LIST_MAX 100000u /* targets or choices of one column */

static const char *name_problem(const char *text)
{
    size_t length;

    if (text == NULL)
        return "is NULL";
    length = strnlen(text, NAME_MAX_BYTES + 1);
    if (length == 0)
        return "is empty";
    if (length > NAME_MAX_BYTES)
        return "is longer than 1024 bytes";
    return dvsi_utf8_valid(text, length) == length ? NULL : "is not valid UTF-8";
}

/* The rules that one column keeps or breaks by itself. */
static const char *column_problem(const dvs_column *c, uint32_t is_sink)
{
    if (c->kind < DVS_BOOL || c->kind >= DVS_KIND_COUNT)
        return "has a kind that does not exist";
    if ((c->flags & DVS_COLUMN_RAW) != 0 && c->kind != DVS_JSON)
        return "is RAW, but not of kind json";
    if ((c->flags & DVS_COLUMN_MODIFIED) != 0 && c->kind != DVS_TIMESTAMP)
        return "is MODIFIED, but not of kind timestamp";
    if (((c->flags & DVS_COLUMN_KEY) != 0) != (c->key_position > 0))
        return "has the flag KEY without a key_position, or the other way round";
    if (is_sink)
        return NULL;
    if (c->key_position > 0 && !dvsi_kind_is_key(c->kind))
        return "is part of the key, but of a kind that cannot be (double, json, bytes)";
    return (c->flags & DVS_COLUMN_ROW_ID) != 0 ? "has the flag ROW_ID, which is for sinks" : NULL;
}

/* Copies the choices into a plain array; what is wrong with them, or NULL. */
static const char *take_choices(dvsi_arena *arena, dvs_column *c)
{
    const size_t least = offsetof(dvs_choice, label) + sizeof(const char *);
    dvs_choice *choices;

    if (c->n_choices == 0) {
        c->choices = NULL;
        return NULL;
    }
    if (c->choices == NULL || c->n_choices > LIST_MAX || c->choice_stride < least)
        return "has choices that are NULL, too many or too short (choice_stride)";
    choices = dvsi_arena_calloc(arena, c->n_choices, sizeof *choices);
    if (choices == NULL)
        return "needs more memory than there is";
    for (uint32_t i = 0; i < c->n_choices; i++) {
        const char *from = (const char *)c->choices + (size_t)i * c->choice_stride;
        memcpy(&choices[i], from, c->choice_stride < sizeof *choices ? c->choice_stride : sizeof *choices);
        if (choices[i].struct_size < least)
            return "has a choice that is too short (struct_size)";
        choices[i].struct_size = (uint32_t)sizeof *choices;
        if (choices[i].label == NULL ||
            dvsi_utf8_valid(choices[i].label, strlen(choices[i].label)) != strlen(choices[i].label))
            return "has a choice whose label is NULL or not valid UTF-8";
    }
    c->choices = choices;
    c->choice_stride = (uint32_t)sizeof *choices;
    return NULL;
}

static const char *lists_problem(dvsi_arena *arena, dvs_column *c)
{
    if (c->native_type != NULL &&
        dvsi_utf8_valid(c->native_type, strlen(c->native_type)) != strlen(c->native_type))
        return "has a native_type that is not valid UTF-8";
    if (c->n_targets > 0 && (c->targets == NULL || c->n_targets > LIST_MAX))
        return "has targets that are NULL or too many";
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (name_problem(c->targets[i]) != NULL)
            return "has a target that is NULL, empty, too long or not valid UTF-8";
    }
    return take_choices(arena, c);
}

int32_t dvsi_put_column(const dvs_host *host, dvs_out *out, const dvs_column *column)
{
    dvsi_frame *frame = dvsi_out_frame(host, out, DVSI_OUT_COLUMNS, "put_column");
    dvsi_arena lists = {0};
    const char *problem;
    dvs_column c = {0};

    if (frame == NULL)
        return DVS_PUT_FATAL;
    if (column == NULL || !DVS_HAS(column, dvs_column, choices))
        return dvsi_frame_breach(frame, "put a dvs_column that is %s",
                                 column == NULL ? "NULL" : "too short (struct_size)");
    memcpy(&c, column, column->struct_size < sizeof c ? column->struct_size : sizeof c);
    c.struct_size = (uint32_t)sizeof c;
    problem = name_problem(c.name);
    if (problem != NULL)
        return dvsi_frame_breach(frame, "of %s put column %u, whose name %s", out->subject,
                                 (unsigned)out->schema->n_columns + 1, problem);
    if (out->schema->n_columns == COLUMNS_MAX)
        return dvsi_frame_breach(frame, "of %s put more than %u columns", out->subject, COLUMNS_MAX);
    if (dvsi_schema_find(out->schema, c.name) >= 0)
        return dvsi_frame_breach(frame, "of %s put two columns of the name %s", out->subject, c.name);
    problem = column_problem(&c, out->is_sink);
    if (problem == NULL)
        problem = lists_problem(&lists, &c);
    if (problem != NULL)
        dvsi_frame_breach(frame, "of %s put column %s, which %s", out->subject, c.name, problem);
    else if (dvsi_schema_add(out->schema, &c) == NULL)
        dvsi_frame_no_memory(frame);
    dvsi_arena_free(&lists);
    return frame->breach.status == DVS_OK ? DVS_PUT_OK : DVS_PUT_FATAL;
}

/* The key positions are 1..n, each once. */
static void check_key(dvsi_frame *frame)
{
    const dvsi_schema *schema = frame->out->schema;
    uint32_t n_key = 0;

    for (uint32_t i = 0; i < schema->n_columns; i++)
        n_key += schema->columns[i].key_position > 0;
    for (uint32_t position = 1; position <= n_key; position++) {
        uint32_t times = 0;
        for (uint32_t i = 0; i < schema->n_columns; i++)
            times += schema->columns[i].key_position == position;
        if (times != 1) {
            dvsi_frame_breach(frame, "of %s put %u key columns, %s with key_position %u", frame->out->subject,
                              (unsigned)n_key, times == 0 ? "none" : "several", (unsigned)position);
            return;
        }
    }
}

void dvsi_out_check_columns(dvsi_frame *frame)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } single[] = {
        {DVS_COLUMN_RAW, "RAW"}, {DVS_COLUMN_MODIFIED, "MODIFIED"}, {DVS_COLUMN_VERSION, "VERSION"}};
    const dvsi_schema *schema = frame->out->schema;

    if (schema->n_columns == 0)
        dvsi_frame_breach(frame, "of %s put no columns and no error", frame->out->subject);
    if (frame->out->is_sink)
        return;
    check_key(frame);
    for (size_t s = 0; s < sizeof single / sizeof single[0]; s++) {
        uint32_t times = 0;
        for (uint32_t i = 0; i < schema->n_columns; i++)
            times += (schema->columns[i].flags & single[s].flag) != 0;
        if (times > 1)
            dvsi_frame_breach(frame, "of %s put %u columns with the flag %s, at most one may have it",
                              frame->out->subject, (unsigned)times, single[s].name);
    }
}
