/*
 * view.h - a project's sink as reports see it: one consistent view, the books open, and known who runs.
 *
 * A view is a run that never starts: `run` carries the project, the sink, the books and, per entity of the
 * project, a target with what earlier runs recorded of it.
 */
#ifndef DVSI_RUN_VIEW_H
#define DVSI_RUN_VIEW_H

#include "run/run.h"

typedef struct dvsi_view_request {
    const dvsi_project *project;
    dvsi_registry *registry;
    const dvsi_log *log;
    atomic_int *stop;
    uint32_t flags; /* DVS_SINK_READ_ONLY, or 0 for one that writes; DVSI_VIEW_ */
} dvsi_view_request;

/* Takes the project's lock, as a sync does, for as long as the view lives: DVS_E_LOCKED when a run is going
 * on. */
#define DVSI_VIEW_LOCK 0x80000000u

typedef struct dvsi_view {
    dvsi_run *run;     /* run->sink NULL: there is no database yet, which is no error */
    dvs_error missing; /* then: what the plugin said */
    dvs_error probe;   /* status not 0: whether a run is going on cannot be told */
    uint32_t held;     /* the project's lock is held: a run is going on */
    dvsi_batch *lock;  /* its row of _sync_locks; no row: it is starting or ending */
} dvsi_view;

/* Settings that are wrong: DVS_E_CONFIG, the first problem in *err. Everything that the request points to
 * must outlive the view. */
int32_t dvsi_view_new(const dvsi_view_request *request, dvsi_view **view, dvs_error *err);
/* Commits, or ends reading. DVS_E_CHANGED: another program changed the database while it was read, so what
 * was read may not fit together; make a new view. */
int32_t dvsi_view_end(dvsi_view *view, dvs_error *err);
void dvsi_view_free(dvsi_view *view); /* NULL is fine; what was not ended is rolled back */

/* A row of _sync_runs: is it the run that is going on, and has it lost its process? */
int dvsi_view_is_running(const dvsi_view *view, const dvs_cell *row);
int dvsi_view_is_dead(const dvsi_view *view, const dvs_cell *row);

#endif
