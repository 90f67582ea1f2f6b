/* model_source.h (tests) - sources and projects as dice make them, and what the rules say that a sink must
 * then hold, worked out without any code of core/reconcile. */
#ifndef TEST_MODEL_SOURCE_H
#define TEST_MODEL_SOURCE_H

#include <string.h>

#include "../base/random.h"
#include "data/cell.h"
#include "reconcile/merge.h"

#define N_SOURCES 3u
#define N_RECORDS 4u /* of a source */
#define N_KEYS 4u
#define N_PLAIN 4u /* two texts, an int64, a json */
#define DERIVED 4u /* the two texts, one behind the other */
#define N_FIELDS 5u
#define N_WORDS 6u

static const char *const model_words[N_WORDS] = {"", "a", "b", "c", "hand", "edit"};

/* ---- Values ---- */

static dvs_cell model_json(const char *text)
{
    return dvsi_cell_json_n(text, strlen(text));
}

/* A value of a field, sometimes NULL; `foreign`: one that no source has. */
static dvs_cell model_value(uint32_t field, int foreign)
{
    static const char *const objects[] = {"{\"a\":1,\"b\":[2]}", "{ \"b\":[2], \"a\":1.0 }", "[]"};
    size_t pick = random_below(4);
    if (pick == 0)
        return dvsi_cell_null();
    if (field < 2)
        return dvsi_cell_text(model_words[foreign ? 4 + pick % 2 : random_below(4)]);
    if (field == 2)
        return dvsi_cell_int64(foreign ? -(int64_t)pick : (int64_t)pick);
    return model_json(foreign ? "\"by hand\"" : objects[pick - 1]);
}

static size_t model_word(const dvs_cell *cell)
{
    size_t i = 0;
    while (i < N_WORDS && (strlen(model_words[i]) != cell->length ||
                           memcmp(model_words[i], cell->v.text, cell->length) != 0))
        i++;
    return i;
}

/* The derived field; its texts live as long as the program. */
static dvs_cell model_derived(const dvs_cell *fields)
{
    static char texts[N_WORDS][N_WORDS][16];
    if (fields[0].kind != DVS_TEXT || fields[1].kind != DVS_TEXT)
        return dvsi_cell_null();
    size_t a = model_word(&fields[0]);
    size_t b = model_word(&fields[1]);
    char *text = texts[a][b];
    memcpy(text, model_words[a], strlen(model_words[a]));
    memcpy(text + strlen(model_words[a]), model_words[b], strlen(model_words[b]) + 1);
    return dvsi_cell_text(text);
}

/* ---- The project ---- */

typedef struct model_rules {
    uint32_t in_project[N_SOURCES];
    int64_t priority[N_SOURCES];
    uint32_t listed[N_SOURCES];
    uint32_t decides[N_SOURCES];
    uint8_t says[N_SOURCES][N_FIELDS];
    uint8_t null_wins[N_SOURCES][N_FIELDS];
    uint32_t force;
} model_rules;

static model_rules model_rules_draw(void)
{
    model_rules r = {0};
    uint32_t first = (uint32_t)random_below(N_SOURCES); /* this one takes part and decides */
    uint32_t records_from = random_below(3) == 0;
    for (uint32_t s = 0; s < N_SOURCES; s++) {
        r.in_project[s] = s == first || random_below(5) != 0;
        r.priority[s] = (int64_t)random_below(2) * 100 - 50;
        r.listed[s] = (s + first) % N_SOURCES;
        r.decides[s] = r.in_project[s] && (s == first || !records_from || random_below(2));
        for (uint32_t f = 0; f < N_PLAIN && r.in_project[s]; f++) {
            size_t pick = random_below(8);
            r.says[s][f] = pick == 0 ? DVSI_SAYS_NOTHING : pick < 3 ? DVSI_SAYS_REFERENCE : DVSI_SAYS_TRUTH;
            r.null_wins[s][f] = random_below(5) == 0;
        }
    }
    return r;
}

/* Does source a stand before b? */
static int model_before(const model_rules *r, uint32_t a, uint32_t b)
{
    return r->priority[a] != r->priority[b] ? r->priority[a] > r->priority[b] : r->listed[a] < r->listed[b];
}

/* ---- The sources ---- */

typedef struct model_record {
    uint32_t present;
    uint32_t key;
    int64_t version;
    dvs_cell fields[N_PLAIN];
} model_record;

typedef struct model_world {
    model_record records[N_SOURCES][N_RECORDS];
    int64_t clock; /* for versions */
} model_world;

