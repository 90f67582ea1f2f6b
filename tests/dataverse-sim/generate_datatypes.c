/* Every type, with its extremes: what a client that means well gets wrong. Values come by turns, row by
 * row. */
#include "generate_recipes.h"

#define L(name) static const char *const name[]

L(decimals) = {"0.0000000000",
               "1234567890123456789",
               "-1234567890123456789",
               "123456789.0123456789",
               "20000.0000",
               "-0.5",
               "100000000000.0000000000",
               "0.0000000001",
               "-100000000000",
               "",
               "1.10",
               NULL};
L(moneys) = {
    "922337203685477.5807", "-922337203685477.5808", "20000.0000", "0.0001", "0.0000", "", "19.9000", NULL};
L(bigints) = {"9223372036854775807",
              "-9223372036854775808",
              "9007199254740993",
              "-9007199254740993",
              "0",
              "",
              "-1",
              NULL};
L(integers) = {"2147483647", "-2147483648", "0", "-1", "", NULL};
L(doubles) = {"1.7976931348623157E+308",
              "-100000000000",
              "0.1",
              "2.2250738585072014E-308",
              "1E-05",
              "0.30000000000000004",
              "123456789.12345679",
              "",
              "-0.0",
              NULL};
L(strings) = {"\"\"",
              "\"plain\"",
              "\"Ümläute \\u00fc\\u00DF and 4 bytes \\ud83d\\ude00 😀\"",
              "\"quote \\\" backslash \\\\ slash \\/ end\"",
              "\"\\b\\f\\n\\r\\t\"",
              "\" leading and trailing  \"",
              "",
              "\"null\"",
              "\"'; DROP TABLE accounts; --\"",
              "\"\\ud834\\udd1e clef, e\\u0301 combining, \\u202e right to left\"",
              "\"comma, semicolon; \\\"quoted\\\"\\r\\nnew line\"",
              "\"0012\"",
              "\"1e5\"",
              NULL};
L(moments) = {"\"1753-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59Z\"",
              "\"1970-01-01T00:00:00Z\"", "\"1969-12-31T23:59:59Z\"",
              "\"2024-02-29T12:00:00Z\"", "",
              "\"2038-01-19T03:14:08Z\"", NULL};
L(zoneless) = {"\"2024-03-31T02:30:00Z\"", "\"1753-01-01T00:00:00Z\"", "", "\"9999-12-31T23:59:59Z\"", NULL};
L(dates) = {"\"1753-01-01\"", "\"9999-12-31\"", "\"2024-02-29\"", "\"1900-03-01\"", "", NULL};
L(bools) = {"true", "false", "", NULL};
L(choices) = {"\"1,9\"", "\"9\"", "\"1,2,3,4,9\"", "", NULL};
L(unknown_choices) = {"1", "2", "77", "", NULL}; /* 77 was removed from the option set */
L(file_names) = {"\"contract (1).pdf\"", "", "\"Größe.docx\"", NULL};
L(words_select) = {"\"SELECT\"", "\"from\"", NULL};
L(numbers_order) = {"1", "2", "3", "", NULL};

