/* cell.h - single values: comparing, showing, converting. */
#ifndef DVSI_DATA_CELL_H
#define DVSI_DATA_CELL_H

#include "base/arena.h"
#include "base/buf.h"
#include "dvsync/plugin.h"

/*
 * Inside the core a cell is "clean": DECIMAL cells hold canonical text, DOUBLE is finite and never -0.0,
 * BOOL is 0 or 1, dates and timestamps are in range, text is valid UTF-8 without NUL, JSON is one valid
 * value as received. The host cleans what plugins push (dvsi_cell_clean).
 */

/* "text", "int64", ...; NULL for an unknown kind. And back: -1 when there is no such kind. ABSENT and NULL
 * are no types. */
const char *dvsi_kind_name(uint32_t kind);
int dvsi_kind_from_name(const char *name);
/* True for the kinds that can be part of a key (not double, json, bytes). */
int dvsi_kind_is_key(uint32_t kind);

/* Checks a cell that came from a plugin against `kind` and copies it, clean, into `arena`. NULL and ABSENT
 * pass. A MISTYPED cell stays MISTYPED, whatever its bytes. Returns NULL, or what is wrong as a text for the
 * user ("is not valid UTF-8"), static. */
const char *dvsi_cell_clean(dvsi_arena *arena, uint32_t kind, const dvs_cell *cell, dvs_cell *out);

/* What dvsi_cell_clean, dvsi_cell_convert and dvsi_key_canonical return when memory is out: compare the
 * pointer, as this is no fault of the value. */
extern const char dvsi_cell_no_memory[];

/* Equal as values, whatever their spelling. ABSENT equals only ABSENT, NULL only NULL; cells of
 * different kinds and MISTYPED ones differ. Both clean. */
int dvsi_cell_equal(const dvs_cell *a, const dvs_cell *b);

/*
 * The canonical text of a value: one text for equal values, whatever sink or machine; keys, hashes and
 * messages are made of it. bool "true"/"false", numbers shortest, bytes in base64, date, timestamp with six
 * digits, uuid lower case, json with sorted keys and canonical numbers and no spaces. Nothing for NULL and
 * ABSENT.
 */
void dvsi_cell_canonical(dvsi_buf *out, const dvs_cell *cell);

/* Adds the value as JSON: as dvsync prints it everywhere: int64 and double as numbers, decimal as a string,
 * bytes in base64, json as it is, NULL and ABSENT as null. */
void dvsi_cell_json(dvsi_buf *out, const dvs_cell *cell);
/* Reads what dvsi_cell_json wrote, back into a clean cell of `kind`, in `arena`. 0 or -1. `text` is one
 * JSON value. */
int dvsi_cell_from_json(dvsi_arena *arena, uint32_t kind, const char *text, size_t length, dvs_cell *out);
/* The same of a value that has been parsed (data/json.h). */
struct dvsi_json;
int dvsi_cell_from_value(dvsi_arena *arena, uint32_t kind, const struct dvsi_json *value, dvs_cell *out);

/*
 * Strict conversion to another kind: out in `arena` (or sharing the bytes of `in`). NULL and ABSENT stay.
 * From text to anything by its canonical and usual spellings (bool: true/false/1/0, any case); from anything
 * to text by its canonical text; between number kinds when the value stays the same (a decimal and a double
 * are the same when the double's shortest text is that decimal); bool and int64 0 or 1; date to timestamp
 * (midnight UTC) and, at midnight, back; json only from and to text. Returns NULL, or what is wrong, static.
 */
const char *dvsi_cell_convert(dvsi_arena *arena, uint32_t kind, const dvs_cell *in, dvs_cell *out);

/* Copies a clean cell with its bytes. 0, or -1 when memory is out. */
int dvsi_cell_copy(dvsi_arena *arena, const dvs_cell *in, dvs_cell *out);

/* Makers, without copying. */
dvs_cell dvsi_cell_null(void);
dvs_cell dvsi_cell_int64(int64_t value);
dvs_cell dvsi_cell_bool(int value);
dvs_cell dvsi_cell_timestamp(int64_t micros);
dvs_cell dvsi_cell_text(const char *text);                  /* NULL: a NULL cell */
dvs_cell dvsi_cell_text_n(const char *text, size_t length); /* at most UINT32_MAX bytes */
dvs_cell dvsi_cell_json_n(const char *text, size_t length);
dvs_cell dvsi_cell_bytes(const void *data, size_t length);

#endif
