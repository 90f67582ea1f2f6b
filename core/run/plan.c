/* plan.c - how a feed is read: completely or since a cursor, from the start or from a position. */
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "data/cell.h"
#include "data/json.h"
#include "run/changes.h"
#include "run/deletes.h"
#include "run/gather.h"
#include "run/plan.h"
#include "run/row_errors.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/saved.h"
#include "run/twice.h"

/* What decides what the offers of an entity amount to: who speaks for what, in which order, and what is
 * derived. */
static void describe_rules(const dvsi_target *target, dvsi_buf *out)
{
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_from *from = target->feeds[f].from;
        const dvsi_voice *voice = &target->policy.voices[f];
        dvsi_buf_puts(out, "from ");
        dvsi_json_string(out, from->label, strlen(from->label));
        dvsi_buf_printf(out, " priority=%lld%s\n", (long long)voice->priority,
                        voice->decides ? " decides" : "");
        for (uint32_t i = 0; i < from->n_fields; i++) {
            const dvsi_field *field = &from->fields[i];
            if (field->kind == DVSI_FIELD_EXCLUDE ||
                (field->authority == DVSI_SOURCE_OF_TRUTH && !field->null_wins))
                continue;
            dvsi_json_string(out, field->name, strlen(field->name));
            dvsi_buf_printf(out, "%s%s\n", field->authority == DVSI_REFERENCE ? " reference" : "",
                            field->null_wins ? " nulls" : "");
        }
    }
    for (uint32_t i = 0; i < target->entity->n_derived; i++) {
        const dvsi_derived *field = &target->entity->derived[i];
        dvsi_json_string(out, field->name, strlen(field->name));
        dvsi_buf_puts(out, "~~");
        dvsi_json_string(out, field->expr, strlen(field->expr));
        dvsi_buf_putc(out, '\n');
    }
}

/* Everything that decides what a read gives. */
static int32_t make_fingerprint(const dvsi_feed *feed, char out[DVSI_SHA256_HEX], dvs_error *err)
{
    const dvsi_mapping *mapping = feed->mapping;
    dvsi_buf text = {0};
    dvsi_buf_printf(&text, "plugin=%s\nidentity=", feed->from->endpoint->plugin);
    dvsi_json_string(&text, feed->identity, strlen(feed->identity));
    dvsi_buf_puts(&text, "\nstream=");
    dvsi_json_string(&text, feed->stream, strlen(feed->stream));
    dvsi_buf_puts(&text, "\n");
    dvsi_mapping_describe(mapping, &text);
    for (uint32_t k = 0; k < mapping->n_key; k++)
        dvsi_buf_printf(&text, "key %u\n", mapping->key[k]);
    /* How the source names its records: what is kept of them goes by that name. */
    dvsi_buf_puts(&text, mapping->own_key ? "streams\n" : "gathers\n");
    for (uint32_t k = 0; k < mapping->n_source_key; k++) {
        const char *name = mapping->wanted.columns[mapping->source_key[k]].name;
        dvsi_buf_puts(&text, "source key ");
        dvsi_json_string(&text, name, strlen(name));
        dvsi_buf_puts(&text, "\n");
    }
    if (dvsi_feed_gathers(feed))
        describe_rules(feed->target, &text);
    else
        dvsi_buf_printf(&text, "priority=%lld\n", (long long)feed->from->endpoint->priority);
    if (feed->from->scope_referenced)
        dvsi_buf_puts(&text, "scope=referenced\n");
    if (feed->target->entity->deletes == DVSI_DELETES_IGNORE) /* else what went is still to be deleted */
        dvsi_buf_puts(&text, "deletes=ignore\n");
    if (!feed->target->entity->keep_raw)
        dvsi_buf_puts(&text, "keep_raw=false\n");
    dvsi_hash_sha256(dvsi_buf_text(&text), text.length, out);
    int failed = text.failed;
    dvsi_buf_free(&text);
    return failed ? dvsi_error_no_memory(err) : DVS_OK;
}

