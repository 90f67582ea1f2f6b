/* report_cancel.c - dvs_cancel: a request in the run's own lock row, which it reads with every commit. */
#include <time.h>

#include "api/report.h"
#include "base/clock.h"
#include "base/error.h"
#include "data/cell.h"

#define POLL_US 50000
#define STARTING_US 2000000 /* a run takes the lock a moment before its row is there */

static void pause_us(int64_t us)
{
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    (void)nanosleep(&time, NULL);
}

/* Sets the mark on the row of the run that holds the lock. */
static int32_t mark(dvsi_view *view, dvs_error *err)
{
    static const uint32_t column = DVSI_LOCKS_CANCEL_REQUESTED;
    dvs_cell yes = dvsi_cell_bool(1);
    return dvsi_books_update(&view->run->books, DVSI_BOOK_LOCKS, view->lock->cells[DVSI_LOCKS_ROW_ID].v.i64,
                             &column, &yes, 1, err);
}

/* Asks the run that is going on, if one is, and tells which. */
static int32_t ask(dvsi_view_request request, int *held, int *requested, dvsi_buf *who, dvs_error *err)
{
    dvsi_view *view = NULL;
    *held = *requested = 0;
    int32_t status = dvsi_view_new(&request, &view, err);
    if (status == DVS_OK && view->probe.status != DVS_OK) {
        *err = view->probe;
        status = err->status;
    }
    int running = status == DVS_OK && view->held;
    dvsi_view_free(view);
    view = NULL;
    if (!running)
        return status;
    request.flags = 0;
    status = dvsi_view_new(&request, &view, err);
    if (status == DVS_OK && view->held) {
        *held = 1;
        if (view->lock->n_rows != 0) {
            const dvs_cell *lock = view->lock->cells;
            dvsi_report_cell(who, "run_id", &lock[DVSI_LOCKS_RUN_ID]);
            dvsi_report_cell(who, "pid", &lock[DVSI_LOCKS_PID]);
            dvsi_report_cell(who, "host", &lock[DVSI_LOCKS_HOST]);
            status = mark(view, err);
            *requested = status == DVS_OK;
        }
    }
    if (status == DVS_OK)
        status = dvsi_view_end(view, err);
    dvsi_view_free(view);
    return status;
}

/* Until nobody holds the lock, or `deadline` has come (negative: never). */
static int32_t wait_free(const dvsi_view_request *request, int64_t deadline, int *stopped, dvs_error *err)
{
    dvsi_view *view = NULL;
    int32_t status = dvsi_view_new(request, &view, err);
    if (status == DVS_OK)
        status = dvsi_view_end(view, err); /* only the lock is asked for, no view of the data is held open */
    if (status == DVS_E_CHANGED)
        status = DVS_OK;
    while (status == DVS_OK) {
        status = view->run->sink != NULL ? dvsi_sink_lock_probe(view->run->sink, err) : DVS_OK;
        *stopped = status == DVS_OK;
        if (status != DVS_E_LOCKED)
            break;
        status = DVS_OK;
        if (deadline >= 0 && dvsi_clock_monotonic() >= deadline)
            break;
        if (atomic_load(request->stop) != 0)
            status = dvsi_error_set(err, DVS_E_CANCELLED,
                                    "the sync was asked to stop; waiting for it was given up");
        else
            pause_us(POLL_US);
    }
    dvsi_view_free(view);
    return status;
}

static void put(dvsi_buf *out, const dvs_project *project, int held, int requested, int stopped,
                const dvsi_buf *who)
{
    dvsi_out_open(out, '{');
    dvsi_report_text(out, "project", project->project->name);
    dvsi_report_flag(out, "requested", requested);
    dvsi_report_flag(out, "stopped", stopped);
    if (who->length != 0) {
        dvsi_out_raw(out, dvsi_buf_text(who));
    } else {
        dvsi_report_null(out, "run_id");
        dvsi_report_null(out, "pid");
        dvsi_report_null(out, "host");
    }
    dvsi_report_text(out, "message",
                     held && !requested ? "a sync is just starting or ending; try again" : NULL);
    dvsi_out_close(out, '}');
    if (who->failed)
        out->failed = 1;
}

int32_t dvs_cancel(dvs_project *project, int64_t wait_us, dvs_report **report, dvs_error *err)
{
    dvs_error local;
    dvsi_buf json = {0};
    dvsi_buf who = {0};
    int held = 0;
    int requested = 0;
    int stopped = 0;
    int64_t begun = dvsi_clock_monotonic();
    int32_t status;
    dvsi_view_request request = dvsi_report_request(project, DVS_SINK_READ_ONLY);
    err = dvsi_api_error(err, &local);
    *report = NULL;
    for (;;) {
        dvsi_buf_clear(&who);
        status = ask(request, &held, &requested, &who, err);
        if (status != DVS_OK || !held || requested || dvsi_clock_monotonic() - begun > STARTING_US)
            break;
        pause_us(POLL_US);
    }
    stopped = !held;
    if (status == DVS_OK && held && wait_us != 0) {
        int64_t deadline = wait_us < 0 || wait_us > INT64_MAX - begun ? -1 : begun + wait_us;
        status = wait_free(&request, deadline, &stopped, err);
    }
    if (status == DVS_OK) {
        put(&json, project, held, requested, stopped, &who);
        status = dvsi_api_report(&json, wait_us != 0 && !stopped ? 1 : 0, report, err);
    }
    dvsi_buf_free(&json);
    dvsi_buf_free(&who);
    return status;
}
