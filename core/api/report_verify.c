/* report_verify.c - dvs_verify. */
#include "api/report.h"
#include "base/error.h"
#include "run/references.h"

#define EXIT_FOUND 2   /* references that point nowhere */
#define EXIT_PARTIAL 3 /* a reference could not be looked at */

typedef struct findings {
    uint64_t dangling;
    uint32_t unchecked;
} findings;

static void put_samples(const dvsi_reference_check *check, dvsi_buf *out)
{
    dvsi_out_name(out, "samples");
    dvsi_out_open(out, '[');
    for (uint32_t i = 0; i < check->n_samples; i++) {
        dvsi_out_open(out, '{');
        dvsi_report_text(out, "key", check->samples[i].key);
        dvsi_report_text(out, "value", check->samples[i].value);
        dvsi_out_close(out, '}');
    }
    dvsi_out_close(out, ']');
}

static void put_reference(const dvsi_reference *reference, const dvsi_reference_check *check, dvsi_buf *out)
{
    const int checked = check->reason == NULL;
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "entity", reference->target->entity->name);
    dvsi_report_text(out, "field", reference->field);
    dvsi_out_name(out, "refers_to");
    dvsi_out_open(out, '[');
    for (uint32_t i = 0; i < reference->n_to; i++)
        dvsi_out_text(out, reference->to[i].target->entity->name);
    dvsi_out_close(out, ']');
    dvsi_report_text(out, "declared_by", reference->declared ? "source" : "project");
    if (checked) {
        dvsi_report_int(out, "total", (int64_t)check->total);
        dvsi_report_int(out, "dangling", (int64_t)check->dangling);
    } else {
        dvsi_report_null(out, "total");
        dvsi_report_null(out, "dangling");
    }
    dvsi_report_text(out, "reason", check->reason);
    put_samples(check, out);
    dvsi_out_close(out, '}');
}

static int32_t fill(dvsi_view *view, const void *options, dvsi_buf *out, dvs_error *err)
{
    findings *const *found = options;
    dvsi_reference *references = NULL;
    uint32_t n = 0;
    **found = (findings){0};
    int32_t status = view->run->sink != NULL
                         ? dvsi_references_find(view->run, &view->run->arena, &references, &n, err)
                         : DVS_OK;
    if (status == DVS_OK && view->run->sink == NULL)
        return dvsi_error_set(err, DVS_E_NOT_FOUND, "there is nothing to verify yet: %s",
                              view->missing.message);
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "project", view->run->project->name);
    dvsi_out_name(out, "references");
    dvsi_out_open(out, '[');
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        dvsi_arena arena = {0};
        dvsi_reference_check check;
        if (references[i].partial) /* a value may name a record that is in none of the tables */
            continue;
        status = dvsi_reference_verify(view->run, &references[i], &arena, &check, err);
        if (status == DVS_OK) {
            put_reference(&references[i], &check, out);
            (*found)->dangling += check.dangling;
            (*found)->unchecked += check.reason != NULL;
        }
        dvsi_arena_free(&arena);
    }
    dvsi_out_close(out, ']');
    dvsi_report_int(out, "dangling", (int64_t)(*found)->dangling);
    dvsi_report_int(out, "not_checked", (int64_t)(*found)->unchecked);
    dvsi_out_close(out, '}');
    return status;
}

int32_t dvs_verify(dvs_project *project, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_buf json = {0};
    findings found = {0};
    findings *const options = &found;
    dvsi_view_request request = dvsi_report_request(project, DVS_SINK_READ_ONLY);
    err = dvsi_api_error(err, &local);
    *report = NULL;
    int32_t status = dvsi_report_read(&request, fill, &options, &json, err);
    if (status == DVS_OK)
        status = dvsi_api_report(&json,
                                 found.unchecked != 0  ? EXIT_PARTIAL
                                 : found.dangling != 0 ? EXIT_FOUND
                                                       : 0,
                                 report, err);
    dvsi_buf_free(&json);
    return status;
}
