/* What nodes mean, and where they stand. */
#include "config/node.h"

#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/utf8.h"

#define MOST_SHOWN 60 /* bytes of a value in a message */

static int is_word(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*");
    return n > 0 && text[n] == '\0';
}

static void add_step(dvsi_buf *path, const dvsi_node *node)
{
    if (!node->key) {
        dvsi_buf_printf(path, "[%u]", (unsigned)node->index);
        return;
    }
    if (path->length > 0)
        dvsi_buf_putc(path, '.');
    if (is_word(node->key)) {
        dvsi_utf8_show(path, node->key, strlen(node->key), MOST_SHOWN);
    } else {
        dvsi_buf_putc(path, '"');
        dvsi_utf8_show(path, node->key, strlen(node->key), MOST_SHOWN);
        dvsi_buf_putc(path, '"');
    }
}

const char *dvsi_node_path(dvsi_arena *arena, const dvsi_node *node)
{
    /* The depth is bounded when a file is read; deeper nodes are left out of the path's beginning. */
    const dvsi_node *steps[128];
    size_t n = 0;
    for (; node->parent && n < sizeof(steps) / sizeof(steps[0]); node = node->parent)
        steps[n++] = node;
    dvsi_buf path = {0};
    while (n > 0)
        add_step(&path, steps[--n]);
    const char *copy = path.failed ? NULL : dvsi_arena_strdup(arena, dvsi_buf_text(&path));
    dvsi_buf_free(&path);
    return copy;
}

const char *dvsi_node_show(dvsi_arena *arena, const dvsi_node *node)
{
    if (node->type != DVSI_NODE_SCALAR)
        return node->type == DVSI_NODE_MAP ? "a map" : "a list";
    if (node->secret)
        return "(hidden)";
    if (dvsi_node_is_null(node))
        return "nothing";
    dvsi_buf text = {0};
    dvsi_buf_putc(&text, '"');
    dvsi_utf8_show(&text, node->text, node->length, MOST_SHOWN);
    dvsi_buf_putc(&text, '"');
    const char *copy = text.failed ? NULL : dvsi_arena_strdup(arena, dvsi_buf_text(&text));
    dvsi_buf_free(&text);
    return copy ? copy : "this";
}

static int is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return 1;
    return 0;
}

int dvsi_node_is_null(const dvsi_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return node->type == DVSI_NODE_SCALAR && node->plain && is_one_of(node->text, words);
}

int dvsi_node_to_bool(const dvsi_node *node, uint32_t *value)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    if (node->type != DVSI_NODE_SCALAR)
        return -1;
    if (!is_one_of(node->text, yes) && !is_one_of(node->text, no))
        return -1;
    *value = (uint32_t)is_one_of(node->text, yes);
    return 0;
}

int dvsi_node_to_int64(const dvsi_node *node, int64_t *value)
{
    if (node->type != DVSI_NODE_SCALAR)
        return -1;
    return dvsi_number_to_int64(node->text, node->length, value);
}

static void add_error(dvsi_problems *problems, const dvsi_node *node, int at_value, const char *format,
                      va_list args) __attribute__((format(printf, 4, 0)));

static void add_error(dvsi_problems *problems, const dvsi_node *node, int at_value, const char *format,
                      va_list args)
{
    dvsi_arena scratch = {0};
    dvsi_buf message = {0};
    const char *path = dvsi_node_path(&scratch, node);
    int at_key = node->key && !at_value;

    dvsi_buf_vprintf(&message, format, args);
    dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, node->file, at_key ? node->key_line : node->line,
                     at_key ? node->key_column : node->column, path ? path : "", "%s",
                     message.failed ? "is wrong (memory ran out)" : dvsi_buf_text(&message));
    dvsi_buf_free(&message);
    dvsi_arena_free(&scratch);
}

void dvsi_node_error(dvsi_problems *problems, const dvsi_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_error(problems, node, 0, format, args);
    va_end(args);
}

void dvsi_node_value_error(dvsi_problems *problems, const dvsi_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_error(problems, node, 1, format, args);
    va_end(args);
}
