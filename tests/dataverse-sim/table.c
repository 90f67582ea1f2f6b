#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "table.h"
#include "text.h"

/* Microsoft's metadata reference: MultiSelectPicklist, Image and File report the AttributeType Virtual; only
 * AttributeTypeName tells. */
static const struct sim_type_info types[SIM_N_TYPES] = {
    [SIM_UNIQUEIDENTIFIER] = {"Uniqueidentifier", "UniqueidentifierType", "UniqueIdentifierAttributeMetadata",
                              "Edm.Guid"},
    [SIM_STRING] = {"String", "StringType", "StringAttributeMetadata", "Edm.String"},
    [SIM_MEMO] = {"Memo", "MemoType", "MemoAttributeMetadata", "Edm.String"},
    [SIM_INTEGER] = {"Integer", "IntegerType", "IntegerAttributeMetadata", "Edm.Int32"},
    [SIM_BIGINT] = {"BigInt", "BigIntType", "BigIntAttributeMetadata", "Edm.Int64"},
    [SIM_DECIMAL] = {"Decimal", "DecimalType", "DecimalAttributeMetadata", "Edm.Decimal"},
    [SIM_MONEY] = {"Money", "MoneyType", "MoneyAttributeMetadata", "Edm.Decimal"},
    [SIM_DOUBLE] = {"Double", "DoubleType", "DoubleAttributeMetadata", "Edm.Double"},
    [SIM_BOOLEAN] = {"Boolean", "BooleanType", "BooleanAttributeMetadata", "Edm.Boolean"},
    [SIM_DATETIME] = {"DateTime", "DateTimeType", "DateTimeAttributeMetadata", "Edm.DateTimeOffset"},
    [SIM_PICKLIST] = {"Picklist", "PicklistType", "PicklistAttributeMetadata", "Edm.Int32"},
    [SIM_STATE] = {"State", "StateType", "StateAttributeMetadata", "Edm.Int32"},
    [SIM_STATUS] = {"Status", "StatusType", "StatusAttributeMetadata", "Edm.Int32"},
    [SIM_MULTISELECT] = {"Virtual", "MultiSelectPicklistType", "MultiSelectPicklistAttributeMetadata",
                         "Edm.String"},
    [SIM_LOOKUP] = {"Lookup", "LookupType", "LookupAttributeMetadata", "Edm.Guid"},
    [SIM_CUSTOMER] = {"Customer", "CustomerType", "LookupAttributeMetadata", "Edm.Guid"},
    [SIM_OWNER] = {"Owner", "OwnerType", "LookupAttributeMetadata", "Edm.Guid"},
    [SIM_PARTYLIST] = {"PartyList", "PartyListType", "LookupAttributeMetadata", "Edm.Guid"},
    [SIM_ENTITYNAME] = {"EntityName", "EntityNameType", "EntityNameAttributeMetadata", "Edm.String"},
    [SIM_VIRTUAL] = {"Virtual", "VirtualType", "AttributeMetadata", "Edm.String"},
    [SIM_IMAGE] = {"Virtual", "ImageType", "ImageAttributeMetadata", "Edm.Binary"},
    [SIM_FILE] = {"Virtual", "FileType", "FileAttributeMetadata", "Edm.Guid"},
    [SIM_MANAGED] = {"ManagedProperty", "ManagedPropertyType", "ManagedPropertyAttributeMetadata",
                     "mscrm.BooleanManagedProperty"},
    [SIM_CALENDARRULES] = {"CalendarRules", "CalendarRulesType", "LookupAttributeMetadata", "Edm.Guid"},
};

const struct sim_type_info *sim_type_info(enum sim_type type)
{
    return &types[type];
}

int sim_type_of_name(const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < SIM_N_TYPES; i++) {
        size_t full = strlen(types[i].type_name);
        if ((length == full || length + 4 == full) && strncasecmp(name, types[i].type_name, length) == 0)
            return i;
    }
    return -1;
}

