/* Annotations of values (Microsoft's documentation: select columns, formatted values). Null has none. */
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "store_time.h"

static void open_note(struct sim_text *text, const struct sim_column *column, const char *note)
{
    sim_text_printf(text, ",\"%s@%s\":", column->key, note);
}

#define FORMATTED "OData.Community.Display.V1.FormattedValue"

/* 1234567.5000 as 1,234,567.50: `decimals` of them, cut. */
static void add_grouped(struct sim_text *text, const char *digits, size_t length, size_t decimals)
{
    size_t i = length > 0 && digits[0] == '-' ? 1 : 0;
    sim_text_add(text, "-", i);
    size_t whole = i;
    while (whole < length && digits[whole] >= '0' && digits[whole] <= '9')
        whole++;
    for (; i < whole; i++) {
        sim_text_add(text, digits + i, 1);
        if (whole - i > 1 && (whole - i - 1) % 3 == 0)
            sim_text_add(text, ",", 1);
    }
    if (decimals > 0) {
        size_t has = whole < length && digits[whole] == '.' ? length - whole - 1 : 0;
        sim_text_add(text, ".", 1);
        for (size_t n = 0; n < decimals; n++)
            sim_text_add(text, n < has ? digits + whole + 1 + n : "0", 1);
    }
}

/* 4/7/2023 9:59 PM, as for a caller from the United States whose time zone is UTC. */
static void add_moment(struct sim_text *text, const struct sim_column *column, struct sim_value value)
{
    int64_t time = 0;
    if (sim_time_parse(value.json + 1, value.length - 2, &time) != 0)
        return;
    struct sim_moment m = sim_time_split(time);
    sim_text_printf(text, "%u/%u/%lld", m.month, m.day, (long long)m.year);
    if (!(column->flags & SIM_COL_DATE_ONLY))
        sim_text_printf(text, " %u:%02u %s", m.hour % 12 == 0 ? 12 : m.hour % 12, m.minute,
                        m.hour < 12 ? "AM" : "PM");
}

/* The label of one option's number; the number itself when the option set does not have it. */
static void add_label(struct sim_text *text, const char *options, const char *number, size_t length)
{
    for (const char *at = options; at != NULL && *at != '\0';) {
        size_t option = strcspn(at, ";");
        if (option > length && strncmp(at, number, length) == 0 && at[length] == ':') {
            sim_text_add(text, at + length + 1, strcspn(at + length + 1, ":;"));
            return;
        }
        at += option + (at[option] == ';' ? 1 : 0);
    }
    sim_text_add(text, number, length);
}

static void add_labels(struct sim_text *text, const struct sim_column *column, struct sim_value value)
{
    const char *at = value.json + 1;
    const char *end = value.json + value.length - 1;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t length = (size_t)((comma == NULL ? end : comma) - at);
        add_label(text, column->more, at, length);
        if (comma == NULL)
            break;
        sim_text_puts(text, "; ");
        at = comma + 1;
    }
}

/* The table and row that a lookup points to; the first target's when the row is nowhere. */
static const struct sim_row *target_of(const struct sim_store *store, const struct sim_column *column,
                                       struct sim_value value, const struct sim_table **table,
                                       const char **name, size_t *length)
{
    struct sim_guid guid;
    const char *at = column->more == NULL ? "" : column->more;
    *name = at;
    *length = strcspn(at, ",");
    *table = NULL;
    if (sim_guid_parse(value.json + 1, value.length - 2, &guid) != 0)
        return NULL;
    while (*at != '\0') {
        size_t n = strcspn(at, ",");
        const struct sim_table *candidate = sim_store_logical(store, at, n);
        const struct sim_row *row = candidate == NULL ? NULL : sim_rows_get(&candidate->rows, &guid);
        if (row != NULL) {
            *table = candidate;
            *name = at;
            *length = n;
            return row;
        }
        at += n + (at[n] == ',' ? 1 : 0);
    }
    return NULL;
}

static void annotate_lookup(struct sim_text *text, const struct sim_store *store,
                            const struct sim_column *column, struct sim_value value)
{
    const struct sim_table *target = NULL;
    const char *logical = "";
    size_t length = 0;
    const struct sim_row *row = target_of(store, column, value, &target, &logical, &length);
    const struct sim_column *name = target == NULL ? NULL : sim_table_name(target);
    struct sim_value label =
        row == NULL || name == NULL ? (struct sim_value){NULL, 0} : sim_row_value(row, name->slot);
    if (label.json != NULL) {
        open_note(text, column, FORMATTED);
        sim_text_add(text, label.json, label.length);
    }
    int several = column->type != SIM_OWNER && column->more != NULL && strchr(column->more, ',') != NULL;
    open_note(text, column, "Microsoft.Dynamics.CRM.associatednavigationproperty");
    if (several)
        sim_text_printf(text, "\"%s_%.*s\"", column->name, (int)length, logical);
    else
        sim_text_printf(text, "\"%s\"", column->name);
    open_note(text, column, "Microsoft.Dynamics.CRM.lookuplogicalname");
    sim_text_printf(text, "\"%.*s\"", (int)length, logical);
}

void sim_page_annotate(struct sim_text *text, const struct sim_store *store, const struct sim_column *column,
                       struct sim_value value)
{
    if (value.json == NULL)
        return;
    struct sim_text label = {0};
    switch (column->type) {
    case SIM_LOOKUP:
    case SIM_CUSTOMER:
    case SIM_OWNER:
        annotate_lookup(text, store, column, value);
        return;
    case SIM_INTEGER:
    case SIM_BIGINT:
        add_grouped(&label, value.json, value.length, 0);
        break;
    case SIM_MONEY:
        sim_text_puts(&label, "$");
        add_grouped(&label, value.json, value.length, 2);
        break;
    case SIM_DECIMAL:
        add_grouped(&label, value.json, value.length, 2);
        break;
    case SIM_DOUBLE:
        sim_text_add(&label, value.json, value.length);
        break;
    case SIM_BOOLEAN:
        sim_text_puts(&label, value.json[0] == 't' ? "Yes" : "No");
        break;
    case SIM_DATETIME:
        add_moment(&label, column, value);
        break;
    case SIM_PICKLIST:
    case SIM_STATE:
    case SIM_STATUS:
        add_label(&label, column->more, value.json, value.length);
        break;
    case SIM_MULTISELECT:
        add_labels(&label, column, value);
        break;
    default:
        return;
    }
    open_note(text, column, FORMATTED);
    sim_text_json(text, label.data == NULL ? "" : label.data, label.length);
    text->failed |= label.failed;
    sim_text_free(&label);
}
