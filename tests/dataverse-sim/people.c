#include "guid.h"
#include "people.h"

#define PICK(list, r) (list)[(r) % (sizeof(list) / sizeof((list)[0]))]

static const char *const firsts[] = {
    "Ada",    "Björn", "Chiara", "Dmitri",  "Elif",   "Fatima", "Grégoire", "Hana",
    "Ines",   "Jan",   "Karin",  "Liam",    "Mei",    "Nguyễn", "Olga",     "Paulo",
    "Quinn",  "Renée", "Søren",  "Tomás",   "Ursula", "Václav", "Wanda",    "Ximena",
    "Yasmin", "Zoë",   "Thomas", "Susanna", "Nancy",  "Maria",  "Scott",    "Robert",
};
static const char *const lasts[] = {
    "Andersen", "Becker", "Çelik",     "Dupont",  "Eriksson",   "Fernández",    "García",  "Hughes",
    "Ivanova",  "Jansen", "Kowalski",  "Lefèvre", "Müller",     "Novák",        "O'Brien", "Papadopoulos",
    "Quintana", "Rossi",  "Schmidt",   "Tanaka",  "Ümit",       "Van der Berg", "Weiß",    "Xu",
    "Yılmaz",   "Zhang",  "Stubberod", "Sturman", "Konersmann", "Glynn",
};
static const char *const cities[] = {
    "Redmond", "Renton",  "Zürich", "København", "São Paulo", "Kraków", "Lyon", "Gdańsk",
    "Leeds",   "Phoenix", "Oslo",   "Genève",    "Porto",     "Graz",   "Brno", "Dallas",
};
static const char *const countries[] = {"U.S.",   "Switzerland", "Danmark", "Brasil",
                                        "Polska", "France",      "U.K.",    "Norge"};
static const char *const words[] = {
    "order",   "delivery", "contract", "meeting", "renewal", "quote",  "invoice",
    "pilot",   "branch",   "partner",  "review",  "budget",  "offer",  "support",
    "license", "region",   "visit",    "survey",  "audit",   "launch",
};
static const char *const company_heads[] = {
    "Adventure", "Alpine",  "Blue Yonder", "City Power", "Coho",      "Contoso",   "Fabrikam",
    "Fourth",    "Litware", "Lucerne",     "Margie's",   "Northwind", "Proseware", "Relecloud",
    "Tailspin",  "Trey",    "VanArsdel",   "Wide World", "Wingtip",   "Woodgrove",
};
static const char *const company_fields[] = {
    "Airlines", "Works",       "Ski House", "Winery",       "Pharmaceuticals", "Coffee",
    "Research", "Toys",        "Bank",      "Publishing",   "Traders",         "Vineyard",
    "Café",     "Messtechnik", "Énergie",   "Design & Co.",
};
static const char *const company_forms[] = {"",      " (sample)", " Inc.", " AG",
                                            " GmbH", " S.A.",     " Ltd",  " \"Partners\""};
static const char *const streets[] = {"Main St",  "Bahnhofstraße", "Rue de l'Église",
                                      "Oak Road", "Nørregade",     "Rua da Paz"};
static const char *const sentences[] = {
    "Call before noon, ask for the \"blue\" desk.",
    "Prefers e-mail; no calls.\r\nSee notes in C:\\clients\\2024.",
    "Größe und Maße geprüft – 100 % in Ordnung.",
    "Party on Friday 🎉 with the whole team 👩‍🚀.",
    "Naïve façade, coöperate, 東京 office.",
    "Line one\nLine two\n\nLine four",
    "Tab\there; slash / there.",
    "Contract <renewed> & signed.",
};

const char *sim_people_first(uint64_t r)
{
    return PICK(firsts, r);
}

const char *sim_people_last(uint64_t r)
{
    return PICK(lasts, r);
}

const char *sim_people_city(uint64_t r)
{
    return PICK(cities, r);
}

const char *sim_people_country(uint64_t r)
{
    return PICK(countries, r);
}

const char *sim_people_word(uint64_t r)
{
    return PICK(words, r);
}

void sim_people_company(struct sim_text *text, uint64_t r)
{
    sim_text_puts(text, PICK(company_heads, r));
    sim_text_puts(text, " ");
    sim_text_puts(text, PICK(company_fields, r >> 16));
    sim_text_puts(text, PICK(company_forms, r >> 32));
}

void sim_people_street(struct sim_text *text, uint64_t r)
{
    sim_text_printf(text, "%u %s", (unsigned)(r % 9900 + 1), PICK(streets, r >> 20));
}

void sim_people_words(struct sim_text *text, uint64_t r, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            sim_text_add(text, " ", 1);
        sim_text_puts(text, PICK(words, r));
        r = sim_mix(r);
    }
}

void sim_people_description(struct sim_text *text, uint64_t r)
{
    unsigned n = 1 + (unsigned)(r >> 40) % 4;
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            sim_text_add(text, " ", 1);
        sim_text_puts(text, PICK(sentences, r));
        r = sim_mix(r);
    }
}
