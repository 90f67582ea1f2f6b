/*
 * generate_recipes.h - short forms for the lists of columns.
 */
#ifndef SIM_GENERATE_RECIPES_H
#define SIM_GENERATE_RECIPES_H

#include "generate.h"

/* name, type, flags, options or targets, way to the value, per cent filled, a, b */
#define COL(n, t, f, m, k, p, x, y)                                                                          \
    {                                                                                                        \
        .spec = {.name = (n), .type = (t), .flags = (f), .more = (m)}, .make = (k), .filled = (p), .a = (x), \
        .b = (y)                                                                                             \
    }
#define KEY(n) COL(n, SIM_UNIQUEIDENTIFIER, SIM_COL_KEY, NULL, SIM_MAKE_KEY, 0, 0, 0)
#define TEXT(n, k, p) COL(n, SIM_STRING, 0, NULL, k, p, 0, 0)
#define TITLE(n, k, x) COL(n, SIM_STRING, SIM_COL_NAME, NULL, k, 0, x, 0)
#define PLAIN(n, t, p) COL(n, t, 0, NULL, SIM_MAKE_OF_TYPE, p, 0, 0)
#define LOOKUP(n, targets, p) COL(n, SIM_LOOKUP, 0, targets, SIM_MAKE_OF_TYPE, p, 0, 0)
#define CHOICE(n, options, p) COL(n, SIM_PICKLIST, 0, options, SIM_MAKE_OF_TYPE, p, 0, 0)
#define EMPTY(n, t) COL(n, t, 0, NULL, SIM_MAKE_NULL, 0, 0, 0)
#define HIDDEN(n, t) COL(n, t, SIM_COL_UNREADABLE, NULL, SIM_MAKE_NULL, 0, 0, 0)
#define LISTED(n, t, f, values)                                                                              \
    {                                                                                                        \
        .spec = {.name = (n), .type = (t), .flags = (f)}, .make = SIM_MAKE_LIST, .list = (values)            \
    }

/* What every table with an owner has. */
#define OWNED                                                                                                \
    COL("ownerid", SIM_OWNER, 0, "systemuser,team", SIM_MAKE_OF_TYPE, 0, 0, 0),                              \
        LOOKUP("owningbusinessunit", "businessunit", 0)
#define STATES                                                                                               \
    COL("statecode", SIM_STATE, 0, "0:Active;1:Inactive", SIM_MAKE_STATE, 0, 0, 0),                          \
        COL("statuscode", SIM_STATUS, 0, "1:Active:0;2:Inactive:1", SIM_MAKE_STATUS, 0, 0, 0)
#define STAMPS                                                                                               \
    COL("createdon", SIM_DATETIME, 0, NULL, SIM_MAKE_CREATED, 0, 0, 0),                                      \
        LOOKUP("createdby", "systemuser", 0),                                                                \
        COL("modifiedon", SIM_DATETIME, 0, NULL, SIM_MAKE_MODIFIED, 0, 0, 0),                                \
        LOOKUP("modifiedby", "systemuser", 0), VERSION
#define VERSION COL("versionnumber", SIM_BIGINT, 0, NULL, SIM_MAKE_VERSION, 0, 0, 0)
#define CURRENCY LOOKUP("transactioncurrencyid", "transactioncurrency", 0), RATE
#define RATE COL("exchangerate", SIM_DECIMAL, 0, NULL, SIM_MAKE_RATE, 0, 0, 0)
#define IMAGE COL("entityimage", SIM_IMAGE, SIM_COL_ON_REQUEST, NULL, SIM_MAKE_OF_TYPE, 30, 0, 0)

#define SIM_COUNT(list) (sizeof(list) / sizeof((list)[0]))

#endif
