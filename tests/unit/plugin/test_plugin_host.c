/* test_plugin_host.c - the host table besides rows: state, once, log, progress, threads, secrets, errors. */
#include "fake.h"

#include <pthread.h>
#include <stdio.h>

/* ---- State ---- */

typedef struct memory {
    char source[32], key[32], value[64];
    size_t length;
} memory;

static int32_t get(void *state, const char *source, const char *key, dvsi_arena *arena, dvs_bytes *value)
{
    const memory *m = state;

    if (strcmp(m->source, source) != 0 || strcmp(m->key, key) != 0)
        return DVS_OK;
    value->data = (const uint8_t *)dvsi_arena_copy(arena, m->value, m->length);
    value->length = m->length;
    return value->data != NULL ? DVS_OK : DVS_E_NO_MEMORY;
}

static int32_t put(void *state, const char *source, const char *key, const void *data, size_t length)
{
    memory *m = state;

    snprintf(m->source, sizeof m->source, "%s", source);
    snprintf(m->key, sizeof m->key, "%s", data != NULL ? key : "");
    if (data != NULL)
        memcpy(m->value, data, length);
    m->length = length;
    return DVS_OK;
}

static int32_t use_state(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    static const char huge[(1 << 20) + 1];
    dvs_bytes value = {(const uint8_t *)"x", 1};

    (void)out;
    (void)err;
    assert_int_equal(host->state_get(host, "version", &value), DVS_OK);
    assert_null(value.data);
    assert_int_equal(value.length, 0);
    assert_int_equal(host->state_put(host, "version", "v\0001", 3), DVS_OK);
    assert_int_equal(host->state_get(host, "version", &value), DVS_OK);
    assert_int_equal(value.length, 3);
    assert_memory_equal(value.data, "v\0001", 3);
    assert_int_equal(host->state_put(host, "version", huge, sizeof huge), DVS_E_USAGE);
    assert_int_equal(host->state_put(host, "version", NULL, 0), DVS_OK);
    assert_int_equal(host->state_get(host, "version", &value), DVS_OK);
    assert_null(value.data);
    return DVS_OK;
}

static int32_t state_without_memory(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    dvs_bytes value = {(const uint8_t *)"x", 1};

    (void)out;
    (void)err;
    assert_int_equal(host->state_put(host, "k", "v", 1), DVS_OK);
    assert_int_equal(host->state_get(host, "k", &value), DVS_OK);
    assert_null(value.data);
    return DVS_OK;
}

static int32_t bad_key(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)out;
    (void)err;
    assert_int_equal(host->state_put(host, "\xff", "v", 1), DVS_E_ABI);
    return DVS_OK;
}

static void state_reaches_the_services(void **state)
{
    memory m = {.length = 0};
    dvsi_services services = {.state = &m, .state_get = get, .state_put = put};
    stage *s = stage_open(&services, NULL);

    (void)state;
    assert_int_equal(stage_pull(s, use_state), DVS_OK);
    assert_string_equal(m.source, "crm");
    stage_close(s);

    s = stage_open(NULL, NULL);
    assert_int_equal(stage_pull(s, state_without_memory), DVS_OK);
    assert_int_equal(stage_pull(s, bad_key), DVS_E_ABI);
    assert_string_equal(s->err.message,
                        "plugin fake: slot pull called host->state_put with a key that is not 1 to 200 "
                        "bytes of UTF-8");
    stage_close(s);
}

/* ---- once ---- */

static atomic_int n_inits;

static int32_t init_ok(void)
{
    atomic_fetch_add(&n_inits, 1);
    return DVS_OK;
}

static int32_t init_bad(void)
{
    atomic_fetch_add(&n_inits, 1);
    return DVS_E_IO;
}

static int32_t use_once(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)out;
    (void)err;
    assert_int_equal(host->once(host, "test-lib", init_ok), DVS_OK);
    assert_int_equal(host->once(host, "test-bad", init_bad), DVS_E_IO);
    assert_int_equal(host->once(host, "test-bad", init_bad), DVS_E_IO);
    return DVS_OK;
}

static void *check_in_thread(void *context)
{
    static const dvs_error fresh = DVS_ERROR_INIT;
    dvs_error err = fresh;

    return (void *)(intptr_t)dvsi_source_check(context, &err);
}

static void once_is_once_in_all_threads(void **state)
{
    stage *s = stage_open(NULL, NULL);
    pthread_t threads[4];
    void *status;

    (void)state;
    fake_next = use_once;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_in_thread, s->source), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &status);
        assert_int_equal((intptr_t)status, DVS_OK);
    }
    assert_int_equal(atomic_load(&n_inits), 2);
    stage_close(s);
}

/* ---- Log and secrets ---- */

typedef struct seen {
    int32_t level;
    char text[512];
    int n;
} seen;

static void write_log(void *context, int32_t level, const char *message)
{
    seen *l = context;

    l->level = level;
    l->n++;
    snprintf(l->text, sizeof l->text, "%s", message);
}