/* What a source delivers of one record: all of it, some of its fields, or that it is gone. */
typedef struct model_delivery {
    uint32_t source;
    uint32_t number;
    model_record record; /* fields not delivered are ABSENT */
} model_delivery;

/* One change at a source. */
static model_delivery model_change(model_world *w)
{
    model_delivery d = {.source = (uint32_t)random_below(N_SOURCES),
                        .number = (uint32_t)random_below(N_RECORDS)};
    model_record *record = &w->records[d.source][d.number];
    int was = (int)record->present;
    if (was && random_below(4) == 0) {
        record->present = 0;
        d.record = *record;
        return d;
    }
    record->present = 1;
    if (!was || random_below(6) == 0)
        record->key = (uint32_t)random_below(N_KEYS);
    w->clock += (int64_t)random_below(2); /* records of one version: the smaller source key decides */
    record->version = w->clock;
    d.record = *record;
    for (uint32_t f = 0; f < N_PLAIN; f++) {
        if (!was || random_below(2))
            record->fields[f] = model_value(f, 0);
        else if (random_below(2)) {
            d.record.fields[f] = (dvs_cell){0}; /* it did not change, and is not delivered */
            continue;
        }
        d.record.fields[f] = record->fields[f];
    }
    return d;
}

/* ---- What must come of it ---- */

typedef struct model_truth {
    uint32_t exists;
    const model_record *best[N_SOURCES]; /* of each source the record that stands for the key */
    uint32_t order[N_SOURCES];           /* sources in precedence */
    uint32_t winner[N_PLAIN];            /* the source whose value stands; N_SOURCES: none speaks */
    uint32_t reference[N_PLAIN];         /* the first by reference */
} model_truth;

static const model_record *model_best(const model_world *w, uint32_t source, uint32_t key)
{
    const model_record *best = NULL;
    for (uint32_t i = 0; i < N_RECORDS; i++) {
        const model_record *record = &w->records[source][i];
        if (record->present && record->key == key && (best == NULL || record->version > best->version))
            best = record;
    }
    return best;
}

static int model_opinion(const model_rules *r, const model_truth *t, uint32_t source, uint32_t field,
                         uint32_t how)
{
    const model_record *record = t->best[source];
    return record != NULL && r->says[source][field] == how &&
           (record->fields[field].kind != DVS_NULL || r->null_wins[source][field]);
}

static uint32_t model_winner(const model_rules *r, const model_truth *t, uint32_t field, uint32_t how)
{
    for (uint32_t i = 0; i < N_SOURCES; i++)
        if (model_opinion(r, t, t->order[i], field, how))
            return t->order[i];
    for (uint32_t i = 0; i < N_SOURCES; i++)
        if (t->best[t->order[i]] != NULL && r->says[t->order[i]][field] == how)
            return t->order[i]; /* NULL, as nobody else has an opinion */
    return N_SOURCES;
}

static model_truth model_expect(const model_rules *r, const model_world *w, uint32_t key)
{
    model_truth t = {.order = {0, 1, 2}};
    for (uint32_t i = 1; i < N_SOURCES; i++)
        for (uint32_t k = i; k > 0 && model_before(r, t.order[k], t.order[k - 1]); k--) {
            uint32_t swap = t.order[k];
            t.order[k] = t.order[k - 1];
            t.order[k - 1] = swap;
        }
    for (uint32_t s = 0; s < N_SOURCES; s++) {
        t.best[s] = r->in_project[s] ? model_best(w, s, key) : NULL;
        t.exists = t.exists || (t.best[s] != NULL && r->decides[s]);
    }
    for (uint32_t f = 0; f < N_PLAIN; f++) {
        t.winner[f] = model_winner(r, &t, f, DVSI_SAYS_TRUTH);
        t.reference[f] = model_winner(r, &t, f, DVSI_SAYS_REFERENCE);
    }
    return t;
}

/* Does `loser`'s opinion on a field differ from the winner's? */
static int model_differs(const model_rules *r, const model_truth *t, uint32_t field, uint32_t loser)
{
    uint32_t winner = t->winner[field];
    return t->exists && winner < N_SOURCES && loser != winner &&
           model_opinion(r, t, winner, field, DVSI_SAYS_TRUTH) &&
           model_opinion(r, t, loser, field, DVSI_SAYS_TRUTH) &&
           !dvsi_cell_equal(&t->best[winner]->fields[field], &t->best[loser]->fields[field]);
}

#endif
