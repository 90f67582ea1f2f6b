/*
 * store.h - the organisation that is simulated: tables, columns and rows in memory. Values are rendered as
 * JSON once, when a row is made. Thread-safe: readers share, a change is alone.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include <stddef.h>
#include <stdint.h>

struct sim_store;

struct sim_error {
    char message[512];
};

/* An empty organisation. `seed` decides every generated value; `now`: microseconds since 1970 UTC, the moment
 * of the organisation's birth (rows generated are older). NULL when memory is out. */
struct sim_store *sim_store_new(uint64_t seed, int64_t now);
void sim_store_free(struct sim_store *store);

/* Optional, before generating: how many rows a table will have. Lookups to tables that are still to come then
 * point only to rows that will be there; without, a table to come is taken to get as many rows as the one
 * that points to it. */
int sim_store_plan(struct sim_store *store, const char *set_name, uint64_t rows, struct sim_error *error);

/*
 * Adds a table with generated rows. Tables known by name, with the columns of a real organisation, lookups
 * among each other included: accounts, contacts (290 columns, most of them null, in no sensible order),
 * systemusers (derives from principal), teams, tasks and emails (derive from activitypointer), opportunities,
 * products, transactioncurrencies, businessunits, leads, accountleadscollection (N:N: no modifiedon), and
 * datatypes (every type and extreme). Any other name is a custom table (new_NAME, unless it has a _ already)
 * of plain columns. The first table brings small systemusers, teams, transactioncurrencies and businessunits
 * along, to which its lookups point; naming one of those replaces it. `columns`: properties of a row (without
 * @odata.etag); 0 for the table's own, else exactly so many, 2 at least. 0 or -1.
 */
int sim_store_generate(struct sim_store *store, const char *set_name, uint64_t rows, unsigned columns,
                       struct sim_error *error);
/*
 * Adds a table from the user's own file; the set name is the file's.
 * FILE.json: an array of objects; or {"value":[…]}, what the Web API answered once; or
 * {"table":{"set_name","logical_name"},
 * "columns":[{"name","type","targets":["account"],"options":"1:One;2:Two","behavior":"DateOnly"}],"rows":[…]}.
 * FILE.csv: comma or semicolon, with a header; an empty field is null. Types that are not said are guessed
 * from the values. The key is the column <set name without s>id, or the first GUID column without gaps and
 * doubles; else one is made. modifiedon and versionnumber are added where they are missing. 0 or -1.
 */
int sim_store_load(struct sim_store *store, const char *path, struct sim_error *error);

/*
 * Changes rows, as a user of the organisation would. `json`: {"accounts": {"insert":[{…}],
 * "update":[{"accountid":…, …}], "delete":["guid", …]}, …}; also
 * {"accounts":{"random":{"insert":n,"update":n,"delete":n}}}. modifiedon is `now` in whole seconds and
 * versionnumber the next one, unless the row names its own modifiedon. Answers a report as JSON, to be freed:
 * per table the keys that were inserted, updated, deleted. All or nothing; NULL with *error otherwise.
 */
char *sim_store_change(struct sim_store *store, const char *json, int64_t now, struct sim_error *error);

/* A column disappears from metadata and rows (as when an administrator deletes it); or one is added (`type`:
 * Microsoft's AttributeType, all values null). 0 or -1. */
int sim_store_drop_column(struct sim_store *store, const char *set_name, const char *column,
                          struct sim_error *error);
int sim_store_add_column(struct sim_store *store, const char *set_name, const char *column, const char *type,
                         struct sim_error *error);

#endif
