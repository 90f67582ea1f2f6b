/* model_sink.h (tests) - a sink in memory and a run over it, as docs/guide.md describes them, around
 * core/reconcile. What a step finds wrong is kept in `wrong`, the first of it. */
#ifndef TEST_MODEL_SINK_H
#define TEST_MODEL_SINK_H

#include <stdio.h>
#include <stdlib.h>

#include "model_source.h"
#include "reconcile/offers.h"

#define MAX_CONFLICTS 2048u
#define MAX_HASH (N_FIELDS * DVSI_SYNC_HASH_BYTES)

typedef struct model_offer {
    model_record record;
    uint32_t pending;
} model_offer;

typedef struct model_row {
    uint32_t exists;
    uint32_t deleted;
    dvs_cell fields[N_FIELDS];
    uint8_t hash[MAX_HASH];
    size_t hash_length;
    uint32_t is_ours[N_FIELDS]; /* what sync_hash should know: we wrote it ... */
    dvs_cell written[N_FIELDS]; /* ... and this it was */
} model_row;

typedef struct model_conflict {
    uint32_t key;
    dvsi_clash clash;
    uint32_t open;
    uint32_t seen;
} model_conflict;

typedef struct model_pin {
    uint32_t set;
    dvs_cell value;
} model_pin;

typedef struct model_sink {
    model_offer offers[N_SOURCES][N_RECORDS];
    uint32_t waiting[N_KEYS];
    model_row rows[N_KEYS];
    model_pin pins[N_KEYS][N_FIELDS];
    model_conflict conflicts[MAX_CONFLICTS];
    uint32_t n_conflicts;
    dvsi_buf story;  /* lineage */
    uint64_t writes; /* on rows, lineage and conflicts */
    uint64_t drift;  /* what a diff found */
    const char *wrong;
} model_sink;

static const uint32_t model_positions[N_FIELDS] = {3, 0, 4, 1, 2};
static const char *const model_names[N_FIELDS] = {"f0", "f1", "f2", "f3", "d"};

static void model_fail(model_sink *s, const char *what)
{
    if (s->wrong == NULL)
        s->wrong = what;
}

static model_sink *model_sink_copy(const model_sink *from)
{
    model_sink *s = malloc(sizeof *s);
    if (s == NULL)
        abort();
    *s = *from;
    memset(&s->story, 0, sizeof s->story);
    dvsi_buf_add(&s->story, dvsi_buf_text(&from->story), from->story.length);
    return s;
}

static void model_sink_free(model_sink *s)
{
    if (s != NULL)
        dvsi_buf_free(&s->story);
    free(s);
}

/* ---- Conflicts: one open row per key, field, kind and pair ---- */

static int same_clash(const dvsi_clash *a, const dvsi_clash *b)
{
    return a->kind == b->kind && a->field == b->field &&
           ((a->winner == b->winner && a->loser == b->loser) ||
            (a->winner == b->loser && a->loser == b->winner));
}

static int same_values(const dvsi_clash *a, const dvsi_clash *b)
{
    return a->winner == b->winner && dvsi_cell_equal(&a->winner_value, &b->winner_value) &&
           dvsi_cell_equal(&a->loser_value, &b->loser_value);
}

static void note_clash(model_sink *s, uint32_t key, const dvsi_clash *clash)
{
    for (uint32_t i = 0; i < s->n_conflicts; i++) {
        model_conflict *known = &s->conflicts[i];
        if (!known->open || known->key != key || !same_clash(&known->clash, clash))
            continue;
        if (same_values(&known->clash, clash))
            return; /* it stands, and costs nothing */
        known->clash = *clash;
        known->seen++;
        s->writes++;
        return;
    }
    if (s->n_conflicts == MAX_CONFLICTS)
        abort();
    s->conflicts[s->n_conflicts++] = (model_conflict){key, *clash, 1, 1};
    s->writes++;
}

static void settle_conflicts(model_sink *s, uint32_t key, const dvsi_merged *merged)
{
    for (uint32_t i = 0; i < s->n_conflicts; i++) {
        model_conflict *known = &s->conflicts[i];
        int stands = 0;
        for (uint32_t k = 0; k < merged->n_clashes; k++)
            stands = stands || same_clash(&known->clash, &merged->clashes[k]);
        if (!known->open || known->key != key || stands)
            continue;
        known->open = 0;
        s->writes++;
    }
    for (uint32_t k = 0; k < merged->n_clashes; k++) {
        for (uint32_t other = 0; other < k; other++)
            if (same_clash(&merged->clashes[other], &merged->clashes[k]))
                model_fail(s, "one disagreement was told twice");
        note_clash(s, key, &merged->clashes[k]);
    }
}

