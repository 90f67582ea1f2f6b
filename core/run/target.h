/* target.h - one entity of a run: its fields, its data table, and what its feeds have in common. */
#ifndef DVSI_RUN_TARGET_H
#define DVSI_RUN_TARGET_H

#include "data/schema.h"
#include "reconcile/merge.h"
#include "run/definition.h"
#include "run/feed.h"

/* A field of the entity: what its feeds agree on. */
typedef struct dvsi_target_field {
    const char *name;
    uint32_t kind;
    uint32_t explicit_type;
    uint32_t key_position; /* 1.. in the key, 0: none */
    uint32_t gone;         /* no source has the column any more */
} dvsi_target_field;

struct dvsi_target {
    dvsi_run *run;
    const dvsi_entity *entity;
    dvsi_definition definition;
    dvsi_feed *feeds;
    uint32_t n_feeds;
    uint32_t prepared;       /* the table is there and the feeds are planned, or it was tried */
    uint32_t ended;          /* all feeds have ended, and what that means was done */
    uint32_t exists;         /* the data table is there */
    uint32_t created;        /* this run made it */
    const char *table_name;  /* the entity's name; while the table is made anew, that of the one beside it */
    uint32_t rebuilds;       /* it is being made anew (rebuild.c) ... */
    int64_t rebuild_row;     /* ... in _sync_tables, until it is swapped in */
    uint32_t rebuild_copied; /* it has taken over what the old one held (rebuild_copy.c) */
    dvsi_definition former;  /* of the table that it will replace */

    dvsi_schema schema;
    dvs_table table;
    struct dvsi_widening *widenings; /* schema_rule.h: fields whose columns are of a narrower type yet */
    uint32_t n_widenings;
    uint32_t columns_changed; /* at a source, since it was recorded */
    dvsi_target_field *fields;
    /* Columns 1 .. n_fields are the fields; when it streams, in the order of the mapping. */
    uint32_t n_fields;
    uint32_t n_plain; /* the fields behind these are derived */
    const char **names;
    uint32_t *positions; /* in sync_hash */
    uint32_t *key_columns;
    uint32_t n_key;
    int32_t sync_hash; /* columns; -1: the table has none */
    int32_t sync_time;
    int32_t deleted_at;
    int32_t valid_from; /* history: scd2; both or none */
    int32_t valid_to;
    int32_t closed; /* deleted_at or valid_to: NULL in the rows that are active */
    int32_t json_response;
    uint32_t rewrites_raw; /* the project changed keep_raw: of all rows that are met (raw.c) */
    /* The columns that a lookup reads: row id, sync_hash and what ends a row if there, fields. */
    uint32_t *lookup;
    uint32_t n_lookup;
    int32_t lookup_hash;    /* positions in `lookup`, -1: not there */
    int32_t lookup_deleted; /* of `closed` */
    int32_t lookup_from;    /* of valid_from */
    uint32_t lookup_fields; /* position of the first field; those that the table lacks (diff) are left out */
    int32_t *field_at;      /* per field, its position in `lookup`, -1: not there */
    int64_t next_id;        /* 0: ask the sink */
    uint64_t n_waiting;     /* keys in _sync_deletes */
    /* Of an entity that gathers. */
    dvsi_policy policy;        /* a voice is a feed */
    dvsi_expressions *derived; /* over the plain fields; NULL: there are none */
    dvsi_seen rows_met;        /* rows of the data table met in this run */
    dvsi_seen skipped;         /* records, by their first offer, that no source has that decides */
    dvsi_seen settled;         /* offers that are pending no more (settled.c), by id ... */
    int64_t settled_at;        /* ... and up to which they are marked so */
    uint32_t passes;           /* all feeds are to be read completely in one run */
    uint32_t complete;         /* and were */
    /* A source that failed was never read: offers are kept, and nothing is reconciled. */
    uint32_t keeps;
    uint32_t offers_part;   /* DVSI_OFFERS_: how far the offers were reconciled ... */
    dvsi_buf offers_at;     /* ... the last key */
    uint32_t guarded;       /* stopped by the guard */
    uint32_t has_conflicts; /* there may be open ones in _sync_conflicts */
    uint32_t has_pins;      /* there are pinned values in _sync_pins */
    /* Of these, by row id, those of which was told that they fit their fields no more. */
    dvsi_seen unfit_pins;
    uint32_t partial; /* finished, but something could not be compared or deleted */
    const char *partial_reason;
    dvs_error error;         /* status not 0: the entity failed */
    uint64_t *field_changes; /* per field, for the summary of a diff */
};

/* fields.c: the fields of an entity, of those of its feeds. */
/* One type for each: the mappings convert to it. */
int32_t dvsi_fields_agree(dvsi_target *target, dvs_error *err);
int32_t dvsi_fields_make(dvsi_target *target, dvs_error *err);
/* The same: its derived fields. */
int32_t dvsi_fields_derive(dvsi_target *target, const char *file, dvs_error *err);
/* Of an entity that gathers: who speaks for which. */
int32_t dvsi_fields_voices(dvsi_target *target, dvs_error *err);
/* Does a source that cannot be asked speak for the field? Where it maps all its columns, what was recorded of
 * these tells. */
int dvsi_fields_spoke(const dvsi_target *target, const dvsi_feed *feed, const char *name);
/* What the project says of it, or NULL. */
const dvsi_field *dvsi_from_field(const dvsi_from *from, const char *name);

/* target.c: the data table. In a transaction. */
int32_t dvsi_target_prepare(dvsi_target *target, dvs_error *err);
/* May the project take this entity's table, which is there and is not known to be its own? DVS_E_CONFIG says
 * why not. */
int32_t dvsi_target_may_take(dvsi_run *run, const dvsi_entity *entity, dvs_error *err);
/* Is this the same name? Names compare without case. */
int dvsi_same_name(const dvs_cell *cell, const char *name);

/* indexes.c: what stands beside it. */
int32_t dvsi_target_views(dvsi_target *target, dvs_error *err);
int32_t dvsi_target_indexes(dvsi_target *target, dvs_error *err);
int32_t dvsi_target_no_indexes(dvsi_target *target, dvs_error *err); /* for a first load */
int32_t dvsi_target_active(dvsi_target *target, uint64_t *active, dvs_error *err);
void dvsi_target_free(dvsi_target *target);
int32_t dvsi_target_next_id(dvsi_target *target, int64_t *id, dvs_error *err);

/* raw.c: keep_raw. As recorded in a definition, and its name there. */
uint32_t dvsi_raw_read(const dvsi_json *member);
const char *dvsi_raw_name(uint32_t raw);
/* Sets target->rewrites_raw, and what is to be recorded until a complete read has ended; `found`: the table's
 * columns. */
void dvsi_raw_plan(dvsi_target *target, const dvsi_schema *found);
void dvsi_raw_done(dvsi_target *target); /* it has */

#endif
