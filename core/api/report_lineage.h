/* report_lineage.h - a record's key as somebody gives it. */
#ifndef DVSI_API_REPORT_LINEAGE_H
#define DVSI_API_REPORT_LINEAGE_H

#include "api/report.h"

/*
 * The cells of the key (as many as the entity has key fields, in key order, in the arena of the view's run)
 * and its canonical text. DVS_E_USAGE when fields are missing or not the key's; DVS_E_NOT_FOUND when no
 * record can have it, or the entity was never synced, so that nobody knows the types of its key.
 */
int32_t dvsi_report_key(dvsi_view *view, const dvsi_target *target, const dvs_lineage_options *options,
                        dvs_cell **cells, dvsi_buf *text, dvs_error *err);

/*
 * Adds the member "reference_offers" when the entity has fields of authority reference: what its sources
 * offer for these, of one record; of one field alone when `only` is set.
 */
int32_t dvsi_report_reference_offers(dvsi_view *view, const dvsi_target *target, const dvs_cell *key,
                                     const char *only, dvsi_buf *out, dvs_error *err);

#endif