struct sim_table *sim_table_new(const char *set_name, const char *logical_name)
{
    struct sim_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->set_name = strdup(set_name);
    table->logical_name = strdup(logical_name);
    table->schema_name = strdup(logical_name);
    table->base_type = "crmbaseentity";
    table->id = sim_hash(logical_name, strlen(logical_name), 0);
    table->custom = strchr(logical_name, '_') != NULL;
    if (table->set_name == NULL || table->logical_name == NULL || table->schema_name == NULL) {
        sim_table_free(table);
        return NULL;
    }
    char *first = table->schema_name;
    if (!table->custom && *first >= 'a' && *first <= 'z')
        *first = (char)(*first - 'a' + 'A');
    return table;
}

static void clear_column(struct sim_column *column)
{
    free(column->name);
    free(column->key);
    free(column->prefix);
    free(column->more);
    free(column->of);
}

void sim_table_free(struct sim_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->n_columns; i++)
        clear_column(&table->columns[i]);
    free(table->columns);
    sim_rows_free(&table->rows);
    free(table->set_name);
    free(table->logical_name);
    free(table->schema_name);
    free(table);
}

static char *copy_or_null(const char *text, int *failed)
{
    if (text == NULL)
        return NULL;
    char *copy = strdup(text);
    if (copy == NULL)
        *failed = 1;
    return copy;
}

/* The key in JSON: a lookup's is _name_value. */
static char *key_for(const struct sim_column *column)
{
    struct sim_text text = {0};
    if (sim_column_is_lookup(column))
        sim_text_printf(&text, "_%s_value", column->name);
    else
        sim_text_puts(&text, column->name);
    return sim_text_take(&text, NULL);
}

/* ,"key": and 32 bytes behind it, so that it can be copied in pieces of fixed size. */
static char *prefix_for(const char *key, size_t *length)
{
    struct sim_text text = {0};
    sim_text_puts(&text, ",");
    sim_text_json(&text, key, strlen(key));
    sim_text_puts(&text, ":");
    *length = text.length;
    static const char room[33];
    sim_text_add(&text, room, sizeof room);
    return sim_text_take(&text, NULL);
}

int sim_table_add_column(struct sim_table *table, const struct sim_column_spec *spec)
{
    if (table->n_columns == table->capacity) {
        size_t capacity = table->capacity == 0 ? 32 : table->capacity * 2;
        struct sim_column *columns = realloc(table->columns, capacity * sizeof *columns);
        if (columns == NULL)
            return -1;
        table->columns = columns;
        table->capacity = capacity;
    }
    struct sim_column column = {0};
    int failed = 0;
    column.type = (enum sim_type)spec->type;
    column.flags = spec->flags;
    column.size = spec->size;
    column.name = copy_or_null(spec->name, &failed);
    column.more = copy_or_null(spec->more, &failed);
    column.of = copy_or_null(spec->of, &failed);
    if (column.of != NULL || column.type == SIM_PARTYLIST || column.type == SIM_CALENDARRULES ||
        column.type == SIM_VIRTUAL)
        column.flags |= SIM_COL_NO_PROPERTY;
    if (!failed && !(column.flags & (SIM_COL_NO_PROPERTY | SIM_COL_UNREADABLE))) {
        column.key = key_for(&column);
        column.prefix = column.key == NULL ? NULL : prefix_for(column.key, &column.prefix_length);
        failed = column.prefix == NULL;
    }
    if (failed) {
        clear_column(&column);
        return -1;
    }
    column.slot = table->n_slots;
    if (column.key != NULL)
        table->n_slots++;
    column.number = ++table->next_number;
    table->columns[table->n_columns++] = column;
    return 0;
}

static int companion(struct sim_table *table, const char *of, const char *suffix, uint8_t type)
{
    struct sim_text name = {0};
    sim_text_printf(&name, "%s%s", of, suffix);
    char *text = sim_text_take(&name, NULL);
    if (text == NULL)
        return -1;
    int answer = 0;
    if (sim_table_column(table, text, strlen(text)) == NULL)
        answer = sim_table_add_column(table, &(struct sim_column_spec){.name = text, .type = type, .of = of});
    free(text);
    return answer;
}

