/*
 * token.c - cursors and positions, as JSON that a test can read in the log:
 *   {"t":"cursor","stream":"people","generation":1,"seq":17}            ("delta" likewise)
 *   {"t":"position","mode":"full","stream":"people","generation":1,"from":null,"until":17,
 *    "seq":3,"after":500}
 */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>

static int32_t refused(dvs_error *err, const char *why)
{
    return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM, "the token was refused: %s", why);
}

int32_t scripted_token_open(dvs_reader *reader, const dvs_read *read, dvs_error *err)
{
    const char *kind = read->resume != 0 ? "position" : scripted_mode_name(read->mode);
    const json_t *from;
    json_error_t problem;
    json_t *token;
    reader->until = scripted_watermark(reader->stream);
    if (read->resume == 0 && read->mode == DVS_READ_FULL)
        return DVS_OK;
    if (read->token == NULL || read->token_length > SIZE_MAX)
        return refused(err, "there is none");
    token = json_loadb((const char *)read->token, (size_t)read->token_length, 0, &problem);
    if (token == NULL)
        return refused(err, "it is none of this source's");
    json_decref(reader->token);
    reader->token = token;
    if (strcmp(scripted_member_text(token, "t", ""), kind) != 0 ||
        strcmp(scripted_member_text(token, "stream", ""), reader->stream->name) != 0)
        return refused(err, "it is of another kind or stream");
    if (scripted_member_int(token, "generation", -1) != reader->stream->generation)
        return refused(err, "it is of another generation");
    if (read->resume == 0) {
        reader->from = scripted_seq_of(json_object_get(token, "seq"));
        return DVS_OK;
    }
    if (strcmp(scripted_member_text(token, "mode", ""), scripted_mode_name(read->mode)) != 0)
        return refused(err, "it is of a read in another mode");
    from = json_object_get(token, "from");
    reader->from = scripted_seq_of(from);
    reader->until = scripted_seq_of(json_object_get(token, "until"));
    return DVS_OK;
}

/* Numbers ascend in a full read and a cursor's, (seq, number) in a delta: what stands behind the position is
 * found although rows before it came or went. */
void scripted_token_skip(dvs_reader *reader, const dvs_read *read)
{
    scripted_seq seq = scripted_seq_of(json_object_get(reader->token, "seq"));
    int64_t after = scripted_member_int(reader->token, "after", 0);
    int by_seq =
        reader->mode == DVS_READ_DELTA && !scripted_member_true(reader->stream->spec, "delta_is_all");
    if (read->resume == 0)
        return;
    for (; reader->at < reader->items.n; reader->at++) {
        const scripted_item *item = &reader->items.list[reader->at];
        int order = by_seq ? scripted_seq_compare(&item->seq, &seq) : 0;
        if (order > 0 || (order == 0 && item->number > after))
            return;
    }
}

char *scripted_position(const dvs_reader *reader, const scripted_item *last)
{
    int full = reader->mode == DVS_READ_FULL;
    json_t *token = json_pack(
        "{s:s,s:s,s:s,s:I,s:o,s:o,s:o,s:I}", "t", "position", "mode", scripted_mode_name(reader->mode),
        "stream", reader->stream->name, "generation", (json_int_t)reader->stream->generation, "from",
        full ? json_null() : scripted_seq_json(&reader->from), "until", scripted_seq_json(&reader->until),
        "seq", scripted_seq_json(&last->seq), "after", (json_int_t)last->number);
    char *text = token != NULL ? json_dumps(token, JSON_COMPACT) : NULL;
    json_decref(token);
    return text;
}

char *scripted_cursor(const dvs_reader *reader, uint32_t kind)
{
    json_t *token =
        json_pack("{s:s,s:s,s:I,s:o}", "t", kind == DVS_TOKEN_DELTA ? "delta" : "cursor", "stream",
                  reader->stream->name, "generation", (json_int_t)reader->stream->generation, "seq",
                  scripted_seq_json(&reader->until));
    char *text = token != NULL ? json_dumps(token, JSON_COMPACT) : NULL;
    json_decref(token);
    return text;
}
