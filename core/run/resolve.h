/* resolve.h - what a user decides about a conflict: a value is pinned, or no longer. */
#ifndef DVSI_RUN_RESOLVE_H
#define DVSI_RUN_RESOLVE_H

#include "run/view.h"

/*
 * Pins the value of one of the two sides ("sink": what stands in the sink, or the edit that was overwritten);
 * the next sync writes it. The view holds the project's lock; end it to commit. DVS_E_NOT_FOUND: no such
 * conflict, or none that is open; DVS_E_USAGE: no such side.
 */
int32_t dvsi_conflict_resolve(dvsi_view *view, int64_t id, const char *keep, dvs_error *err);
/* Removes the pin of a resolved conflict; the next sync writes what the sources say. */
int32_t dvsi_conflict_unpin(dvsi_view *view, int64_t id, dvs_error *err);
/* The row of a conflict, whole, in `rows`. DVS_E_NOT_FOUND. */
int32_t dvsi_conflict_find(dvsi_view *view, int64_t id, dvsi_batch *rows, dvs_error *err);

#endif
