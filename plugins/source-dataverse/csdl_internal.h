/* csdl_internal.h - shared by csdl.c, which fills the model, and csdl_table.c, which reads it. */
#ifndef DATAVERSE_CSDL_INTERNAL_H
#define DATAVERSE_CSDL_INTERNAL_H

#include <stdint.h>

#include "csdl.h"

/* A name: its place in `names`. Equal names have equal places; 0 is "". */
typedef uint32_t csdl_name;

struct csdl_property {
    csdl_name name;
    csdl_name type; /* "Edm.Guid" */
};

/* What a lookup property may point to; there may be several of one property. */
struct csdl_reference {
    csdl_name property;
    csdl_name target; /* a type */
};

struct csdl_type {
    csdl_name name;
    csdl_name base; /* 0: none */
    csdl_name key;  /* the first property of the type's own key; 0: inherited or none */
    uint32_t n_keys;
    uint32_t property; /* first of its own */
    uint32_t n_properties;
    uint32_t reference;
    uint32_t n_references;
};

struct csdl_set {
    csdl_name name;
    csdl_name type;
};

struct dataverse_csdl {
    char *names; /* NUL-ended, one behind the other */
    size_t names_length;
    size_t names_capacity;
    uint32_t *hash;   /* places in names; 0: free */
    size_t hash_size; /* a power of 2 */
    size_t n_names;

    struct csdl_type *types; /* when read: by name */
    size_t n_types, types_capacity;
    struct csdl_property *properties;
    size_t n_properties, properties_capacity;
    struct csdl_reference *references;
    size_t n_references, references_capacity;
    struct csdl_set *sets;
    size_t n_sets, sets_capacity;
};

#define CSDL_BASES_MAX 32 /* types that derive from each other; Dataverse has three */

static inline const char *dataverse_csdl_text(const struct dataverse_csdl *csdl, csdl_name name)
{
    return csdl->names + name;
}

/* NULL: there is no such type. */
const struct csdl_type *dataverse_csdl_type(const struct dataverse_csdl *csdl, csdl_name name);

/* ---- csdl_model.c ---- */

/* Adds a name, once. 0 with length > 0: memory is out, or there are more than any organisation has. */
csdl_name dataverse_csdl_intern(struct dataverse_csdl *csdl, const char *text, size_t length);
/* The place of a name that is there already; 0: it is not. */
csdl_name dataverse_csdl_lookup(const struct dataverse_csdl *csdl, const char *text, size_t length);
/* Room for one more at the end of a list of the model; NULL: memory is out, or there are more than `max`. */
void *dataverse_csdl_grow(void **list, size_t *n, size_t *capacity, size_t size, size_t max);

#endif