int sim_table_add_companions(struct sim_table *table, const char *name)
{
    const struct sim_column *column = sim_table_column(table, name, strlen(name));
    if (column == NULL || column->of != NULL)
        return 0;
    enum sim_type type = column->type;
    switch (type) {
    case SIM_LOOKUP:
    case SIM_CUSTOMER:
    case SIM_OWNER: {
        int several = type != SIM_LOOKUP || (column->more != NULL && strchr(column->more, ',') != NULL);
        if (companion(table, name, "name", SIM_STRING) != 0 ||
            companion(table, name, "yominame", SIM_STRING) != 0)
            return -1;
        return several ? companion(table, name, "type", SIM_ENTITYNAME) : 0;
    }
    case SIM_BOOLEAN:
    case SIM_PICKLIST:
    case SIM_STATE:
    case SIM_STATUS:
    case SIM_MULTISELECT:
        return companion(table, name, "name", SIM_VIRTUAL);
    default:
        return 0;
    }
}

void sim_table_drop_column(struct sim_table *table, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        struct sim_column *column = &table->columns[i];
        /* The column itself goes last: `name` may be its own. */
        if (column->of != NULL && strcmp(column->of, name) == 0)
            clear_column(column);
        else
            table->columns[kept++] = *column;
    }
    table->n_columns = kept;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (strcmp(table->columns[i].name, name) != 0)
            continue;
        clear_column(&table->columns[i]);
        table->n_columns--;
        memmove(table->columns + i, table->columns + i + 1, (table->n_columns - i) * sizeof *table->columns);
        return;
    }
}

const struct sim_column *sim_table_column(const struct sim_table *table, const char *name, size_t length)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (strncmp(table->columns[i].name, name, length) == 0 && table->columns[i].name[length] == '\0')
            return &table->columns[i];
    return NULL;
}

const struct sim_column *sim_table_property(const struct sim_table *table, const char *key, size_t length)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct sim_column *column = &table->columns[i];
        if (column->key != NULL && strncmp(column->key, key, length) == 0 && column->key[length] == '\0')
            return column;
    }
    return NULL;
}

static const struct sim_column *flagged(const struct sim_table *table, uint32_t flag)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].flags & flag)
            return &table->columns[i];
    return NULL;
}

const struct sim_column *sim_table_key(const struct sim_table *table)
{
    return flagged(table, SIM_COL_KEY);
}

const struct sim_column *sim_table_name(const struct sim_table *table)
{
    return flagged(table, SIM_COL_NAME);
}

size_t sim_table_n_properties(const struct sim_table *table)
{
    size_t n = 0;
    for (size_t i = 0; i < table->n_columns; i++)
        n += sim_column_is_property(&table->columns[i]) ? 1 : 0;
    return n;
}

int sim_column_is_property(const struct sim_column *column)
{
    return column->key != NULL && !(column->flags & SIM_COL_ON_REQUEST);
}

int sim_column_is_lookup(const struct sim_column *column)
{
    return column->type == SIM_LOOKUP || column->type == SIM_CUSTOMER || column->type == SIM_OWNER;
}

int sim_column_is_text(const struct sim_column *column)
{
    return column->type == SIM_STRING || column->type == SIM_MEMO || column->type == SIM_ENTITYNAME ||
           column->type == SIM_MULTISELECT;
}

int sim_column_is_choice(const struct sim_column *column)
{
    return column->type == SIM_PICKLIST || column->type == SIM_STATE || column->type == SIM_STATUS ||
           column->type == SIM_MULTISELECT || column->type == SIM_BOOLEAN;
}

const char *sim_column_edm(const struct sim_column *column)
{
    if (column->type == SIM_DATETIME && (column->flags & SIM_COL_DATE_ONLY))
        return "Edm.Date";
    return types[column->type].edm;
}
