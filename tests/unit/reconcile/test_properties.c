/*
 * What must hold of core/reconcile for any sources, project and order of events: random lives of a sink in
 * memory (model_sink.h), judged by what the rules make of the sources at their end (model_source.h).
 * DVSYNC_SEED=n plays case n first; DVSYNC_CASES=n plays so many of each kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model_sink.h"

#define CASES 5000u
#define MAX_CHANGES 24u

/* ---- The state: what a sink must hold, whatever it has been through ---- */

static int is_spoken_for(const model_rules *r, uint32_t field, uint8_t how)
{
    for (uint32_t s = 0; s < N_SOURCES; s++)
        if (r->says[s][field] == how)
            return 1;
    return 0;
}

static int is_right_value(const model_row *row, const model_rules *r, const model_truth *t, uint32_t f)
{
    uint32_t from = t->winner[f];
    if (from == N_SOURCES && t->reference[f] < N_SOURCES) {
        if (!r->force)
            return 1; /* whatever it was once, or is by hand */
        from = t->reference[f];
    }
    if (from < N_SOURCES)
        return dvsi_cell_equal(&row->fields[f], &t->best[from]->fields[f]);
    if (!is_spoken_for(r, f, DVSI_SAYS_TRUTH))
        return 1; /* no field of the entity, or one that is only set once */
    return row->fields[f].kind == DVS_NULL || !row->is_ours[f];
}

static const char *check_conflicts(const model_sink *s, const model_rules *r, const model_truth *t,
                                   uint32_t key)
{
    uint32_t expected = 0;
    uint32_t open = 0;
    for (uint32_t i = 0; i < s->n_conflicts; i++)
        open += s->conflicts[i].open && s->conflicts[i].key == key &&
                s->conflicts[i].clash.kind == DVSI_FIELD_DIFFERS;
    for (uint32_t f = 0; f < N_PLAIN; f++)
        for (uint32_t loser = 0; loser < N_SOURCES; loser++) {
            if (!model_differs(r, t, f, loser) || s->pins[key][f].set)
                continue;
            uint32_t found = 0;
            for (uint32_t i = 0; i < s->n_conflicts; i++) {
                const dvsi_clash *clash = &s->conflicts[i].clash;
                found += s->conflicts[i].open && s->conflicts[i].key == key &&
                         clash->kind == DVSI_FIELD_DIFFERS && clash->field == f &&
                         clash->winner == t->winner[f] && clash->loser == loser &&
                         dvsi_cell_equal(&clash->winner_value, &t->best[t->winner[f]]->fields[f]) &&
                         dvsi_cell_equal(&clash->loser_value, &t->best[loser]->fields[f]);
            }
            if (found != 1)
                return "a disagreement of two sources has not one open conflict with their values";
            expected++;
        }
    return open == expected ? NULL : "a conflict is open that does not stand";
}

static const char *check_state(const model_sink *s, const model_rules *r, const model_world *w)
{
    for (uint32_t key = 0; key < N_KEYS; key++) {
        const model_row *row = &s->rows[key];
        model_truth t = model_expect(r, w, key);
        if ((row->exists && !row->deleted) != (t.exists != 0))
            return "a record is active and should not be, or the other way round";
        for (uint32_t f = 0; f < N_PLAIN && t.exists; f++)
            if (!s->pins[key][f].set && !is_right_value(row, r, &t, f))
                return "a value is not that of the source that should have its say";
        dvs_cell derived = model_derived(row->fields);
        if (t.exists && !s->pins[key][DERIVED].set && !dvsi_cell_equal(&row->fields[DERIVED], &derived))
            return "a derived value is not that of its record";
        for (uint32_t f = 0; f < N_FIELDS && t.exists && !r->force; f++)
            if (s->pins[key][f].set && !dvsi_cell_equal(&row->fields[f], &s->pins[key][f].value))
                return "a pinned value does not stand";
        const char *wrong = check_conflicts(s, r, &t, key);
        if (wrong != NULL)
            return wrong;
    }
    return s->wrong;
}

/* ---- What happens to a sink ---- */

static void edit_by_hand(model_sink *s)
{
    uint32_t key = (uint32_t)random_below(N_KEYS);
    uint32_t field = (uint32_t)random_below(N_FIELDS);
    model_row *row = &s->rows[key];
    if (!row->exists) {
        *row = (model_row){.exists = 1};
        for (uint32_t f = 0; f < N_FIELDS; f++)
            row->fields[f] = f == DERIVED ? dvsi_cell_text("hand") : model_value(f, 1);
    } else if (random_below(8) == 0) {
        *row = (model_row){0};
    } else {
        row->fields[field] =
            field == DERIVED ? dvsi_cell_text("edit") : model_value(field, random_below(3) != 0);
    }
}

