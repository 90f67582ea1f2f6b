#include "config/yaml_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/utf8.h"

#define TAG_PREFIX "tag:yaml.org,2002:"

/* One map or list that is open. */
typedef struct level {
    uint32_t is_map;
    uint32_t at_value; /* in a map: the next node is a value */
} level;

typedef struct scan {
    const char *file;
    dvsi_problems *problems;
    dvsi_yaml_facts facts;
    uint32_t n_documents;
    uint32_t unusable;
    uint32_t depth;
    level levels[DVSI_YAML_DEPTH];
} scan;

static void add(const scan *s, const yaml_mark_t *mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(const scan *s, const yaml_mark_t *mark, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    dvsi_problem_add(s->problems, DVSI_PROBLEM_ERROR, s->file, (uint32_t)mark->line + 1,
                     (uint32_t)mark->column + 1, "", "%s", text);
}

/* Line and column, from 1, of a byte; columns count characters, as libyaml's do. */
static void place_of(const char *data, size_t offset, uint32_t *line, uint32_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (data[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)data[i] & 0xC0u) != 0x80u) {
            ++*column;
        }
    }
}

/* The text of a line, from 0, without its end. */
static const char *line_at(const char *data, size_t length, size_t line, size_t *line_length)
{
    const char *end = data + length;
    const char *newline;
    for (; line > 0 && (newline = memchr(data, '\n', (size_t)(end - data))) != NULL; line--)
        data = newline + 1;
    newline = memchr(data, '\n', (size_t)(end - data));
    *line_length = (size_t)((newline ? newline : end) - data);
    return data;
}

/* Two mistakes that everybody makes once: ${...} in a flow map, where its brace ends the value, and tabs. */
static const char *hint(const char *data, size_t length, const yaml_parser_t *parser)
{
    size_t line_length;
    const char *line = line_at(data, length, parser->problem_mark.line, &line_length);

    if (parser->error == YAML_PARSER_ERROR && memmem(line, line_length, "${", 2))
        return "; inside {...} and [...] a value with ${...} must stand in quotes";
    size_t indent = 0;
    while (indent < line_length && line[indent] == ' ')
        indent++;
    if (parser->error == YAML_SCANNER_ERROR && indent < line_length && line[indent] == '\t')
        return "; a tab cannot indent a line, use spaces";
    return "";
}

void dvsi_yaml_parser_error(const char *file, const char *data, size_t length, const yaml_parser_t *parser,
                            dvsi_problems *problems)
{
    const char *problem = parser->problem ? parser->problem : "no reason given";
    uint32_t line = (uint32_t)parser->problem_mark.line + 1;
    uint32_t column = (uint32_t)parser->problem_mark.column + 1;

    if (parser->error == YAML_MEMORY_ERROR)
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, file, 0, 0, "",
                         "memory ran out while the file was read");
    else if (parser->error == YAML_READER_ERROR) {
        place_of(data, parser->problem_offset < length ? parser->problem_offset : length, &line, &column);
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, file, line, column, "", "is not valid YAML: %s",
                         problem);
    } else if (parser->context && parser->context_mark.line != parser->problem_mark.line)
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, file, line, column, "",
                         "is not valid YAML: %s (%s that began on line %zu)%s", problem, parser->context,
                         parser->context_mark.line + 1, hint(data, length, parser));
    else
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, file, line, column, "", "is not valid YAML: %s%s%s%s",
                         problem, parser->context ? ", " : "", parser->context ? parser->context : "",
                         hint(data, length, parser));
}

static int is_core(const char *tag, const char *name)
{
    return strncmp(tag, TAG_PREFIX, strlen(TAG_PREFIX)) == 0 && strcmp(tag + strlen(TAG_PREFIX), name) == 0;
}

/* A tag may repeat what its node is anyway, but not turn it into something else. */
static int is_harmless(const yaml_event_t *event)
{
    if (event->type == YAML_MAPPING_START_EVENT)
        return is_core((const char *)event->data.mapping_start.tag, "map");
    if (event->type == YAML_SEQUENCE_START_EVENT)
        return is_core((const char *)event->data.sequence_start.tag, "seq");
    const char *tag = (const char *)event->data.scalar.tag;
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return is_core(tag, "str");
    return is_core(tag, "int") || is_core(tag, "float") || is_core(tag, "bool") || is_core(tag, "null");
}

