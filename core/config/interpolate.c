/* ${NAME}, ${NAME:-default}, ${file:PATH} and $${ in scalar values. */
#include "config/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "config/file.h"

#define MOST_PUT_IN ((size_t)16 * 1024 * 1024) /* bytes that all values of one file may come to */

typedef struct interpolation {
    dvsi_arena *arena;
    const char *directory;
    dvsi_problems *problems;
    size_t put_in;
} interpolation;

/* One scalar on its way. */
typedef struct value {
    const dvsi_node *node;
    dvsi_buf text;
    uint32_t failed;
    uint32_t secret;
} value;

static int is_name(const char *text, size_t length)
{
    if (length == 0 || (text[0] >= '0' && text[0] <= '9'))
        return 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
            return 0;
    }
    return 1;
}

static void put(interpolation *in, value *v, const char *text, size_t length, const char *what)
{
    if (dvsi_utf8_valid(text, length) < length) {
        dvsi_node_value_error(in->problems, v->node, "the value of %s is not valid UTF-8 text", what);
        v->failed = 1;
    } else if (length > MOST_PUT_IN - in->put_in) {
        dvsi_node_value_error(in->problems, v->node, "the values put in for ${...} come to more than 16 MB");
        v->failed = 1;
        in->put_in = MOST_PUT_IN;
    } else {
        in->put_in += length;
        dvsi_buf_add(&v->text, text, length);
    }
}

static void put_file(interpolation *in, value *v, const char *path)
{
    dvsi_arena scratch = {0};
    const char *data = NULL;
    size_t length = 0;
    const char *full = path[0] == '/' ? path : dvsi_arena_printf(&scratch, "%s/%s", in->directory, path);
    int status = full ? dvsi_file_read(&scratch, full, &data, &length) : ENOMEM;

    v->secret = 1;
    if (status) {
        dvsi_node_value_error(in->problems, v->node, "the file %.200s could not be read: %s", path,
                              status == EFBIG ? "it is larger than 1 MB" : strerror(status));
        v->failed = 1;
    } else {
        if (length > 0 && data[length - 1] == '\n') {
            length--;
            if (length > 0 && data[length - 1] == '\r')
                length--;
        }
        put(in, v, data, length, path);
    }
    dvsi_arena_free(&scratch);
}

/* What stands between ${ and }. */
static void put_variable(interpolation *in, value *v, const char *inside, size_t length)
{
    char *text = dvsi_arena_copy(in->arena, inside, length);
    if (!text) {
        v->text.failed = 1;
        return;
    }
    if (strncmp(text, "file:", 5) == 0 && text[5]) {
        put_file(in, v, text + 5);
        return;
    }
    char *fallback = strstr(text, ":-");
    if (fallback) {
        *fallback = '\0';
        fallback += 2;
    }
    if (!is_name(text, strlen(text))) {
        dvsi_node_value_error(
            in->problems, v->node,
            "\"${%.60s}\" is not understood: write ${NAME}, ${NAME:-default}, ${file:PATH}, or "
            "$${ for a literal ${",
            text);
        v->failed = 1;
        return;
    }
    const char *found = getenv(text);
    if (fallback && (!found || !found[0])) {
        dvsi_buf_puts(&v->text, fallback);
    } else if (found) {
        put(in, v, found, strlen(found), text);
    } else {
        dvsi_node_value_error(
            in->problems, v->node,
            "the environment variable %s is not set: set it, or give a default with ${%s:-...}", text, text);
        v->failed = 1;
    }
}

static void replace(interpolation *in, value *v)
{
    const char *at = v->node->text;
    const char *end = at + v->node->length;

    while (at < end) {
        const char *dollar = memchr(at, '$', (size_t)(end - at));
        if (!dollar) {
            dvsi_buf_add(&v->text, at, (size_t)(end - at));
            return;
        }
        dvsi_buf_add(&v->text, at, (size_t)(dollar - at));
        at = dollar;
        if (strncmp(at, "$${", 3) == 0) {
            dvsi_buf_puts(&v->text, "${");
            at += 3;
        } else if (strncmp(at, "${", 2) == 0) {
            const char *close = memchr(at, '}', (size_t)(end - at));
            if (!close) {
                dvsi_node_value_error(in->problems, v->node,
                                      "\"${\" has no \"}\": write $${ for a literal ${");
                v->failed = 1;
                return;
            }
            put_variable(in, v, at + 2, (size_t)(close - at - 2));
            at = close + 1;
        } else {
            dvsi_buf_putc(&v->text, '$');
            at++;
        }
    }
}

static void interpolate_scalar(interpolation *in, dvsi_node *node)
{
    value v = {.node = node};

    if (!strstr(node->text, "${"))
        return;
    replace(in, &v);
    if (!v.failed && v.text.failed) {
        dvsi_node_value_error(in->problems, node, "memory ran out");
        v.failed = 1;
    }
    const char *text = v.failed ? NULL : dvsi_arena_copy(in->arena, dvsi_buf_text(&v.text), v.text.length);
    if (text) {
        node->text = text;
        node->length = v.text.length;
        node->plain = 0; /* what was put in is text: "null" is no null */
    } else {
        if (!v.failed)
            dvsi_node_value_error(in->problems, node, "memory ran out");
        node->open = 1;
    }
    node->secret = v.secret;
    dvsi_buf_free(&v.text);
}

/* Depth first without recursion: through the children, then back over the parents. */
static dvsi_node *next_node(const dvsi_node *root, dvsi_node *node, dvsi_node **parents, size_t *depth)
{
    if (node->first) {
        parents[(*depth)++] = node;
        return node->first;
    }
    while (node != root && !node->next)
        node = parents[--*depth];
    return node == root ? NULL : node->next;
}

#define MOST_DEPTH 128 /* more than a file that was read can have */

void dvsi_node_interpolate(dvsi_arena *arena, dvsi_node *root, const char *directory, dvsi_problems *problems)
{
    interpolation in = {.arena = arena, .directory = directory, .problems = problems};
    dvsi_node *parents[MOST_DEPTH];
    size_t depth = 0;
    for (dvsi_node *node = root; node; node = next_node(root, node, parents, &depth))
        if (node->type == DVSI_NODE_SCALAR)
            interpolate_scalar(&in, node);
}

/* True for a ${ that is not written $${. */
static int has_variable(const char *text)
{
    for (const char *at = strstr(text, "${"); at; at = strstr(at + 2, "${"))
        if (at == text || at[-1] != '$')
            return 1;
    return 0;
}

void dvsi_node_mark_open(dvsi_node *root)
{
    dvsi_node *parents[MOST_DEPTH];
    size_t depth = 0;
    for (dvsi_node *node = root; node; node = next_node(root, node, parents, &depth))
        if (node->type == DVSI_NODE_SCALAR)
            node->open = (uint32_t)has_variable(node->text);
}