/* `resolve`: one of two values is kept. */
static void pin(model_sink *s)
{
    for (uint32_t i = 0; i < s->n_conflicts; i++) {
        model_conflict *c = &s->conflicts[i];
        if (!c->open || random_below(3) != 0)
            continue;
        c->open = 0;
        s->pins[c->key][c->clash.field] =
            (model_pin){1, random_below(2) ? c->clash.winner_value : c->clash.loser_value};
        s->waiting[c->key] = 1;
        return;
    }
}

static void unpin(model_sink *s)
{
    for (uint32_t i = 0; i < N_KEYS * N_FIELDS; i++) {
        model_pin *p = &s->pins[i / N_FIELDS][i % N_FIELDS];
        if (!p->set || random_below(3) != 0)
            continue;
        p->set = 0;
        s->waiting[i / N_FIELDS] = 1;
        return;
    }
}

static uint32_t draw_changes(model_world *w, model_delivery *changes)
{
    uint32_t n = (uint32_t)random_below(MAX_CHANGES + 1);
    for (uint32_t i = 0; i < n; i++)
        changes[i] = model_change(w);
    return n;
}

/* A first load, and then some of everything. `edited`: the sink holds edits that no run has seen. */
static void live(model_sink *s, model_rules *r, model_world *w, const char **wrong, int *edited)
{
    model_delivery changes[MAX_CHANGES];
    (void)draw_changes(w, changes);
    run_complete(s, r, w, 0);
    *wrong = check_state(s, r, w);
    for (size_t steps = random_below(9); steps-- > 0 && *wrong == NULL;) {
        size_t what = random_below(10);
        int complete = what == 7 || what == 8;
        if (what < 4) {
            uint32_t n = draw_changes(w, changes);
            run_changes(s, r, changes, n);
        } else if (what == 4) {
            edit_by_hand(s);
            *edited = 1;
        } else if (what == 5) {
            pin(s);
            run_changes(s, r, changes, 0);
        } else if (what == 6) {
            unpin(s);
            run_changes(s, r, changes, 0);
        } else if (what == 7) {
            *r = model_rules_draw(); /* the project is edited: everything is read */
        } else if (what == 8) {
            r->force = 1;
        }
        if (complete || what == 9) {
            (void)draw_changes(w, changes);
            run_complete(s, r, w, 0);
            *edited = 0;
        }
        if (!*edited)
            *wrong = check_state(s, r, w);
        if (r->force) {
            r->force = 0;
            run_complete(s, r, w, 0);
        }
    }
}

/* ---- The properties; each returns what is wrong, or NULL ---- */

static uint32_t n_open(const model_sink *s, dvsi_clash_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_conflicts; i++)
        n += s->conflicts[i].open && s->conflicts[i].clash.kind == kind &&
             s->conflicts[i].clash.winner != DVSI_VOICE_SINK; /* what a reference field keeps stands on */
    return n;
}

/* After a complete sync the state is right, whatever went before; a diff finds nothing, and more runs write
 * nothing. */
static const char *any_life(void)
{
    model_sink *s = calloc(1, sizeof *s);
    model_sink *dry = NULL;
    model_rules r = model_rules_draw();
    model_world w = {0};
    const char *wrong = NULL;
    int edited = 0;
    assert_non_null(s);
    live(s, &r, &w, &wrong, &edited);
    run_complete(s, &r, &w, 0);
    if (wrong == NULL)
        wrong = check_state(s, &r, &w);
    dry = model_sink_copy(s);
    run_complete(dry, &r, &w, 1);
    if (wrong == NULL && dry->drift != 0)
        wrong = "a diff after a complete sync finds something";
    run_complete(s, &r, &w, 0); /* edits that were overwritten do not stand any more */
    uint64_t writes = s->writes;
    if (wrong == NULL && n_open(s, DVSI_LOCAL_EDIT) != 0)
        wrong = "a local edit is still open after a complete read that did not find it";
    run_complete(s, &r, &w, 0);
    if (wrong == NULL && s->writes != writes)
        wrong = "a sync of unchanged data wrote something";
    if (wrong == NULL)
        wrong = check_state(s, &r, &w);
    model_sink_free(dry);
    model_sink_free(s);
    return wrong;
}

static int same_cells(const dvs_cell *a, const dvs_cell *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!dvsi_cell_equal(&a[i], &b[i]))
            return 0;
    return 1;
}

