#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "options.h"

const char sim_options_help[] =
    "usage: dvsync-sim [options]\n"
    "\n"
    "Simulates the Web API of a Dataverse organisation on 127.0.0.1: sign-in, metadata, pages of rows, and\n"
    "faults. Prints its address when it listens; stop it with Ctrl-C. docs/simulator.md tells the rest.\n"
    "\n"
    "organisation\n"
    "  --rows SET=N          a table with N generated rows, such as accounts=5000 (may be given several "
    "times);\n"
    "                        without --rows and --data: accounts=1000 and contacts=1000\n"
    "  --columns SET=N       that table has N columns instead of its own number\n"
    "  --data FILE           a table from FILE.json or FILE.csv (may be given several times)\n"
    "  --seed N              decides every generated value; 1 unless given\n"
    "  --time TIME           the simulator's clock starts at TIME, such as 2026-01-31T12:00:00Z; else the "
    "machine's\n"
    "\n"
    "sign-in\n"
    "  --client-id ID        sim-client unless given\n"
    "  --client-secret TEXT  sim-secret unless given\n"
    "  --tenant ID           a fixed one unless given\n"
    "  --token-seconds N     how long a token is good; 3599 unless given\n"
    "  --challenge FORM      of WWW-Authenticate: plain (no quotes, the default), quoted, no-resource, mixed "
    "(odd\n"
    "                        case, order, spaces), several (a second scheme), none\n"
    "  --expires-in FORM     number (the default) or string\n"
    "\n"
    "network\n"
    "  --port N              0, the default, takes any free port\n"
    "  --ready-file FILE     the address is written there as well\n"
    "  --gzip                compresses answers for clients that accept it\n"
    "  --latency MS          every answer of the Web API and of the sign-in waits so long\n"
    "  --max-concurrent N    more requests at once are refused with 429; 52 unless given\n"
    "  --fault JSON          a fault to begin with, as for POST /sim/faults (may be given several times)\n"
    "\n"
    "  --help                prints this\n"
    "\n"
    "While it runs, below /sim/: POST change, faults, clock, columns, stop; GET faults, requests, "
    "violations;\n"
    "DELETE faults, log.\n";

struct reader {
    struct sim_options *options;
    char *message;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int complain(const struct reader *reader, const char *format,
                                                          ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reader->message, reader->size, format, args);
    va_end(args);
    return -1;
}

/* Digits only: what strtoull() also takes (signs, spaces) is no number here. */
static int number(const char *text, uint64_t max, uint64_t *value)
{
    *value = 0;
    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return -1;
        uint64_t digit = (uint64_t)(*text - '0');
        if (*value > (max - digit) / 10)
            return -1;
        *value = *value * 10 + digit;
    }
    return *value > max ? -1 : 0;
}

static int take_number(const struct reader *reader, const char *name, const char *text, uint64_t min,
                       uint64_t max, uint64_t *value)
{
    if (number(text, max, value) == 0 && *value >= min)
        return 0;
    return complain(reader, "%s takes a number from %llu to %llu, not \"%s\"", name, (unsigned long long)min,
                    (unsigned long long)max, text);
}

static struct sim_rows *entry_of(const struct reader *reader, const char *name, size_t length)
{
    struct sim_options *options = reader->options;
    for (size_t i = 0; i < options->n_rows; i++)
        if (options->rows[i].name_length == length && memcmp(options->rows[i].name, name, length) == 0)
            return &options->rows[i];
    struct sim_rows *entry = &options->rows[options->n_rows++];
    *entry = (struct sim_rows){.name = name, .name_length = length, .rows = UINT64_MAX};
    return entry;
}

static int take_set(const struct reader *reader, const char *option, const char *text)
{
    const char *equals = strchr(text, '=');
    uint64_t value;
    int columns = strcmp(option, "--columns") == 0;
    if (equals == NULL || equals == text || number(equals + 1, columns ? 2000 : 1000000000, &value) != 0 ||
        (columns && value == 0))
        return complain(reader, "%s takes SET=NUMBER, such as accounts=%s, not \"%s\"", option,
                        columns ? "40" : "5000", text);
    struct sim_rows *entry = entry_of(reader, text, (size_t)(equals - text));
    if (columns ? entry->columns != 0 : entry->rows != UINT64_MAX)
        return complain(reader, "%s names \"%.*s\" twice", option, (int)entry->name_length, entry->name);
    if (columns)
        entry->columns = (unsigned)value;
    else
        entry->rows = value;
    return 0;
}

static int take_challenge(const struct reader *reader, const char *text)
{
    static const char *const names[] = {"plain", "quoted", "no-resource", "mixed", "several", "none"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            reader->options->challenge = (enum sim_challenge)i;
            return 0;
        }
    }
    return complain(reader,
                    "--challenge takes plain, quoted, no-resource, mixed, several or none, not \"%s\"", text);
}

static int take_expires(const struct reader *reader, const char *text)
{
    if (strcmp(text, "number") != 0 && strcmp(text, "string") != 0)
        return complain(reader, "--expires-in takes number or string, not \"%s\"", text);
    reader->options->expires_in_string = text[0] == 's';
    return 0;
}

