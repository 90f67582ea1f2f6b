/* Tables with generated rows. */
#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "store_time.h"

const struct sim_design *sim_design_of(const char *set_name)
{
    for (size_t i = 0; i < sim_n_designs_sales; i++)
        if (strcmp(sim_designs_sales[i].set_name, set_name) == 0)
            return &sim_designs_sales[i];
    for (size_t i = 0; i < sim_n_designs_base; i++)
        if (strcmp(sim_designs_base[i].set_name, set_name) == 0)
            return &sim_designs_base[i];
    if (strcmp(sim_design_contacts.set_name, set_name) == 0)
        return &sim_design_contacts;
    return strcmp(sim_design_datatypes.set_name, set_name) == 0 ? &sim_design_datatypes : NULL;
}

/* Columns that a table keeps when it is to have fewer. */
static int is_essential(const struct sim_recipe *recipe)
{
    const char *name = recipe->spec.name;
    return (recipe->spec.flags & (SIM_COL_KEY | SIM_COL_NAME)) != 0 || strcmp(name, "modifiedon") == 0 ||
           strcmp(name, "versionnumber") == 0;
}

static int has_property(const struct sim_recipe *recipe)
{
    enum sim_type type = (enum sim_type)recipe->spec.type;
    return !(recipe->spec.flags & (SIM_COL_UNREADABLE | SIM_COL_NO_PROPERTY | SIM_COL_ON_REQUEST)) &&
           type != SIM_PARTYLIST && type != SIM_VIRTUAL && type != SIM_CALENDARRULES;
}

static int add_recipe(struct sim_table *table, const struct sim_recipe *recipe)
{
    if (sim_table_add_column(table, &recipe->spec) != 0)
        return -1;
    table->columns[table->n_columns - 1].recipe = recipe;
    return sim_table_add_companions(table, recipe->spec.name);
}

/* Custom columns of plain types until there are `columns` properties. */
static int pad_columns(struct sim_table *table, unsigned columns)
{
    static const uint8_t cycle[] = {SIM_STRING,  SIM_INTEGER, SIM_DECIMAL, SIM_DATETIME,
                                    SIM_BOOLEAN, SIM_STRING,  SIM_DOUBLE};
    static const char *const names[] = {"text", "count", "amount", "date", "flag", "note", "measure"};
    for (unsigned i = 0; sim_table_n_properties(table) < columns; i++) {
        struct sim_text name = {0};
        sim_text_printf(&name, "new_%s%u", names[i % 7], i / 7 + 1);
        struct sim_column_spec spec = {.name = name.data, .type = cycle[i % 7], .flags = SIM_COL_CUSTOM};
        int answer = name.failed ? -1 : sim_table_add_column(table, &spec);
        if (answer == 0)
            answer = sim_table_add_companions(table, spec.name);
        sim_text_free(&name);
        if (answer != 0)
            return -1;
    }
    return 0;
}

static int compare_mixed(const void *a, const void *b)
{
    const struct sim_recipe *const *left = a;
    const struct sim_recipe *const *right = b;
    uint64_t l = sim_hash((*left)->spec.name, strlen((*left)->spec.name), 11);
    uint64_t r = sim_hash((*right)->spec.name, strlen((*right)->spec.name), 11);
    return l < r ? -1 : l > r;
}

static int add_designed(struct sim_table *table, const struct sim_design *design, unsigned columns)
{
    const struct sim_recipe **order = calloc(design->n_recipes, sizeof(const struct sim_recipe *));
    if (order == NULL)
        return -1;
    unsigned essential = 0;
    for (size_t i = 0; i < design->n_recipes; i++)
        essential += is_essential(&design->recipes[i]) ? 1 : 0;
    if (columns > 0 && essential > columns)
        essential = columns;
    unsigned others = columns - essential;
    size_t n = 0;
    for (size_t i = 0; i < design->n_recipes; i++) {
        const struct sim_recipe *recipe = &design->recipes[i];
        unsigned *left = is_essential(recipe) ? &essential : &others;
        if (columns > 0 && has_property(recipe)) {
            if (*left == 0)
                continue;
            --*left;
        }
        order[n++] = recipe;
    }
    if (design->shuffled)
        qsort(order, n, sizeof(const struct sim_recipe *), compare_mixed);
    int answer = 0;
    for (size_t i = 0; i < n && answer == 0; i++)
        answer = add_recipe(table, order[i]);
    free(order);
    return answer;
}

