/*
 * expression_speed.c - what an expression costs: microseconds of CPU time per field and record, for a set of
 * ten computed fields as in a real mapping, and for each of many expressions alone (there the cost of a
 * statement's step is in it, which ten fields share).
 *
 *     expression_speed [RECORDS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/cell.h"
#include "map/expression.h"

#define N_COLUMNS 8
#define TURNS 5
#define MADE 1000

static const char *const columns[N_COLUMNS] = {"id",      "name", "phone",  "born",
                                               "revenue", "at",   "status", "code"};

static const char *const ten[] = {"upper(name)",
                                  "digits(phone)",
                                  "to_date(born, '%d.%m.%Y')",
                                  "revenue * 2",
                                  "name || ' (' || id || ')'",
                                  "status = 0 AND code LIKE 'P-%'",
                                  "CASE WHEN revenue > 1000 THEN 'large' ELSE 'small' END",
                                  "coalesce(phone, '')",
                                  "substr(at, 1, 10)",
                                  "value_map(code, '{\"P-1\": \"one\", \"P-2\": \"two\"}', 'other')"};
static const char *const alone[] = {"id",
                                    "status = 0 AND name IS NOT NULL",
                                    "upper(name)",
                                    "name || '!'",
                                    "digits(phone)",
                                    "to_date(born, '%d.%m.%Y')",
                                    "to_timestamp(born, '%d.%m.%Y', '+01:00')",
                                    "to_number('1.234,50', 'de') + id",
                                    "to_number(revenue)",
                                    "to_cents(revenue)",
                                    "to_bool(status)",
                                    "value_map(code, '{\"P-1\": \"one\", \"P-2\": \"two\"}', 'other')",
                                    "regex_like(name, '^Z.*9$')",
                                    "regex_replace(phone, '[^0-9]+', '')",
                                    "replace(phone, ' ', '')",
                                    "trim(name)",
                                    "printf('%05d', id)",
                                    "strftime('%Y', at)"};

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fill(dvs_cell *record, char text[4][40], uint32_t i)
{
    int name = snprintf(text[0], sizeof text[0], "Zoe Smith %" PRIu32, i);
    int phone = snprintf(text[1], sizeof text[1], "+49 (30) %" PRIu32, i);
    int revenue = snprintf(text[2], sizeof text[2], "%" PRIu32 ".5", i);
    int code = snprintf(text[3], sizeof text[3], "P-%" PRIu32, i % 4);
    record[0] = dvsi_cell_int64(i);
    record[1] = dvsi_cell_text_n(text[0], (size_t)name);
    record[2] = dvsi_cell_text_n(text[1], (size_t)phone);
    record[3] = dvsi_cell_text("29.02.2024");
    record[4] = dvsi_cell_text_n(text[2], (size_t)revenue);
    record[4].kind = DVS_DECIMAL;
    record[5] = dvsi_cell_timestamp(INT64_C(1709210096123456) + i);
    record[6] = dvsi_cell_int64(i % 2);
    record[7] = dvsi_cell_text_n(text[3], (size_t)code);
}

typedef struct made_record {
    dvs_cell cells[N_COLUMNS];
    char text[4][40];
} made_record;

/* Seconds for so many records, the same thousand again and again. */
static double run(dvsi_expressions *expressions, uint32_t n, const made_record *made, uint32_t records)
{
    dvsi_arena arena = {0};
    dvs_cell out[16];
    dvsi_expression_error error = {0};
    double begin = cpu_seconds();
    for (uint32_t i = 0; i < records; i++) {
        if (i % MADE == 0)
            dvsi_arena_reset(&arena);
        if (dvsi_expressions_eval(expressions, made[i % MADE].cells, &arena, out, &error) != 0) {
            fprintf(stderr, "expression_speed: %u of %u fails: %s\n", (unsigned)error.at, (unsigned)n,
                    error.message);
            exit(1);
        }
    }
    double seconds = cpu_seconds() - begin;
    dvsi_arena_free(&arena);
    return seconds;
}

/* The fastest of several turns, in microseconds per field and record. */
static double measure(const char *const *texts, uint32_t n, const made_record *made, uint32_t records)
{
    dvsi_arena arena = {0};
    dvsi_expressions *expressions = NULL;
    dvsi_expression_error error = {0};
    double best = 1e9;
    if (dvsi_expressions_new(columns, N_COLUMNS, texts, n, &arena, &expressions, &error) != DVS_OK) {
        fprintf(stderr, "expression_speed: %s: %s\n", texts[error.at], error.message);
        exit(1);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        double seconds = run(expressions, n, made, records);
        best = seconds < best ? seconds : best;
    }
    dvsi_expressions_free(expressions);
    dvsi_arena_free(&arena);
    return best * 1e6 / records / n;
}

int main(int argc, char **argv)
{
    uint32_t records = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 200000;
    if (records == 0) {
        fprintf(stderr, "usage: expression_speed [RECORDS]\n");
        return 64;
    }
    made_record *made = calloc(MADE, sizeof *made);
    if (made == NULL) {
        fprintf(stderr, "expression_speed: out of memory\n");
        return 1;
    }
    for (uint32_t i = 0; i < MADE; i++)
        fill(made[i].cells, made[i].text, i);
    printf("microseconds per field and record\n");
    printf("%8.2f  ten fields together\n", measure(ten, sizeof ten / sizeof *ten, made, records));
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        printf("%8.2f  %s\n", measure(&alone[i], 1, made, records), alone[i]);
    free(made);
    return 0;
}
