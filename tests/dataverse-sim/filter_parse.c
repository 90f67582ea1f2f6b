/* $filter: or < and < not < comparison, function or parentheses. */
#include <stdlib.h>
#include <string.h>

#include "filter_parts.h"
#include "query.h"
#include "store_time.h"

#define MAX_DEPTH 64
#define NO_MEMORY (-1)

struct parser {
    const char *whole;
    char *at;
    struct sim_filter *filter;
    const struct sim_filter_source *source;
    struct sim_refusal *refusal;
    unsigned depth;
};

static int parse_or(struct parser *parser, size_t *node);

static void spaces(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\t')
        parser->at++;
}

static int refuse_syntax(struct parser *parser)
{
    sim_refuse(parser->refusal, 400, SIM_CODE_ODATA, "Syntax error at position %zu in '%.300s'.",
               (size_t)(parser->at - parser->filter->text), parser->whole);
    return 1;
}

static int add_node(struct parser *parser, enum sim_op op, size_t *node)
{
    struct sim_filter *filter = parser->filter;
    if (filter->n_nodes == filter->nodes_capacity) {
        size_t capacity = filter->nodes_capacity == 0 ? 16 : filter->nodes_capacity * 2;
        struct sim_node *nodes = realloc(filter->nodes, capacity * sizeof *nodes);
        if (nodes == NULL)
            return NO_MEMORY;
        filter->nodes = nodes;
        filter->nodes_capacity = capacity;
    }
    *node = filter->n_nodes++;
    filter->nodes[*node] = (struct sim_node){.op = op, .child = SIM_NO_NODE, .sibling = SIM_NO_NODE};
    return 0;
}

static int add_operand(struct parser *parser, size_t node, const struct sim_scalar *operand)
{
    struct sim_filter *filter = parser->filter;
    if (filter->n_operands == filter->operands_capacity) {
        size_t capacity = filter->operands_capacity == 0 ? 16 : filter->operands_capacity * 2;
        struct sim_scalar *operands = realloc(filter->operands, capacity * sizeof *operands);
        if (operands == NULL)
            return NO_MEMORY;
        filter->operands = operands;
        filter->operands_capacity = capacity;
    }
    if (filter->nodes[node].n_operands++ == 0)
        filter->nodes[node].first_operand = filter->n_operands;
    filter->operands[filter->n_operands++] = *operand;
    return 0;
}

/* A word: name, number, GUID or date. */
static size_t word_length(const char *text)
{
    return strcspn(text, " \t(),'=\"[]");
}

/* 'it''s': unquoted in place, between two % for LIKE: the quotes' own places. */
static int parse_string(struct parser *parser, struct sim_scalar *scalar)
{
    char *start = parser->at;
    char *to = start + 1;
    char *from = start + 1;
    while (*from != '\0' && (*from != '\'' || from[1] == '\'')) {
        from += *from == '\'' ? 1 : 0;
        *to++ = *from++;
    }
    if (*from == '\0')
        return refuse_syntax(parser);
    *start = '%';
    *to = '%';
    *scalar =
        (struct sim_scalar){.kind = SIM_KIND_TEXT, .text = start + 1, .length = (size_t)(to - start - 1)};
    parser->at = from + 1;
    return 0;
}

static int is_number(const char *text, size_t length)
{
    size_t i = length > 0 && text[0] == '-' ? 1 : 0;
    size_t digits = 0;
    for (; i < length && text[i] >= '0' && text[i] <= '9'; i++)
        digits++;
    if (i < length && text[i] == '.')
        for (i++; i < length && text[i] >= '0' && text[i] <= '9'; i++)
            digits++;
    if (digits > 0 && i < length && (text[i] | 32) == 'e') {
        i++;
        i += i < length && (text[i] == '-' || text[i] == '+') ? 1 : 0;
        size_t first = i;
        while (i < length && text[i] >= '0' && text[i] <= '9')
            i++;
        digits = i > first ? digits : 0;
    }
    return digits > 0 && i == length;
}

