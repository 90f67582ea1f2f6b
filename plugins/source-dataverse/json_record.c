/*
 * json_record.c - reads one object in a single pass and finds its wanted members.
 *
 * The records of a page name their members in the same order, or nearly: annotations of empty members are
 * left out. So each name that was met remembers the two names that followed it last; mostly one comparison
 * with the first of them tells all about the next name: that it is valid, where it ends, and whether it is
 * wanted. Other names are looked up by hash among those met, and a new one by bisection among the wanted.
 * What is remembered is bounded, and so is each look-up, whatever the page holds.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define NAME_BYTES 48u /* on average, of a name as received */
#define PROBES 8u
#define NOT_WANTED SIZE_MAX

/* A name as it was received, quotes included. */
struct name {
    const char *raw;
    size_t length;
    size_t wanted; /* index of the value, or NOT_WANTED */
    struct name *next[2];
};

struct wanted {
    char *name;
    size_t length;
    size_t index;
};

struct dataverse_json_record {
    struct wanted *wanted; /* by name */
    struct dataverse_value *values;
    size_t n_wanted;
    /* The names met, in the order in which they came first, and so mostly side by side in memory. */
    struct name *names;
    size_t n_names;
    char *bytes; /* of the names */
    size_t n_bytes;
    uint32_t *slots;   /* hash table, open addressing: index of a name + 1, 0 is free */
    size_t n_slots;    /* a power of two; half as many names are kept */
    struct name first; /* `next` of this: the first names of a record */
    char *scratch;     /* unescaped values, then at times a name */
    size_t scratch_size;
    struct dataverse_value unwanted;
};

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int by_name(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    return compare_names(x->name, x->length, y->name, y->length);
}

struct dataverse_json_record *dataverse_json_record_new(const char *const *names, size_t n_names)
{
    struct dataverse_json_record *record = calloc(1, sizeof *record);
    if (record == NULL)
        return NULL;
    if (n_names > UINT32_MAX / 64)
        goto no_memory;
    record->n_slots = 256;
    while (record->n_slots < n_names * 4)
        record->n_slots *= 2;
    record->slots = calloc(record->n_slots, sizeof *record->slots);
    record->names = calloc(record->n_slots / 2, sizeof *record->names);
    record->bytes = malloc(record->n_slots / 2 * NAME_BYTES);
    record->wanted = calloc(n_names + 1, sizeof *record->wanted);
    record->values = calloc(n_names + 1, sizeof *record->values);
    if (record->slots == NULL || record->names == NULL || record->bytes == NULL || record->wanted == NULL ||
        record->values == NULL)
        goto no_memory;
    for (; record->n_wanted < n_names; record->n_wanted++) {
        struct wanted *wanted = &record->wanted[record->n_wanted];
        wanted->name = strdup(names[record->n_wanted]);
        if (wanted->name == NULL)
            goto no_memory;
        wanted->length = strlen(wanted->name);
        wanted->index = record->n_wanted;
    }
    if (n_names > 1)
        qsort(record->wanted, n_names, sizeof *record->wanted, by_name);
    return record;
no_memory:
    dataverse_json_record_free(record);
    return NULL;
}

void dataverse_json_record_free(struct dataverse_json_record *record)
{
    if (record == NULL)
        return;
    for (size_t i = 0; i < record->n_wanted; i++)
        free(record->wanted[i].name);
    free(record->slots);
    free(record->names);
    free(record->bytes);
    free(record->wanted);
    free(record->values);
    free(record->scratch);
    free(record);
}

const struct dataverse_value *dataverse_json_record_values(const struct dataverse_json_record *record)
{
    return record->values;
}

static int need_scratch(struct dataverse_json_record *record, size_t size)
{
    if (size <= record->scratch_size)
        return 0;
    size_t wanted = size < SIZE_MAX / 2 ? size + size / 2 : size;
    free(record->scratch);
    record->scratch_size = 0;
    record->scratch = malloc(wanted);
    if (record->scratch == NULL)
        return -1;
    record->scratch_size = wanted;
    return 0;
}

static size_t find_wanted(const struct dataverse_json_record *record, const char *name, size_t length)
{
    size_t low = 0, high = record->n_wanted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct wanted *wanted = &record->wanted[middle];
        int order = compare_names(name, length, wanted->name, wanted->length);
        if (order == 0)
            return wanted->index;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NOT_WANTED;
}

/* The index of the value for a name as received, without its quotes. 0, or -1 when memory is out. */
static int name_to_index(struct dataverse_json_record *record, const char *raw, size_t length, int escaped,
                         size_t *index)
{
    uint8_t flags = 0;
    if (escaped) {
        if (need_scratch(record, length) != 0)
            return -1;
        length = dataverse_json_unescape(record->scratch, raw, length, &flags);
        raw = record->scratch;
    }
    /* Half a surrogate pair stands for U+FFFD there, and may not be taken for it. */
    *index = (flags & DATAVERSE_VALUE_LONE_SURROGATE) != 0 ? NOT_WANTED : find_wanted(record, raw, length);
    return 0;
}

