/*
 * Cases from tests/data/csv: NAME.csv is read, NAME.expected says what comes out of it. Its lines:
 *
 *     # comment                    set KEY VALUE (delimiter, header, null)       type COLUMN KIND
 *     raw                          ask for the raw column too
 *     columns a:text b:int64       what describe says
 *     LINE [cells as JSON]         a row
 *     LINE ! FIELD: MESSAGE <RECORD> [cells]   a row error, with the record's usable cells if it has any
 *     fail STATUS MESSAGE          the read does not begin; PATH stands for the file's path
 *
 * With DVSYNC_ACCEPT=1 the expected files are written anew (then read the difference).
 */
#include <dirent.h>

#include "csv_fixture.h"

typedef struct one_case {
    char name[80];
} one_case;

static csv_fixture *fixture;

static char *read_text(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(1 << 20);
    assert_non_null(file);
    assert_non_null(text);
    *length = fread(text, 1, (1 << 20) - 1, file);
    text[*length] = '\0';
    fclose(file);
    return text;
}

/* Carries out the directives, keeps a copy of them in `kept`; `text` is cut into lines and must stay. */
static void take_directives(csv_fixture *f, char *text, int *with_raw, dvsi_buf *kept)
{
    char *rest = text;
    char *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *key, *value;
        if (strncmp(line, "set ", 4) != 0 && strncmp(line, "type ", 5) != 0 && strcmp(line, "raw") != 0 &&
            line[0] != '#')
            continue;
        dvsi_buf_printf(kept, "%s\n", line);
        *with_raw |= strcmp(line, "raw") == 0;
        if (line[0] == '#' || strcmp(line, "raw") == 0)
            continue;
        key = strchr(line, ' ') + 1;
        value = strchr(key, ' ');
        assert_non_null(value);
        *value++ = '\0';
        if (line[0] == 't')
            set_type(f, key, value);
        else if (strcmp(key, "header") == 0)
            set_bool(f, key, strcmp(value, "true") == 0);
        else
            set_text(f, key, value);
    }
}

static void print_failure(const dvs_error *err, const char *path, dvsi_buf *out)
{
    dvsi_buf_printf(out, "fail %d ", err->status);
    const char *at = strstr(err->message, path);
    if (at == NULL)
        dvsi_buf_puts(out, err->message);
    else
        dvsi_buf_printf(out, "%.*sPATH%s", (int)(at - err->message), err->message, at + strlen(path));
    dvsi_buf_putc(out, '\n');
}

static void print_stream(csv_fixture *f, int plugin, const char *name, int with_raw, uint32_t max_rows,
                         const char *path, dvsi_buf *out)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_schema schema = {0};
    dvsi_source *source = open_source(f, plugin);
    int32_t status = get_schema(source, name, with_raw, &schema, &err);
    if (status == DVS_OK) {
        dvsi_buf_puts(out, "columns");
        for (uint32_t i = 0; i < schema.n_columns; i++)
            dvsi_buf_printf(out, " %s:%s", schema.columns[i].name, dvsi_kind_name(schema.columns[i].kind));
        dvsi_buf_putc(out, '\n');
        status = read_all(f, plugin, name, with_raw, max_rows, NULL, out, &err);
    }
    if (status != DVS_END)
        print_failure(&err, path, out);
    dvsi_schema_free(&schema);
    dvsi_source_close(source);
}

static void test_case(void **state)
{
    const one_case *c = *state;
    char path[256];
    char expected_path[256];
    size_t length;
    snprintf(path, sizeof path, "%s/csv/%s.csv", TEST_DATA, c->name);
    snprintf(expected_path, sizeof expected_path, "%s/csv/%s.expected", TEST_DATA, c->name);
    char *expected = read_text(expected_path, &length);
    char *directives = strdup(expected);
    assert_non_null(directives);

    for (int plugin = 0; plugin < 2; plugin++) {
        for (uint32_t max_rows = 1; max_rows <= 1000; max_rows *= 1000) {
            dvsi_buf actual = {0};
            int with_raw = 0;
            strcpy(directives, expected); /* as long as before */
            set_path(fixture, path);
            take_directives(fixture, directives, &with_raw, &actual);
            print_stream(fixture, plugin, c->name, with_raw, max_rows, path, &actual);
            if (getenv("DVSYNC_ACCEPT") != NULL && plugin == 0 && max_rows == 1) {
                FILE *file = fopen(expected_path, "wb");
                assert_non_null(file);
                fputs(dvsi_buf_text(&actual), file);
                fclose(file);
                free(expected);
                free(directives);
                expected = read_text(expected_path, &length);
                directives = strdup(expected);
            }
            assert_string_equal(dvsi_buf_text(&actual), expected);
            dvsi_buf_free(&actual);
        }
    }
    free(directives);
    free(expected);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const one_case *)a)->name, ((const one_case *)b)->name);
}

int main(void)
{
    static one_case cases[200];
    static struct CMUnitTest tests[200];
    size_t n = 0;
    void *state = NULL;
    struct dirent *entry;
    DIR *folder = opendir(TEST_DATA "/csv");
    if (folder == NULL)
        return 1;
    while ((entry = readdir(folder)) != NULL && n < 200) {
        char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && strcmp(dot, ".expected") == 0 && dot - entry->d_name < 80)
            snprintf(cases[n++].name, sizeof cases[0].name, "%.*s", (int)(dot - entry->d_name),
                     entry->d_name);
    }
    closedir(folder);
    qsort(cases, n, sizeof cases[0], by_name);
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){cases[i].name, test_case, NULL, NULL, &cases[i]};
    csv_setup(&state);
    fixture = state;
    int failed = n == 0 ? 1 : _cmocka_run_group_tests("csv cases", tests, n, NULL, NULL);
    csv_teardown(&state);
    return failed;
}
