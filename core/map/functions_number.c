/* functions_number.c - to_number, to_currency, to_cents: exact decimals out of text, never through a
 * double. */
#include "map/expression_parts.h"

#include <string.h>

#include "base/number.h"
#include "data/decimal.h"

#define BY_COMMA 1u
#define BY_DOT 2u
#define BY_SPACE 4u /* blank, no-break space, narrow no-break space */
#define BY_QUOTE 8u /* ' or its typographic form */

/* How numbers are written. By region where that differs, then by language. */
typedef struct number_locale {
    const char *name;
    char decimal;
    uint32_t groups;
} number_locale;

/* clang-format off */
static const number_locale locales[] = {
    {"de-CH", '.', BY_QUOTE}, {"de-LI", '.', BY_QUOTE},           {"it-CH", '.', BY_QUOTE},
    {"de-AT", ',', BY_DOT | BY_SPACE}, {"es-MX", '.', BY_COMMA},  {"en-ZA", ',', BY_SPACE},
    {"en", '.', BY_COMMA},    {"ja", '.', BY_COMMA},              {"zh", '.', BY_COMMA},
    {"ko", '.', BY_COMMA},    {"th", '.', BY_COMMA},              {"he", '.', BY_COMMA},
    {"de", ',', BY_DOT},      {"nl", ',', BY_DOT},                {"it", ',', BY_DOT},
    {"es", ',', BY_DOT},      {"da", ',', BY_DOT},                {"tr", ',', BY_DOT},
    {"el", ',', BY_DOT},      {"id", ',', BY_DOT},                {"ro", ',', BY_DOT},
    {"hr", ',', BY_DOT},      {"sl", ',', BY_DOT},                {"sr", ',', BY_DOT},
    {"pt", ',', BY_DOT | BY_SPACE}, {"fr", ',', BY_SPACE},        {"sv", ',', BY_SPACE},
    {"nb", ',', BY_SPACE},    {"nn", ',', BY_SPACE},              {"no", ',', BY_SPACE},
    {"fi", ',', BY_SPACE},    {"pl", ',', BY_SPACE},              {"cs", ',', BY_SPACE},
    {"sk", ',', BY_SPACE},    {"hu", ',', BY_SPACE},              {"ru", ',', BY_SPACE},
    {"uk", ',', BY_SPACE},    {"bg", ',', BY_SPACE},              {"et", ',', BY_SPACE},
    {"lv", ',', BY_SPACE},    {"lt", ',', BY_SPACE},              {NULL, 0, 0}};
/* clang-format on */

static const char *const symbols[] = {"US$", "CA$", "R$", "A$",  "C$", "$",   "€",  "£",   "¥",
                                      "₹",   "₽", "₩",  "₺",   "₴",  "₪",   "₫",  "฿",   "zł",
                                      "Kč",  "kr.", "kr", "Fr.", "Ft", "лв.", "лв", "lei", NULL};

/* A piece of text that is used up from both ends. */
typedef struct piece {
    const char *at;
    const char *end;
} piece;

static int starts(const piece *p, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(p->end - p->at) >= n && memcmp(p->at, what, n) == 0;
}

static int ends(const piece *p, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(p->end - p->at) >= n && memcmp(p->end - n, what, n) == 0;
}

static int take_start(piece *p, const char *what)
{
    int found = starts(p, what);
    p->at += found ? strlen(what) : 0;
    return found;
}

static int take_end(piece *p, const char *what)
{
    int found = ends(p, what);
    p->end -= found ? strlen(what) : 0;
    return found;
}

static const char *const blanks[] = {" ", "\t", "\xc2\xa0", "\xe2\x80\xaf", NULL};

static void trim(piece *p)
{
    for (int again = 1; again;) {
        again = 0;
        for (size_t i = 0; blanks[i] != NULL; i++)
            again |= take_start(p, blanks[i]) || take_end(p, blanks[i]);
    }
}

/* -1, 1, or 0: no sign. */
static int take_sign(piece *p)
{
    if (take_start(p, "-") || take_start(p, "\xe2\x88\x92"))
        return -1;
    return take_start(p, "+");
}