static int32_t talk(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)out;
    (void)err;
    host->log(host, DVS_LOG_DEBUG, "too quiet");
    host->log(host, DVS_LOG_WARN, NULL);
    host->log(host, DVS_LOG_WARN, "user joe, password s3cret!\nand s3cret! again \x1b[0m");
    return DVS_OK;
}

static int32_t leak(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)host;
    (void)out;
    return dvs_fail(err, DVS_E_AUTH, DVS_SCOPE_SOURCE, "joe was refused with s3cret!");
}

static void the_log_is_clean_and_without_secrets(void **state)
{
    dvs_setting values[2] = {{.struct_size = sizeof values[0], .name = "password"},
                             {.struct_size = sizeof values[0], .name = "user"}};
    dvs_settings settings = {
        .struct_size = sizeof settings, .n_settings = 2, .stride = sizeof values[0], .settings = values};
    seen log_seen = {0};
    dvsi_log log = {write_log, &log_seen, DVS_LOG_INFO};
    dvsi_services services = {.log = &log};
    stage *s;

    (void)state;
    values[0].value = dvs_cell_make_bytes(DVS_TEXT, "s3cret!", 7);
    values[0].value.flags = DVS_CELL_SECRET;
    values[1].value = dvs_cell_make_bytes(DVS_TEXT, "joe", 3);
    s = stage_open(&services, &settings);
    assert_int_equal(stage_pull(s, talk), DVS_OK);
    assert_int_equal(log_seen.n, 1);
    assert_int_equal(log_seen.level, DVS_LOG_WARN);
    assert_string_equal(log_seen.text, "fake: user joe, password ***\\nand *** again \\x1b[0m");
    assert_int_equal(stage_pull(s, leak), DVS_E_AUTH);
    assert_string_equal(s->err.message, "joe was refused with ***");
    stage_close(s);
}

/* ---- Threads ---- */

static void *call_host(void *context)
{
    const dvs_host *host = context;
    dvs_bytes value;

    assert_int_equal(host->cancelled(host), 1); /* a foreign thread had better stop */
    assert_int_equal(host->state_get(host, "k", &value), DVS_E_ABI);
    assert_int_equal(host->once(host, "never", init_ok), DVS_E_ABI);
    host->log(host, DVS_LOG_ERROR, "nobody hears it");
    assert_true(host->now(host) > 0);
    return NULL;
}

static int32_t ask_from_a_thread(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    pthread_t thread;
    union {
        const dvs_host *from;
        void *to;
    } context = {host};

    (void)out;
    (void)err;
    assert_int_equal(host->cancelled(host), 0);
    pthread_create(&thread, NULL, call_host, context.to);
    pthread_join(thread, NULL);
    return DVS_OK;
}

static int32_t fine(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)host;
    (void)out;
    (void)err;
    return DVS_OK;
}

static void every_host_function_knows_its_thread(void **state)
{
    seen log_seen = {0};
    dvsi_log log = {write_log, &log_seen, DVS_LOG_DEBUG};
    dvsi_services services = {.log = &log};
    stage *s = stage_open(&services, NULL);

    (void)state;
    assert_int_equal(stage_pull(s, ask_from_a_thread), DVS_E_ABI);
    assert_non_null(strstr(s->err.message, "host function cancelled was called from a foreign thread"));
    assert_int_equal(log_seen.n, 0);
    /* Reported once: the next slot is not blamed for it. */
    fake_next = fine;
    assert_int_equal(dvsi_source_check(s->source, &s->err), DVS_OK);

    /* Between the slots, too; the next slot that returns tells. */
    fake_host->put_text(fake_host, NULL, "x");
    assert_int_equal(dvsi_source_check(s->source, &s->err), DVS_E_ABI);
    assert_non_null(strstr(s->err.message, "host function put_text"));
    /* And behind the last slot, the log. */
    fake_host->now(fake_host);
    stage_close(s);
    assert_int_equal(log_seen.n, 1);
    assert_non_null(strstr(log_seen.text, "host function now"));
}

/* ---- Frames nest ---- */

static stage *outer;
static const dvs_host *outer_host;
static dvs_out *outer_out;

static int32_t push_outside(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    static const dvs_cell cells[5];
    dvs_row row = {.struct_size = sizeof row, .n_cells = 5, .cells = cells};

    (void)out;
    (void)err;
    assert_int_equal(host->put_row(host, outer_out, &row), DVS_PUT_FATAL);
    return DVS_OK;
}

static int32_t inner_pull(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)host;
    (void)out;
    (void)err;
    /* The outer source's host may not be called from the inner source's slot. */
    assert_int_equal(outer_host->cancelled(outer_host), 1);
    return DVS_OK;
}

static int32_t nest(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    dvs_cell cells[5] = {{0}};
    dvs_row row = {.struct_size = sizeof row, .n_cells = 5, .cells = cells};
    stage *inner;

    (void)err;
    outer_host = host;
    inner = stage_open(NULL, NULL);
    assert_int_equal(stage_pull(inner, inner_pull), DVS_OK);
    /* Nor may it push into the outer slot's out object. */
    outer_out = out;
    assert_int_equal(stage_pull(inner, push_outside), DVS_E_ABI);
    assert_non_null(strstr(inner->err.message, "an out object of another call"));
    stage_close(inner);
    /* The outer frame is back. */
    assert_int_equal(host->put_row(host, out, &row), DVS_PUT_OK);
    return DVS_OK;
}

