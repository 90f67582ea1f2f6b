/* The values of generated rows. */
#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "people.h"
#include "store_time.h"

static void add_number(struct sim_text *text, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    sim_text_add(text, digits + at, sizeof digits - at);
}

static void add_padded(struct sim_text *text, uint64_t value, unsigned width)
{
    char digits[20];
    for (unsigned i = width; i > 0; i--) {
        digits[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    sim_text_add(text, digits, width);
}

static void add_integer(struct sim_text *text, int64_t value)
{
    if (value < 0)
        sim_text_add(text, "-", 1);
    add_number(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void add_quoted(struct sim_text *text, const char *string)
{
    sim_text_json(text, string, strlen(string));
}

static void add_time(struct sim_text *text, int64_t time, int date_only)
{
    char print[32];
    sim_text_add(text, "\"", 1);
    sim_text_add(text, print, sim_time_print(time, date_only, print));
    sim_text_add(text, "\"", 1);
}

static void add_guid(struct sim_text *text, const struct sim_guid *guid)
{
    char print[SIM_GUID_TEXT + 1];
    sim_guid_print(guid, print);
    sim_text_add(text, "\"", 1);
    sim_text_add(text, print, SIM_GUID_TEXT);
    sim_text_add(text, "\"", 1);
}

/* The n-th of the values in "1:Shop;2:Office"; counts them in *count when there is no n-th. */
static int option_at(const char *options, uint64_t n, int32_t *value, unsigned *count)
{
    unsigned i = 0;
    for (const char *at = options; at != NULL && *at != '\0'; i++) {
        if (i == n) {
            *value = (int32_t)strtol(at, NULL, 10);
            return 0;
        }
        at = strchr(at, ';');
        at = at == NULL ? NULL : at + 1;
    }
    *count = i;
    return -1;
}

static void add_option(struct sim_text *text, const char *options, uint64_t r)
{
    int32_t value = 0;
    unsigned count = 0;
    option_at(options, UINT64_MAX, &value, &count);
    if (count == 0)
        return;
    option_at(options, r % count, &value, &count);
    add_integer(text, value);
}

static void add_choices(struct sim_text *text, const char *options, uint64_t r)
{
    int32_t value = 0;
    unsigned count = 0;
    option_at(options, UINT64_MAX, &value, &count);
    if (count == 0)
        return;
    sim_text_add(text, "\"", 1);
    unsigned first = 1;
    for (unsigned i = 0; i < count; i++) {
        if (!(r >> i & 1) && !(first && i + 1 == count))
            continue;
        option_at(options, i, &value, &count);
        if (!first)
            sim_text_add(text, ",", 1);
        add_integer(text, value);
        first = 0;
    }
    sim_text_add(text, "\"", 1);
}

/* A row of one of the target tables. */
static void add_lookup(const struct sim_birth *birth, struct sim_text *text, uint64_t r)
{
    const char *target = birth->recipe->spec.more;
    if (target == NULL)
        target = "account";
    size_t length = strcspn(target, ",");
    /* Two of three go to the first target, the others to the second. */
    if (target[length] == ',' && r % 3 == 2) {
        target += length + 1;
        length = strcspn(target, ",");
    }
    int64_t rows = sim_store_rows(birth->store, target, length);
    if (length == strlen(birth->table->logical_name) &&
        strncmp(target, birth->table->logical_name, length) == 0)
        rows = (int64_t)birth->index; /* to one of those before */
    else if (rows < 0)
        rows = (int64_t)birth->table->generated + 1;
    if (rows == 0)
        return;
    struct sim_guid guid =
        sim_guid_make(birth->store->seed, sim_hash(target, length, 0), (r >> 8) % (uint64_t)rows);
    add_guid(text, &guid);
}

static void add_any_number(struct sim_text *text, enum sim_type type, uint64_t r)
{
    switch (type) {
    case SIM_INTEGER:
        add_integer(text, (int64_t)(r % 2000001) - 1000000);
        break;
    case SIM_BIGINT:
        add_integer(text, (int64_t)(r >> 4));
        break;
    case SIM_DECIMAL:
        add_number(text, r % 1000000);
        sim_text_add(text, ".", 1);
        add_padded(text, r >> 32, 2);
        break;
    case SIM_MONEY:
        add_number(text, r % 10000000);
        sim_text_add(text, ".", 1);
        add_padded(text, (r >> 32) % 100 * 100, 4);
        break;
    default: /* double */
        add_integer(text, (int64_t)(r % 20000) - 10000);
        sim_text_add(text, ".", 1);
        add_padded(text, r >> 32, 5);
        break;
    }
}

static void add_any_text(struct sim_text *text, enum sim_type type, uint64_t r)
{
    struct sim_text plain = {0};
    if (type == SIM_MEMO)
        sim_people_description(&plain, r);
    else
        sim_people_words(&plain, r, 1 + (unsigned)(r >> 50) % 3);
    if (plain.failed)
        text->failed = 1;
    else
        sim_text_json(text, plain.data, plain.length);
    sim_text_free(&plain);
}

static void add_of_type(const struct sim_birth *birth, struct sim_text *text, uint64_t r)
{
    const struct sim_column_spec *spec = &birth->recipe->spec;
    struct sim_guid guid;
    switch ((enum sim_type)spec->type) {
    case SIM_UNIQUEIDENTIFIER:
    case SIM_FILE:
        guid = sim_guid_make(birth->store->seed, r, birth->index);
        add_guid(text, &guid);
        break;
    case SIM_INTEGER:
    case SIM_BIGINT:
    case SIM_DECIMAL:
    case SIM_MONEY:
    case SIM_DOUBLE:
        add_any_number(text, (enum sim_type)spec->type, r);
        break;
    case SIM_STRING:
    case SIM_MEMO:
        add_any_text(text, (enum sim_type)spec->type, r);
        break;
    case SIM_BOOLEAN:
        sim_text_puts(text, r & 1 ? "true" : "false");
        break;
    case SIM_DATETIME:
        add_time(text, birth->created - (int64_t)(r % (86400 * 300)) * SIM_SECOND,
                 (spec->flags & SIM_COL_DATE_ONLY) != 0);
        break;
    case SIM_PICKLIST:
    case SIM_STATE:
    case SIM_STATUS:
        add_option(text, spec->more, r);
        break;
    case SIM_MULTISELECT:
        add_choices(text, spec->more, r);
        break;
    case SIM_LOOKUP:
    case SIM_CUSTOMER:
    case SIM_OWNER:
        add_lookup(birth, text, r);
        break;
    case SIM_IMAGE: /* a PNG of one pixel */
        sim_text_puts(
            text,
            "\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg"
            "==\"");
        break;
    case SIM_MANAGED:
        sim_text_printf(text, "{\"Value\":%s,\"CanBeChanged\":true,\"ManagedPropertyLogicalName\":\"%s\"}",
                        r & 1 ? "true" : "false", spec->name);
        break;
    case SIM_ENTITYNAME:
        sim_text_puts(text, r & 1 ? "\"account\"" : "\"contact\"");
        break;
    case SIM_PARTYLIST:
    case SIM_VIRTUAL:
    case SIM_CALENDARRULES:
    case SIM_N_TYPES:
        break;
    }
}

/* Texts that are made of parts. */
static void add_composed(const struct sim_birth *birth, struct sim_text *text, uint64_t r)
{
    static const char *const letters[] = {"ACC", "CON", "PRD", "OPP", "REF"};
    uint64_t person = sim_mix(birth->store->seed ^ birth->table->id ^ sim_mix(birth->index));
    struct sim_text plain = {0};
    switch ((enum sim_make)birth->recipe->make) {
    case SIM_MAKE_COMPANY:
        sim_people_company(&plain, r);
        break;
    case SIM_MAKE_FULLNAME:
        sim_text_puts(&plain, sim_people_first(person));
        sim_text_puts(&plain, " ");
        sim_text_puts(&plain, sim_people_last(person >> 20));
        break;
    case SIM_MAKE_PHONE:
        sim_text_puts(&plain, "+1 555-");
        add_padded(&plain, r, 4);
        sim_text_puts(&plain, "-");
        add_padded(&plain, r >> 20, 3);
        break;
    case SIM_MAKE_EMAIL:
        sim_text_puts(&plain, sim_people_word(r));
        add_number(&plain, birth->index);
        sim_text_puts(&plain, "@example.com");
        break;
    case SIM_MAKE_URL:
        sim_text_puts(&plain, "https://www.example.com/");
        sim_text_puts(&plain, sim_people_word(r));
        sim_text_puts(&plain, "?id=");
        add_number(&plain, r % 1000);
        break;
    case SIM_MAKE_STREET:
        sim_people_street(&plain, r);
        break;
    case SIM_MAKE_POSTCODE:
        add_padded(&plain, r, 5);
        break;
    case SIM_MAKE_WORDS:
        sim_people_words(&plain, r, (unsigned)birth->recipe->a);
        break;
    case SIM_MAKE_DESCRIPTION:
        sim_people_description(&plain, r);
        break;
    default: /* SIM_MAKE_CODE */
        sim_text_puts(&plain, letters[birth->recipe->a]);
        sim_text_puts(&plain, "-");
        add_padded(&plain, birth->index, birth->index < 1000000 ? 6 : 12);
        break;
    }
    if (plain.failed)
        text->failed = 1;
    else
        sim_text_json(text, plain.data, plain.length);
    sim_text_free(&plain);
}

static void add_large(struct sim_text *text, uint64_t index)
{
    if (index % 7 != 3) {
        sim_text_puts(text, "\"short\"");
        return;
    }
    sim_text_add(text, "\"", 1);
    for (unsigned i = 0; i < 102400 / 32; i++)
        sim_text_puts(text, i % 100 == 99 ? "0123456789 \\\"quoted\\\" \\u00fc \\r\\n."
                                          : "0123456789abcdef 0123456789 12345");
    sim_text_add(text, "\"", 1);
}

/* Values that come from the row, not from its column's name. */
static void add_of_row(const struct sim_birth *birth, struct sim_text *text, uint64_t r)
{
    uint64_t person = sim_mix(birth->store->seed ^ birth->table->id ^ sim_mix(birth->index));
    const struct sim_recipe *recipe = birth->recipe;
    unsigned inactive = person >> 40 & 7 ? 0 : 1;
    size_t n = 0;
    switch ((enum sim_make)recipe->make) {
    case SIM_MAKE_KEY:
        add_guid(text, &birth->key);
        break;
    case SIM_MAKE_FIRST:
        add_quoted(text, sim_people_first(person));
        break;
    case SIM_MAKE_LAST:
        add_quoted(text, sim_people_last(person >> 20));
        break;
    case SIM_MAKE_CREATED:
        add_time(text, birth->created, 0);
        break;
    case SIM_MAKE_MODIFIED:
        add_time(text, birth->modified, 0);
        break;
    case SIM_MAKE_BIRTHDAY:
        add_time(text, birth->created - (int64_t)(6000 + r % 20000) * SIM_DAY, 1);
        break;
    case SIM_MAKE_VERSION:
        add_number(text, birth->version);
        break;
    case SIM_MAKE_STATE:
        add_number(text, inactive);
        break;
    case SIM_MAKE_STATUS:
        add_number(text, inactive + 1);
        break;
    case SIM_MAKE_LARGE:
        add_large(text, birth->index);
        break;
    default: /* SIM_MAKE_LIST */
        while (recipe->list[n] != NULL)
            n++;
        sim_text_puts(text, recipe->list[birth->index % n]);
        break;
    }
}

void sim_make_value(const struct sim_birth *birth, struct sim_text *text)
{
    const struct sim_recipe *recipe = birth->recipe;
    /* revenue and revenue_base have the same, and are null together. */
    size_t length = strlen(recipe->spec.name);
    if (length > 5 && memcmp(recipe->spec.name + length - 5, "_base", 5) == 0)
        length -= 5;
    uint64_t r = sim_mix(birth->index ^ sim_hash(recipe->spec.name, length, birth->store->seed));
    if (recipe->filled != 0 && r % 100 >= recipe->filled)
        return;
    r = sim_mix(r);
    switch ((enum sim_make)recipe->make) {
    case SIM_MAKE_NULL:
        break;
    case SIM_MAKE_OF_TYPE:
        add_of_type(birth, text, r);
        break;
    case SIM_MAKE_CITY:
        add_quoted(text, sim_people_city(r));
        break;
    case SIM_MAKE_REGION:
        sim_text_puts(text, r & 1 ? "\"WA\"" : "\"ZH\"");
        break;
    case SIM_MAKE_COUNTRY:
        add_quoted(text, sim_people_country(r));
        break;
    case SIM_MAKE_RANGE:
        add_integer(text, recipe->a + (int64_t)(r % (uint64_t)((int64_t)recipe->b - recipe->a + 1)));
        break;
    case SIM_MAKE_DEGREES:
        if (r & 1)
            sim_text_add(text, "-", 1);
        add_number(text, (r >> 1) % (uint64_t)recipe->a);
        sim_text_add(text, ".", 1);
        add_padded(text, r >> 20, 5);
        break;
    case SIM_MAKE_TABLE:
        add_quoted(text, birth->table->logical_name);
        break;
    case SIM_MAKE_RATE:
        sim_text_puts(text, r % 4 ? "1.0000000000" : "0.9213000000");
        break;
    case SIM_MAKE_FOREIGN:
        add_lookup(birth, text, r);
        break;
    case SIM_MAKE_COMPANY:
    case SIM_MAKE_FULLNAME:
    case SIM_MAKE_PHONE:
    case SIM_MAKE_EMAIL:
    case SIM_MAKE_URL:
    case SIM_MAKE_STREET:
    case SIM_MAKE_POSTCODE:
    case SIM_MAKE_WORDS:
    case SIM_MAKE_DESCRIPTION:
    case SIM_MAKE_CODE:
        add_composed(birth, text, r);
        break;
    default:
        add_of_row(birth, text, r);
        break;
    }
}
