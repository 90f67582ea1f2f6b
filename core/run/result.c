/* result.c - what a run amounts to: status, exit code, and the documents about it. */
#include <string.h>

#include "base/number.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/execute.h"

static void add_counts(dvs_counts *to, const dvs_counts *counts)
{
    to->processed += counts->processed;
    to->created += counts->created;
    to->updated += counts->updated;
    to->deleted += counts->deleted;
    to->unchanged += counts->unchanged;
    to->skipped += counts->skipped;
    to->row_errors += counts->row_errors;
    to->conflicts += counts->conflicts;
}

void dvsi_target_counts(const dvsi_target *target, dvs_counts *counts)
{
    memset(counts, 0, sizeof *counts);
    counts->struct_size = sizeof *counts;
    for (uint32_t f = 0; f < target->n_feeds; f++)
        add_counts(counts, &target->feeds[f].counts);
}

void dvsi_run_totals(const dvsi_run *run, dvs_counts *totals)
{
    memset(totals, 0, sizeof *totals);
    totals->struct_size = sizeof *totals;
    for (uint32_t t = 0; t < run->n_targets; t++) {
        dvs_counts counts;
        dvsi_target_counts(&run->targets[t], &counts);
        add_counts(totals, &counts);
    }
}

/* How the run stands: the questions that exit code and status are made of. */
typedef struct verdict {
    int config;
    int guarded;
    uint32_t failed;
    int partial; /* rows failed, or something could not be compared */
} verdict;

static verdict judge(const dvsi_run *run)
{
    verdict v = {.partial = run->unsaved != 0};
    for (uint32_t t = 0; t < run->n_targets; t++) {
        const dvsi_target *target = &run->targets[t];
        v.config |= target->error.status == DVS_E_CONFIG;
        v.guarded |= target->guarded != 0;
        v.failed += target->error.status != 0;
        v.partial |= target->partial != 0;
        for (uint32_t f = 0; f < target->n_feeds; f++) {
            const dvsi_feed *feed = &target->feeds[f];
            v.config |= feed->phase == DVSI_FEED_FAILED && feed->error.status == DVS_E_CONFIG;
            v.partial |= feed->open_errors != 0;
        }
    }
    return v;
}

int dvsi_run_exit_code(const dvsi_run *run)
{
    verdict v = judge(run);
    int stop = atomic_load(run->stop);
    if (stop != 0 && (v.failed != 0 || run->fatal.status == DVS_E_CANCELLED))
        return stop == DVS_STOP_INTERRUPT ? 130 : 143;
    if (run->fatal.status == DVS_E_USAGE)
        return 64;
    if (run->fatal.status == DVS_E_CONFIG || v.config)
        return 78;
    if (run->fatal.status == DVS_E_LOCKED)
        return 4;
    if (v.guarded || run->fatal.status == DVS_E_GUARD)
        return 5;
    if (run->fatal.status != 0 || (v.failed != 0 && v.failed == run->n_targets))
        return 1;
    int found = (run->dry && run->n_changes != 0) || run->open_conflicts != 0;
    if (run->dry && run->options->row_limit != 0 && v.failed == 0)
        return found ? 2 : 3;
    if (v.failed != 0 || v.partial)
        return 3;
    return found ? 2 : 0;
}

const char *dvsi_run_status(const dvsi_run *run)
{
    if (run->fatal.status == DVS_E_GUARD)
        return "failed";
    switch (dvsi_run_exit_code(run)) {
    case 0:
    case 2:
        return "completed";
    case 3:
    case 5:
        return "partial";
    case 130:
    case 143:
        return "cancelled";
    default:
        return "failed";
    }
}

static void put_text(dvsi_buf *out, const char *name, const char *text)
{
    dvsi_buf_printf(out, "\"%s\":", name);
    if (text != NULL)
        dvsi_json_string(out, text, strlen(text));
    else
        dvsi_buf_puts(out, "null");
}

static void put_number(dvsi_buf *out, const char *name, uint64_t number)
{
    char digits[DVSI_INT64_SIZE];
    size_t n = dvsi_number_from_int64(digits, (int64_t)number);
    dvsi_buf_printf(out, "\"%s\":", name);
    dvsi_buf_add(out, digits, n);
}

static void put_time(dvsi_buf *out, const char *name, int64_t at)
{
    dvs_cell cell = at != 0 ? dvsi_cell_timestamp(at) : dvsi_cell_null();
    dvsi_buf_printf(out, "\"%s\":", name);
    dvsi_cell_json(out, &cell);
}

