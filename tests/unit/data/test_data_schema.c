/* test_data_schema.c - a schema owns deep copies of its columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/failing_malloc.h"
#include "data/schema.h"

static void columns_are_copied_in_depth(void **state)
{
    char name[] = "status", native[] = "Picklist", label[] = "Active", target[] = "account";
    const char *targets[] = {target, "contact"};
    struct {
        dvs_choice choice;
        uint64_t later; /* a newer plugin's field */
    } choices[2];
    dvs_column column;
    dvsi_schema schema = {0};
    const dvs_column *copy;

    (void)state;
    memset(choices, 0, sizeof choices);
    for (int i = 0; i < 2; i++) {
        choices[i].choice.struct_size = (uint32_t)sizeof choices[0];
        choices[i].choice.code = i + 1;
        choices[i].choice.label = i == 0 ? label : "Inactive";
    }
    memset(&column, 0, sizeof column);
    column.struct_size = (uint32_t)sizeof column;
    column.kind = DVS_INT64;
    column.flags = DVS_COLUMN_NULLABLE;
    column.name = name;
    column.native_type = native;
    column.n_targets = 2;
    column.targets = targets;
    column.n_choices = 2;
    column.choice_stride = (uint32_t)sizeof choices[0];
    column.choices = &choices[0].choice;
    copy = dvsi_schema_add(&schema, &column);
    assert_non_null(copy);
    name[0] = native[0] = label[0] = target[0] = 'X';
    memset(choices, 0, sizeof choices);
    assert_string_equal(copy->name, "status");
    assert_string_equal(copy->native_type, "Picklist");
    assert_int_equal(copy->kind, DVS_INT64);
    assert_string_equal(copy->targets[0], "account");
    assert_string_equal(copy->targets[1], "contact");
    assert_int_equal(copy->choice_stride, sizeof(dvs_choice));
    assert_string_equal(copy->choices[0].label, "Active");
    assert_int_equal(copy->choices[1].code, 2);
    assert_int_equal(copy->choices[1].struct_size, sizeof(dvs_choice));
    dvsi_schema_free(&schema);
    dvsi_schema_free(&schema);
    dvsi_schema_free(NULL);
}

static void shorter_choices_are_filled_with_zeros(void **state)
{
    size_t stride = offsetof(dvs_choice, label);
    char *choices = calloc(2, stride);
    dvs_choice first;
    dvs_column column;
    dvsi_schema schema = {0};
    const dvs_column *copy;

    (void)state;
    assert_non_null(choices);
    memset(&first, 0, sizeof first);
    for (int i = 0; i < 2; i++) {
        first.struct_size = (uint32_t)stride;
        first.code = 10 + i;
        memcpy(choices + (size_t)i * stride, &first, stride);
    }
    memset(&column, 0, sizeof column);
    column.struct_size = (uint32_t)sizeof column;
    column.name = "status";
    column.n_choices = 2;
    column.choice_stride = (uint32_t)stride;
    column.choices = (const dvs_choice *)(const void *)choices;
    copy = dvsi_schema_add(&schema, &column);
    free(choices);
    assert_non_null(copy);
    assert_int_equal(copy->choices[1].code, 11);
    assert_null(copy->choices[0].label);
    dvsi_schema_free(&schema);
}

static void a_shorter_column_is_filled_with_zeros(void **state)
{
    dvs_column column;
    dvsi_schema schema = {0};
    const dvs_column *copy;

    (void)state;
    memset(&column, 0x5a, sizeof column);
    column.struct_size = offsetof(dvs_column, key_position);
    column.kind = DVS_TEXT;
    column.flags = 0;
    copy = dvsi_schema_add(&schema, &column);
    assert_non_null(copy);
    assert_null(copy->name);
    assert_int_equal(copy->key_position, 0);
    assert_int_equal(copy->struct_size, sizeof column);
    dvsi_schema_free(&schema);
}

static void finding_by_name(void **state)
{
    dvsi_schema schema = {0};
    char name[32];

    (void)state;
    assert_int_equal(dvsi_schema_find(&schema, "x"), -1);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "Column_%d", i);
        assert_non_null(dvsi_schema_put(&schema, name, DVS_TEXT, DVS_COLUMN_NULLABLE));
    }
    assert_int_equal(schema.n_columns, 300);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "cOLUMN_%d", i);
        assert_int_equal(dvsi_schema_find(&schema, name), i);
    }
    assert_int_equal(dvsi_schema_find(&schema, "column_300"), -1);
    assert_int_equal(dvsi_schema_find(&schema, "column_"), -1);
    dvsi_schema_free(&schema);
}

static int fill(void)
{
    const char *targets[] = {"a", "b"};
    dvs_choice choice;
    dvs_column column;
    dvsi_schema schema = {0};
    int result = 0;

    memset(&choice, 0, sizeof choice);
    choice.struct_size = (uint32_t)sizeof choice;
    choice.label = "label";
    memset(&column, 0, sizeof column);
    column.struct_size = (uint32_t)sizeof column;
    column.name = "name";
    column.native_type = "type";
    column.n_targets = 2;
    column.targets = targets;
    column.n_choices = 1;
    column.choice_stride = (uint32_t)sizeof choice;
    column.choices = &choice;
    for (int i = 0; i < 400 && result == 0; i++)
        result = dvsi_schema_add(&schema, &column) != NULL ? 0 : -1;
    dvsi_schema_free(&schema);
    return result;
}

static void every_failed_allocation_is_reported(void **state)
{
    size_t failed;

    (void)state;
    NEED_FAILING_MALLOC();
    failed = fail_each(fill);
    assert_int_not_equal(failed, SIZE_MAX);
    assert_true(failed >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_copied_in_depth),
        cmocka_unit_test(shorter_choices_are_filled_with_zeros),
        cmocka_unit_test(a_shorter_column_is_filled_with_zeros),
        cmocka_unit_test(finding_by_name),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
