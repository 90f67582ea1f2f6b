#include "config/problem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define MOST_MESSAGE 900
#define MOST_PATH 300

static const char *shown(dvsi_arena *arena, const char *text, size_t most)
{
    dvsi_buf buf = {0};
    dvsi_utf8_show(&buf, text, strlen(text), most);
    const char *copy = buf.failed ? NULL : dvsi_arena_strdup(arena, dvsi_buf_text(&buf));
    dvsi_buf_free(&buf);
    return copy;
}

static const char *formatted(dvsi_arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static const char *formatted(dvsi_arena *arena, const char *format, va_list args)
{
    dvsi_buf buf = {0};
    dvsi_buf_vprintf(&buf, format, args);
    const char *message = buf.failed ? NULL : shown(arena, dvsi_buf_text(&buf), MOST_MESSAGE);
    dvsi_buf_free(&buf);
    return message;
}

static int is_before(const dvsi_problem *a, const dvsi_problem *b)
{
    if (a->line != b->line)
        return a->line < b->line;
    return a->column < b->column;
}

/* Behind those of the same place, so that the order in which they were found decides. */
static void insert(dvsi_problems *problems, dvsi_problem *problem)
{
    dvsi_problem **at = &problems->first;
    while (*at && !is_before(problem, *at))
        at = &(*at)->next;
    problem->next = *at;
    *at = problem;
    problems->n_kept++;
}

static void drop_last(dvsi_problems *problems)
{
    dvsi_problem **at = &problems->first;
    while (*at && (*at)->next)
        at = &(*at)->next;
    if (*at) {
        *at = NULL;
        problems->n_kept--;
    }
}

/* An error that could not be stored must not make the file look valid. */
static void add_spare(dvsi_problems *problems)
{
    if (problems->spare.message)
        return;
    problems->spare.severity = DVSI_PROBLEM_ERROR;
    problems->spare.file = "";
    problems->spare.path = "";
    problems->spare.message = "memory ran out while the file was read";
    insert(problems, &problems->spare);
}

/* 1 when there is room for one at this place, made if need be by dropping the last. */
static int make_room(dvsi_problems *problems, uint32_t line, uint32_t column)
{
    const dvsi_problem place = {.line = line, .column = column};
    const dvsi_problem *last = problems->first;
    if (problems->n_kept < (problems->most != 0 ? problems->most : DVSI_PROBLEMS_KEPT))
        return 1;
    while (last->next)
        last = last->next;
    if (!is_before(&place, last))
        return 0;
    drop_last(problems);
    return 1;
}

static void copy_about(dvsi_arena *arena, const dvsi_problem_about *about, dvsi_problem_about *copy)
{
    const char *const texts[3] = {about->entity, about->source, about->field};
    const char **const copies[3] = {&copy->entity, &copy->source, &copy->field};
    copy->check = about->check;
    for (int i = 0; i < 3; i++)
        *copies[i] = texts[i] ? shown(arena, texts[i], MOST_PATH) : NULL;
}

static void add(dvsi_problems *problems, const dvsi_problem *place, const dvsi_problem_about *about,
                const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void add(dvsi_problems *problems, const dvsi_problem *place, const dvsi_problem_about *about,
                const char *format, va_list args)
{
    problems->n_problems++;
    if (place->severity == DVSI_PROBLEM_ERROR)
        problems->n_errors++;
    if (!make_room(problems, place->line, place->column))
        return;
    dvsi_problem *problem = dvsi_arena_calloc(&problems->arena, 1, sizeof(*problem));
    const char *message = formatted(&problems->arena, format, args);
    if (problem) {
        problem->severity = place->severity;
        problem->line = place->line;
        problem->column = place->column;
        problem->file = dvsi_arena_strdup(&problems->arena, place->file ? place->file : "");
        problem->path = shown(&problems->arena, place->path ? place->path : "", MOST_PATH);
        problem->message = message;
        if (about)
            copy_about(&problems->arena, about, &problem->about);
    }
    if (problem && problem->file && problem->path && problem->message)
        insert(problems, problem);
    else
        add_spare(problems);
}

void dvsi_problem_add(dvsi_problems *problems, int severity, const char *file, uint32_t line, uint32_t column,
                      const char *path, const char *format, ...)
{
    const dvsi_problem place = {
        .severity = severity, .file = file, .line = line, .column = column, .path = path};
    va_list args;
    va_start(args, format);
    add(problems, &place, NULL, format, args);
    va_end(args);
}

void dvsi_problem_add_about(dvsi_problems *problems, int severity, const dvsi_problem_about *about,
                            const char *file, uint32_t line, uint32_t column, const char *path,
                            const char *format, ...)
{
    const dvsi_problem place = {
        .severity = severity, .file = file, .line = line, .column = column, .path = path};
    va_list args;
    va_start(args, format);
    add(problems, &place, about, format, args);
    va_end(args);
}

const char *dvsi_problem_text(dvsi_arena *arena, const dvsi_problem *problem)
{
    dvsi_buf buf = {0};
    const char *text = NULL;

    dvsi_utf8_show(&buf, problem->file, strlen(problem->file), 0);
    if (problem->line > 0)
        dvsi_buf_printf(&buf, ":%" PRIu32 ":%" PRIu32, problem->line, problem->column);
    if (buf.length > 0)
        dvsi_buf_puts(&buf, ": ");
    if (problem->path[0])
        dvsi_buf_printf(&buf, "%s: ", problem->path);
    dvsi_buf_puts(&buf, problem->message);
    if (!buf.failed)
        text = dvsi_arena_strdup(arena, dvsi_buf_text(&buf));
    dvsi_buf_free(&buf);
    return text ? text : problem->message;
}

void dvsi_problems_free(dvsi_problems *problems)
{
    if (!problems)
        return;
    dvsi_arena_free(&problems->arena);
    memset(problems, 0, sizeof(*problems));
}