static const struct sim_recipe columns[] = {
    KEY("datatypeid"),
    TITLE("name", SIM_MAKE_CODE, 4),
    LISTED("adecimal", SIM_DECIMAL, 0, decimals),
    LISTED("amoney", SIM_MONEY, 0, moneys),
    LISTED("amoney_base", SIM_MONEY, 0, moneys),
    CURRENCY,
    LISTED("abigint", SIM_BIGINT, 0, bigints),
    LISTED("aninteger", SIM_INTEGER, 0, integers),
    LISTED("adouble", SIM_DOUBLE, 0, doubles),
    LISTED("astring", SIM_STRING, 0, strings),
    LISTED("anothermemo", SIM_MEMO, 0, strings),
    COL("amemo", SIM_MEMO, 0, NULL, SIM_MAKE_LARGE, 0, 0, 0),
    LISTED("adatetime", SIM_DATETIME, 0, moments),
    LISTED("azonelesstime", SIM_DATETIME, SIM_COL_TZ_INDEPENDENT, zoneless),
    LISTED("adate", SIM_DATETIME, SIM_COL_DATE_ONLY, dates),
    LISTED("aboolean", SIM_BOOLEAN, 0, bools),
    {.spec = {.name = "apicklist", .type = SIM_PICKLIST, .more = "1:One;2:Two"},
     .make = SIM_MAKE_LIST,
     .list = unknown_choices},
    {.spec = {.name = "aglobalpicklist",
              .type = SIM_PICKLIST,
              .flags = SIM_COL_GLOBAL_SET,
              .more = "1:One;2:Two"},
     .filled = 70},
    {.spec = {.name = "amultiselect", .type = SIM_MULTISELECT, .more = "1:One;2:Two;3:Three;4:Four;9:Nine"},
     .make = SIM_MAKE_LIST,
     .list = choices},
    PLAIN("aguid", SIM_UNIQUEIDENTIFIER, 80),
    LOOKUP("alookup", "account", 70),
    LOOKUP("apolymorphiclookup", "account,contact,systemuser", 70),
    COL("acustomer", SIM_CUSTOMER, 0, "account,contact", SIM_MAKE_OF_TYPE, 70, 0, 0),
    PLAIN("atypecode", SIM_ENTITYNAME, 80),
    /* Names that mean something to somebody else. */
    LISTED("select", SIM_STRING, 0, words_select),
    LISTED("order", SIM_INTEGER, 0, numbers_order),
    LISTED("from", SIM_STRING, 0, words_select),
    LISTED("group", SIM_STRING, 0, strings),
    LISTED("table", SIM_STRING, 0, words_select),
    LISTED("value", SIM_STRING, 0, strings),
    LISTED("id", SIM_STRING, 0, words_select),
    LISTED("type", SIM_STRING, 0, words_select),
    /* Never filled. */
    EMPTY("anemptystring", SIM_STRING),
    EMPTY("anemptymoney", SIM_MONEY),
    EMPTY("anemptydate", SIM_DATETIME),
    /* Only by name, or not at all. */
    IMAGE,
    PLAIN("entityimageid", SIM_UNIQUEIDENTIFIER, 30),
    PLAIN("entityimage_timestamp", SIM_BIGINT, 30),
    TEXT("entityimage_url", SIM_MAKE_URL, 30),
    PLAIN("afile", SIM_FILE, 40),
    LISTED("afile_name", SIM_STRING, 0, file_names),
    COL("iscustomizable", SIM_MANAGED, SIM_COL_ON_REQUEST, NULL, SIM_MAKE_OF_TYPE, 0, 0, 0),
    COL("avirtual", SIM_VIRTUAL, 0, NULL, SIM_MAKE_NULL, 0, 0, 0),
    COL("apartylist", SIM_PARTYLIST, 0, "account,contact,systemuser", SIM_MAKE_NULL, 0, 0, 0),
    COL("calendarrules", SIM_CALENDARRULES, 0, NULL, SIM_MAKE_NULL, 0, 0, 0),
    HIDDEN("anunreadable", SIM_STRING),
    {.spec = {.name = "noodata", .type = SIM_STRING, .flags = SIM_COL_UNREADABLE | SIM_COL_NO_ODATA}},
    COL("asecured", SIM_STRING, SIM_COL_SECURED, NULL, SIM_MAKE_CODE, 60, 4, 0),
    COL("acalculated", SIM_DECIMAL, SIM_COL_CALCULATED, NULL, SIM_MAKE_OF_TYPE, 60, 0, 0),
    STATES,
    OWNED,
    STAMPS,
};

const struct sim_design sim_design_datatypes = {.set_name = "datatypes",
                                                .logical_name = "datatype",
                                                .schema_name = "DataType",
                                                .recipes = columns,
                                                .n_recipes = SIM_COUNT(columns),
                                                .huge_versions = 1};