/* ---- Reconciling one key ---- */

typedef struct model_case {
    dvsi_voice voices[N_SOURCES];
    dvsi_policy policy;
    dvsi_said said[N_SOURCES * N_RECORDS];
    dvs_cell fields[N_SOURCES * N_RECORDS][N_FIELDS];
    uint32_t n_said;
    dvsi_pin pins[N_FIELDS];
    uint32_t n_pins;
    dvsi_stored stored;
    dvsi_arena arena;
    dvsi_merged merged;
} model_case;

/* An offer in the hand of the run: its precedence, and where it is. */
typedef struct model_hand {
    dvsi_offer offer;
    uint32_t source;
    const model_record *record;
    char source_key[8];
} model_hand;

static int compare_hands(const void *a, const void *b)
{
    return dvsi_offer_compare(&((const model_hand *)a)->offer, &((const model_hand *)b)->offer);
}

/* The offers of a key, met in any order, in order of precedence. */
static void take_said(model_case *c, const model_sink *s, const model_rules *r, uint32_t key)
{
    model_hand hands[N_SOURCES * N_RECORDS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < N_SOURCES * N_RECORDS; i++) {
        uint32_t source = i / N_RECORDS;
        const model_record *record = &s->offers[source][i % N_RECORDS].record;
        if (!record->present || record->key != key)
            continue;
        uint32_t at = (uint32_t)random_below(n + 1);
        hands[n] = hands[at];
        hands[at] = (model_hand){.source = source, .record = record};
        snprintf(hands[at].source_key, sizeof hands[at].source_key, "%u", (unsigned)(i % N_RECORDS));
        hands[at].offer = (dvsi_offer){.priority = r->priority[source],
                                       .listed = r->listed[source],
                                       .modified = dvsi_cell_null(),
                                       .version = dvsi_cell_int64(record->version),
                                       .source_key_length = 1};
        n++;
    }
    for (uint32_t i = 0; i < n; i++)
        hands[i].offer.source_key = hands[i].source_key;
    /* The comparison reads the keys where they lie, and a sort moves them: so the places are sorted. */
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = i; k > 0 && compare_hands(&hands[k], &hands[k - 1]) < 0; k--) {
            model_hand swap = hands[k];
            hands[k] = hands[k - 1];
            hands[k - 1] = swap;
            hands[k].offer.source_key = hands[k].source_key;
            hands[k - 1].offer.source_key = hands[k - 1].source_key;
        }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t f = 0; f < N_PLAIN; f++) /* what the entry does not map, it does not offer */
            c->fields[i][f] =
                r->says[hands[i].source][f] != DVSI_SAYS_NOTHING ? hands[i].record->fields[f] : (dvs_cell){0};
        c->said[i] = (dvsi_said){.voice = hands[i].source, .fields = c->fields[i]};
    }
    c->n_said = n;
}

static void take_case(model_case *c, const model_sink *s, const model_rules *r, uint32_t key)
{
    const model_row *row = &s->rows[key];
    memset(c, 0, sizeof *c);
    for (uint32_t v = 0; v < N_SOURCES; v++)
        c->voices[v] = (dvsi_voice){r->priority[v], r->listed[v], r->decides[v], r->says[v], r->null_wins[v]};
    c->policy = (dvsi_policy){c->voices, N_SOURCES, N_FIELDS, N_PLAIN, r->force, model_positions};
    take_said(c, s, r, key);
    for (uint32_t f = 0; f < N_FIELDS; f++)
        if (s->pins[key][f].set)
            c->pins[c->n_pins++] = (dvsi_pin){.field = f, .value = s->pins[key][f].value};
    if (row->exists)
        c->stored = (dvsi_stored){row->fields, row->hash, row->hash_length, row->deleted, 0};
}

static void merge_case(model_case *c)
{
    if (dvsi_merge_offers(&c->policy, c->said, c->n_said, &c->arena, &c->merged) != 0)
        abort();
    dvsi_merge_record(&c->policy, c->said, &c->stored, c->pins, c->n_pins, &c->merged);
    if (c->merged.exists && c->merged.from[DERIVED] != DVSI_VOICE_PIN)
        c->merged.fields[DERIVED] = model_derived(c->merged.whole);
    if (dvsi_merge_compare(&c->policy, c->said, &c->stored, &c->arena, &c->merged) != 0)
        abort();
}

static int lists(const uint32_t *list, uint32_t n, uint32_t field)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == field)
            return 1;
    return 0;
}