/* State and story. */
static const char *compare_sinks(const model_sink *a, const model_sink *b)
{
    for (uint32_t key = 0; key < N_KEYS; key++) {
        const model_row *x = &a->rows[key];
        const model_row *y = &b->rows[key];
        if (x->exists != y->exists || x->deleted != y->deleted ||
            !same_cells(x->fields, y->fields, N_FIELDS) || x->hash_length != y->hash_length ||
            memcmp(x->hash, y->hash, x->hash_length) != 0)
            return "the order made another row";
        for (uint32_t f = 0; f < N_FIELDS; f++)
            if (a->pins[key][f].set != b->pins[key][f].set)
                return "the order left another pin";
    }
    if (a->story.length != b->story.length ||
        memcmp(dvsi_buf_text(&a->story), dvsi_buf_text(&b->story), a->story.length) != 0)
        return "the order made another story";
    if (a->n_conflicts != b->n_conflicts || a->writes != b->writes)
        return "the order made other conflicts, or more writes";
    for (uint32_t i = 0; i < a->n_conflicts; i++) {
        const model_conflict *x = &a->conflicts[i];
        const model_conflict *y = &b->conflicts[i];
        if (x->key != y->key || x->open != y->open || x->seen != y->seen ||
            !same_clash(&x->clash, &y->clash) || !same_values(&x->clash, &y->clash) ||
            strcmp(x->clash.rule, y->clash.rule) != 0)
            return "the order made another conflict";
    }
    return a->wrong != NULL ? a->wrong : b->wrong;
}

/* Any order of sources, pages and batches inside a run gives the same state and the same story. */
static const char *any_order(void)
{
    model_sink *a = calloc(1, sizeof *a);
    model_sink *b = NULL;
    model_rules r = model_rules_draw();
    model_world w = {0};
    model_delivery changes[MAX_CHANGES];
    const char *wrong = NULL;
    int edited = 0;
    assert_non_null(a);
    live(a, &r, &w, &wrong, &edited);
    b = model_sink_copy(a);
    uint32_t n = draw_changes(&w, changes);
    run_changes(a, &r, changes, n);
    run_changes(b, &r, changes, n);
    if (wrong == NULL)
        wrong = compare_sinks(a, b);
    (void)draw_changes(&w, changes);
    run_complete(a, &r, &w, 0);
    run_complete(b, &r, &w, 0);
    if (wrong == NULL)
        wrong = compare_sinks(a, b);
    model_sink_free(a);
    model_sink_free(b);
    return wrong;
}

/* Any split of changes into runs gives the same state: that of the sources. */
static const char *any_split(void)
{
    model_sink *one = calloc(1, sizeof *one);
    model_sink *many = NULL;
    model_sink *fresh = calloc(1, sizeof *fresh);
    model_rules r = model_rules_draw();
    model_world w = {0};
    model_world worlds[MAX_CHANGES + 1];
    model_delivery changes[MAX_CHANGES];
    assert_true(one != NULL && fresh != NULL);
    (void)draw_changes(&w, changes);
    run_complete(one, &r, &w, 0);
    many = model_sink_copy(one);
    uint32_t n = (uint32_t)random_below(MAX_CHANGES + 1);
    for (uint32_t i = 0; i < n; i++) {
        changes[i] = model_change(&w);
        worlds[i + 1] = w;
    }
    worlds[0] = w;
    run_changes(one, &r, changes, n);
    const char *wrong = check_state(one, &r, &w);
    for (uint32_t done = 0; done < n && wrong == NULL;) {
        uint32_t part = 1 + (uint32_t)random_below(n - done);
        if (random_below(4) != 0)
            run_changes(many, &r, changes + done, part);
        else
            run_complete(many, &r, &worlds[done + part], 0);
        done += part;
        wrong = check_state(many, &r, &worlds[done]);
    }
    run_complete(fresh, &r, &w, 0);
    if (wrong == NULL)
        wrong = check_state(fresh, &r, &w);
    model_sink_free(one);
    model_sink_free(many);
    model_sink_free(fresh);
    return wrong;
}

/* ---- Playing them ---- */

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void play(const char *(*property)(void))
{
    uint64_t first = number_of("DVSYNC_SEED", 1);
    uint64_t cases = number_of("DVSYNC_CASES", CASES);
    for (uint64_t i = first; i < first + cases; i++) {
        random_state = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        for (int warm = 0; warm < 4; warm++)
            (void)random_bits();
        const char *wrong = property();
        if (wrong != NULL)
            fail_msg("DVSYNC_SEED=%llu: %s", (unsigned long long)i, wrong);
    }
}

static void test_any_life(void **state)
{
    (void)state;
    play(any_life);
}

static void test_any_order(void **state)
{
    (void)state;
    play(any_order);
}

static void test_any_split(void **state)
{
    (void)state;
    play(any_split);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_life),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_any_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