/* The columns of a table without a design: new_widget with new_widgetid, new_name, some plain ones. */
static int add_custom(struct sim_table *table, unsigned columns)
{
    static const struct sim_recipe stamps[] = {
        {.spec = {.name = "new_name", .type = SIM_STRING, .flags = SIM_COL_NAME},
         .make = SIM_MAKE_WORDS,
         .a = 3},
        {.spec = {.name = "modifiedon", .type = SIM_DATETIME}, .make = SIM_MAKE_MODIFIED},
        {.spec = {.name = "versionnumber", .type = SIM_BIGINT}, .make = SIM_MAKE_VERSION},
        {.spec = {.name = "createdon", .type = SIM_DATETIME}, .make = SIM_MAKE_CREATED},
    };
    struct sim_text name = {0};
    sim_text_printf(&name, "%sid", table->logical_name);
    struct sim_column_spec spec = {.name = name.data, .type = SIM_UNIQUEIDENTIFIER, .flags = SIM_COL_KEY};
    int answer = name.failed ? -1 : sim_table_add_column(table, &spec);
    sim_text_free(&name);
    if (answer != 0)
        return -1;
    for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++)
        if (columns == 0 || i + 1 < columns)
            if (add_recipe(table, &stamps[i]) != 0)
                return -1;
    return pad_columns(table, columns == 0 ? 12 : columns);
}

static struct sim_table *custom_table(const char *set_name)
{
    struct sim_text logical = {0};
    struct sim_text set = {0};
    size_t length = strlen(set_name);
    const char *prefix = strchr(set_name, '_') == NULL ? "new_" : "";
    sim_text_printf(&set, "%s%s", prefix, set_name);
    sim_text_puts(&logical, prefix);
    sim_text_add(&logical, set_name, length > 1 && set_name[length - 1] == 's' ? length - 1 : length);
    struct sim_table *table = set.failed || logical.failed ? NULL : sim_table_new(set.data, logical.data);
    sim_text_free(&set);
    sim_text_free(&logical);
    return table;
}

static struct sim_table *make_table(const char *set_name, unsigned columns)
{
    const struct sim_design *design = sim_design_of(set_name);
    struct sim_table *table =
        design == NULL ? custom_table(set_name) : sim_table_new(design->set_name, design->logical_name);
    if (table == NULL)
        return NULL;
    int failed;
    if (design == NULL) {
        failed = add_custom(table, columns);
    } else {
        if (design->base_type != NULL)
            table->base_type = design->base_type;
        table->intersect = (int)design->intersect;
        table->activity = (int)design->activity;
        table->sparse = (int)design->shuffled;
        table->huge_versions = (int)design->huge_versions;
        free(table->schema_name);
        table->schema_name = strdup(design->schema_name);
        failed = table->schema_name == NULL || add_designed(table, design, columns) != 0 ||
                 pad_columns(table, columns > 0 ? columns : design->n_columns) != 0;
    }
    if (failed) {
        sim_table_free(table);
        return NULL;
    }
    return table;
}

/* For a column that came without one. */
static struct sim_recipe plain_recipe(const struct sim_table *table, const struct sim_column *column)
{
    struct sim_recipe recipe = {.spec = {.name = column->name,
                                         .type = (uint8_t)column->type,
                                         .flags = column->flags,
                                         .more = column->more}};
    if (column->flags & SIM_COL_KEY)
        recipe.make = SIM_MAKE_KEY;
    else if (strcmp(column->name, "modifiedon") == 0)
        recipe.make = SIM_MAKE_MODIFIED;
    else if (strcmp(column->name, "createdon") == 0)
        recipe.make = SIM_MAKE_CREATED;
    else if (strcmp(column->name, "versionnumber") == 0)
        recipe.make = SIM_MAKE_VERSION;
    else
        recipe.filled = table->sparse ? 2 : 80;
    return recipe;
}