static size_t hash_name(const char *raw, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)raw[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

/* A name (quotes included) among those met. Else *room is the slot for it, or NULL. */
static struct name *find_name(struct dataverse_json_record *record, const char *raw, size_t length,
                              uint32_t **room)
{
    size_t hash = hash_name(raw, length);
    *room = NULL;
    for (size_t i = 0; i < PROBES; i++) {
        uint32_t *slot = &record->slots[(hash + i) & (record->n_slots - 1)];
        struct name *name;
        if (*slot == 0) {
            *room = slot;
            return NULL;
        }
        name = &record->names[*slot - 1];
        if (name->length == length && memcmp(name->raw, raw, length) == 0)
            return name;
    }
    return NULL;
}

/* NULL when there is no room for more. */
static struct name *keep_name(struct dataverse_json_record *record, const char *raw, size_t length,
                              size_t wanted, uint32_t *slot)
{
    struct name *name = &record->names[record->n_names];
    char *bytes = record->bytes + record->n_bytes;
    if (slot == NULL || record->n_names == record->n_slots / 2 ||
        length > record->n_slots / 2 * NAME_BYTES - record->n_bytes)
        return NULL;
    memcpy(bytes, raw, length);
    record->n_bytes += length;
    name->raw = bytes;
    name->length = length;
    name->wanted = wanted;
    *slot = (uint32_t)++record->n_names;
    return name;
}

/* A name that is not the expected one; p is at its quote. Fills *index, and *name if the name is kept.
 * Returns what is behind the name, NULL on failure (problem NULL: memory is out). */
static const char *read_other_name(struct dataverse_json_record *record, struct dataverse_json *json,
                                   const char *p, struct name **name, size_t *index)
{
    const char *begin = p;
    uint32_t *room;
    size_t length;
    int escaped;
    p = dataverse_json_name(json, p, &escaped);
    if (p == NULL)
        return NULL;
    length = (size_t)(p - begin);
    *name = find_name(record, begin, length, &room);
    if (*name != NULL) {
        *index = (*name)->wanted;
        return p;
    }
    if (name_to_index(record, begin + 1, length - 2, escaped, index) != 0)
        return dataverse_json_fail(json, begin, NULL);
    *name = keep_name(record, begin, length, *index, room);
    return p;
}

static inline int is_name(const struct name *name, const char *p, const char *end)
{
    return name != NULL && (size_t)(end - p) >= name->length && memcmp(p, name->raw, name->length) == 0;
}

/* The name at p. *previous: the name before it, then this one; NULL when it is not kept. */
static inline const char *read_name(struct dataverse_json_record *record, struct dataverse_json *json,
                                    const char *p, struct name **previous, size_t *index)
{
    struct name *before = *previous, *name = NULL;
    if (before != NULL) {
        for (int i = 0; i < 2; i++) {
            name = before->next[i];
            if (is_name(name, p, json->end)) {
                *previous = name;
                *index = name->wanted;
                return p + name->length;
            }
        }
    }
    p = read_other_name(record, json, p, &name, index);
    if (p == NULL)
        return NULL;
    if (before != NULL && name != NULL) {
        before->next[1] = before->next[0];
        before->next[0] = name;
    }
    *previous = name;
    return p;
}

/* The values were read in place; those with a backslash get their text in `scratch`. */
static int unescape_values(struct dataverse_json_record *record, size_t escaped_bytes)
{
    char *out;
    if (need_scratch(record, escaped_bytes) != 0)
        return -1;
    out = record->scratch;
    for (size_t i = 0; i < record->n_wanted; i++) {
        struct dataverse_value *value = &record->values[i];
        if ((value->flags & DATAVERSE_JSON_ESCAPED) == 0)
            continue;
        value->flags = 0;
        value->length = dataverse_json_unescape(out, value->text, value->length, &value->flags);
        value->text = out;
        out += value->length;
    }
    return 0;
}

const char *dataverse_json_record_read(struct dataverse_json_record *record, struct dataverse_json *json,
                                       const char *p, unsigned depth)
{
    struct name *previous = &record->first;
    size_t index, escaped_bytes = 0;
    if (*p != '{')
        return dataverse_json_fail(json, p, "no JSON: an object was expected");
    memset(record->values, 0, record->n_wanted * sizeof *record->values);
    p = dataverse_json_space(p + 1);
    if (*p == '}')
        return p + 1;
    for (;;) {
        struct dataverse_value *value;
        p = read_name(record, json, p, &previous, &index);
        if (p == NULL)
            return NULL;
        p = dataverse_json_space(p);
        if (*p != ':')
            return dataverse_json_fail(json, p, "no JSON: a colon was expected");
        value = index != NOT_WANTED ? &record->values[index] : &record->unwanted;
        p = dataverse_json_value(json, dataverse_json_space(p + 1), depth + 1, value);
        if (p == NULL)
            return NULL;
        if ((value->flags & DATAVERSE_JSON_ESCAPED) != 0 && index != NOT_WANTED)
            escaped_bytes += value->length;
        p = dataverse_json_space(p);
        if (*p == '}')
            break;
        if (*p != ',')
            return dataverse_json_fail(json, p, "no JSON: a comma or } was expected");
        p = dataverse_json_space(p + 1);
    }
    if (escaped_bytes != 0 && unescape_values(record, escaped_bytes) != 0)
        return dataverse_json_fail(json, p, NULL);
    return p + 1;
}