static void put_counts(dvsi_buf *out, const dvs_counts *c)
{
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {{"rows_processed", c->processed}, {"rows_created", c->created},
               {"rows_updated", c->updated},     {"rows_deleted", c->deleted},
               {"rows_unchanged", c->unchanged}, {"rows_skipped", c->skipped},
               {"row_errors", c->row_errors},    {"conflicts", c->conflicts}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (i != 0)
            dvsi_buf_putc(out, ',');
        put_number(out, all[i].name, all[i].value);
    }
}

static void put_errors(const dvsi_run *run, dvsi_buf *out)
{
    dvsi_buf_puts(out, "\"errors\":[");
    for (uint32_t i = 0; i < run->n_errors; i++) {
        const dvsi_run_error *e = &run->errors[i];
        dvsi_buf_puts(out, i != 0 ? ",{" : "{");
        put_text(out, "entity", e->entity);
        dvsi_buf_putc(out, ',');
        put_text(out, "source", e->source);
        if (e->row != 0) {
            dvsi_buf_putc(out, ',');
            put_number(out, "row", e->row);
        } else {
            dvsi_buf_puts(out, ",\"row\":null");
        }
        dvsi_buf_putc(out, ',');
        put_text(out, "key", e->key);
        dvsi_buf_putc(out, ',');
        put_text(out, "field", e->field);
        dvsi_buf_putc(out, ',');
        put_text(out, "severity", e->severity);
        dvsi_buf_putc(out, ',');
        put_text(out, "message", e->message);
        dvsi_buf_putc(out, '}');
    }
    dvsi_buf_putc(out, ']');
    if (run->n_errors_dropped != 0)
        dvsi_buf_printf(out, ",\"errors_not_shown\":%u", run->n_errors_dropped);
}

static const char *target_status(const dvsi_target *target)
{
    if (target->guarded)
        return "guarded";
    if (target->error.status == DVS_E_CANCELLED)
        return "cancelled";
    return target->error.status != 0 ? "failed" : target->partial ? "partial" : "completed";
}

static void put_target(const dvsi_target *target, dvsi_buf *out)
{
    dvs_counts counts;
    int64_t started = 0;
    int64_t ended = 0;
    dvsi_buf_putc(out, '{');
    put_text(out, "name", target->entity->name);
    dvsi_buf_putc(out, ',');
    put_text(out, "status", target_status(target));
    dvsi_buf_puts(out, ",\"sources\":[");
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        dvsi_buf_puts(out, f != 0 ? ",{" : "{");
        put_text(out, "name", feed->from->label);
        dvsi_buf_putc(out, ',');
        put_text(out, "mode", feed->mode != 0 ? dvsi_mode_name(feed->mode) : NULL);
        dvsi_buf_putc(out, ',');
        put_text(out, "reason", feed->reason != NULL && *feed->reason != '\0' ? feed->reason : NULL);
        dvsi_buf_putc(out, ',');
        put_number(out, "rows_processed", feed->counts.processed);
        dvsi_buf_putc(out, '}');
        if (started == 0 || (feed->started_at != 0 && feed->started_at < started))
            started = feed->started_at;
        if (feed->ended_at > ended)
            ended = feed->ended_at;
    }
    dvsi_target_counts(target, &counts);
    dvsi_buf_puts(out, "],");
    put_counts(out, &counts);
    char digits[DVSI_DOUBLE_SIZE];
    size_t n = dvsi_number_from_double(digits,
                                       started != 0 && ended > started ? (double)(ended - started) / 1e6 : 0);
    dvsi_buf_puts(out, ",\"duration_seconds\":");
    dvsi_buf_add(out, digits, n);
    dvsi_buf_putc(out, '}');
}