/* What a word says; -1 when it is no literal. */
static int scalar_of_word(const char *text, size_t length, struct sim_scalar *scalar)
{
    *scalar = (struct sim_scalar){.kind = SIM_KIND_NULL, .text = text, .length = length};
    if (length == 4 && memcmp(text, "null", 4) == 0)
        return 0;
    scalar->kind = SIM_KIND_BOOL;
    scalar->truth = length == 4 && memcmp(text, "true", 4) == 0;
    if (scalar->truth || (length == 5 && memcmp(text, "false", 5) == 0))
        return 0;
    scalar->kind = SIM_KIND_GUID;
    if (sim_guid_parse(text, length, &scalar->guid) == 0)
        return 0;
    scalar->kind = SIM_KIND_TIME;
    if (sim_time_parse(text, length, &scalar->time) == 0)
        return 0;
    scalar->kind = SIM_KIND_NUMBER;
    return is_number(text, length) ? 0 : -1;
}

static int parse_literal(struct parser *parser, struct sim_scalar *scalar)
{
    spaces(parser);
    if (*parser->at == '\'')
        return parse_string(parser, scalar);
    size_t length = word_length(parser->at);
    if (length == 0)
        return refuse_syntax(parser);
    if (parser->at[length] == '\'') {
        /* A member of an enumeration: Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'. What looks alike but
         * is not qualified is OData of version 2, guid'…', which is not understood any more. */
        if (memchr(parser->at, '.', length) == NULL) {
            sim_refuse(parser->refusal, 400, SIM_CODE_ODATA,
                       "Unrecognized 'Edm.String' literal '%.60s' at '%zu' in '%.200s'.", parser->at,
                       (size_t)(parser->at - parser->filter->text), parser->whole);
            return 1;
        }
        parser->at += length;
        return parse_string(parser, scalar);
    }
    if (scalar_of_word(parser->at, length, scalar) != 0)
        return refuse_syntax(parser);
    parser->at += length;
    return 0;
}

static const char *edm_of(enum sim_kind kind)
{
    static const char *const names[] = {"null",     "Edm.String",         "Edm.Decimal", "Edm.Boolean",
                                        "Edm.Guid", "Edm.DateTimeOffset", "Edm.Untyped"};
    return names[kind];
}

/* The property at the place of reading. */
static int parse_property(struct parser *parser, char *text, size_t length, const void **what,
                          enum sim_kind *kind)
{
    struct sim_filter *filter = parser->filter;
    char *name = filter->spare + filter->spare_length;
    memcpy(name, text, length);
    name[length] = '\0';
    filter->spare_length += length + 1;
    *what = length == 0 ? NULL : parser->source->find(parser->source->context, name, length, kind);
    if (*what != NULL)
        return 0;
    if (length == 0)
        return refuse_syntax(parser);
    sim_refuse(parser->refusal, 400, SIM_CODE_ODATA,
               "Could not find a property named '%.128s' on type "
               "'Microsoft.Dynamics.CRM.%s'.",
               name, parser->source->type_name);
    return 1;
}

static int expect(struct parser *parser, char c)
{
    spaces(parser);
    if (*parser->at != c)
        return refuse_syntax(parser);
    parser->at++;
    return 0;
}

static int check_kinds(struct parser *parser, enum sim_kind kind, const struct sim_scalar *operand)
{
    if (kind == SIM_KIND_ANY || operand->kind == SIM_KIND_NULL || operand->kind == kind)
        return 0;
    sim_refuse(parser->refusal, 400, SIM_CODE_ODATA,
               "A binary operator with incompatible types was detected. Found operand types '%s' and '%s'.",
               edm_of(kind), edm_of(operand->kind));
    return 1;
}

/* contains(name,'x') */
static int parse_text_function(struct parser *parser, enum sim_op op, size_t *node)
{
    enum sim_kind kind = SIM_KIND_ANY;
    struct sim_scalar operand;
    const void *what = NULL;
    spaces(parser);
    size_t length = word_length(parser->at);
    int answer = parse_property(parser, parser->at, length, &what, &kind);
    parser->at += answer == 0 ? length : 0;
    if (answer == 0)
        answer = expect(parser, ',');
    if (answer == 0)
        answer = parse_literal(parser, &operand);
    if (answer == 0 && (operand.kind != SIM_KIND_TEXT || (kind != SIM_KIND_TEXT && kind != SIM_KIND_ANY))) {
        sim_refuse(parser->refusal, 400, SIM_CODE_ODATA,
                   "No function signature for the function with name '%s' matches the "
                   "specified arguments.",
                   op == SIM_OP_CONTAINS   ? "contains"
                   : op == SIM_OP_ENDSWITH ? "endswith"
                                           : "startswith");
        return 1;
    }
    if (answer == 0)
        answer = expect(parser, ')');
    if (answer == 0)
        answer = add_node(parser, op, node);
    if (answer != 0)
        return answer;
    parser->filter->nodes[*node].what = what;
    return add_operand(parser, *node, &operand);
}

