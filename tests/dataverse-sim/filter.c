/* Deciding whether a filter holds. Three values as in SQL: yes, no, unknown (something was null). */
#include <stdlib.h>
#include <string.h>

#include "filter_parts.h"
#include "query.h"

#define UNKNOWN (-1)

void sim_filter_free(struct sim_filter *filter)
{
    if (filter == NULL)
        return;
    free(filter->nodes);
    free(filter->operands);
    free(filter->text);
    free(filter->spare);
    free(filter);
}

struct judge {
    const struct sim_filter *filter;
    struct sim_scalar (*get)(const void *context, const void *what, struct sim_text *scratch);
    const void *context;
    struct sim_text *scratch;
};

static int compares(enum sim_op op, int order)
{
    switch (op) {
    case SIM_OP_EQ:
        return order == 0;
    case SIM_OP_NE:
        return order != 0;
    case SIM_OP_GT:
        return order > 0;
    case SIM_OP_GE:
        return order >= 0;
    case SIM_OP_LT:
        return order < 0;
    default:
        return order <= 0;
    }
}

static int like(enum sim_op op, const struct sim_scalar *text, const struct sim_scalar *pattern)
{
    /* The text between % where the operation leaves it open; the operand keeps room for both. */
    const char *start = pattern->text - (op == SIM_OP_STARTSWITH ? 0 : 1);
    size_t length = pattern->length + (op == SIM_OP_CONTAINS ? 2 : 1);
    return sim_text_like(text->text, text->length, start, length);
}

static int judge_leaf(const struct judge *judge, const struct sim_node *node)
{
    struct sim_scalar value = judge->get(judge->context, node->what, judge->scratch);
    /* Only In may have none. */
    const struct sim_scalar *operands =
        node->n_operands == 0 ? NULL : &judge->filter->operands[node->first_operand];
    if (node->op == SIM_OP_IN) {
        if (value.kind == SIM_KIND_NULL)
            return UNKNOWN;
        for (size_t i = 0; i < node->n_operands; i++)
            if (sim_scalar_compare(&value, &operands[i]) == 0)
                return 1;
        return 0;
    }
    if (operands[0].kind == SIM_KIND_NULL) {
        int null = value.kind == SIM_KIND_NULL;
        return node->op == SIM_OP_EQ ? null : node->op == SIM_OP_NE ? !null : UNKNOWN;
    }
    if (value.kind == SIM_KIND_NULL)
        return UNKNOWN;
    if (node->op == SIM_OP_CONTAINS || node->op == SIM_OP_STARTSWITH || node->op == SIM_OP_ENDSWITH)
        return value.kind == SIM_KIND_TEXT ? like(node->op, &value, &operands[0]) : 0;
    if (value.kind != operands[0].kind) /* only where kinds are not known before */
        return node->op == SIM_OP_NE;
    return compares(node->op, sim_scalar_compare(&value, &operands[0]));
}

/* As deep as the filter is nested, which the parser bounds. */
static int judge_node(const struct judge *judge, size_t at)
{
    const struct sim_node *node = &judge->filter->nodes[at];
    if (node->op == SIM_OP_NOT) {
        int answer = judge_node(judge, node->child);
        return answer == UNKNOWN ? UNKNOWN : !answer;
    }
    if (node->op != SIM_OP_AND && node->op != SIM_OP_OR)
        return judge_leaf(judge, node);
    int deciding = node->op == SIM_OP_OR;
    int answer = !deciding;
    for (size_t child = node->child; child != SIM_NO_NODE; child = judge->filter->nodes[child].sibling) {
        int one = judge_node(judge, child);
        if (one == deciding)
            return one;
        if (one == UNKNOWN)
            answer = UNKNOWN;
    }
    return answer;
}

int sim_filter_holds(const struct sim_filter *filter,
                     struct sim_scalar (*get)(const void *context, const void *what,
                                              struct sim_text *scratch),
                     const void *context, struct sim_text *scratch)
{
    struct judge judge = {filter, get, context, scratch};
    return judge_node(&judge, filter->root) == 1;
}

static struct sim_scalar get_value(const void *context, const void *what, struct sim_text *scratch)
{
    const struct sim_row *row = context;
    const struct sim_column *column = what;
    return sim_scalar_of(sim_kind_of(column), sim_row_value(row, column->slot), scratch);
}

int sim_filter_row(const struct sim_filter *filter, const struct sim_row *row, struct sim_text *scratch)
{
    return sim_filter_holds(filter, get_value, row, scratch);
}

static const void *find_column(const void *context, const char *name, size_t length, enum sim_kind *kind)
{
    const struct sim_table *table = context;
    const struct sim_column *column = sim_table_property(table, name, length);
    if (column != NULL)
        *kind = sim_kind_of(column);
    return column;
}

int sim_filter_for_table(const char *text, const struct sim_table *table, struct sim_filter **filter,
                         struct sim_refusal *refusal)
{
    struct sim_filter_source source = {find_column, table, table->logical_name};
    return sim_filter_parse(text, &source, filter, refusal);
}
