/* sync.c - dvs_sync and its result. */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/options.h"
#include "base/error.h"
#include "run/execute.h"

struct dvs_result {
    char *json;
    char run_id[DVSI_RUN_ID_SIZE];
    const char *status;
    int exit_code;
    int64_t duration_us;
    dvs_counts totals;
    char **entities; /* names */
    dvs_counts *counts;
    uint32_t n_entities;
    char **errors;
    uint32_t n_errors;
};

static int32_t fill(dvs_result *result, const dvsi_run *run, dvs_error *err)
{
    dvsi_buf json = {0};
    dvsi_run_json(run, &json);
    result->json = dvsi_buf_take(&json);
    memcpy(result->run_id, run->run_id, sizeof result->run_id);
    result->status = dvsi_run_status(run);
    result->exit_code = dvsi_run_exit_code(run);
    result->duration_us = run->ended_at - run->started_at;
    dvsi_run_totals(run, &result->totals);
    result->entities = calloc((size_t)run->n_targets + 1, sizeof *result->entities);
    result->counts = calloc((size_t)run->n_targets + 1, sizeof *result->counts);
    result->errors = calloc((size_t)run->n_errors + 1, sizeof *result->errors);
    if (result->json == NULL || result->entities == NULL || result->counts == NULL || result->errors == NULL)
        return dvsi_error_no_memory(err);
    for (uint32_t t = 0; t < run->n_targets; t++) {
        dvsi_target_counts(&run->targets[t], &result->counts[t]);
        result->entities[t] = strdup(run->targets[t].entity->name);
        if (result->entities[t] == NULL)
            return dvsi_error_no_memory(err);
        result->n_entities++;
    }
    for (uint32_t i = 0; i < run->n_errors; i++) {
        if (strcmp(run->errors[i].severity, "error") != 0)
            continue;
        result->errors[result->n_errors] = strdup(run->errors[i].message);
        if (result->errors[result->n_errors] == NULL)
            return dvsi_error_no_memory(err);
        result->n_errors++;
    }
    return DVS_OK;
}

int32_t dvs_sync(dvs_project *project, const dvs_sync_options *options, dvs_result **result, dvs_error *err)
{
    dvs_error local;
    dvs_sync_options all;
    dvsi_run *run = NULL;
    err = dvsi_api_error(err, &local);
    *result = NULL;
    int32_t status = dvsi_api_sync_options(options, &all, err);
    if (status != DVS_OK)
        return status;
    if (all.dry_run)
        return dvsi_error_set(err, DVS_E_USAGE, "dry_run is for dvs_diff_new");
    atomic_store(&project->stop, 0);
    dvsi_run_request request = {.project = project->project,
                                .registry = project->context->registry,
                                .log = &project->context->log,
                                .options = &all,
                                .stop = &project->stop};
    status = dvsi_run_execute(&request, &run, err);
    if (status == DVS_OK) {
        dvs_result *made = calloc(1, sizeof *made);
        status = made == NULL ? dvsi_error_no_memory(err) : fill(made, run, err);
        if (status == DVS_OK)
            *result = made;
        else
            dvs_result_free(made);
    }
    dvsi_run_free(run);
    return status;
}

int dvs_result_success(const dvs_result *result)
{
    return result->exit_code == 0;
}

int dvs_result_exit_code(const dvs_result *result)
{
    return result->exit_code;
}

const char *dvs_result_run_id(const dvs_result *result)
{
    return result->run_id;
}

const char *dvs_result_status(const dvs_result *result)
{
    return result->status;
}

int64_t dvs_result_duration_us(const dvs_result *result)
{
    return result->duration_us;
}

int dvs_result_changes(const dvs_result *result)
{
    return result->totals.created + result->totals.updated + result->totals.deleted != 0;
}

const dvs_counts *dvs_result_totals(const dvs_result *result)
{
    return &result->totals;
}

const dvs_counts *dvs_result_entity(const dvs_result *result, const char *entity)
{
    for (uint32_t i = 0; i < result->n_entities; i++)
        if (strcmp(result->entities[i], entity) == 0)
            return &result->counts[i];
    return NULL;
}

uint32_t dvs_result_n_errors(const dvs_result *result)
{
    return result->n_errors;
}

const char *dvs_result_error(const dvs_result *result, uint32_t index)
{
    return index < result->n_errors ? result->errors[index] : NULL;
}

const char *dvs_result_json(const dvs_result *result)
{
    return result->json;
}

void dvs_result_free(dvs_result *result)
{
    if (result == NULL)
        return;
    for (uint32_t i = 0; i < result->n_entities; i++)
        free(result->entities[i]);
    for (uint32_t i = 0; i < result->n_errors; i++)
        free(result->errors[i]);
    free(result->entities);
    free(result->counts);
    free(result->errors);
    free(result->json);
    free(result);
}