/* An element of PropertyValues: "text", whatever the property's type; or bare. */
static int parse_element(struct parser *parser, enum sim_kind kind, struct sim_scalar *operand)
{
    spaces(parser);
    if (*parser->at != '"' && *parser->at != '\'')
        return parse_literal(parser, operand);
    char quote = *parser->at++;
    char *end = strchr(parser->at, quote);
    if (end == NULL)
        return refuse_syntax(parser);
    size_t length = (size_t)(end - parser->at);
    *operand = (struct sim_scalar){.kind = SIM_KIND_TEXT, .text = parser->at, .length = length};
    if (kind != SIM_KIND_TEXT && kind != SIM_KIND_ANY && scalar_of_word(parser->at, length, operand) != 0)
        return refuse_syntax(parser);
    parser->at = end + 1;
    return 0;
}

static int skip_word(struct parser *parser, const char *word)
{
    spaces(parser);
    size_t length = strlen(word);
    if (strncmp(parser->at, word, length) != 0)
        return refuse_syntax(parser);
    parser->at += length;
    return expect(parser, '=');
}

/* Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=["a","b"]) */
static int parse_in(struct parser *parser, size_t *node)
{
    enum sim_kind kind = SIM_KIND_ANY;
    struct sim_scalar name;
    const void *what = NULL;
    int answer = skip_word(parser, "PropertyName");
    if (answer == 0)
        answer = parse_literal(parser, &name);
    if (answer == 0 && name.kind != SIM_KIND_TEXT)
        return refuse_syntax(parser);
    if (answer == 0) {
        char *at = parser->filter->text + (name.text - parser->filter->text);
        answer = parse_property(parser, at, name.length, &what, &kind);
    }
    if (answer == 0)
        answer = expect(parser, ',');
    if (answer == 0)
        answer = skip_word(parser, "PropertyValues");
    if (answer == 0)
        answer = expect(parser, '[');
    if (answer == 0)
        answer = add_node(parser, SIM_OP_IN, node);
    if (answer == 0)
        parser->filter->nodes[*node].what = what;
    spaces(parser);
    while (answer == 0 && *parser->at != ']') {
        struct sim_scalar operand;
        answer = parse_element(parser, kind, &operand);
        if (answer == 0)
            answer = check_kinds(parser, kind, &operand);
        if (answer == 0)
            answer = add_operand(parser, *node, &operand);
        spaces(parser);
        if (answer == 0 && *parser->at != ']')
            answer = expect(parser, ',');
        spaces(parser);
    }
    if (answer == 0)
        answer = expect(parser, ']');
    return answer == 0 ? expect(parser, ')') : answer;
}

static int parse_function(struct parser *parser, size_t length, size_t *node)
{
    static const struct {
        const char *name;
        enum sim_op op;
    } functions[] = {{"contains", SIM_OP_CONTAINS},
                     {"startswith", SIM_OP_STARTSWITH},
                     {"endswith", SIM_OP_ENDSWITH},
                     {"Microsoft.Dynamics.CRM.In", SIM_OP_IN}};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strlen(functions[i].name) != length || strncmp(functions[i].name, parser->at, length) != 0)
            continue;
        parser->at += length + 1;
        return functions[i].op == SIM_OP_IN ? parse_in(parser, node)
                                            : parse_text_function(parser, functions[i].op, node);
    }
    sim_refuse(parser->refusal, 400, SIM_CODE_ODATA, "An unknown function with name '%.*s' was found.",
               (int)(length < 100 ? length : 100), parser->at);
    return 1;
}

