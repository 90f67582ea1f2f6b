/* render_diff.c - changes in the manner of `terraform plan`, and what they add up to. */
#include "cli/render.h"

#include <inttypes.h>
#include <string.h>

#include "cli/json_read.h"
#include "cli/table.h"

#define LONGEST_VALUE 120

static void put_json(dvsi_cli *cli, const json_t *value, int quoted)
{
    dvsi_buf text = {0};

    if (quoted)
        dvsi_cli_json_quote(&text, value, LONGEST_VALUE);
    else
        dvsi_cli_json_show(&text, value, LONGEST_VALUE);
    dvsi_cli_put(&cli->out, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

/* One key field: its value; several: "partner=A-1, year=2026". */
static void put_key(dvsi_cli *cli, json_t *key)
{
    size_t n = json_object_size(key);
    const char *name;
    json_t *value;
    int first = 1;

    if (!json_is_object(key)) {
        put_json(cli, key, 0);
        return;
    }
    json_object_foreach(key, name, value)
    {
        if (!first)
            dvsi_cli_put(&cli->out, ", ");
        first = 0;
        if (n > 1) {
            dvsi_cli_show(&cli->out, name);
            dvsi_cli_put(&cli->out, "=");
        }
        put_json(cli, value, 0);
    }
}

/* name: "old" -> "new"  (crm, source_of_truth) */
static void put_field(dvsi_cli *cli, const char *name, const json_t *field, int created)
{
    const char *from = dvsi_cli_json_text(field, "from", NULL);
    const char *authority = dvsi_cli_json_text(field, "authority", NULL);
    int pinned = json_is_true(json_object_get(field, "pinned"));

    dvsi_cli_show(&cli->out, name);
    dvsi_cli_put(&cli->out, ": ");
    if (!created) {
        put_json(cli, json_object_get(field, "sink"), 1);
        dvsi_cli_put(&cli->out, " -> ");
    }
    put_json(cli, json_object_get(field, "source"), 1);
    if (from || authority) {
        dvsi_cli_put(&cli->out, "  (");
        dvsi_cli_show(&cli->out, from ? from : "");
        dvsi_cli_put(&cli->out, from && authority ? ", " : "");
        dvsi_cli_show(&cli->out, authority ? authority : "");
        dvsi_cli_put(&cli->out, pinned ? ", pinned)" : ")");
    }
    dvsi_cli_put(&cli->out, "\n");
}

static void put_fields(dvsi_cli *cli, json_t *fields, int created)
{
    int several = created || json_object_size(fields) > 1;
    const char *name;
    json_t *field;

    if (several)
        dvsi_cli_put(&cli->out, "\n");
    json_object_foreach(fields, name, field)
    {
        dvsi_cli_put(&cli->out, several ? "    " : "  ");
        put_field(cli, name, field, created);
    }
}

/* "~ partners A-1", in the colour of what it is. */
static void put_head(dvsi_cli *cli, const char *colour, const char *sign, const json_t *change)
{
    dvsi_cli_paint(&cli->out, colour);
    dvsi_cli_put(&cli->out, sign);
    dvsi_cli_show(&cli->out, dvsi_cli_json_text(change, "entity", "?"));
    dvsi_cli_put(&cli->out, " ");
    put_key(cli, json_object_get(change, "key"));
    dvsi_cli_paint(&cli->out, DVSI_CLI_PLAIN);
}

int dvsi_cli_render_change(dvsi_cli *cli, const char *json)
{
    json_t *line = dvsi_cli_json_load(json);
    const json_t *reference = json_object_get(line, "reference");
    json_t *fields = json_object_get(reference ? reference : line, "fields");
    const char *op = dvsi_cli_json_text(line, "op", "");
    int created = strcmp(op, "create") == 0;
    int deleted = strcmp(op, "delete") == 0;
    int is_change = reference == NULL;

    if (!line) { /* better raw than left out */
        dvsi_cli_show(&cli->out, json);
        dvsi_cli_put(&cli->out, "\n");
        return 1;
    }
    if (reference)
        put_head(cli, DVSI_CLI_PLAIN, "= ", reference);
    else
        put_head(cli,
                 created   ? DVSI_CLI_GREEN
                 : deleted ? DVSI_CLI_RED
                           : DVSI_CLI_YELLOW,
                 created   ? "+ "
                 : deleted ? "- "
                           : "~ ",
                 line);
    if (json_object_size(fields) > 0 && !deleted)
        put_fields(cli, fields, created);
    else
        dvsi_cli_put(&cli->out, "\n");
    json_decref(line);
    return is_change;
}

typedef struct totals {
    json_int_t created, updated, deleted, conflicts;
} totals;

static totals print_entities(dvsi_cli *cli, json_t *entities)
{
    static const dvsi_cli_column columns[] = {{"ENTITY", DVSI_CLI_LEFT},      {"CREATED", DVSI_CLI_RIGHT},
                                              {"UPDATED", DVSI_CLI_RIGHT},    {"DELETED", DVSI_CLI_RIGHT},
                                              {"UNCHANGED", DVSI_CLI_RIGHT},  {"SKIPPED", DVSI_CLI_RIGHT},
                                              {"ROW ERRORS", DVSI_CLI_RIGHT}, {"COMPARED", DVSI_CLI_WRAP}};
    static const char *const counts[] = {"created",   "updated", "deleted",
                                         "unchanged", "skipped", "row_errors"};
    dvsi_cli_table *table = dvsi_cli_table_new(columns, sizeof(columns) / sizeof(columns[0]), &cli->out);
    totals sum = {0, 0, 0, 0};
    const char *name;
    json_t *entity;

    json_object_foreach(entities, name, entity)
    {
        const char *compared = dvsi_cli_json_text(entity, "compared", NULL);

        dvsi_cli_table_row(table);
        dvsi_cli_table_text(table, name);
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
            dvsi_cli_table_member(table, entity, counts[i]);
        dvsi_cli_table_text(table, compared);
        if (!compared || strcmp(compared, "full") != 0)
            dvsi_cli_table_paint(table, DVSI_CLI_YELLOW);
        sum.created += dvsi_cli_json_int(entity, "created");
        sum.updated += dvsi_cli_json_int(entity, "updated");
        sum.deleted += dvsi_cli_json_int(entity, "deleted");
        sum.conflicts += dvsi_cli_json_int(entity, "conflicts");
    }
    dvsi_cli_table_print(table, &cli->out);
    return sum;
}

void dvsi_cli_render_diff(dvsi_cli *cli, const json_t *document, uint64_t shown)
{
    const json_t *summary =
        json_object_get(document, "summary") ? json_object_get(document, "summary") : document;
    const json_t *complete = json_object_get(summary, "complete");
    dvsi_cli_out *out = &cli->out;
    uint64_t all;
    totals sum;

    if (shown > 0)
        dvsi_cli_put(out, "\n");
    sum = print_entities(cli, json_object_get(summary, "entities"));
    all = (uint64_t)(sum.created + sum.updated + sum.deleted);
    dvsi_cli_say_errors(cli, json_object_get(summary, "errors"));
    dvsi_cli_put(out, "\n");
    dvsi_cli_show(out, dvsi_cli_json_text(summary, "project", "?"));
    if (all == 0 && !dvsi_cli_json_true(summary, "drift"))
        dvsi_cli_put(out, json_is_false(complete) ? ": no difference in what could be compared"
                                                  : ": the sink is up to date");
    else
        dvsi_cli_printf(out, ": %lld to create, %lld to update, %lld to delete", (long long)sum.created,
                        (long long)sum.updated, (long long)sum.deleted);
    if (sum.conflicts > 0)
        dvsi_cli_printf(out, "; %lld conflict%s", (long long)sum.conflicts, sum.conflicts != 1 ? "s" : "");
    if (json_is_false(complete))
        dvsi_cli_put(out, "; not everything could be compared");
    dvsi_cli_put(out, "\n");
    if (!cli->args.summary && all > shown)
        dvsi_cli_printf(out, "%" PRIu64 " of %" PRIu64 " changes are shown%s\n", shown, all,
                        cli->args.dry_run ? "; --json prints them all" : "; --limit 0 shows them all");
}