void dvsi_run_json(const dvsi_run *run, dvsi_buf *out)
{
    dvs_counts totals;
    char digits[DVSI_DOUBLE_SIZE];
    dvsi_buf_putc(out, '{');
    put_text(out, "project", run->project->name);
    dvsi_buf_putc(out, ',');
    put_text(out, "run_id", run->run_id);
    dvsi_buf_putc(out, ',');
    put_text(out, "status", dvsi_run_status(run));
    dvsi_buf_printf(out, ",\"exit_code\":%d,", dvsi_run_exit_code(run));
    put_time(out, "started_at", run->started_at);
    dvsi_buf_putc(out, ',');
    put_time(out, "completed_at", run->ended_at);
    dvsi_buf_puts(out, ",\"duration_seconds\":");
    dvsi_buf_add(out, digits,
                 dvsi_number_from_double(digits, (double)(run->ended_at - run->started_at) / 1e6));
    dvsi_buf_puts(out, ",\"entities\":[");
    for (uint32_t t = 0; t < run->n_targets; t++) {
        if (t != 0)
            dvsi_buf_putc(out, ',');
        put_target(&run->targets[t], out);
    }
    dvsi_run_totals(run, &totals);
    dvsi_buf_puts(out, "],\"totals\":{");
    put_counts(out, &totals);
    dvsi_buf_puts(out, "},");
    put_errors(run, out);
    dvsi_buf_putc(out, '}');
}

/* How an entity was compared: "full", or "partial: REASON". */
static void put_compared(const dvsi_target *target, dvsi_buf *out)
{
    dvsi_buf text = {0};
    int row_errors = 0;
    int full = 1;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        row_errors |= target->feeds[f].open_errors != 0;
        full &= target->feeds[f].mode == DVS_READ_FULL;
    }
    if (target->guarded)
        dvsi_buf_puts(&text, "partial: the guard would stop the deletes");
    else if (target->error.status != 0)
        dvsi_buf_printf(&text, "partial: %s", target->error.message);
    else if (target->partial)
        dvsi_buf_printf(&text, "partial: %s", target->partial_reason);
    else if (target->run->options->row_limit != 0)
        dvsi_buf_printf(&text, "partial: only the first %llu rows",
                        (unsigned long long)target->run->options->row_limit);
    else if (row_errors)
        dvsi_buf_puts(&text, "partial: rows failed");
    else if (!full)
        dvsi_buf_puts(&text, "partial: only what changed since the last sync");
    else
        dvsi_buf_puts(&text, "full");
    put_text(out, "compared", dvsi_buf_text(&text));
    dvsi_buf_free(&text);
}

static void put_summary_target(const dvsi_target *target, dvsi_buf *out)
{
    dvs_counts c;
    dvsi_target_counts(target, &c);
    dvsi_json_string(out, target->entity->name, strlen(target->entity->name));
    dvsi_buf_puts(out, ":{");
    put_compared(target, out);
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {{"created", c.created},     {"updated", c.updated}, {"deleted", c.deleted},
               {"unchanged", c.unchanged}, {"skipped", c.skipped}, {"row_errors", c.row_errors},
               {"conflicts", c.conflicts}};
    /* A check that could not be made is no zero. */
    int unknown = target->error.status != 0 && !target->guarded;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        dvsi_buf_putc(out, ',');
        if (unknown)
            put_text(out, all[i].name, NULL);
        else
            put_number(out, all[i].name, all[i].value);
    }
    dvsi_buf_puts(out, ",\"fields\":{");
    int first = 1;
    for (uint32_t i = 0; i < target->n_fields && target->field_changes != NULL; i++) {
        if (target->field_changes[i] == 0)
            continue;
        if (!first)
            dvsi_buf_putc(out, ',');
        first = 0;
        dvsi_json_string(out, target->names[i], strlen(target->names[i]));
        dvsi_buf_putc(out, ':');
        char digits[DVSI_INT64_SIZE];
        dvsi_buf_add(out, digits, dvsi_number_from_int64(digits, (int64_t)target->field_changes[i]));
    }
    dvsi_buf_puts(out, "}}");
}

void dvsi_run_summary_json(const dvsi_run *run, dvsi_buf *out)
{
    verdict v = judge(run);
    dvsi_buf_puts(out, "{\"summary\":{");
    put_text(out, "project", run->project->name);
    dvsi_buf_printf(out, ",\"drift\":%s,\"complete\":%s,\"exit_code\":%d,\"entities\":{",
                    run->n_changes != 0 ? "true" : "false",
                    v.failed == 0 && !v.partial && run->options->row_limit == 0 ? "true" : "false",
                    dvsi_run_exit_code(run));
    for (uint32_t t = 0; t < run->n_targets; t++) {
        if (t != 0)
            dvsi_buf_putc(out, ',');
        put_summary_target(&run->targets[t], out);
    }
    dvsi_buf_puts(out, "},");
    put_errors(run, out);
    dvsi_buf_puts(out, "}}");
}