static int parse_comparison(struct parser *parser, size_t *node)
{
    static const char names[][3] = {"eq", "ne", "gt", "ge", "lt", "le"};
    size_t length = word_length(parser->at);
    if (parser->at[length] == '(' && length > 0)
        return parse_function(parser, length, node);
    enum sim_kind kind = SIM_KIND_ANY;
    struct sim_scalar operand;
    const void *what = NULL;
    int answer = parse_property(parser, parser->at, length, &what, &kind);
    if (answer != 0)
        return answer;
    parser->at += length;
    spaces(parser);
    size_t op = 0;
    while (op < 6 && strncmp(parser->at, names[op], 2) != 0)
        op++;
    if (op == 6 || parser->at[2] != ' ')
        return refuse_syntax(parser);
    parser->at += 2;
    answer = parse_literal(parser, &operand);
    if (answer == 0)
        answer = check_kinds(parser, kind, &operand);
    if (answer == 0)
        answer = add_node(parser, (enum sim_op)(SIM_OP_EQ + op), node);
    if (answer != 0)
        return answer;
    parser->filter->nodes[*node].what = what;
    return add_operand(parser, *node, &operand);
}

static int parse_unary(struct parser *parser, size_t *node)
{
    spaces(parser);
    if (++parser->depth > MAX_DEPTH) {
        sim_refuse(parser->refusal, 400, SIM_CODE_ODATA, "The recursion limit of %d was reached in $filter.",
                   MAX_DEPTH);
        return 1;
    }
    int answer;
    if (strncmp(parser->at, "not", 3) == 0 && (parser->at[3] == ' ' || parser->at[3] == '(')) {
        size_t child = 0;
        parser->at += 3;
        answer = parse_unary(parser, &child);
        if (answer == 0)
            answer = add_node(parser, SIM_OP_NOT, node);
        if (answer == 0)
            parser->filter->nodes[*node].child = child;
    } else if (*parser->at == '(') {
        parser->at++;
        answer = parse_or(parser, node);
        if (answer == 0)
            answer = expect(parser, ')');
    } else {
        answer = parse_comparison(parser, node);
    }
    parser->depth--;
    return answer;
}

/* x and y and z: one node with all of them, so that long chains are not deep. */
static int parse_chain(struct parser *parser, enum sim_op op, size_t *node)
{
    const char *word = op == SIM_OP_AND ? "and" : "or";
    size_t length = strlen(word);
    size_t chain = SIM_NO_NODE;
    size_t last = SIM_NO_NODE;
    for (;;) {
        size_t child = 0;
        int answer = op == SIM_OP_AND ? parse_unary(parser, &child) : parse_chain(parser, SIM_OP_AND, &child);
        if (answer != 0)
            return answer;
        spaces(parser);
        int more = strncmp(parser->at, word, length) == 0 &&
                   (parser->at[length] == ' ' || parser->at[length] == '(');
        if (chain == SIM_NO_NODE && !more) {
            *node = child;
            return 0;
        }
        if (chain == SIM_NO_NODE) {
            if (add_node(parser, op, &chain) != 0)
                return NO_MEMORY;
            parser->filter->nodes[chain].child = child;
        } else {
            parser->filter->nodes[last].sibling = child;
        }
        last = child;
        if (!more) {
            *node = chain;
            return 0;
        }
        parser->at += length;
    }
}

static int parse_or(struct parser *parser, size_t *node)
{
    return parse_chain(parser, SIM_OP_OR, node);
}

int sim_filter_parse(const char *text, const struct sim_filter_source *source, struct sim_filter **filter,
                     struct sim_refusal *refusal)
{
    struct sim_filter *made = calloc(1, sizeof *made);
    if (made == NULL)
        return -1;
    made->text = strdup(text);
    made->spare = malloc(strlen(text) * 2 + 2);
    struct parser parser = {
        .whole = text, .at = made->text, .filter = made, .source = source, .refusal = refusal};
    int answer = made->text == NULL || made->spare == NULL ? -1 : parse_or(&parser, &made->root);
    if (answer == 0 && *parser.at != '\0')
        answer = refuse_syntax(&parser);
    if (answer != 0) {
        sim_filter_free(made);
        return answer;
    }
    *filter = made;
    return 0;
}