struct sim_row *sim_generate_row(struct sim_store *store, struct sim_table *table, const struct sim_guid *key,
                                 int64_t now, const struct sim_value *given, const unsigned char *is_given)
{
    struct sim_birth birth = {.store = store, .table = table, .index = table->generated};
    uint64_t r = sim_mix(store->seed ^ table->id ^ sim_mix(birth.index));
    birth.key = key != NULL ? *key : sim_guid_make(store->seed, table->id, birth.index);
    if (now == INT64_MIN) { /* made in the three years before, changed since */
        int64_t age = (int64_t)(r % (3 * 365 * 86400)) + 60;
        birth.created = (store->now / SIM_SECOND - age) * SIM_SECOND;
        birth.modified = birth.created + (int64_t)((r >> 32) % (uint64_t)age) * SIM_SECOND;
    } else {
        birth.created = birth.modified = now / SIM_SECOND * SIM_SECOND;
    }
    birth.version = ++store->version;
    if (table->huge_versions && birth.index % 3 == 1)
        birth.version += UINT64_C(1) << 53 | 1;
    struct sim_value *values = calloc(table->n_slots + 1, sizeof *values);
    size_t *starts = calloc(table->n_columns + 1, sizeof *starts);
    struct sim_text text = {0};
    struct sim_row *row = NULL;
    if (values == NULL || starts == NULL)
        goto out;
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct sim_column *column = &table->columns[i];
        starts[i] = text.length;
        if (column->key == NULL || (is_given != NULL && is_given[column->slot]))
            continue;
        struct sim_recipe plain;
        birth.recipe = column->recipe;
        if (birth.recipe == NULL) {
            plain = plain_recipe(table, column);
            birth.recipe = &plain;
        }
        sim_make_value(&birth, &text);
    }
    starts[table->n_columns] = text.length;
    if (text.failed)
        goto out;
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct sim_column *column = &table->columns[i];
        if (column->key == NULL)
            continue;
        if (is_given != NULL && is_given[column->slot])
            values[column->slot] = given[column->slot];
        else if (starts[i + 1] > starts[i])
            values[column->slot] = (struct sim_value){text.data + starts[i], starts[i + 1] - starts[i]};
    }
    row = sim_row_new(&birth.key, birth.version, values, table->n_slots);
    if (row != NULL)
        table->generated++;
out:
    sim_text_free(&text);
    free(starts);
    free(values);
    return row;
}

static int fill(struct sim_store *store, struct sim_table *table, uint64_t rows, struct sim_error *error)
{
    if (rows > SIZE_MAX / sizeof(struct sim_row *)) {
        sim_error_set(error, "%llu rows are too many.", (unsigned long long)rows);
        return -1;
    }
    struct sim_row **array = malloc((rows == 0 ? 1 : (size_t)rows) * sizeof(struct sim_row *));
    size_t n = 0;
    int answer = -1;
    if (array != NULL) {
        while (n < rows && (array[n] = sim_generate_row(store, table, NULL, INT64_MIN, NULL, NULL)) != NULL)
            n++;
        if (n == rows)
            answer = sim_rows_fill(&table->rows, array, n);
    }
    if (answer != 0) {
        for (size_t i = 0; i < n; i++)
            sim_row_free(array[i]);
        if (answer == -2)
            sim_error_set(error, "Two rows of %s got the same GUID; take another seed.", table->set_name);
        else
            sim_error_set(error, "Memory is out for %llu rows of %s.", (unsigned long long)rows,
                          table->set_name);
    }
    free(array);
    return answer == 0 ? 0 : -1;
}

static int generate(struct sim_store *store, const char *set_name, uint64_t rows, unsigned columns,
                    int automatic, struct sim_error *error)
{
    if (columns == 1 || columns > 4000) {
        sim_error_set(error, "%u columns for %s: a table has 2 to 4000.", columns, set_name);
        return -1;
    }
    struct sim_table *table = make_table(set_name, columns);
    if (table == NULL) {
        sim_error_set(error, "Memory is out.");
        return -1;
    }
    table->automatic = automatic;
    if (columns > 0 && sim_table_n_properties(table) != columns) {
        sim_error_set(error, "The table %s cannot have as few as %u columns.", set_name, columns);
        sim_table_free(table);
        return -1;
    }
    if (fill(store, table, rows, error) != 0) {
        sim_table_free(table);
        return -1;
    }
    return sim_store_put_table(store, table, error);
}

/* The small tables that lookups point to. */
static int bring_along(struct sim_store *store, const char *but, struct sim_error *error)
{
    for (size_t i = 0; i < sim_n_designs_base; i++) {
        const struct sim_design *design = &sim_designs_base[i];
        if (design->automatic == 0 || strcmp(design->set_name, but) == 0 ||
            sim_store_table(store, design->set_name, strlen(design->set_name)) != NULL)
            continue;
        int64_t planned = sim_store_rows(store, design->logical_name, strlen(design->logical_name));
        if (planned < 0 && generate(store, design->set_name, design->automatic, 0, 1, error) != 0)
            return -1;
    }
    return 0;
}

int sim_store_generate(struct sim_store *store, const char *set_name, uint64_t rows, unsigned columns,
                       struct sim_error *error)
{
    size_t length = strlen(set_name);
    if (length == 0 || length > 100 || strspn(set_name, "abcdefghijklmnopqrstuvwxyz0123456789_") != length) {
        sim_error_set(error, "\"%s\" is no name of a table: lower-case letters, digits and _, at most 100.",
                      set_name);
        return -1;
    }
    pthread_rwlock_wrlock(&store->lock);
    int answer = bring_along(store, set_name, error);
    if (answer == 0)
        answer = generate(store, set_name, rows, columns, 0, error);
    pthread_rwlock_unlock(&store->lock);
    return answer;
}
