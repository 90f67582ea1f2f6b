/*
 * dvsync/dvsync.h - libdvsync: sync, diff and reports for programs that embed dvsync.
 *
 *     dvs_context *ctx = NULL;
 *     dvs_project *project = NULL;
 *     dvs_result *result = NULL;
 *     dvs_error err = DVS_ERROR_INIT;
 *
 *     if (dvs_context_new(NULL, &ctx, &err) || dvs_project_open_file(ctx, "crm.yaml", &project, NULL, &err)
 *         || dvs_sync(project, NULL, &result, &err))
 *         fprintf(stderr, "%s\n", err.message);
 *     else
 *         printf("%d\n", dvs_result_exit_code(result));
 *     dvs_result_free(result);
 *     dvs_project_free(project);
 *     dvs_context_free(ctx);
 *
 * Ownership: what a function returns through a `**` parameter is the caller's, to be given to the _free of
 *   its type (NULL is fine); on failure it is NULL. Strings and structs reached through an object live as
 *   long as the object, unless a function says less.
 * Threads: a context may be shared by threads. Everything else is used by one thread at a time;
 *   dvs_project_stop() is the exception. The library starts threads of its own during sync and diff;
 *   callbacks run on the thread that called the library, the log callback on any.
 * Process: the library is silent unless given a log callback; it installs no signal handler, changes no
 *   locale, exits never, and reads the environment only as documented here.
 * Errors: functions return a status of error.h and fill *err (may be NULL).
 * Growth: structs start with struct_size; set it (the _INIT macros do), zero what you do not use.
 */
#ifndef DVSYNC_DVSYNC_H
#define DVSYNC_DVSYNC_H

#include <stdint.h>

#include "error.h"
#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DVS_API __attribute__((visibility("default")))
#else
#define DVS_API
#endif

typedef struct dvs_context dvs_context; /* plugins and log */
typedef struct dvs_project dvs_project; /* one project file, read and checked */
typedef struct dvs_report dvs_report;   /* the answer of a reporting function, a JSON document */
typedef struct dvs_result dvs_result;   /* the outcome of a sync */
typedef struct dvs_diff dvs_diff;       /* the outcome of a diff, kept in a temporary file */

/* "0.1.0". */
DVS_API const char *dvs_version(void);

/* ---- Context ---- */

typedef struct dvs_context_options {
    uint32_t struct_size;
    uint32_t n_plugin_paths;
    const char *const *plugin_paths; /* searched first; then $DVSYNC_PLUGIN_PATH, then the installed folder */
    void (*log)(void *context, int32_t level, const char *message); /* level: 0 error, 1 warning, 2 info, 3 debug */
    void *log_context;
    int32_t log_level; /* nothing above it is passed on */
    int32_t reserved;
} dvs_context_options;
#define DVS_CONTEXT_OPTIONS_INIT {(uint32_t)sizeof(dvs_context_options), 0, 0, 0, 0, 1, 0}

/* `options` NULL: no log, default paths. */
DVS_API int32_t dvs_context_new(const dvs_context_options *options, dvs_context **context, dvs_error *err);
DVS_API void dvs_context_free(dvs_context *context);

/* ---- Reports: JSON documents, described by the schemas in docs/json/ ---- */

DVS_API const char *dvs_report_json(const dvs_report *report);
/* The exit code of the command of the same name. */
DVS_API int dvs_report_exit_code(const dvs_report *report);
DVS_API void dvs_report_free(dvs_report *report);

/* ---- Projects ---- */

/* The project called `name` in `directory`. When it cannot be used: DVS_E_CONFIG; the first problem is in
 * *err, all of them in *problems (may be NULL): {"problems":[{severity,file,line,column,path,message}]}. */
DVS_API int32_t dvs_project_open(dvs_context *context, const char *directory, const char *name,
                                 dvs_project **project, dvs_report **problems, dvs_error *err);
DVS_API int32_t dvs_project_open_file(dvs_context *context, const char *file, dvs_project **project,
                                      dvs_report **problems, dvs_error *err);
DVS_API const char *dvs_project_name(const dvs_project *project);
DVS_API const char *dvs_project_file(const dvs_project *project);
DVS_API void dvs_project_free(dvs_project *project);

#define DVS_STOP_INTERRUPT 2  /* as SIGINT: exit code 130  */
#define DVS_STOP_TERMINATE 15 /* as SIGTERM: exit code 143 */
/* Asks the running sync or diff of this project to end at its next checkpoint. Any thread, and safe inside a
 * signal handler. */
DVS_API void dvs_project_stop(dvs_project *project, int why);

/* ---- Sync and diff ---- */

