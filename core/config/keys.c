#include "config/keys.h"

#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
#define PLUGIN_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define MOST_PRIORITY 1000000000

#define HISTORY_DOC "none: one row a record. scd2: a row for every version, with valid_from and valid_to"
#define DELETES_DOC                                                                                          \
    "soft: sets deleted_at (scd2: closes the version). hard: removes the record. ignore: does nothing"
#define SCHEMA_DOC                                                                                           \
    "lock: new columns of the source are reported only. evolve: they are added. strict: any difference "     \
    "is an error before anything is written"
#define KEEP_RAW_DOC "Keep the record as the source gave it, in json_response"

const dvsi_key dvsi_keys_project[] = {
    {.name = "name",
     .type = DVSI_KEY_NAME,
     .required = 1,
     .doc = "The project's name, for --name and in the sink's bookkeeping tables"},
    {.name = "sources",
     .type = DVSI_KEY_MAP,
     .shape = "sources",
     .doc = "The sources by name; the names stand in lineage and conflicts"},
    {.name = "source",
     .type = DVSI_KEY_MAP,
     .shape = "source",
     .doc = "Short for one source, named after its plugin"},
    {.name = "sink",
     .type = DVSI_KEY_MAP,
     .shape = "sink",
     .required = 1,
     .doc = "Where the records are written"},
    {.name = "options",
     .type = DVSI_KEY_MAP_OR_NULL,
     .shape = "options",
     .doc = "How to run, and defaults for the entities"},
    {.name = "entities",
     .type = DVSI_KEY_LIST,
     .shape = "entity",
     .required = 1,
     .doc = "The record types; each is one table in the sink. A name alone takes over all of the source"},
    {0},
};

const dvsi_key dvsi_keys_source[] = {
    {.name = "plugin", .type = DVSI_KEY_PLUGIN, .required = 1, .doc = "The plugin that reads it"},
    {.name = "priority",
     .type = DVSI_KEY_INT,
     .fallback = "0",
     .min = -MOST_PRIORITY,
     .max = MOST_PRIORITY,
     .doc = "Where several sources have a field, the higher wins; ties: the one listed first"},
    {.name = "settings",
     .type = DVSI_KEY_MAP_OR_NULL,
     .shape = "settings",
     .doc = "The plugin's own settings"},
    {0},
};

const dvsi_key dvsi_keys_sink[] = {
    {.name = "plugin", .type = DVSI_KEY_PLUGIN, .required = 1, .doc = "The plugin that writes to it"},
    {.name = "settings",
     .type = DVSI_KEY_MAP_OR_NULL,
     .shape = "settings",
     .doc = "The plugin's own settings"},
    {0},
};

const dvsi_key dvsi_keys_options[] = {
    {.name = "concurrency",
     .type = DVSI_KEY_INT,
     .fallback = "8",
     .min = 1,
     .max = 256,
     .doc = "Streams read at the same time"},
    {.name = "full_every",
     .type = DVSI_KEY_DURATION,
     .fallback = "7d",
     .doc = "Read completely when the last complete read is older than this, which finds deletes; 0: never"},
    {.name = "max_delete",
     .type = DVSI_KEY_LIMIT,
     .fallback = "20%",
     .doc = "Most deletes of one run: a share of the entity's active rows, or a count"},
    {.name = "on_row_error",
     .type = DVSI_KEY_CHOICE,
     .choices = "continue|stop",
     .fallback = "continue",
     .doc = "continue: keep the record aside and go on. stop: end the entity"},
    {.name = "history",
     .type = DVSI_KEY_CHOICE,
     .choices = "none|scd2",
     .fallback = "none",
     .doc = HISTORY_DOC},
    {.name = "deletes",
     .type = DVSI_KEY_CHOICE,
     .choices = "soft|hard|ignore",
     .fallback = "soft",
     .doc = DELETES_DOC},
    {.name = "schema",
     .type = DVSI_KEY_CHOICE,
     .choices = "lock|evolve|strict",
     .fallback = "lock",
     .doc = SCHEMA_DOC},
    {.name = "keep_raw", .type = DVSI_KEY_BOOL, .fallback = "true", .doc = KEEP_RAW_DOC},
    {0},
};