static void check_properties(const scan *s, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;

    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        add(s, &event->start_mark, "the anchor \"&%.60s\" is not allowed: write the value out",
            (const char *)anchor);
    if (!tag)
        return;
    if (event->type == YAML_SCALAR_EVENT && is_core((const char *)tag, "str") && !is_harmless(event))
        add(s, &event->start_mark, "the tag \"!!str\" is not allowed here: put the value in quotes");
    else if (!is_harmless(event) && strncmp((const char *)tag, TAG_PREFIX, strlen(TAG_PREFIX)) == 0)
        add(s, &event->start_mark, "the tag \"!!%.60s\" is not allowed here",
            (const char *)tag + strlen(TAG_PREFIX));
    else if (!is_harmless(event))
        add(s, &event->start_mark, "the tag \"%.60s\" is not allowed", (const char *)tag);
}

static int is_project_key(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    return strcmp(text, "sources") == 0 || strcmp(text, "source") == 0 || strcmp(text, "sink") == 0;
}

/* A node begins: is it allowed to stand here, as a key or as a value? */
static void check_position(scan *s, const yaml_event_t *event)
{
    level *top = s->depth > 0 ? &s->levels[s->depth - 1] : NULL;
    if (!top || !top->is_map)
        return;
    if (!top->at_value && event->type != YAML_SCALAR_EVENT) {
        add(s, &event->start_mark, "a key must be a text");
        s->unusable = 1;
    } else if (!top->at_value && s->depth == 1 && is_project_key(event)) {
        s->facts.has_project_keys = 1;
    }
    top->at_value = !top->at_value;
}

/* 0, or -1 when it makes no sense to go on. */
static int look_at(scan *s, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++s->n_documents == 2)
            add(s, &event->start_mark, "a second document begins here: a file holds one project");
        return 0;
    case YAML_ALIAS_EVENT:
        check_position(s, event);
        add(s, &event->start_mark, "the alias \"*%.60s\" is not allowed: write the value out",
            (const char *)event->data.alias.anchor);
        s->unusable = 1;
        return 0;
    case YAML_SCALAR_EVENT:
        check_position(s, event);
        check_properties(s, event);
        if (memchr(event->data.scalar.value, 0, event->data.scalar.length)) {
            add(s, &event->start_mark, "a text must not hold a NUL character");
            s->unusable = 1;
        }
        return 0;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        check_position(s, event);
        check_properties(s, event);
        if (s->depth == DVSI_YAML_DEPTH) {
            add(s, &event->start_mark, "maps and lists are more than 64 deep");
            return -1;
        }
        s->levels[s->depth++] = (level){.is_map = event->type == YAML_MAPPING_START_EVENT};
        return 0;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        s->depth--;
        return 0;
    default:
        return 0;
    }
}

static void scan_events(scan *s, const char *data, size_t length)
{
    yaml_parser_t parser;
    int done = 0;

    if (!yaml_parser_initialize(&parser)) {
        dvsi_problem_add(s->problems, DVSI_PROBLEM_ERROR, s->file, 0, 0, "",
                         "memory ran out while the file was read");
        return;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, length);
    while (!done) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            dvsi_yaml_parser_error(s->file, data, length, &parser, s->problems);
            break;
        }
        if (event.type == YAML_STREAM_END_EVENT) {
            s->facts.is_yaml = 1;
            done = 1;
        } else if (look_at(s, &event)) {
            done = 1;
        }
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

/* Tags are not allowed but for those that need no directive, and libyaml's time goes with the square of the
 * number of directives. 0, or -1 after adding a problem. */
static int refuse_tag_directives(const scan *s, const char *data, size_t length)
{
    static const char directive[] = "%TAG";
    const char *at = memmem(data, length, directive, strlen(directive));
    while (at && at > data && at[-1] != '\n' && at[-1] != '\r')
        at = memmem(at + 1, length - (size_t)(at + 1 - data), directive, strlen(directive));
    if (!at)
        return 0;
    uint32_t line;
    uint32_t column;
    place_of(data, (size_t)(at - data), &line, &column);
    dvsi_problem_add(s->problems, DVSI_PROBLEM_ERROR, s->file, line, column, "",
                     "a %%TAG directive is not allowed");
    return -1;
}

void dvsi_yaml_scan(const char *file, const char *data, size_t length, dvsi_problems *problems,
                    dvsi_yaml_facts *facts)
{
    scan s = {.file = file, .problems = problems};
    size_t valid = dvsi_utf8_valid(data, length);

    if (valid < length) {
        uint32_t line;
        uint32_t column;
        place_of(data, valid, &line, &column);
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, file, line, column, "",
                         data[valid] ? "is not valid UTF-8" : "is not a text file: it holds a NUL character");
    } else if (refuse_tag_directives(&s, data, length) == 0) {
        scan_events(&s, data, length);
        s.facts.is_usable = s.facts.is_yaml && s.n_documents > 0 && !s.unusable;
        if (s.facts.is_yaml && s.n_documents == 0)
            dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, file, 0, 0, "", "is empty");
    }
    if (facts)
        *facts = s.facts;
}
