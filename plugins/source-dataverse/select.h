/*
 * select.h - which columns of a table a read asks for, and the addresses that ask for them. Pure functions.
 */
#ifndef DATAVERSE_SELECT_H
#define DATAVERSE_SELECT_H

#include "metadata.h"

/* The service takes addresses of up to 32,768 characters (Microsoft's documentation, "Query data using the
 * Web API"); its nextLinks repeat the $select, and add a cookie. */
#ifndef DATAVERSE_SELECT_MAX
#define DATAVERSE_SELECT_MAX 24000
#endif

#define DATAVERSE_RAW_NAME "@record" /* the column that is the whole record */

#define DATAVERSE_MEMBER_NONE UINT32_MAX       /* the table has no such column (any more): ABSENT */
#define DATAVERSE_MEMBER_RAW (UINT32_MAX - 1u) /* the whole record */

#define DATAVERSE_RECORD_MAX ((size_t)64 << 20) /* bytes */

/* One column that the host wants. */
struct dataverse_want {
    uint32_t part;   /* which request brings it */
    uint32_t member; /* its index among the names of that part, or DATAVERSE_MEMBER_ */
    uint32_t type;   /* DATAVERSE_TYPE_ */
    int secured;     /* null may mean that we may not see it */
    const char *name;
};

/* The names of one request. The first is always the table's key. Strings are the table's. */
struct dataverse_part {
    const char **names;
    size_t n_names;
    char *text; /* for $select */
};

/*
 * A $select that is too long for one address is cut into parts: the first is read page by page, the others
 * for its records by key.
 */
struct dataverse_select {
    const struct dataverse_table *table;
    char **columns;               /* the host's names, copied */
    struct dataverse_want *wants; /* in the host's order */
    uint32_t n_wants;
    int has_raw;
    struct dataverse_part *parts;
    size_t n_parts;
    char *filter; /* of a complete read, ready for the address, malloc()ed; NULL: none */
};

/* Plans a read of the columns named; all of the table's when the whole record is among them. 0, or -1 when
 * memory is out. `max`: bytes of one part's text (DATAVERSE_SELECT_MAX). */
int dataverse_select_make(const struct dataverse_table *table, const char *const *columns, uint32_t n_columns,
                          size_t max, struct dataverse_select *select);
void dataverse_select_free(struct dataverse_select *select);

/* Address of the first page: complete (from == INT64_MIN), or what was modified at `from` or later. New, NULL
 * when memory is out. */
char *dataverse_select_url(const char *base, const struct dataverse_select *select, int64_t from);
/* Address of the records with some of the keys (16 bytes each), as many as fit; *n says how many did. */
char *dataverse_select_keys_url(const char *base, const struct dataverse_select *select, size_t part,
                                const uint8_t (*keys)[16], size_t *n);

/* A number that tells apart which columns are asked for, in which parts, and by which filter. */
uint64_t dataverse_select_hash(const struct dataverse_select *select);

/* 36 characters and NUL. */
void dataverse_guid_text(const uint8_t *guid, char *text);

#endif