const dvsi_key dvsi_keys_entity[] = {
    {.name = "name",
     .type = DVSI_KEY_IDENT,
     .required = 1,
     .doc = "The entity's name: its table in the sink"},
    {.name = "key",
     .type = DVSI_KEY_TEXTS,
     .doc = "The fields that tell records apart, in the entity's own names; without it, the source's key"},
    {.name = "history", .type = DVSI_KEY_CHOICE, .choices = "none|scd2", .doc = HISTORY_DOC},
    {.name = "deletes", .type = DVSI_KEY_CHOICE, .choices = "soft|hard|ignore", .doc = DELETES_DOC},
    {.name = "schema", .type = DVSI_KEY_CHOICE, .choices = "lock|evolve|strict", .doc = SCHEMA_DOC},
    {.name = "keep_raw", .type = DVSI_KEY_BOOL, .doc = KEEP_RAW_DOC},
    {.name = "adopt",
     .type = DVSI_KEY_BOOL,
     .fallback = "false",
     .doc = "Take over a table of this name that dvsync did not make"},
    {.name = "records_from",
     .type = DVSI_KEY_TEXTS,
     .doc = "The sources that decide which records exist; the others only fill fields"},
    {.name = "from",
     .type = DVSI_KEY_LIST,
     .shape = "from",
     .doc = "What it is made of; without it, all fields of the same entity of the source that has the "
            "highest priority"},
    {.name = "derived",
     .type = DVSI_KEY_MAP,
     .shape = "derived",
     .doc = "Fields computed from the entity's other fields"},
    {0},
};

const dvsi_key dvsi_keys_from[] = {
    {.name = "source", .type = DVSI_KEY_TEXT, .doc = "The source's name; may be left out where there is one"},
    {.name = "as", .type = DVSI_KEY_NAME, .doc = "A name of its own, needed where one source appears twice"},
    {.name = "entity",
     .type = DVSI_KEY_TEXT,
     .doc = "The entity as the source calls it; default: the same name"},
    {.name = "where",
     .type = DVSI_KEY_TEXT,
     .doc = "SQL expression over the source's fields: which records take part"},
    {.name = "scope",
     .type = DVSI_KEY_CHOICE,
     .choices = "all|referenced",
     .fallback = "all",
     .doc = "referenced: only records that other entities refer to"},
    {.name = "fields",
     .type = DVSI_KEY_MAP,
     .shape = "fields",
     .doc = "The entity's fields and where they come from; without it, all fields of the source"},
    {0},
};

const dvsi_key dvsi_keys_field[] = {
    {.name = "from", .type = DVSI_KEY_TEXT, .doc = "The source's field; default: the same name"},
    {.name = "expr", .type = DVSI_KEY_TEXT, .doc = "SQL expression over the source's fields"},
    {.name = "static", .type = DVSI_KEY_SCALAR, .doc = "The same value for every record"},
    {.name = "type",
     .type = DVSI_KEY_CHOICE,
     .choices = DVSI_KEYS_TYPES,
     .doc = "The field's type; default: the source's"},
    {.name = "authority",
     .type = DVSI_KEY_CHOICE,
     .choices = "source_of_truth|reference|derived",
     .fallback = "source_of_truth",
     .doc = "source_of_truth: the source always sets the field. reference: only when the record is new"},
    {.name = "refers_to", .type = DVSI_KEY_TEXT, .doc = "The entity whose key this field holds"},
    {.name = "nulls",
     .type = DVSI_KEY_CHOICE,
     .choices = "win",
     .doc = "win: NULL counts as a value and does not yield to the next source"},
    {0},
};

const dvsi_key dvsi_keys_derived[] = {
    {.name = "expr", .type = DVSI_KEY_TEXT, .required = 1, .doc = "SQL expression over the entity's fields"},
    {.name = "type",
     .type = DVSI_KEY_CHOICE,
     .choices = DVSI_KEYS_TYPES,
     .doc = "The field's type; default: text"},
    {0},
};

const char *const dvsi_keys_system_columns[] = {"row_id",   "sync_hash",  "sync_time",     "valid_from",
                                                "valid_to", "deleted_at", "json_response", NULL};
const char *const dvsi_keys_reserved_prefixes[] = {"_sync_", "_optionset_", "sqlite_", NULL};

const dvsi_key *dvsi_keys_find(const dvsi_key *keys, const char *name)
{
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}

const char *dvsi_keys_choice(const char *choices, uint32_t n, size_t *length)
{
    for (; n > 0; n--) {
        choices = strchr(choices, '|');
        if (!choices)
            return NULL;
        choices++;
    }
    *length = strcspn(choices, "|");
    return choices;
}

int dvsi_keys_choice_index(const char *choices, const char *text)
{
    size_t length;
    const char *choice;
    for (uint32_t n = 0; (choice = dvsi_keys_choice(choices, n, &length)) != NULL; n++)
        if (strlen(text) == length && memcmp(choice, text, length) == 0)
            return (int)n;
    return -1;
}

int dvsi_keys_is_name(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 64 && strspn(text, NAME_CHARS) == length;
}

int dvsi_keys_is_plugin(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 32 && text[0] >= 'a' && text[0] <= 'z' &&
           strspn(text, PLUGIN_CHARS) == length;
}

int dvsi_keys_is_ident(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > DVSI_KEYS_MOST_IDENT)
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return 0;
    return 1;
}