/* The mode of a new read, and why it is a full one. */
static uint32_t choose_mode(dvsi_feed *feed, int changed)
{
    const dvsi_run *run = feed->run;
    const dvsi_feed_state *s = &feed->state;
    int64_t every = run->project->options.full_every;
    const uint32_t changes = s->cursor_kind == DVS_TOKEN_DELTA ? DVS_STREAM_DELTA : DVS_STREAM_CURSOR;
    feed->reason = "";
    if (run->saved != NULL) {
        feed->reason = "a saved plan";
        return DVS_READ_DELTA;
    }
    if (run->dry && !run->as_sync)
        return DVS_READ_FULL;
    if (s->row_id == 0)
        feed->reason = "first sync";
    else if (feed->target->created)
        feed->reason = feed->target->rebuilds ? "--rebuild" : "the table is new";
    else if (changed || feed->target->rewrites_raw)
        feed->reason = feed->target->columns_changed ? "the source's columns changed" : "the project changed";
    else if (run->options->full)
        feed->reason = "--full";
    else if (s->cursor == NULL && feed->from->scope_referenced)
        feed->reason = "scope: referenced";
    else if (s->cursor == NULL)
        feed->reason =
            (feed->stream_flags & (DVS_STREAM_CURSOR | DVS_STREAM_DELTA)) != 0 ? "no cursor yet" : "";
    else if ((feed->stream_flags & changes) == 0)
        feed->reason = "the source gives no such changes any more";
    else if (every != 0 && run->started_at - s->last_full_at >= every)
        feed->reason = "full_every";
    else
        return s->cursor_kind == DVS_TOKEN_DELTA ? DVS_READ_DELTA : DVS_READ_CURSOR;
    return DVS_READ_FULL;
}

static int32_t highest_ids(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_feed_state *s = &feed->state;
    int64_t next = 1;
    int32_t status = DVS_OK;
    s->start_row_id = s->high_row_id = s->high_lineage = 0;
    if (run->sink == NULL || !feed->target->exists)
        return DVS_OK;
    status = dvsi_feed_gathers(feed) && run->notes.sink != NULL
                 ? dvsi_sink_next_id(run->notes.sink, &run->notes.tables[DVSI_BOOK_OFFERS], &next, err)
                 : dvsi_sink_next_id(run->sink, &feed->target->table, &next, err);
    s->start_row_id = s->high_row_id = next - 1;
    if (status == DVS_OK && run->books.exists[DVSI_BOOK_LINEAGE])
        status = dvsi_sink_next_id(run->sink, &run->books.tables[DVSI_BOOK_LINEAGE], &next, err);
    s->high_lineage = next - 1;
    return status;
}

/* A read from the start. */
static int32_t begin_read(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_feed_state *s = &feed->state;
    uint64_t active = 0;
    uint64_t rows = 0;
    feed->resume = 0;
    s->has_position = 0;
    s->read_mode = feed->mode;
    s->read_started_at = run->started_at;
    s->unidentified = 0;
    feed->seen_active = 0;
    feed->seen_partly = 0;
    feed->last_met = 0;
    feed->no_guess = 0;
    dvsi_seen_clear(&feed->seen);
    dvsi_seen_clear(&feed->counted);
    int32_t status = highest_ids(feed, err);
    if (status == DVS_OK)
        status = dvsi_target_active(feed->target, &active, err);
    s->start_active = (int64_t)active;
    if (status == DVS_OK && run->dry && s->first_load && !feed->rows_noted)
        status = dvsi_lookup_note(feed, err);
    s->first_load = 0;
    if (status == DVS_OK && !run->dry && !dvsi_feed_gathers(feed))
        status = dvsi_twice_load(feed, 0, err);
    if (status != DVS_OK || run->dry || run->options->row_limit != 0)
        return status; /* a trial leaves what belongs to an unfinished read alone */
    status = dvsi_seen_forget(&run->books, feed->target->entity->name, feed->from->label, err);
    if (status == DVS_OK)
        status = dvsi_sink_count(run->sink, &feed->target->table, NULL, 0, &rows, err);
    s->first_load = rows == 0 && feed->mode == DVS_READ_FULL && !dvsi_feed_gathers(feed);
    feed->first_own_row = s->high_row_id + 1;
    return status == DVS_OK && s->first_load ? dvsi_target_no_indexes(feed->target, err) : status;
}

static int32_t resume_read(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    feed->resume = 1;
    feed->mode = feed->state.read_mode;
    feed->reason = "resumed";
    feed->seen_partly = 1;
    int32_t status = DVS_OK;
    if (feed->mode == DVS_READ_FULL && !dvsi_feed_gathers(feed))
        status = dvsi_twice_load(feed, 1, err);
    feed->first_own_row = feed->state.high_row_id + 1;
    if (status == DVS_OK && feed->state.first_load)
        status = dvsi_first_load_trim(feed, err);
    else if (status == DVS_OK && feed->mode == DVS_READ_FULL)
        status = dvsi_seen_load(&feed->seen, &run->books, feed->target->entity->name, feed->from->label, err);
    return status;
}

/* An unfinished read can go on if the project is the same and it is the kind of read that is due, or more. */
static int can_resume(const dvsi_feed *feed, int changed)
{
    const dvsi_feed_state *s = &feed->state;
    if (feed->run->dry || feed->run->options->row_limit != 0 || changed || !s->has_position ||
        feed->run->saved != NULL)
        return 0;
    return s->read_mode == DVS_READ_FULL || s->read_mode == feed->mode;
}

