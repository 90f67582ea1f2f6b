/* fuzz_json.c - any bytes as JSON: both readers agree, and a canonical text is its own canonical text. */
#include "fuzz.h"

#include "base/utf8.h"
#include "data/cell.h"
#include "data/json.h"

static void check_same_canonical(const dvsi_buf *canonical, const char *text, size_t length)
{
    dvsi_buf again = {0};

    CHECK(dvsi_json_canonical(&again, text, length) == 0);
    CHECK(again.length == canonical->length && memcmp(again.data, canonical->data, again.length) == 0);
    dvsi_buf_free(&again);
}

static void check_value(const dvsi_json *root, const char *text, size_t length)
{
    dvsi_buf canonical = {0}, written = {0};
    dvsi_arena arena = {0};
    dvs_cell a = dvsi_cell_json_n(text, length), b, back;

    CHECK(dvsi_json_canonical(&canonical, text, length) == 0);
    CHECK(dvsi_utf8_valid(canonical.data, canonical.length) == canonical.length);
    check_same_canonical(&canonical, canonical.data, canonical.length);
    dvsi_json_write(&written, root);
    check_same_canonical(&canonical, written.data, written.length);
    b = dvsi_cell_json_n(written.data, written.length);
    CHECK(dvsi_cell_equal(&a, &b));
    CHECK(dvsi_cell_clean(&arena, DVS_JSON, &a, &b) == NULL && dvsi_cell_equal(&a, &b));
    CHECK(dvsi_cell_from_json(&arena, DVS_JSON, text, length, &back) == 0);
    CHECK(back.kind == DVS_NULL || dvsi_cell_equal(&a, &back));
    for (uint32_t kind = DVS_BOOL; kind < DVS_KIND_COUNT; kind++) {
        if (dvsi_cell_from_json(&arena, kind, text, length, &back) == 0)
            CHECK(back.kind == kind || back.kind == DVS_NULL);
    }
    dvsi_arena_free(&arena);
    dvsi_buf_free(&canonical);
    dvsi_buf_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *problem = NULL;
    dvsi_arena arena = {0};
    size_t offset = 0;
    dvsi_json *root = dvsi_json_parse(&arena, text, size, &problem, &offset);

    CHECK((root != NULL) == (dvsi_json_check(text, size) == NULL));
    if (root != NULL)
        check_value(root, text, size);
    else
        CHECK(problem != NULL && offset <= size && strcmp(problem, dvsi_json_check(text, size)) == 0);
    dvsi_arena_free(&arena);
    return 0;
}