typedef struct dvs_progress {
    uint32_t struct_size;
    uint32_t finished;     /* 1: this stream has ended */
    const char *entity;
    const char *source;
    const char *phase;     /* "reading", "reconciling", "deleting", "indexing" */
    uint64_t rows;         /* records so far */
    uint64_t done, total;  /* of the source's own unit; total 0: not known */
    int64_t elapsed_us;
} dvs_progress;

typedef struct dvs_sync_options {
    uint32_t struct_size;
    uint32_t n_entities;
    const char *const *entities; /* only these; none: all */
    uint32_t full;               /* sync: read everything */
    uint32_t dry_run;            /* sync through dvs_diff_new only: preview this sync */
    uint64_t row_limit;          /* per `from` entry; 0: none */
    const char *max_delete;      /* "N" or "N%"; NULL: the project's */
    const char *trigger;         /* what started the run, for _sync_runs ("manual", "cron"); NULL: "api" */
    void (*progress)(void *context, const dvs_progress *progress); /* NULL: none */
    void *progress_context;
    uint32_t force_overwrite;    /* reference fields are written like the others, and pins do not count */
    uint32_t fail_on_conflict;   /* exit code 2 when conflicts stay open */
    uint32_t rebuild;            /* sync of named entities: everything is read into a new table, which is swapped in */
    uint32_t reserved;
    const char *plan;            /* a file: a diff saves its changes there as a plan, a sync carries out that plan and
                                  * nothing else; NULL: none */
} dvs_sync_options;
#define DVS_SYNC_OPTIONS_INIT {(uint32_t)sizeof(dvs_sync_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/* Brings the sink up to date. DVS_OK when there is a result, whatever it says; an error when the sync could not
 * begin (options, sink, lock: DVS_E_LOCKED). */
DVS_API int32_t dvs_sync(dvs_project *project, const dvs_sync_options *options, dvs_result **result,
                         dvs_error *err);

typedef struct dvs_counts {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t processed; /* records the sources delivered */
    uint64_t created, updated, deleted, unchanged, skipped, row_errors, conflicts;
} dvs_counts;

DVS_API int dvs_result_success(const dvs_result *result);           /* 1: exit code 0 */
DVS_API int dvs_result_exit_code(const dvs_result *result);
DVS_API const char *dvs_result_run_id(const dvs_result *result);
DVS_API const char *dvs_result_status(const dvs_result *result);    /* as in _sync_runs */
DVS_API int64_t dvs_result_duration_us(const dvs_result *result);
DVS_API int dvs_result_changes(const dvs_result *result);           /* 1: created, updated or deleted anything */
/* Sums over all entities, or those of one (NULL when it was not synced). */
DVS_API const dvs_counts *dvs_result_totals(const dvs_result *result);
DVS_API const dvs_counts *dvs_result_entity(const dvs_result *result, const char *entity);
DVS_API uint32_t dvs_result_n_errors(const dvs_result *result);
DVS_API const char *dvs_result_error(const dvs_result *result, uint32_t index); /* one line */
/* The document of `sync --json`. */
DVS_API const char *dvs_result_json(const dvs_result *result);
DVS_API void dvs_result_free(dvs_result *result);

/* Compares completely, or, with options->dry_run, as that sync would. Writes nothing to the sink. DVS_OK when there
 * is a comparison, drift or not. */
DVS_API int32_t dvs_diff_new(dvs_project *project, const dvs_sync_options *options, dvs_diff **diff,
                             dvs_error *err);
DVS_API int dvs_diff_exit_code(const dvs_diff *diff);
DVS_API int dvs_diff_drift(const dvs_diff *diff); /* 1: there are changes */
/* The next change as one line of JSON without newline, as `diff --json` prints it; valid until the next call.
 * NULL in *line after the last. */
DVS_API int32_t dvs_diff_next(dvs_diff *diff, const char **line, dvs_error *err);
/* Back to the first change. */
DVS_API void dvs_diff_rewind(dvs_diff *diff);
/* The last line of `diff --json`: {"summary":{...}}. */
DVS_API const char *dvs_diff_summary_json(const dvs_diff *diff);
DVS_API void dvs_diff_free(dvs_diff *diff);

/* ---- Reports ---- */

/* Every project of a directory, broken ones included. */
DVS_API int32_t dvs_list(dvs_context *context, const char *directory, dvs_report **report, dvs_error *err);
/* Project, plugins, settings, connections, and the schemas of sources, project and sink against each other. Exactly one
 * of name (with directory) and file. */
DVS_API int32_t dvs_validate(dvs_context *context, const char *directory, const char *name, const char *file,
                             dvs_report **report, dvs_error *err);
DVS_API int32_t dvs_status(dvs_project *project, dvs_report **report, dvs_error *err);