static int32_t count_waiting(dvsi_target *target, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_DELETES_ENTITY, DVS_OP_EQ, dvsi_cell_text(target->entity->name));
    if (target->run->notes.sink == NULL)
        return DVS_OK;
    return dvsi_books_count(&target->run->notes, DVSI_BOOK_DELETES, &where, 1, &target->n_waiting, err);
}

/* What the entity's former definition has left. Not in a trial, which leaves the cursor that goes with it. */
static int32_t forget_former(dvsi_feed *feed, dvs_error *err)
{
    dvs_where where = dvsi_where(DVSI_OFFERS_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name));
    if (feed->run->dry || feed->run->options->row_limit != 0 || dvsi_feed_gathers(feed))
        return DVS_OK;
    int32_t status = dvsi_waiting_forget(feed, err);
    return status == DVS_OK
               ? dvsi_books_delete_where(&feed->run->books, DVSI_BOOK_OFFERS, &where, 1, NULL, err)
               : status;
}

/* A complete read that did not end may have left offers of one record twice. */
static int32_t offers_once(dvsi_feed *feed, dvs_error *err)
{
    return !feed->run->dry && dvsi_feed_gathers(feed) && feed->state.read_mode == DVS_READ_FULL
               ? dvsi_offers_once(feed, err)
               : DVS_OK;
}

/* What is known of the feed, and the mode that it would be read in if it were alone. */
static int32_t look_at(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_feed_state *s = &feed->state;
    char fingerprint[DVSI_SHA256_HEX];
    int32_t status = run->dry ? DVS_OK : dvsi_strangers_drop(feed, err);
    if (status == DVS_OK)
        status = dvsi_state_load(feed, err);
    if (status == DVS_OK)
        status = make_fingerprint(feed, fingerprint, err);
    if (status == DVS_OK && run->saved != NULL &&
        strcmp(dvsi_saved_feed_of(feed)->fingerprint, fingerprint) != 0) {
        feed->target->guarded = 1;
        status = dvsi_error_set(err, DVS_E_GUARD,
                                "the plan %s no longer fits: what the project says of entity \"%s\" has "
                                "changed since it was made; make a new one",
                                run->saved->path, feed->target->entity->name);
    }
    if (status != DVS_OK)
        return status;
    feed->is_changed = s->row_id != 0 && (strcmp(s->fingerprint, fingerprint) != 0 || feed->target->created);
    memcpy(s->fingerprint, fingerprint, sizeof fingerprint);
    feed->mode = choose_mode(feed, (int)feed->is_changed);
    if (feed->is_changed)
        (void)dvsi_state_set_bytes(&s->cursor, &s->cursor_length, NULL, 0);
    return dvsi_row_errors_begin(feed, err);
}

/* One that failed before it could be planned: its offers stand as they are. */
static int32_t look_at_failed(dvsi_feed *feed, dvs_error *err)
{
    int32_t status = dvsi_state_load(feed, err);
    if (status == DVS_OK)
        status = offers_once(feed, err);
    return status == DVS_OK ? dvsi_row_errors_begin(feed, err) : status;
}

/* Is the feed read completely for a reason that concerns its whole entity? Not one that never has a
 * cursor. */
static int wants_pass(const dvsi_feed *feed)
{
    const dvsi_feed_state *s = &feed->state;
    if (feed->run->saved != NULL)
        return 0; /* it names the keys to look at */
    if (feed->mode != DVS_READ_FULL)
        return s->read_mode == DVS_READ_FULL;
    return (feed->stream_flags & (DVS_STREAM_CURSOR | DVS_STREAM_DELTA)) != 0 || s->last_full_at == 0 ||
           feed->is_changed || feed->target->created || feed->run->options->full;
}

static int32_t plan_feed(dvsi_feed *feed, dvs_error *err)
{
    dvsi_run *run = feed->run;
    dvsi_feed_state *s = &feed->state;
    const int changed = (int)feed->is_changed;
    int32_t status = changed ? forget_former(feed, err) : DVS_OK;
    if (status == DVS_OK)
        status = offers_once(feed, err);
    if (run->saved == NULL && feed->mode != DVS_READ_FULL && s->read_mode == DVS_READ_FULL &&
        !can_resume(feed, changed)) {
        feed->mode = DVS_READ_FULL; /* the cursor may be past what that read wrote */
        feed->reason = "the last complete read did not end";
    }
    if (status == DVS_OK && can_resume(feed, changed))
        status = resume_read(feed, err);
    else if (status == DVS_OK && s->first_load && !run->dry && run->options->row_limit == 0 &&
             !feed->target->created)
        status = dvsi_first_load_close(feed, err);
    if (status == DVS_E_CORRUPT && feed->resume) { /* somebody edited what it needs */
        dvsi_run_note(run, "warning", feed->target->entity->name, feed->from->label, 0, NULL, NULL, "%s",
                      err->message);
        dvsi_error_clear(err);
        feed->reason = "the unfinished read cannot go on";
        feed->resume = 0;
        status = DVS_OK;
    }
    if (status == DVS_OK && !feed->resume)
        status = begin_read(feed, err);
    if (status == DVS_OK && !run->dry && !s->first_load && run->options->row_limit == 0)
        status = dvsi_target_indexes(feed->target, err);
    if (status == DVS_E_DUPLICATE)
        status = dvsi_error_set(err, DVS_E_SCHEMA,
                                "table \"%s\" holds several rows of one key; delete all but one of each",
                                feed->target->entity->name);
    feed->dirty = 1;
    return status;
}

