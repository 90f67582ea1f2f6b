/*
 * filter_parts.h - a filter that was parsed.
 */
#ifndef SIM_FILTER_PARTS_H
#define SIM_FILTER_PARTS_H

#include "filter.h"

enum sim_op {
    SIM_OP_AND,
    SIM_OP_OR,
    SIM_OP_NOT,
    SIM_OP_EQ,
    SIM_OP_NE,
    SIM_OP_GT,
    SIM_OP_GE,
    SIM_OP_LT,
    SIM_OP_LE,
    SIM_OP_CONTAINS,
    SIM_OP_STARTSWITH,
    SIM_OP_ENDSWITH,
    SIM_OP_IN
};

#define SIM_NO_NODE SIZE_MAX

struct sim_node {
    enum sim_op op;
    size_t child;     /* AND, OR, NOT: the first of them */
    size_t sibling;   /* the next child of the same parent */
    const void *what; /* others: the property */
    size_t first_operand;
    size_t n_operands;
};

struct sim_filter {
    struct sim_node *nodes;
    size_t n_nodes, nodes_capacity;
    struct sim_scalar *operands;
    size_t n_operands, operands_capacity;
    size_t root;
    char *text;  /* a copy of the filter that names and operands point into; strings are unquoted in place */
    char *spare; /* names, ended by NUL */
    size_t spare_length;
};

#endif