static int take_numbers(const struct reader *reader, const char *name, const char *text, int *known)
{
    struct sim_options *options = reader->options;
    uint64_t value = 0;
    int rc = -1;
    *known = 1;
    if (strcmp(name, "--port") == 0) {
        rc = take_number(reader, name, text, 0, 65535, &value);
        options->port = (uint16_t)value;
    } else if (strcmp(name, "--seed") == 0) {
        rc = take_number(reader, name, text, 0, UINT64_MAX - 9, &options->seed);
    } else if (strcmp(name, "--token-seconds") == 0) {
        rc = take_number(reader, name, text, 1, 1000000000, &value);
        options->token_seconds = (int64_t)value;
    } else if (strcmp(name, "--latency") == 0) {
        rc = take_number(reader, name, text, 0, 3600000, &value);
        options->latency_ms = (int64_t)value;
    } else if (strcmp(name, "--max-concurrent") == 0) {
        rc = take_number(reader, name, text, 1, 10000, &value);
        options->max_concurrent = (unsigned)value;
    } else {
        *known = 0;
    }
    return rc;
}

static int take_text(const struct reader *reader, const char *name, const char *text)
{
    struct sim_options *options = reader->options;
    const struct {
        const char *name;
        const char **place;
    } texts[] = {{"--client-id", &options->client_id},
                 {"--client-secret", &options->client_secret},
                 {"--tenant", &options->tenant},
                 {"--ready-file", &options->ready_file}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(name, texts[i].name) != 0)
            continue;
        if (*text == '\0')
            return complain(reader, "%s takes a text that is not empty", name);
        *texts[i].place = text;
        return 0;
    }
    return complain(reader, "there is no option \"%s\"; see --help", name);
}

static int take(const struct reader *reader, const char *name, const char *text)
{
    struct sim_options *options = reader->options;
    int known;
    int rc = take_numbers(reader, name, text, &known);
    if (known)
        return rc;
    if (strcmp(name, "--rows") == 0 || strcmp(name, "--columns") == 0)
        return take_set(reader, name, text);
    if (strcmp(name, "--challenge") == 0)
        return take_challenge(reader, text);
    if (strcmp(name, "--expires-in") == 0)
        return take_expires(reader, text);
    if (strcmp(name, "--data") == 0) {
        options->data[options->n_data++] = text;
        return 0;
    }
    if (strcmp(name, "--fault") == 0) {
        options->faults[options->n_faults++] = text;
        return 0;
    }
    if (strcmp(name, "--time") == 0)
        return sim_clock_parse(text, &options->time) == 0
                   ? 0
                   : complain(reader, "--time takes a time such as 2026-01-31T12:00:00Z, not \"%s\"", text);
    return take_text(reader, name, text);
}

static int defaults(const struct reader *reader, int argc)
{
    struct sim_options *options = reader->options;
    *options = (struct sim_options){.seed = 1,
                                    .token_seconds = 3599,
                                    .max_concurrent = 52,
                                    .client_id = "sim-client",
                                    .client_secret = "sim-secret",
                                    .tenant = SIM_TENANT_DEFAULT,
                                    .time = INT64_MIN};
    size_t places = (size_t)argc + 2;
    options->rows = calloc(places, sizeof *options->rows);
    options->data = calloc(places, sizeof *options->data);
    options->faults = calloc(places, sizeof *options->faults);
    if (options->rows == NULL || options->data == NULL || options->faults == NULL)
        return complain(reader, "out of memory");
    return 0;
}

static int finish(const struct reader *reader)
{
    struct sim_options *options = reader->options;
    for (size_t i = 0; i < options->n_rows; i++)
        if (options->rows[i].rows == UINT64_MAX)
            return complain(reader, "--columns names \"%.*s\", for which there is no --rows",
                            (int)options->rows[i].name_length, options->rows[i].name);
    if (options->n_rows == 0 && options->n_data == 0) {
        *entry_of(reader, "accounts", 8) =
            (struct sim_rows){.name = "accounts", .name_length = 8, .rows = 1000};
        *entry_of(reader, "contacts", 8) =
            (struct sim_rows){.name = "contacts", .name_length = 8, .rows = 1000};
    }
    return 0;
}

int sim_options_read(struct sim_options *options, int argc, char *const *argv, char *message, size_t size)
{
    static const char *const flags[] = {"--gzip", "--help"};
    struct reader reader = {options, message, size};
    if (defaults(&reader, argc) != 0)
        return -1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], flags[0]) == 0) {
            options->gzip = 1;
        } else if (strcmp(argv[i], flags[1]) == 0) {
            options->help = 1;
        } else if (argv[i][0] != '-') {
            return complain(&reader, "\"%s\" is no option; see --help", argv[i]);
        } else {
            if (i + 1 == argc)
                return complain(&reader, "%s stands without a value, or is no option; see --help", argv[i]);
            if (take(&reader, argv[i], argv[i + 1]) != 0)
                return -1;
            i++;
        }
    }
    return finish(&reader);
}

void sim_options_free(struct sim_options *options)
{
    free(options->rows);
    free(options->data);
    free(options->faults);
    options->rows = NULL;
    options->data = NULL;
    options->faults = NULL;
}