static int is_code(const char *at)
{
    return at[0] >= 'A' && at[0] <= 'Z' && at[1] >= 'A' && at[1] <= 'Z' && at[2] >= 'A' && at[2] <= 'Z';
}

static int take_symbol(piece *p)
{
    for (size_t i = 0; symbols[i] != NULL; i++)
        if (take_start(p, symbols[i]) || take_end(p, symbols[i]))
            return 1;
    if (p->end - p->at > 3 && is_code(p->at)) {
        p->at += 3;
        return 1;
    }
    if (p->end - p->at > 3 && is_code(p->end - 3)) {
        p->end -= 3;
        return 1;
    }
    return 0;
}

/* The separator of groups that stands here, or NULL. */
static const char *group_here(const piece *p, uint32_t groups)
{
    static const struct {
        uint32_t kind;
        const char *text;
    } marks[] = {{BY_COMMA, ","},
                 {BY_DOT, "."},
                 {BY_SPACE, " "},
                 {BY_SPACE, "\xc2\xa0"},
                 {BY_SPACE, "\xe2\x80\xaf"},
                 {BY_QUOTE, "'"},
                 {BY_QUOTE, "\xe2\x80\x99"}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if ((marks[i].kind & groups) != 0 && starts(p, marks[i].text))
            return marks[i].text;
    return NULL;
}

static size_t take_digits(piece *p, char *out, size_t used, size_t most)
{
    size_t n = 0;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9' && used + n < most; p->at++)
        out[used + n++] = *p->at;
    return n;
}

/* Digits in groups of three or in none, then perhaps the decimals: as a plain decimal. Its length, or 0. */
static size_t take_plain(piece *p, const number_locale *locale, char *out, size_t most)
{
    char point[2] = {locale->decimal, '\0'};
    size_t used = take_digits(p, out, 0, most);
    const char *mark = used >= 1 && used <= 3 ? group_here(p, locale->groups) : NULL;
    while (mark != NULL && starts(p, mark)) {
        p->at += strlen(mark);
        size_t n = take_digits(p, out, used, most);
        used += n;
        if (n != 3)
            return 0;
    }
    if (used < most && take_start(p, point)) {
        out[used++] = '.';
        size_t n = take_digits(p, out, used, most);
        used += n;
        if (n == 0)
            return 0;
    }
    return p->at == p->end ? used : 0;
}

/* Reads a number as it is written somewhere; the length of its canonical form, or 0. */
static size_t read_written(const dvsi_function_text *x, const number_locale *locale, int currency,
                           char out[DVSI_DECIMAL_SIZE])
{
    char plain[DVSI_DECIMAL_SIZE + 1];
    piece p = {x->text, x->text + x->length};
    int sign = 0, symbol = 0;
    trim(&p);
    int brackets = currency && starts(&p, "(") && ends(&p, ")") && p.end - p.at > 2;
    if (brackets) {
        p.at++;
        p.end--;
        trim(&p);
    }
    if (!brackets)
        sign = take_sign(&p);
    if (currency) {
        trim(&p);
        symbol = take_symbol(&p);
        trim(&p);
    }
    if (symbol && !brackets && sign == 0)
        sign = take_sign(&p);
    plain[0] = brackets || sign < 0 ? '-' : '+';
    size_t used = take_plain(&p, locale, plain + 1, DVSI_DECIMAL_SIZE);
    return used != 0 ? dvsi_decimal_canonical(plain, used + 1, out) : 0;
}

static int same_letter(char a, char b)
{
    if (a >= 'A' && a <= 'Z')
        a = (char)(a - 'A' + 'a');
    if (b >= 'A' && b <= 'Z')
        b = (char)(b - 'A' + 'a');
    return a == b || (a == '_' && b == '-') || (a == '-' && b == '_');
}

static const number_locale *find_locale(const char *name, size_t length)
{
    size_t language = 0;
    while (language < length && name[language] != '-' && name[language] != '_')
        language++;
    for (size_t part = length;; part = language) {
        for (const number_locale *l = locales; l->name != NULL; l++) {
            size_t i = 0;
            while (i < part && l->name[i] != '\0' && same_letter(name[i], l->name[i]))
                i++;
            if (i == part && l->name[i] == '\0')
                return l;
        }
        if (part == language)
            return NULL;
    }
}

/* The locale that an argument names: 0, or -1 with a result. */
static int take_locale(sqlite3_context *context, const char *name, sqlite3_value *value,
                       const number_locale **locale)
{
    dvsi_function_text text;
    if (dvsi_function_null(context, 1, &value) || dvsi_function_text_of(context, value, &text) != 0)
        return -1;
    *locale = find_locale(text.text, text.length);
    if (*locale == NULL)
        dvsi_function_mistake(context, name, &text, "is no known locale (such as en, de, de-CH, fr)");
    return *locale != NULL ? 0 : -1;
}

static int is_number(sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_INTEGER || sqlite3_value_type(value) == SQLITE_FLOAT;
}

static void read_number(sqlite3_context *context, int n, sqlite3_value **args, const char *name, int currency)
{
    char decimal[DVSI_DECIMAL_SIZE];
    const number_locale *locale = currency ? find_locale("en", 2) : NULL;
    dvsi_function_text x;
    size_t length;
    if ((n == 2 && take_locale(context, name, args[1], &locale) != 0) || dvsi_function_null(context, 1, args))
        return;
    if (is_number(args[0])) {
        sqlite3_result_value(context, args[0]);
        return;
    }
    if (dvsi_function_text_of(context, args[0], &x) != 0)
        return;
    if (locale != NULL) {
        length = read_written(&x, locale, currency, decimal);
    } else {
        piece p = {x.text, x.text + x.length};
        trim(&p);
        length = dvsi_decimal_canonical(p.at, (size_t)(p.end - p.at), decimal);
    }
    if (length == 0)
        dvsi_function_fail(context, name, &x, currency ? "is no amount of money" : "is no number");
    else
        dvsi_expression_result_decimal(dvsi_function_engine(context), context, decimal, length);
}

static void to_number(sqlite3_context *context, int n, sqlite3_value **args)
{
    read_number(context, n, args, "to_number", 0);
}

static void to_currency(sqlite3_context *context, int n, sqlite3_value **args)
{
    read_number(context, n, args, "to_currency", 1);
}

static void to_cents(sqlite3_context *context, int n, sqlite3_value **args)
{
    char decimal[DVSI_DECIMAL_SIZE + 2];
    dvsi_function_text x;
    int64_t cents;
    if (dvsi_function_null(context, n, args) || dvsi_function_text_of(context, args[0], &x) != 0)
        return;
    piece p = {x.text, x.text + x.length};
    trim(&p);
    size_t length = dvsi_decimal_canonical(p.at, (size_t)(p.end - p.at), decimal);
    if (length == 0) {
        dvsi_function_fail(context, "to_cents", &x, "is no number");
        return;
    }
    char *point = memchr(decimal, '.', length);
    size_t behind = point != NULL ? (size_t)(decimal + length - point) - 1 : 0;
    if (behind > 2) {
        dvsi_function_fail(context, "to_cents", &x, "has more than two decimals");
        return;
    }
    if (point != NULL)
        memmove(point, point + 1, behind);
    length -= point != NULL;
    for (; behind < 2; behind++)
        decimal[length++] = '0';
    if (dvsi_number_to_int64(decimal, length, &cents) != 0)
        dvsi_function_fail(context, "to_cents", &x, "is too large");
    else
        sqlite3_result_int64(context, cents);
}

int dvsi_functions_add_number(dvsi_expressions *e)
{
    int failed = 0;
    for (int n = 1; n <= 2; n++) {
        failed |= dvsi_function_add(e, "to_number", n, DVSI_FUNCTION_DECIMAL, to_number);
        failed |= dvsi_function_add(e, "to_currency", n, DVSI_FUNCTION_DECIMAL, to_currency);
    }
    return failed != 0 || dvsi_function_add(e, "to_cents", 1, 0, to_cents) != 0 ? -1 : 0;
}