static int has_gone_column(const dvsi_feed *feed)
{
    for (uint32_t i = 0; feed->mapping != NULL && i < feed->mapping->n_plain; i++)
        if (feed->mapping->fields[i].is_gone)
            return 1;
    return 0;
}

/* Does a comparison need what the sink has noted of the entity? The preview of a sync that reads only changes
 * does; so does one of what is referred to, as it may turn out to be incomplete, and one of a source with a
 * column that is gone, whose offers keep what it has said before. */
static int needs_notes(const dvsi_target *target)
{
    const dvsi_run *run = target->run;
    int changes = 0;
    int gone = 0;
    for (uint32_t f = 0; f < target->n_feeds; f++) {
        const dvsi_feed *feed = &target->feeds[f];
        changes |= feed->phase == DVSI_FEED_PREPARED && feed->mode != DVS_READ_FULL &&
                   feed->state.read_mode != DVS_READ_FULL;
        gone |= has_gone_column(feed);
    }
    if (run->as_sync && changes && !target->passes)
        return 1;
    return run->dry && dvsi_feed_gathers(&target->feeds[0]) &&
           (gone || target->feeds[0].from->scope_referenced);
}

int32_t dvsi_plan_target(dvsi_target *target, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        dvsi_feed *feed = &target->feeds[f];
        status = feed->phase == DVSI_FEED_PREPARED ? look_at(feed, err) : look_at_failed(feed, err);
        if (status == DVS_OK && feed->phase == DVSI_FEED_PREPARED && target->n_feeds > 1)
            target->passes |= (uint32_t)wants_pass(feed);
    }
    if (status == DVS_OK && needs_notes(target))
        status = dvsi_notes_copy(target, err);
    if (status == DVS_OK)
        status = count_waiting(target, err);
    for (uint32_t f = 0; f < target->n_feeds && status == DVS_OK; f++) {
        dvsi_feed *feed = &target->feeds[f];
        if (feed->phase != DVSI_FEED_PREPARED)
            continue;
        if (target->passes && feed->mode != DVS_READ_FULL) {
            feed->mode = DVS_READ_FULL;
            feed->reason = "another source of the entity is read completely";
        }
        status = plan_feed(feed, err);
    }
    return status;
}

int32_t dvsi_plan_restart(dvsi_feed *feed, dvs_error *err)
{
    int changed = feed->error.status == DVS_E_CHANGED;
    int32_t status = DVS_OK;
    feed->restarts++;
    feed->changes += (uint32_t)changed;
    if (feed->changes > 1)
        return dvsi_error_set(err, DVS_E_CHANGED, "%s", feed->error.message);
    feed->reason = changed        ? "the source changed while it was read"
                   : feed->resume ? "the position was refused"
                                  : "the cursor was refused";
    dvsi_run_note(feed->run, "warning", feed->target->entity->name, feed->from->label, 0, NULL, NULL,
                  "read again from the start, in full: %s", feed->error.message);
    feed->mode = DVS_READ_FULL;
    feed->has_end = 0;
    dvsi_run_unnote_rows(feed);
    feed->counts.processed = feed->counts.unchanged = feed->counts.row_errors = 0;
    atomic_store(&feed->rows, 0);
    status = dvsi_row_errors_restart(feed, err);
    if (status == DVS_OK && feed->run->dry)
        status = dvsi_changes_restart(feed, err);
    if (status == DVS_OK && feed->state.first_load && !feed->run->dry)
        status = dvsi_first_load_close(feed, err);
    if (status == DVS_OK)
        status = dvsi_offers_index(feed->run, err);
    if (status == DVS_OK)
        status = begin_read(feed, err);
    if (status == DVS_OK && !feed->run->dry && !feed->state.first_load)
        status = dvsi_target_indexes(feed->target, err);
    feed->dirty = 1;
    return status;
}
