/* json_schema_value.h - the JSON Schema of single values: of project keys and of plugin options. */
#ifndef DVSI_CONFIG_JSON_SCHEMA_VALUE_H
#define DVSI_CONFIG_JSON_SCHEMA_VALUE_H

#include "base/buf.h"
#include "config/keys.h"
#include "dvsync/plugin.h"

#define DVSI_SCHEMA_VARIABLE "\\$\\{" /* regular expression: a ${...}, which may come to anything */

/* Each adds one schema object. */
void dvsi_schema_key(dvsi_buf *out, const dvsi_key *key);
void dvsi_schema_option(dvsi_buf *out, const dvs_option *option);
/* Adds a schema for objects with these keys and no others: members of an object that the caller opens and
 * closes. */
void dvsi_schema_members(dvsi_buf *out, const dvsi_key *keys);

#endif
