/*
 * csdl.h - $metadata, the organisation's schema in XML.
 */
#ifndef SIM_CSDL_H
#define SIM_CSDL_H

#include "store_parts.h"
#include "text.h"

void sim_csdl_write(struct sim_text *text, const struct sim_store *store);

#endif
