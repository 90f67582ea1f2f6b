/* json_write.c - writing JSON and its canonical form; see json.h. */
#include "data/json.h"

#include <string.h>

#include "base/utf8.h"
#include "data/decimal.h"

/* Writes the escape of one byte that cannot stand in a string; returns its length. */
static size_t escape(char out[6], char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *at = c != '\0' ? strchr(named, c) : NULL;

    out[0] = '\\';
    if (at != NULL) {
        out[1] = names[at - named];
        return 2;
    }
    out[1] = 'u';
    out[2] = '0';
    out[3] = '0';
    out[4] = hex[(unsigned char)c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

/* Adds valid UTF-8, escaped. */
static void add_escaped(dvsi_buf *out, const char *text, size_t length)
{
    while (length > 0) {
        size_t run = (size_t)(dvsi_json_plain_end(text, text + length) - text);

        if (run > 0)
            dvsi_buf_add(out, text, run);
        text += run;
        length -= run;
        if (length > 0) {
            char one[6];
            size_t n = escape(one, *text);

            dvsi_buf_add(out, one, n);
            text++;
            length--;
        }
    }
}

void dvsi_json_string(dvsi_buf *out, const char *text, size_t length)
{
    dvsi_buf_putc(out, '"');
    while (length > 0) {
        size_t valid = dvsi_utf8_valid(text, length);

        add_escaped(out, text, valid);
        text += valid;
        length -= valid;
        if (length > 0) { /* one byte that is no character, or NUL, which no JSON reader of ours takes */
            dvsi_buf_add(out, "\xef\xbf\xbd", 3);
            text++;
            length--;
        }
    }
    dvsi_buf_putc(out, '"');
}

static int compare_names(const dvsi_json *a, const dvsi_json *b)
{
    size_t both = a->name_length < b->name_length ? a->name_length : b->name_length;
    int order = memcmp(a->name, b->name, both);

    if (order == 0)
        order = (a->name_length > b->name_length) - (a->name_length < b->name_length);
    return order;
}

/* Two sorted lists into one; of equal names the ones of `a` come first. */
static dvsi_json *merge(dvsi_json *a, dvsi_json *b)
{
    dvsi_json *first = NULL, **to = &first;

    while (a != NULL && b != NULL) {
        dvsi_json **from = compare_names(a, b) <= 0 ? &a : &b;

        *to = *from;
        *from = (*from)->next;
        to = &(*to)->next;
    }
    *to = a != NULL ? a : b;
    return first;
}

/* Sorts a list of members, keeping the order of equal names. */
static dvsi_json *sort(dvsi_json *list)
{
    dvsi_json *piles[64] = {NULL}; /* piles[i]: 2^i members, or none */
    dvsi_json *sorted = NULL;
    size_t i;

    while (list != NULL) {
        dvsi_json *pile = list;

        list = list->next;
        pile->next = NULL;
        for (i = 0; i < 63 && piles[i] != NULL; i++) {
            pile = merge(piles[i], pile);
            piles[i] = NULL;
        }
        piles[i] = pile;
    }
    for (i = 0; i < 64; i++)
        sorted = merge(piles[i], sorted);
    return sorted;
}

/* Sorts the members of all objects in a tree. */
static void sort_tree(dvsi_json *value)
{
    if (value->type == DVSI_JSON_OBJECT) {
        for (dvsi_json *item = value->first; item != NULL && item->next != NULL; item = item->next) {
            if (compare_names(item, item->next) > 0) {
                value->first = sort(value->first);
                break;
            }
        }
    }
    for (dvsi_json *item = value->first; item != NULL; item = item->next) {
        if (item->first != NULL)
            sort_tree(item);
    }
}

/* The number of a canonical text; one with too many digits to be written out keeps its own. */
static void add_number(dvsi_buf *out, const dvsi_json *value)
{
    char number[DVSI_DECIMAL_SIZE];
    size_t length = dvsi_decimal_canonical(value->text, value->length, number);

    dvsi_buf_add(out, length > 0 ? number : value->text, length > 0 ? length : value->length);
}

static void add_scalar(dvsi_buf *out, const dvsi_json *value, int canonical)
{
    switch (value->type) {
    case DVSI_JSON_NUMBER:
        if (canonical)
            add_number(out, value);
        else
            dvsi_buf_add(out, value->text, value->length);
        break;
    case DVSI_JSON_STRING:
        dvsi_buf_putc(out, '"');
        add_escaped(out, value->text, value->length);
        dvsi_buf_putc(out, '"');
        break;
    case DVSI_JSON_BOOL:
        dvsi_buf_puts(out, value->length != 0 ? "true" : "false");
        break;
    default:
        dvsi_buf_puts(out, "null");
        break;
    }
}

/* In canonical form, of equal names, which then stand side by side, only the last one counts. Recursive, but
 * the parser has let nothing pass that is nested deeper than DVSI_JSON_DEPTH. */
static void add_value(dvsi_buf *out, const dvsi_json *value, int canonical)
{
    int object = value->type == DVSI_JSON_OBJECT, any = 0;

    if (!object && value->type != DVSI_JSON_ARRAY) {
        add_scalar(out, value, canonical);
        return;
    }
    dvsi_buf_putc(out, object ? '{' : '[');
    for (const dvsi_json *item = value->first; item != NULL; item = item->next) {
        if (canonical && object && item->next != NULL && compare_names(item, item->next) == 0)
            continue;
        if (any)
            dvsi_buf_putc(out, ',');
        any = 1;
        if (object) {
            dvsi_buf_putc(out, '"');
            add_escaped(out, item->name, item->name_length);
            dvsi_buf_add(out, "\":", 2);
        }
        add_value(out, item, canonical);
    }
    dvsi_buf_putc(out, object ? '}' : ']');
}

void dvsi_json_write(dvsi_buf *out, const dvsi_json *value)
{
    add_value(out, value, 0);
}

int dvsi_json_canonical(dvsi_buf *out, const char *text, size_t length)
{
    dvsi_arena arena = {0};
    dvsi_json *root = dvsi_json_parse(&arena, text, length, NULL, NULL);
    int result = -1;

    if (root != NULL) {
        sort_tree(root);
        add_value(out, root, 1);
        result = out->failed ? -1 : 0;
    }
    dvsi_arena_free(&arena);
    return result;
}
