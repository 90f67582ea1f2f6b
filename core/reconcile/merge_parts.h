/* merge_parts.h - what the files of merge.h share. */
#ifndef DVSI_RECONCILE_MERGE_PARTS_H
#define DVSI_RECONCILE_MERGE_PARTS_H

#include "reconcile/merge.h"

/* A new clash at the end, to be filled; NULL when memory is out. */
dvsi_clash *dvsi_merge_clash(dvsi_arena *arena, dvsi_merged *merged);
/* Sets whole[field]: what is to stand there, else what stands there, else NULL. */
void dvsi_merge_whole(const dvsi_stored *stored, uint32_t field, dvsi_merged *merged);

#endif
