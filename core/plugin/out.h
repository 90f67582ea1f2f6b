/*
 * out.h - what a slot pushes into: a dvs_out lives on the stack of the wrapper that calls the slot.
 */
#ifndef DVSI_PLUGIN_OUT_H
#define DVSI_PLUGIN_OUT_H

#include "plugin/guest.h"

typedef enum dvsi_out_kind { DVSI_OUT_TEXT, DVSI_OUT_STREAMS, DVSI_OUT_COLUMNS, DVSI_OUT_ROWS } dvsi_out_kind;

typedef struct dvsi_out_stream dvsi_out_stream;
struct dvsi_out_stream {
    dvsi_out_stream *next;
    dvsi_stream stream;
};

struct dvs_out {
    dvsi_out_kind kind;
    uint32_t is_sink;
    const char *subject; /* the stream or table, for messages; NULL: none */

    dvsi_arena *arena; /* TEXT, STREAMS: where copies go */
    const char *text;
    uint32_t n_texts;
    uint32_t n_streams;
    dvsi_out_stream *first_stream;
    dvsi_out_stream *last_stream;

    dvsi_schema *schema; /* COLUMNS */

    dvsi_batch *batch; /* ROWS */
    const dvs_column *const *columns;
    uint32_t n_columns;
    uint32_t is_pull;     /* errors, checkpoints, tombstones and "full" exist in pull only */
    uint32_t ended;       /* in and out: the reader's END checkpoint was put */
    uint32_t n_put;       /* rows, errors and checkpoints of this call */
    uint64_t max_rows;    /* more rows are a breach; 0: no limit */
    uint64_t max_number;  /* row.number must be below; 0: any */
    uint64_t n_taken;     /* rows */
    uint32_t n_past_full; /* puts after the batch was full */
    dvsi_progress *progress;
};

/* The pushing functions of the host table. */
int32_t dvsi_put_text(const dvs_host *host, dvs_out *out, const char *text);
int32_t dvsi_put_stream(const dvs_host *host, dvs_out *out, const dvs_stream *stream);
int32_t dvsi_put_column(const dvs_host *host, dvs_out *out, const dvs_column *column);
int32_t dvsi_put_row(const dvs_host *host, dvs_out *out, const dvs_row *row);
int32_t dvsi_put_error(const dvs_host *host, dvs_out *out, const dvs_row_error *error);
int32_t dvsi_put_checkpoint(const dvs_host *host, dvs_out *out, const dvs_checkpoint *checkpoint);
void dvsi_put_progress(const dvs_host *host, dvs_out *out, uint64_t done, uint64_t total);

/* The frame in which `function` pushes into `out`, which must be of `kind`; NULL after noting the breach. */
dvsi_frame *dvsi_out_frame(const dvs_host *host, const dvs_out *out, dvsi_out_kind kind,
                           const char *function);

/* What only can be told when the slot has returned DVS_OK. */
void dvsi_out_check_text(dvsi_frame *frame);
void dvsi_out_check_streams(dvsi_frame *frame);
void dvsi_out_check_columns(dvsi_frame *frame);

#endif