static void frames_nest(void **state)
{
    (void)state;
    outer = stage_open(NULL, NULL);
    assert_int_equal(stage_pull(outer, nest), DVS_E_ABI);
    assert_non_null(strstr(outer->err.message, "host function cancelled"));
    assert_int_equal(outer->batch->n_rows, 1);
    stage_close(outer);
}

/* ---- Descriptions ---- */

static int32_t two_texts(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)err;
    assert_int_equal(host->put_text(host, out, "one"), DVS_PUT_OK);
    assert_int_equal(host->put_text(host, out, "two"), DVS_PUT_FATAL);
    return DVS_OK;
}

static void identity_is_one_text(void **state)
{
    stage *s = stage_open(NULL, NULL);
    dvsi_arena arena = {0};
    const char *identity = "x";

    (void)state;
    fake_next = two_texts;
    assert_int_equal(dvsi_source_identity(s->source, &arena, &identity, &s->err), DVS_E_ABI);
    assert_null(identity);
    assert_string_equal(s->err.message, "plugin fake: slot identity put more than one text");
    dvsi_arena_free(&arena);
    stage_close(s);
}

typedef struct later_choice {
    dvs_choice choice;
    int64_t added;
} later_choice;

static int32_t rich_column(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    static const later_choice choices[] = {{{sizeof(later_choice), 1031, 1, INT64_MIN, "eins"}, 9},
                                           {{sizeof(later_choice), 0, 2, INT64_MIN, "two"}, 9}};
    static const char *const targets[] = {"accounts", "contacts"};
    dvs_column c = {.struct_size = sizeof c,
                    .kind = DVS_INT64,
                    .name = "owner",
                    .native_type = "Lookup",
                    .n_targets = 2,
                    .targets = targets,
                    .n_choices = 2,
                    .choice_stride = sizeof(later_choice),
                    .choices = &choices[0].choice};

    (void)err;
    assert_int_equal(host->put_column(host, out, &c), DVS_PUT_OK);
    return DVS_OK;
}

static void columns_are_copied_with_their_lists(void **state)
{
    stage *s = stage_open(NULL, NULL);
    dvsi_schema schema = {0};
    const dvs_column *c;

    (void)state;
    fake_next = rich_column;
    assert_int_equal(dvsi_source_describe(s->source, "things", &schema, &s->err), DVS_OK);
    c = &schema.columns[0];
    assert_string_equal(c->targets[1], "contacts");
    assert_int_equal(c->choice_stride, sizeof(dvs_choice));
    assert_string_equal(c->choices[1].label, "two");
    assert_int_equal(c->choices[0].language, 1031);
    dvsi_schema_free(&schema);
    stage_close(s);
}

static int32_t progress(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    (void)err;
    host->put_progress(host, out, 5, 10);
    return DVS_OK;
}

static void progress_can_be_read_from_outside(void **state)
{
    stage *s = stage_open(NULL, NULL);

    (void)state;
    assert_int_equal(stage_pull(s, progress), DVS_OK);
    assert_int_equal(atomic_load(&s->progress.done), 5);
    assert_int_equal(atomic_load(&s->progress.total), 10);
    stage_close(s);
}

static int32_t raw_flags(const dvs_host *host, dvs_out *out, dvs_error *err)
{
    dvs_column c = {.struct_size = sizeof c, .kind = DVS_JSON, .flags = DVS_COLUMN_RAW, .name = "a"};

    (void)err;
    host->put_column(host, out, &c);
    c.name = "b";
    host->put_column(host, out, &c);
    return DVS_OK;
}

static void flags_that_are_single_are_single(void **state)
{
    stage *s = stage_open(NULL, NULL);
    dvsi_schema schema = {0};

    (void)state;
    fake_next = raw_flags;
    assert_int_equal(dvsi_source_describe(s->source, "things", &schema, &s->err), DVS_E_ABI);
    assert_string_equal(
        s->err.message,
        "plugin fake: slot describe of things put 2 columns with the flag RAW, at most one may have it");
    dvsi_schema_free(&schema);
    stage_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_reaches_the_services),
        cmocka_unit_test(once_is_once_in_all_threads),
        cmocka_unit_test(the_log_is_clean_and_without_secrets),
        cmocka_unit_test(every_host_function_knows_its_thread),
        cmocka_unit_test(frames_nest),
        cmocka_unit_test(identity_is_one_text),
        cmocka_unit_test(columns_are_copied_with_their_lists),
        cmocka_unit_test(progress_can_be_read_from_outside),
        cmocka_unit_test(flags_that_are_single_are_single),
    };
    return cmocka_run_group_tests_name("plugin_host", tests, NULL, NULL);
}
