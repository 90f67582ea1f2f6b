/* names.h - a set of names that are compared without regard to case, as sinks compare identifiers. */
#ifndef DVSI_CONFIG_NAMES_H
#define DVSI_CONFIG_NAMES_H

#include "config/node.h"

typedef struct dvsi_name {
    const char *text;
    const dvsi_node *node; /* where it stands */
    uint32_t order;        /* in which it was added */
} dvsi_name;

/* Made for a number of names, filled, sorted, then asked. */
typedef struct dvsi_names {
    dvsi_name *names;
    uint32_t n;
    uint32_t capacity;
} dvsi_names;

/* 0, or -1 when memory is out. */
int dvsi_names_init(dvsi_arena *arena, dvsi_names *names, size_t capacity);
/* Adds a name, NULL and the empty one excepted; at most as many as there is room for. */
void dvsi_names_add(dvsi_names *names, const char *text, const dvsi_node *node);
void dvsi_names_sort(dvsi_names *names);
/* The first one added of that name, or NULL. */
const dvsi_name *dvsi_names_find(const dvsi_names *names, const char *text);
/* Adds an error at every name but the first of equal ones. `what`: "entities". */
void dvsi_names_report(const dvsi_names *names, const char *what, dvsi_problems *problems);

#endif