typedef struct dvs_history_options {
    uint32_t struct_size;
    uint32_t limit;      /* 0: all */
    const char *run_id;  /* one run in full; NULL: the list */
} dvs_history_options;
#define DVS_HISTORY_OPTIONS_INIT {(uint32_t)sizeof(dvs_history_options), 20, 0}
DVS_API int32_t dvs_history(dvs_project *project, const dvs_history_options *options, dvs_report **report,
                            dvs_error *err);
/* Deletes finished runs from the history. keep_latest: all but the newest; older_than: "90d", NULL: any age. */
DVS_API int32_t dvs_history_clear(dvs_project *project, int keep_latest, const char *older_than,
                                  dvs_report **report, dvs_error *err);
/* Per field that refers to another entity: how many active records have a value, and how many of these name no active
 * record. The report's exit code is 2 when there are any, 3 when a field could not be looked at. */
DVS_API int32_t dvs_verify(dvs_project *project, dvs_report **report, dvs_error *err);
DVS_API int32_t dvs_stats(dvs_project *project, dvs_report **report, dvs_error *err);

typedef struct dvs_lineage_options {
    uint32_t struct_size;
    uint32_t n_keys;
    const char *entity;
    const char *const *key_fields; /* names, or NULL entries for the only key field */
    const char *const *key_values;
    const char *field;   /* NULL: all */
    uint32_t history;    /* every change, not only the last */
    uint32_t reserved;
} dvs_lineage_options;
DVS_API int32_t dvs_lineage(dvs_project *project, const dvs_lineage_options *options, dvs_report **report,
                            dvs_error *err);

typedef struct dvs_conflicts_options {
    uint32_t struct_size;
    uint32_t limit;      /* the newest so many; 0: all */
    const char *entity;  /* only this one's; NULL: all */
    uint32_t all;        /* closed and resolved ones, too */
    uint32_t reserved;
} dvs_conflicts_options;
#define DVS_CONFLICTS_OPTIONS_INIT {(uint32_t)sizeof(dvs_conflicts_options), 100, 0, 0, 0}
/* Where sources, or a source and the sink, disagree. */
DVS_API int32_t dvs_conflicts(dvs_project *project, const dvs_conflicts_options *options, dvs_report **report,
                              dvs_error *err);
/* Pins the value of one side of an open conflict, `keep`: a source's name or "sink". The next sync writes it, and it
 * stays until it is unpinned or the record ends. DVS_E_LOCKED while a sync runs; DVS_E_NOT_FOUND when there is no such
 * conflict or it is not open; DVS_E_USAGE when it has no such side. */
DVS_API int32_t dvs_conflict_resolve(dvs_project *project, int64_t id, const char *keep, dvs_report **report,
                                     dvs_error *err);
/* Takes the pin of a resolved conflict away; the next sync writes what the sources say. */
DVS_API int32_t dvs_conflict_unpin(dvs_project *project, int64_t id, dvs_report **report, dvs_error *err);

DVS_API int32_t dvs_plugins(dvs_context *context, dvs_report **report, dvs_error *err);
DVS_API int32_t dvs_plugin_info(dvs_context *context, const char *name, dvs_report **report, dvs_error *err);

typedef struct dvs_init_options {
    uint32_t struct_size;
    uint32_t n_settings;
    const char *plugin;           /* of the source */
    const char *name;             /* of the project; NULL: the plugin's */
    const char *file;             /* where the project will stand: relative paths start there; NULL: the working directory */
    const char *const *settings;  /* "NAME=VALUE", the value as it would stand in a project: ${...} is replaced */
    const char *const *entities;  /* streams to enable; none: all, if they are at most 50 */
    uint32_t n_entities;
    uint32_t reserved;
} dvs_init_options;
#define DVS_INIT_OPTIONS_INIT {(uint32_t)sizeof(dvs_init_options), 0, 0, 0, 0, 0, 0, 0, 0}
/* A commented project file from a source's own streams, in the report's member "yaml"; writes nothing. A secret that
 * was given in clear is not in it. */
DVS_API int32_t dvs_init(dvs_context *context, const dvs_init_options *options, dvs_report **report,
                         dvs_error *err);
/* The JSON Schema of a project file with the installed plugins' options. */
DVS_API int32_t dvs_schema(dvs_context *context, dvs_report **report, dvs_error *err);
/* Asks the running sync of a project to stop; with `wait_us` not 0 waits until it has, at most so long (negative:
 * for ever). */
DVS_API int32_t dvs_cancel(dvs_project *project, int64_t wait_us, dvs_report **report, dvs_error *err);

#ifdef __cplusplus
}
#endif

#endif
