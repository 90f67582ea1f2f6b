/*
 * gen_csv.c - a CSV file of made-up records, the same for the same arguments on every machine.
 *
 *     gen_csv [--rows N] [--columns M] [--seed S] [--change PERCENT] [--change-seed S] > FILE
 *
 * Column 1 (`id`) is a random UUID, the key; the others repeat: text, int64, decimal, timestamp, text with
 * umlauts, date, long text (some quoted, with quotes and line feeds), int64. One field in sixteen is empty
 * (NULL).
 * --change gives PERCENT of the rows, evenly spread, another value in one or two fields, and leaves every
 * other byte as it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    uint64_t rows;
    uint64_t columns;
    uint64_t seed;
    uint64_t change_seed;
    double change; /* percent of the rows */
} options;

/* splitmix64: every value from its own position, so that a field does not depend on those before it. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static const char *const words[] = {"amber",  "basin",  "cedar",   "delta",  "ember", "fjord",
                                    "grove",  "harbor", "inlet",   "jetty",  "knoll", "lagoon",
                                    "meadow", "nectar", "orchard", "prairie"};
static const char *const accented[] = {"Ärmel",  "Brücke", "Çelik", "Düne",  "Élan", "Fluß",
                                       "Größe",  "Höhe",   "Île",   "Jörg",  "Køge", "Łódź",
                                       "Müller", "Niño",   "Øre",   "Zürich"};

static void put_uuid(uint64_t a, uint64_t b)
{
    a = (a & ~UINT64_C(0xf000)) | 0x4000;
    b = (b & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    printf("%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64, a >> 32, (a >> 16) & 0xffff,
           a & 0xffff, b >> 48, b & UINT64_C(0xffffffffffff));
}

static void put_date(uint64_t r)
{
    printf("20%02" PRIu64 "-%02" PRIu64 "-%02" PRIu64, r % 30, 1 + (r >> 8) % 12, 1 + (r >> 16) % 28);
}

static void put_long(uint64_t r)
{
    if (r % 8 != 0) {
        printf("%s %s %s %s", words[r >> 4 & 15], words[r >> 8 & 15], words[r >> 12 & 15],
               words[r >> 16 & 15]);
        return;
    }
    printf("\"%s, \"\"%s\"\"%s%s\"", words[r >> 4 & 15], words[r >> 8 & 15], r >> 20 & 1 ? "\n" : " ",
           accented[r >> 12 & 15]);
}

/* Field `column` (from 1) with the random number `r`. */
static void put_field(uint64_t column, uint64_t r)
{
    if (mix(r) % 16 == 0)
        return;
    switch (column % 8) {
    case 1:
        printf("%s %s %" PRIu64, words[r & 15], words[r >> 4 & 15], r >> 8 & 0xffff);
        break;
    case 2:
    case 0:
        printf("%" PRId64, (int64_t)(r >> (r & 31)) / 4);
        break;
    case 3:
        printf("%s%" PRIu64 ".%02" PRIu64, r & 1 ? "-" : "", (r >> 8) % 1000000, (r >> 40) % 100);
        break;
    case 4:
        put_date(r);
        printf("T%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "Z", (r >> 24) % 24, (r >> 32) % 60, (r >> 40) % 60);
        break;
    case 5:
        printf("%s %s", accented[r & 15], words[r >> 4 & 15]);
        break;
    case 6:
        put_date(r);
        break;
    default:
        put_long(r);
        break;
    }
}

static void put_row(const options *o, uint64_t row)
{
    uint64_t base = mix(o->seed ^ mix(row));
    /* Row r is changed when the line of slope `change` crosses a whole number there. */
    uint64_t step = (uint64_t)(o->change * 10000.0 + 0.5);
    int changed = (row + 1) * step / 1000000 != row * step / 1000000;
    uint64_t pick = mix(base ^ o->change_seed);
    uint64_t first = o->columns > 1 ? 1 + pick % (o->columns - 1) : 0;
    uint64_t second = o->columns > 1 && pick >> 32 & 1 ? 1 + (pick >> 40) % (o->columns - 1) : 0;
    put_uuid(base, mix(base));
    for (uint64_t c = 1; c < o->columns; c++) {
        uint64_t r = mix(base + c);
        if (changed && (c == first || c == second))
            r = mix(r ^ mix(o->change_seed + 1));
        putchar(',');
        put_field(c, r);
    }
    putchar('\n');
}

static int usage(void)
{
    fprintf(stderr,
            "usage: gen_csv [--rows N] [--columns M] [--seed S] [--change PERCENT] [--change-seed S]\n");
    return 64;
}

static int read_number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' ? 0 : -1;
}

int main(int argc, char **argv)
{
    options o = {1000000, 20, 1, 1, 0};
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i];
        const char *value = argv[i + 1];
        int bad = value == NULL;
        if (!bad && strcmp(name, "--rows") == 0)
            bad = read_number(value, &o.rows);
        else if (!bad && strcmp(name, "--columns") == 0)
            bad = read_number(value, &o.columns) != 0 || o.columns == 0;
        else if (!bad && strcmp(name, "--seed") == 0)
            bad = read_number(value, &o.seed);
        else if (!bad && strcmp(name, "--change-seed") == 0)
            bad = read_number(value, &o.change_seed);
        else if (!bad && strcmp(name, "--change") == 0)
            bad = (o.change = strtod(value, NULL)) < 0 || o.change > 100;
        else
            bad = 1;
        if (bad)
            return usage();
    }
    static char buffer[1 << 18];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    fputs("id", stdout);
    for (uint64_t c = 1; c < o.columns; c++)
        printf(",f%" PRIu64, c);
    putchar('\n');
    for (uint64_t row = 0; row < o.rows; row++)
        put_row(&o, row);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("gen_csv");
        return 1;
    }
    return 0;
}
