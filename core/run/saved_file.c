/* saved_file.c - reading a plan: checked as a whole before anything is believed, then line by line. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/saved.h"

#define CHUNK ((size_t)64 << 10)
#define TAIL_LENGTH 78 /* {"sha256":"..."} and its newline */

static int32_t damaged(const dvsi_saved *saved, const char *what, dvs_error *err)
{
    return dvsi_error_set(err, DVS_E_DATA, "the plan %s %s; make a new one with `dvsync diff --plan`",
                          saved->path, what);
}

const char *dvsi_saved_text(const dvsi_json *line, const char *name)
{
    const dvsi_json *member = dvsi_json_get(line, name);
    return member != NULL && member->type == DVSI_JSON_STRING ? member->text : NULL;
}

/* ---- Lines ---- */

static int32_t fill(dvsi_saved_lines *l, dvs_error *err)
{
    if (l->used != 0) {
        memmove(l->buffer, l->buffer + l->used, l->length - l->used);
        l->length -= l->used;
        l->used = 0;
    }
    if (l->capacity - l->length < CHUNK) {
        size_t more = l->capacity < CHUNK ? 2 * CHUNK : l->capacity * 2;
        char *grown = l->capacity < DVSI_SAVED_LINE_MAX ? realloc(l->buffer, more) : NULL;
        if (grown == NULL)
            return l->capacity < DVSI_SAVED_LINE_MAX ? dvsi_error_no_memory(err)
                                                     : damaged(l->saved, "has a line that is too long", err);
        l->buffer = grown;
        l->capacity = more;
    }
    size_t wanted = (size_t)(l->end - l->at) < CHUNK ? (size_t)(l->end - l->at) : CHUNK;
    ssize_t n = pread(l->saved->fd, l->buffer + l->length, wanted, l->at);
    if (n < 0)
        return dvsi_error_set(err, DVS_E_IO, "reading the plan %s failed: %s", l->saved->path,
                              strerror(errno));
    if (n == 0)
        return damaged(l->saved, "has become shorter while it was read", err);
    l->length += (size_t)n;
    l->at += n;
    return DVS_OK;
}

