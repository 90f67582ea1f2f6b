/* transaction.c - the writer and its transactions. */
#include "memory.h"

#include <stdlib.h>

static int read_only(const dvs_writer *writer)
{
    return (writer->sink->flags & DVS_SINK_READ_ONLY) != 0;
}

int32_t memory_may_write(const dvs_writer *writer, dvs_error *err)
{
    if (read_only(writer))
        return dvs_fail(err, DVS_E_READ_ONLY, DVS_SCOPE_SOURCE, "%s was opened read-only",
                        writer->sink->path);
    if (!writer->in_transaction)
        return dvs_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "the host writes outside a transaction");
    return DVS_OK;
}

static int32_t need_transaction(const dvs_writer *writer, dvs_error *err)
{
    if (!writer->in_transaction)
        return dvs_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "there is no transaction");
    return DVS_OK;
}

int32_t memory_writer_open(dvs_sink *sink, dvs_writer **out, dvs_error *err)
{
    dvs_writer *writer = NULL;
    int32_t status = memory_enter(sink, "writer", NULL, err);
    if (status == DVS_OK && sink->writer != NULL)
        status = dvs_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "the sink has its one writer already");
    if (status == DVS_OK) {
        writer = calloc(1, sizeof *writer);
        if (writer == NULL)
            status = memory_no_memory(err);
    }
    status = memory_leave(sink, "writer", NULL, json_object(), status, err);
    if (status != DVS_OK) {
        free(writer);
        return status;
    }
    writer->sink = sink;
    sink->writer = writer;
    *out = writer;
    return DVS_OK;
}

/* Ends the transaction and forgets what it did. */
static int32_t undo(dvs_writer *writer, dvs_error *err)
{
    int32_t status = DVS_OK;
    int changed = writer->redo.length > 0 || writer->redo.failed;
    writer->redo.length = 0;
    writer->redo.failed = 0;
    writer->has_savepoint = 0;
    if (changed)
        status = memory_file_rebuild(writer->sink, NULL, 0, err);
    if (writer->in_transaction && !read_only(writer))
        memory_file_unlock(writer->sink);
    writer->in_transaction = 0;
    return status;
}

void memory_writer_close(dvs_writer *writer)
{
    dvs_sink *sink = writer->sink;
    dvs_error unused = DVS_ERROR_INIT;
    memory_enter(sink, "close_writer", NULL, &unused);
    undo(writer, &unused);
    memory_leave(sink, "close_writer", NULL, json_object(), DVS_OK, &unused);
    sink->writer = NULL;
    free(writer->redo.data);
    free(writer);
}

static int32_t begin(dvs_writer *writer, dvs_error *err)
{
    dvs_sink *sink = writer->sink;
    int32_t status = DVS_OK;
    if (writer->in_transaction)
        return dvs_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "a transaction is open already");
    if (!read_only(writer))
        status = memory_file_lock(sink, err);
    if (status != DVS_OK)
        return status;
    status = memory_file_refresh(sink, !read_only(writer), err);
    if (status == DVS_OK)
        writer->in_transaction = 1;
    else if (!read_only(writer))
        memory_file_unlock(sink);
    return status;
}

int32_t memory_begin(dvs_writer *writer, dvs_error *err)
{
    int32_t status = memory_enter(writer->sink, "begin", NULL, err);
    if (status == DVS_OK)
        status = begin(writer, err);
    return memory_leave(writer->sink, "begin", NULL, json_object(), status, err);
}

int32_t memory_commit(dvs_writer *writer, dvs_error *err)
{
    size_t bytes = writer->redo.length;
    int32_t status = memory_enter(writer->sink, "commit", NULL, err);
    if (status == DVS_OK)
        status = need_transaction(writer, err);
    if (status == DVS_OK && (writer->redo.length > 0 || writer->redo.failed))
        status = memory_file_append(writer->sink, &writer->redo, err);
    if (status == DVS_OK) {
        writer->redo.length = 0;
        writer->has_savepoint = 0;
        writer->in_transaction = 0;
        if (!read_only(writer))
            memory_file_unlock(writer->sink);
    }
    return memory_leave(writer->sink, "commit", NULL, json_pack("{s:I}", "bytes", (json_int_t)bytes), status,
                        err);
}

int32_t memory_rollback(dvs_writer *writer, dvs_error *err)
{
    int32_t status = memory_enter(writer->sink, "rollback", NULL, err);
    if (status == DVS_OK)
        status = undo(writer, err); /* without a transaction there is nothing to undo */
    return memory_leave(writer->sink, "rollback", NULL, json_object(), status, err);
}

int32_t memory_savepoint(dvs_writer *writer, dvs_error *err)
{
    int32_t status = memory_enter(writer->sink, "savepoint", NULL, err);
    if (status == DVS_OK)
        status = need_transaction(writer, err);
    if (status == DVS_OK && writer->has_savepoint)
        status =
            dvs_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "a savepoint is set already; there is one level");
    if (status == DVS_OK) {
        writer->has_savepoint = 1;
        writer->savepoint = writer->redo.length;
    }
    return memory_leave(writer->sink, "savepoint", NULL, json_object(), status, err);
}

static int32_t need_savepoint(const dvs_writer *writer, dvs_error *err)
{
    int32_t status = need_transaction(writer, err);
    if (status == DVS_OK && !writer->has_savepoint)
        status = dvs_fail(err, DVS_E_USAGE, DVS_SCOPE_SOURCE, "there is no savepoint");
    return status;
}

int32_t memory_rollback_to(dvs_writer *writer, dvs_error *err)
{
    int32_t status = memory_enter(writer->sink, "rollback_to", NULL, err);
    if (status == DVS_OK)
        status = need_savepoint(writer, err);
    if (status == DVS_OK && (writer->redo.length > writer->savepoint || writer->redo.failed)) {
        writer->redo.length = writer->savepoint;
        writer->redo.failed = 0;
        status = memory_file_rebuild(writer->sink, &writer->redo, writer->savepoint, err);
    }
    return memory_leave(writer->sink, "rollback_to", NULL, json_object(), status, err);
}

int32_t memory_release(dvs_writer *writer, dvs_error *err)
{
    int32_t status = memory_enter(writer->sink, "release", NULL, err);
    if (status == DVS_OK)
        status = need_savepoint(writer, err);
    if (status == DVS_OK)
        writer->has_savepoint = 0;
    return memory_leave(writer->sink, "release", NULL, json_object(), status, err);
}