/* The field stands against what the first source that speaks for it by reference says. */
static int keeps(const model_case *c, const model_row *row, uint32_t field)
{
    const dvsi_merged *m = &c->merged;
    return m->from[field] == DVSI_VOICE_SINK && m->truth[field] == DVSI_VOICE_NONE &&
           m->reference[field] != DVSI_VOICE_NONE &&
           !dvsi_cell_equal(&c->said[m->reference[field]].fields[field], &row->fields[field]);
}

/* What was edited is told from what we wrote, not from its hash; and a reference is written once. */
static void check_case(model_sink *s, const model_case *c, const model_row *row)
{
    const dvsi_merged *m = &c->merged;
    for (uint32_t f = 0; f < N_FIELDS && row->exists && m->exists; f++) {
        int edited = row->is_ours[f] && !dvsi_cell_equal(&row->written[f], &row->fields[f]);
        int changed = lists(m->changed, m->n_changed, f);
        int told = 0;
        for (uint32_t i = 0; i < m->n_clashes; i++)
            told += m->clashes[i].kind == DVSI_LOCAL_EDIT && m->clashes[i].field == f;
        int stands = changed || keeps(c, row, f);
        if (told != (edited && stands))
            model_fail(s, "an edit by hand was not told, or told and is none");
        if (changed && dvsi_cell_equal(&m->fields[f], &row->fields[f]))
            model_fail(s, "a value that is there is written again");
        if (f < N_PLAIN && changed && row->is_ours[f] && !c->policy.force && m->from[f] < N_SOURCES &&
            c->voices[m->from[f]].says[f] == DVSI_SAYS_REFERENCE)
            model_fail(s, "a reference was written again");
    }
}

static void put_row(model_sink *s, const model_case *c, model_row *row)
{
    const dvsi_merged *m = &c->merged;
    dvsi_buf hash = {0};
    dvsi_buf scratch = {0};
    dvsi_buf_add(&hash, row->hash, row->hash_length);
    for (uint32_t i = 0; i < m->n_changed + m->n_claimed; i++) {
        uint32_t f = i < m->n_changed ? m->changed[i] : m->claimed[i - m->n_changed];
        row->fields[f] = m->fields[f];
        row->written[f] = m->fields[f];
        row->is_ours[f] = 1;
        dvsi_sync_hash_put(&hash, model_positions[f], &m->fields[f], &scratch);
    }
    for (uint32_t f = 0; f < N_FIELDS; f++) {
        if (!row->exists && !lists(m->changed, m->n_changed, f))
            row->fields[f] = dvsi_cell_null();
        if (!dvsi_cell_equal(&row->fields[f], &m->whole[f]))
            model_fail(s, "`whole` is not what stands there");
    }
    if (hash.failed || scratch.failed || hash.length > MAX_HASH)
        abort();
    memcpy(row->hash, hash.data != NULL ? hash.data : "", hash.length);
    row->hash_length = hash.length;
    row->exists = 1;
    row->deleted = 0;
    dvsi_buf_free(&hash);
    dvsi_buf_free(&scratch);
}

static void tell_story(model_sink *s, const model_case *c, uint32_t key, const model_row *before)
{
    static const char *const sources[N_SOURCES] = {"x", "y", "z"};
    const dvsi_merged *m = &c->merged;
    dvsi_origin own = {m->voice < N_SOURCES ? sources[m->voice] : "", "e", NULL};
    dvsi_origin origins[N_FIELDS] = {{0}};
    for (uint32_t f = 0; f < N_FIELDS; f++)
        if (m->from[f] < N_SOURCES)
            origins[f] = (dvsi_origin){sources[m->from[f]], "e", model_names[f]};
        else if (m->from[f] == DVSI_VOICE_PIN)
            origins[f].source = "pin";
    dvsi_buf_printf(&s->story, "%s %u %s ", dvsi_op_name(m->op), (unsigned)key, own.source);
    if (m->op == DVSI_OP_CREATE)
        (void)dvsi_lineage_create(&s->story, model_names, N_FIELDS, &own, origins);
    else if (m->op != DVSI_OP_DELETE)
        dvsi_lineage_update(&s->story, model_names, before->fields, m->fields, m->changed, m->n_changed, &own,
                            origins);
    dvsi_buf_puts(&s->story, "\n");
}