int32_t dvsi_saved_lines_of(const dvsi_saved *saved, const dvsi_saved_entity *entity, uint32_t wanted,
                            dvsi_saved_lines *lines, dvs_error *err)
{
    *lines = (dvsi_saved_lines){.saved = saved, .at = entity->first, .end = entity->end, .wanted = wanted};
    dvsi_buf_puts(&lines->changes, "{\"entity\":");
    dvsi_json_string(&lines->changes, entity->name, strlen(entity->name));
    dvsi_buf_puts(&lines->changes, ",\"key\":");
    return lines->changes.failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* Without parsing it: there may be many, and large ones. */
static int is_wanted(const dvsi_saved_lines *l, const char *text, size_t length)
{
    int change =
        length >= l->changes.length && memcmp(text, dvsi_buf_text(&l->changes), l->changes.length) == 0;
    return l->wanted == DVSI_SAVED_ALL || change == (l->wanted == DVSI_SAVED_CHANGES);
}

int32_t dvsi_saved_next(dvsi_saved_lines *l, const dvsi_json **line, dvs_error *err)
{
    const char *problem = NULL;
    size_t offset = 0;
    size_t looked = 0;
    *line = NULL;
    for (;;) {
        const char *newline = l->length > l->used + looked
                                  ? memchr(l->buffer + l->used + looked, '\n', l->length - l->used - looked)
                                  : NULL;
        if (newline != NULL) {
            const char *text = l->buffer + l->used;
            size_t length = (size_t)(newline - text);
            l->used += length + 1;
            looked = 0;
            if (!is_wanted(l, text, length))
                continue;
            dvsi_arena_reset(&l->arena);
            *line = dvsi_json_parse(&l->arena, text, length, &problem, &offset);
            return *line != NULL && (*line)->type == DVSI_JSON_OBJECT
                       ? DVS_OK
                       : damaged(l->saved, "has a line that is no object", err);
        }
        looked = l->length - l->used;
        if (l->at >= l->end)
            return looked == 0 ? DVS_OK : damaged(l->saved, "ends within a line", err);
        int32_t status = fill(l, err);
        if (status != DVS_OK)
            return status;
    }
}

void dvsi_saved_lines_free(dvsi_saved_lines *lines)
{
    dvsi_arena_free(&lines->arena);
    dvsi_buf_free(&lines->changes);
    free(lines->buffer);
    memset(lines, 0, sizeof *lines);
}

/* ---- The digest ---- */

static int32_t check_digest(dvsi_saved *s, off_t size, dvs_error *err)
{
    char hex[DVSI_SHA256_HEX];
    char tail[TAIL_LENGTH + 1] = {0};
    char wanted[TAIL_LENGTH + 1] = {0};
    s->size = size - TAIL_LENGTH;
    if (size <= TAIL_LENGTH || pread(s->fd, tail, TAIL_LENGTH, s->size) != TAIL_LENGTH ||
        memcmp(tail, "{\"sha256\":\"", 11) != 0)
        return damaged(s, "is no saved plan, or its end is missing", err);
    dvsi_sha256 *sha = dvsi_sha256_new();
    char *buffer = malloc(CHUNK);
    int32_t status = sha == NULL || buffer == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    for (off_t at = 0; at < s->size && status == DVS_OK;) {
        size_t part = (size_t)(s->size - at) < CHUNK ? (size_t)(s->size - at) : CHUNK;
        ssize_t n = pread(s->fd, buffer, part, at);
        if (n <= 0)
            status = dvsi_error_set(err, DVS_E_IO, "reading the plan %s failed: %s", s->path,
                                    n < 0 ? strerror(errno) : "it ended");
        else
            dvsi_sha256_add(sha, buffer, (size_t)n);
        at += n > 0 ? n : 0;
    }
    free(buffer);
    if (status != DVS_OK) {
        dvsi_sha256_free(sha);
        return status;
    }
    dvsi_sha256_end(sha, hex);
    memcpy(wanted, "{\"sha256\":\"", 11);
    memcpy(wanted + 11, hex, DVSI_SHA256_HEX - 1);
    memcpy(wanted + 11 + DVSI_SHA256_HEX - 1, "\"}\n", 3);
    return memcmp(tail, wanted, TAIL_LENGTH) == 0
               ? DVS_OK
               : damaged(s, "is damaged or was edited: its digest is wrong", err);
}

/* ---- The header ---- */

static const char *keep_text(dvsi_saved *s, const dvsi_json *object, const char *name)
{
    const char *text = dvsi_saved_text(object, name);
    return text != NULL ? dvsi_arena_strdup(&s->arena, text) : NULL;
}

static uint32_t number_of(const dvsi_json *object, const char *name)
{
    const dvsi_json *member = dvsi_json_get(object, name);
    unsigned long value =
        member != NULL && member->type == DVSI_JSON_NUMBER ? strtoul(member->text, NULL, 10) : 0;
    return value <= UINT32_MAX ? (uint32_t)value : 0;
}

static int read_column(dvsi_saved *s, dvsi_schema *schema, const dvsi_json *item)
{
    const dvsi_json *targets = dvsi_json_get(item, "targets");
    const char *kind = dvsi_saved_text(item, "type");
    dvs_column column = {.struct_size = (uint32_t)sizeof column,
                         .flags = number_of(item, "flags"),
                         .key_position = number_of(item, "key_position"),
                         .max_length = number_of(item, "max_length"),
                         .choice_stride = sizeof(dvs_choice),
                         .name = keep_text(s, item, "name"),
                         .native_type = keep_text(s, item, "native_type")};
    int number = kind != NULL ? dvsi_kind_from_name(kind) : -1;
    if (number < 0 || column.name == NULL)
        return -1;
    column.kind = (uint32_t)number;
    if (targets != NULL && targets->type == DVSI_JSON_ARRAY && targets->length != 0) {
        const char **names = dvsi_arena_calloc(&s->arena, targets->length, sizeof *names);
        if (names == NULL)
            return -1;
        for (const dvsi_json *t = targets->first; t != NULL; t = t->next) {
            if (t->type != DVSI_JSON_STRING ||
                (names[column.n_targets++] = dvsi_arena_strdup(&s->arena, t->text)) == NULL)
                return -1;
        }
        column.targets = names;
    }
    return dvsi_schema_add(schema, &column) != NULL ? 0 : -1;
}

static int read_feed(dvsi_saved *s, dvsi_saved_feed *feed, const dvsi_json *item)
{
    static const char *const kinds[] = {"none", "cursor", "delta"};
    const char *kind = dvsi_saved_text(item, "cursor_kind");
    const char *cursor = dvsi_saved_text(item, "cursor");
    const dvsi_json *columns = dvsi_json_get(item, "columns");
    feed->label = keep_text(s, item, "name");
    feed->stream = keep_text(s, item, "stream");
    feed->identity = keep_text(s, item, "identity");
    feed->fingerprint = keep_text(s, item, "fingerprint");
    if (feed->label == NULL || feed->stream == NULL || feed->identity == NULL || feed->fingerprint == NULL ||
        kind == NULL || columns == NULL || columns->type != DVSI_JSON_ARRAY)
        return -1;
    for (uint32_t k = 0; k < 3; k++)
        feed->cursor_kind = strcmp(kind, kinds[k]) == 0 ? k : feed->cursor_kind;
    if (cursor != NULL) {
        dvs_cell cell = {0};
        char *quoted = dvsi_arena_printf(&s->arena, "\"%s\"", cursor); /* base64 has nothing to escape */
        if (quoted == NULL || dvsi_cell_from_json(&s->arena, DVS_BYTES, quoted, strlen(quoted), &cell) != 0)
            return -1;
        feed->cursor = cell.length != 0 ? cell.v.bytes : (const uint8_t *)"";
        feed->cursor_length = cell.length;
    }
    for (const dvsi_json *column = columns->first; column != NULL; column = column->next)
        if (column->type != DVSI_JSON_OBJECT || read_column(s, &feed->columns, column) != 0)
            return -1;
    return 0;
}

static int read_entity(dvsi_saved *s, dvsi_saved_entity *entity, const dvsi_json *item)
{
    const dvsi_json *feeds = dvsi_json_get(item, "sources");
    entity->name = keep_text(s, item, "name");
    entity->last_run = keep_text(s, item, "last_run");
    entity->pins = keep_text(s, item, "pins");
    if (entity->name == NULL || entity->last_run == NULL || entity->pins == NULL || feeds == NULL ||
        feeds->type != DVSI_JSON_ARRAY)
        return -1;
    entity->feeds = dvsi_arena_calloc(&s->arena, feeds->length + 1, sizeof *entity->feeds);
    for (const dvsi_json *f = feeds->first; f != NULL && entity->feeds != NULL; f = f->next)
        if (f->type != DVSI_JSON_OBJECT || read_feed(s, &entity->feeds[entity->n_feeds++], f) != 0)
            return -1;
    return entity->feeds != NULL ? 0 : -1;
}

static int read_header(dvsi_saved *s, const dvsi_json *header)
{
    const dvsi_json *entities = dvsi_json_get(header, "entities");
    const dvsi_json *force = dvsi_json_get(header, "force_overwrite");
    s->project = keep_text(s, header, "project");
    s->project_digest = keep_text(s, header, "project_sha256");
    s->force_overwrite = force != NULL && force->type == DVSI_JSON_BOOL && force->length != 0;
    if (s->project == NULL || s->project_digest == NULL || entities == NULL ||
        entities->type != DVSI_JSON_ARRAY)
        return -1;
    s->entities = dvsi_arena_calloc(&s->arena, entities->length + 1, sizeof *s->entities);
    for (const dvsi_json *e = entities->first; e != NULL && s->entities != NULL; e = e->next)
        if (e->type != DVSI_JSON_OBJECT || read_entity(s, &s->entities[s->n_entities++], e) != 0)
            return -1;
    return s->entities != NULL ? 0 : -1;
}

/* Where each entity's lines are, and how many deletes: they stand together, in the order of the header. */
static int32_t index_lines(dvsi_saved *s, dvsi_saved_lines *lines, dvs_error *err)
{
    uint32_t at = 0;
    off_t begin = lines->at - (off_t)(lines->length - lines->used);
    for (uint32_t e = 0; e < s->n_entities; e++)
        s->entities[e].first = s->entities[e].end = begin;
    for (;;) {
        const dvsi_json *line = NULL;
        off_t start = lines->at - (off_t)(lines->length - lines->used);
        int32_t status = dvsi_saved_next(lines, &line, err);
        if (status != DVS_OK || line == NULL)
            return status;
        const char *name = dvsi_saved_text(line, "entity");
        const dvsi_json *change = dvsi_json_get(line, "change");
        const char *op = change != NULL ? dvsi_saved_text(change, "op") : NULL;
        while (name != NULL && at < s->n_entities && strcmp(s->entities[at].name, name) != 0)
            if (++at < s->n_entities)
                s->entities[at].first = s->entities[at].end = start;
        if (name == NULL || at == s->n_entities)
            return damaged(s, "has a line of no entity in its place", err);
        s->entities[at].end = lines->at - (off_t)(lines->length - lines->used);
        s->entities[at].deletes += op != NULL && strcmp(op, "delete") == 0;
    }
}

static int32_t read_all(dvsi_saved *s, dvs_error *err)
{
    dvsi_saved_lines lines = {.saved = s, .end = s->size};
    const dvsi_json *header = NULL;
    int32_t status = dvsi_saved_next(&lines, &header, err);
    if (status == DVS_OK && (header == NULL || dvsi_json_get(header, "dvsync_plan") == NULL))
        status = damaged(s, "is no saved plan", err);
    else if (status == DVS_OK && number_of(header, "dvsync_plan") != DVSI_SAVED_VERSION)
        status = damaged(s, "was made by another version of dvsync", err);
    else if (status == DVS_OK && read_header(s, header) != 0)
        status = damaged(s, "has a header that cannot be read", err);
    if (status == DVS_OK)
        status = index_lines(s, &lines, err);
    dvsi_saved_lines_free(&lines);
    return status;
}

int32_t dvsi_saved_open(const char *path, dvsi_saved **out, dvs_error *err)
{
    struct stat about;
    dvsi_saved *s = calloc(1, sizeof *s);
    *out = NULL;
    if (s == NULL)
        return dvsi_error_no_memory(err);
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int failed = s->fd < 0 ? errno : 0;
    s->path = dvsi_arena_strdup(&s->arena, path);
    int32_t status = s->path == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    if (status == DVS_OK && failed != 0)
        status = dvsi_error_set(err, failed == ENOENT ? DVS_E_NOT_FOUND : DVS_E_IO,
                                "the plan %s cannot be read: %s", path, strerror(failed));
    if (status == DVS_OK && (fstat(s->fd, &about) != 0 || !S_ISREG(about.st_mode)))
        status = dvsi_error_set(err, DVS_E_IO, "the plan %s is no ordinary file", path);
    if (status == DVS_OK)
        status = check_digest(s, about.st_size, err);
    if (status == DVS_OK)
        status = read_all(s, err);
    if (status == DVS_OK)
        *out = s;
    else
        dvsi_saved_free(s);
    return status;
}

void dvsi_saved_free(dvsi_saved *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->n_sources; i++)
        dvsi_source_close(s->sources[i]);
    for (uint32_t e = 0; e < s->n_entities; e++)
        for (uint32_t f = 0; f < s->entities[e].n_feeds; f++)
            dvsi_schema_free(&s->entities[e].feeds[f].columns);
    free(s->sources);
    if (s->fd >= 0)
        close(s->fd);
    dvsi_arena_free(&s->arena);
    free(s);
}

const dvsi_saved_entity *dvsi_saved_find(const dvsi_saved *s, const char *entity)
{
    for (uint32_t e = 0; e < s->n_entities; e++)
        if (strcmp(s->entities[e].name, entity) == 0)
            return &s->entities[e];
    return NULL;
}

const dvsi_saved_feed *dvsi_saved_feed_of(const dvsi_feed *feed)
{
    const dvsi_saved_entity *entity = dvsi_saved_find(feed->run->saved, feed->target->entity->name);
    for (uint32_t f = 0; entity != NULL && f < entity->n_feeds; f++)
        if (strcmp(entity->feeds[f].label, feed->from->label) == 0)
            return &entity->feeds[f];
    return NULL;
}
