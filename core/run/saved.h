/*
 * saved.h - saved plans: what `diff --plan FILE` found, with everything that carrying it out needs, and `sync
 * --plan FILE`. An ADR says what is in a file and why.
 *
 * A plan is carried out as a sync of an incremental kind: a streaming entity's changed records come through a
 * source of their own (saved_source.c), a gathering one's changed offers are stored as they were found, and
 * the keys that the diff found to change are looked at again. So lineage, hashes, conflicts and state are
 * what an ordinary sync writes.
 */
#ifndef DVSI_RUN_SAVED_H
#define DVSI_RUN_SAVED_H

#include <sys/types.h>

#include "run/run.h"

#define DVSI_SAVED_VERSION 1
#define DVSI_SAVED_LINE_MAX ((size_t)256 << 20) /* bytes of one line */

/* A feed as it was when the plan was made. */
typedef struct dvsi_saved_feed {
    const char *label;
    const char *stream;
    const char *identity;
    const char *fingerprint;
    dvsi_schema columns;
    const uint8_t *cursor; /* where the next incremental read starts; NULL: there is none */
    size_t cursor_length;
    uint32_t cursor_kind; /* DVS_TOKEN_ */
} dvsi_saved_feed;

typedef struct dvsi_saved_entity {
    const char *name;
    const char *last_run; /* "": none */
    const char *pins;     /* a digest */
    dvsi_saved_feed *feeds;
    uint32_t n_feeds;
    off_t first; /* its lines */
    off_t end;
    uint64_t deletes;
} dvsi_saved_entity;

typedef struct dvsi_saved {
    dvsi_arena arena;
    const char *path;
    int fd;
    off_t size; /* up to the last line, which is the digest */
    const char *project;
    const char *project_digest;
    uint32_t force_overwrite;
    dvsi_saved_entity *entities;
    uint32_t n_entities;
    dvsi_source **sources; /* one per feed */
    uint32_t n_sources;
} dvsi_saved;

/* ---- The file (saved_file.c) ---- */

/* Opens and checks a whole file; DVS_E_DATA (damaged), _CONFIG (of another project or version), _NOT_FOUND,
 * _IO. */
int32_t dvsi_saved_open(const char *path, dvsi_saved **saved, dvs_error *err);
void dvsi_saved_free(dvsi_saved *saved);
const dvsi_saved_entity *dvsi_saved_find(const dvsi_saved *saved, const char *entity);

/* The lines of a part of the file, one after the other, parsed. */
#define DVSI_SAVED_ALL 0u
#define DVSI_SAVED_CHANGES 1u /* of an entity: what is to change */
#define DVSI_SAVED_OTHERS 2u  /* of an entity: what carrying it out needs */
typedef struct dvsi_saved_lines {
    const dvsi_saved *saved;
    off_t at;
    off_t end;
    dvsi_arena arena; /* of the line in hand */
    char *buffer;
    size_t length;
    size_t capacity;
    size_t used;
    uint32_t wanted;  /* DVSI_SAVED_ */
    dvsi_buf changes; /* how lines of changes begin */
} dvsi_saved_lines;
/* Those of an entity; free them whatever the status. */
int32_t dvsi_saved_lines_of(const dvsi_saved *saved, const dvsi_saved_entity *entity, uint32_t wanted,
                            dvsi_saved_lines *lines, dvs_error *err);
/* The next one in *line, NULL: no more. Valid until the next call. */
int32_t dvsi_saved_next(dvsi_saved_lines *lines, const dvsi_json **line, dvs_error *err);
void dvsi_saved_lines_free(dvsi_saved_lines *lines);
/* A member's text; NULL: there is none. */
const char *dvsi_saved_text(const dvsi_json *line, const char *name);

/* ---- Making one (saved_keep.c, saved_write.c): a diff with options->plan ---- */

/* What carrying out a change of this key needs: of a record that streams what the source said, else a look at
 * the key. `record` NULL: it is deleted. Nothing unless the diff saves a plan. */
int32_t dvsi_saved_keep(dvsi_feed *feed, const dvsi_record *record, const char *key, dvs_error *err);
/* A record that failed, and will again; and one that came through behind that, by the source's key, else by
 * its own. */
int32_t dvsi_saved_fail(dvsi_feed *feed, const dvsi_record_error *error, dvs_error *err);
int32_t dvsi_saved_mend(dvsi_feed *feed, const dvs_cell *name, dvs_error *err);
int32_t dvsi_saved_forget(dvsi_feed *feed, const char *key, dvs_error *err);
/* The feed is read once more, from the start. */
int32_t dvsi_saved_restart(dvsi_feed *feed, dvs_error *err);
/* The conflicts of this record may change, whether or not the record does. */
int32_t dvsi_saved_look(dvsi_feed *feed, const char *key, dvs_error *err);
/* The diff has ended: writes the file. Not when something could not be compared: then a note says so. */
int32_t dvsi_saved_write(dvsi_run *run, dvs_error *err);
/* What tells whether the plan is still true: SHA-256 of the project file, and of what is pinned of an entity;
 * the newest run of an entity, in the run's arena. */
int32_t dvsi_saved_project(const dvsi_run *run, char hex[65], dvs_error *err);
int32_t dvsi_saved_pins(dvsi_run *run, const char *entity, char hex[65], dvs_error *err);
int32_t dvsi_saved_last_run(dvsi_run *run, const char *entity, const char **run_id, dvs_error *err);

/* ---- Stored rows by key (saved_rows.c), by what earlier runs recorded of the entity ---- */

typedef struct dvsi_saved_rows {
    dvsi_target *target;
    dvsi_schema schema;
    dvs_table table;
    uint32_t n_columns; /* row id, fields */
    uint32_t key[16];
    int32_t deleted_at; /* -1: there is no such column */
    int32_t valid_to;
    dvsi_batch *rows; /* what was read; a row's number is its key's place */
    uint32_t readable;
} dvsi_saved_rows;
int32_t dvsi_saved_rows_open(dvsi_target *target, dvsi_saved_rows *rows, dvs_error *err);
int32_t dvsi_saved_rows_read(dvsi_saved_rows *rows, const char *const *keys, uint32_t n, dvs_error *err);
/* The row of key number i as the plan shows it: its fields, null when there is none; *deleted when it is no
 * longer active. */
void dvsi_saved_rows_put(const dvsi_saved_rows *rows, uint32_t i, int *deleted, dvsi_buf *out);
int32_t dvsi_saved_rows_active(dvsi_saved_rows *rows, uint64_t *active, dvs_error *err);
void dvsi_saved_rows_close(dvsi_saved_rows *rows);

/* ---- Carrying one out: a sync with options->plan ---- */

/* Before anything else: the file is opened, and the options are looked at. */
int32_t dvsi_saved_take(dvsi_run *run, dvs_error *err);
/* saved_check.c: under the lock, before anything is written. DVS_E_GUARD: it is no longer true, or deletes
 * too much. */
int32_t dvsi_saved_check(dvsi_run *run, dvs_error *err);
/* saved_source.c: the plan in the place of each feed's source. */
int32_t dvsi_saved_sources(dvsi_run *run, dvs_error *err);
/* saved_apply.c: before the end of an entity: offers, and the keys to look at. */
int32_t dvsi_saved_apply(dvsi_feed *feed, dvs_error *err);
/* May the run commit? An entity is written in one transaction; one that fails ends the run. */
int dvsi_saved_commits(dvsi_run *run);
/* What the plan recorded of a feed. */
const dvsi_saved_feed *dvsi_saved_feed_of(const dvsi_feed *feed);

#endif