static void reconcile_key(model_sink *s, const model_rules *r, uint32_t key, int dry, uint32_t *deletes)
{
    model_case c;
    model_row *row = &s->rows[key];
    model_row before = *row;
    take_case(&c, s, r, key);
    merge_case(&c);
    check_case(s, &c, row);
    if (dry) {
        s->drift += c.merged.op != DVSI_OP_NONE;
    } else if (c.merged.op == DVSI_OP_DELETE) {
        deletes[key] = 1;
    } else {
        if (c.merged.op != DVSI_OP_NONE || c.merged.n_claimed != 0) {
            put_row(s, &c, row);
            s->writes++;
        }
        if (c.merged.op != DVSI_OP_NONE)
            tell_story(s, &c, key, &before);
        settle_conflicts(s, key, &c.merged);
    }
    dvsi_arena_free(&c.arena);
}

/* ---- A run ---- */

/* The last step: what is left of the keys is deleted, with its pins and conflicts. */
static void apply_deletes(model_sink *s, const uint32_t *deletes)
{
    for (uint32_t key = 0; key < N_KEYS; key++) {
        if (!deletes[key])
            continue;
        model_case c = {.merged = {.voice = DVSI_VOICE_NONE, .op = DVSI_OP_DELETE}};
        s->rows[key].deleted = 1;
        memset(s->pins[key], 0, sizeof s->pins[key]);
        dvsi_buf_printf(&s->story, "%s %u\n", dvsi_op_name(c.merged.op), (unsigned)key);
        settle_conflicts(s, key, &c.merged);
        s->writes++;
    }
}

static void end_run(model_sink *s, const model_rules *r, int complete, int dry)
{
    uint32_t deletes[N_KEYS] = {0};
    uint32_t pending[N_KEYS] = {0};
    for (uint32_t i = 0; i < N_SOURCES * N_RECORDS; i++) {
        model_offer *offer = &s->offers[i / N_RECORDS][i % N_RECORDS];
        if (offer->record.present && offer->pending)
            pending[offer->record.key] = 1;
        if (!dry)
            offer->pending = 0;
    }
    for (uint32_t key = 0; key < N_KEYS; key++)
        if (complete || pending[key] || s->waiting[key])
            reconcile_key(s, r, key, dry, deletes);
    apply_deletes(s, deletes);
    if (!dry)
        memset(s->waiting, 0, sizeof s->waiting);
}

/* One record, or that it is gone, becomes an offer. */
static void take_delivery(model_sink *s, const model_delivery *d)
{
    model_offer *offer = &s->offers[d->source][d->number];
    model_record *known = &offer->record;
    int was = (int)known->present;
    int same = was && d->record.present && known->key == d->record.key && known->version == d->record.version;
    if (was && (!d->record.present || known->key != d->record.key))
        s->waiting[known->key] = 1;
    for (uint32_t f = 0; f < N_PLAIN; f++) {
        if (d->record.fields[f].kind == DVS_ABSENT)
            continue; /* what it said of this, it still says */
        same = same && dvsi_cell_equal(&known->fields[f], &d->record.fields[f]);
        known->fields[f] = d->record.fields[f];
    }
    known->present = d->record.present;
    known->key = d->record.key;
    known->version = d->record.version;
    offer->pending = offer->pending || !same;
}

/* Deliveries of all sources in any order, but those of one record in their own; in a dry run nothing
 * stays. */
static void run_changes(model_sink *s, const model_rules *r, const model_delivery *changes, uint32_t n)
{
    uint32_t left[256];
    uint32_t n_left = n;
    for (uint32_t i = 0; i < n; i++)
        left[i] = i;
    while (n_left != 0) {
        uint32_t pick = (uint32_t)random_below(n_left);
        for (uint32_t i = 0; i < pick; i++)
            if (changes[left[i]].source == changes[left[pick]].source &&
                changes[left[i]].number == changes[left[pick]].number)
                pick = i;
        if (r->in_project[changes[left[pick]].source])
            take_delivery(s, &changes[left[pick]]);
        memmove(&left[pick], &left[pick + 1], (n_left - pick - 1) * sizeof *left);
        n_left--;
    }
    end_run(s, r, 0, 0);
}

/* A complete read of every source, in any order; what is not met goes. */
static void run_complete(model_sink *s, const model_rules *r, const model_world *w, int dry)
{
    uint32_t places[N_SOURCES * N_RECORDS];
    for (uint32_t i = 0; i < N_SOURCES * N_RECORDS; i++) {
        uint32_t at = (uint32_t)random_below(i + 1);
        places[i] = places[at];
        places[at] = i;
    }
    for (uint32_t i = 0; i < N_SOURCES * N_RECORDS; i++) {
        model_delivery d = {.source = places[i] / N_RECORDS, .number = places[i] % N_RECORDS};
        d.record = w->records[d.source][d.number];
        if (!d.record.present || !r->in_project[d.source])
            d.record = (model_record){0};
        take_delivery(s, &d);
    }
    end_run(s, r, 1, dry);
}

#endif
