/* yaml_scan.h - a first look at a YAML file: what project files may not contain. */
#ifndef DVSI_CONFIG_YAML_SCAN_H
#define DVSI_CONFIG_YAML_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "config/problem.h"

#define DVSI_YAML_DEPTH 64

typedef struct dvsi_yaml_facts {
    uint32_t is_yaml;          /* it could be read to its end */
    uint32_t is_usable;        /* a tree may be made of it: whatever was added says nothing against that */
    uint32_t has_project_keys; /* `sources`, `source` or `sink` at the top of a document */
} dvsi_yaml_facts;

/* Adds a problem for everything that is not UTF-8, not YAML or not allowed: anchors, aliases, tags that
 * change what a value is, several documents, none, keys that are no text, depth over DVSI_YAML_DEPTH. `facts`
 * may be NULL. */
void dvsi_yaml_scan(const char *file, const char *data, size_t length, dvsi_problems *problems,
                    dvsi_yaml_facts *facts);
/* What libyaml's parser says went wrong, as a problem. `parser` is a yaml_parser_t. */
struct yaml_parser_s;
void dvsi_yaml_parser_error(const char *file, const char *data, size_t length,
                            const struct yaml_parser_s *parser, dvsi_problems *problems);

#endif
