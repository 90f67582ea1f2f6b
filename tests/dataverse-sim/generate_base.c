/* Tables that every organisation has: users, teams, currencies; and activities. */
#include "generate_recipes.h"

/* systemuser and team derive from principal, whose key in $metadata is ownerid (Microsoft's documentation:
 * entity types); the table's own key is systemuserid. Both hold the same. */
#define OWNERID                                                                                              \
    COL("ownerid", SIM_UNIQUEIDENTIFIER, SIM_COL_INHERITED | SIM_COL_NO_ORDER, NULL, SIM_MAKE_KEY, 0, 0, 0)

static const struct sim_recipe systemusers[] = {
    KEY("systemuserid"),
    OWNERID,
    COL("fullname", SIM_STRING, SIM_COL_NAME, NULL, SIM_MAKE_FULLNAME, 0, 0, 0),
    TEXT("firstname", SIM_MAKE_FIRST, 0),
    TEXT("lastname", SIM_MAKE_LAST, 0),
    TEXT("internalemailaddress", SIM_MAKE_EMAIL, 0),
    TEXT("domainname", SIM_MAKE_EMAIL, 0),
    PLAIN("azureactivedirectoryobjectid", SIM_UNIQUEIDENTIFIER, 80),
    LOOKUP("businessunitid", "businessunit", 0),
    PLAIN("isdisabled", SIM_BOOLEAN, 0),
    CHOICE("accessmode", "0:Read-Write;1:Administrative;2:Read;3:Support User;4:Non-interactive", 0),
    STAMPS,
    IMAGE,
};

static const struct sim_recipe teams[] = {
    KEY("teamid"),
    OWNERID,
    COL("name", SIM_STRING, SIM_COL_NAME, NULL, SIM_MAKE_WORDS, 0, 1, 0),
    LOOKUP("businessunitid", "businessunit", 0),
    PLAIN("isdefault", SIM_BOOLEAN, 0),
    CHOICE("teamtype", "0:Owner;1:Access;2:Security Group;3:Office Group", 0),
    STAMPS,
};

static const char *const currency_names[] = {"\"US Dollar\"", "\"Euro\"", "\"Swiss Franc\"", NULL};
static const char *const currency_codes[] = {"\"USD\"", "\"EUR\"", "\"CHF\"", NULL};
static const char *const currency_signs[] = {"\"$\"", "\"€\"", "\"CHF\"", NULL};
static const char *const currency_rates[] = {"1.0000000000", "0.9213000000", "0.8870000000", NULL};

static const struct sim_recipe currencies[] = {
    KEY("transactioncurrencyid"),
    LISTED("currencyname", SIM_STRING, SIM_COL_NAME, currency_names),
    LISTED("isocurrencycode", SIM_STRING, 0, currency_codes),
    LISTED("currencysymbol", SIM_STRING, 0, currency_signs),
    LISTED("exchangerate", SIM_DECIMAL, 0, currency_rates),
    COL("currencyprecision", SIM_INTEGER, 0, NULL, SIM_MAKE_RANGE, 0, 2, 2),
    STATES,
    STAMPS,
};

static const struct sim_recipe businessunits[] = {
    KEY("businessunitid"),
    COL("name", SIM_STRING, SIM_COL_NAME, NULL, SIM_MAKE_WORDS, 0, 1, 0),
    LOOKUP("parentbusinessunitid", "businessunit", 50),
    PLAIN("isdisabled", SIM_BOOLEAN, 0),
    STAMPS,
};

/* Activities derive from activitypointer, with its key. PartyList columns are no properties; the parties are
 * rows of activityparties. */
#define INHERITED(n, t, m, k, p) COL(n, t, SIM_COL_INHERITED, m, k, p, 0, 0)
#define ACTIVITY                                                                                             \
    COL("activityid", SIM_UNIQUEIDENTIFIER, SIM_COL_KEY | SIM_COL_INHERITED, NULL, SIM_MAKE_KEY, 0, 0, 0),   \
        COL("subject", SIM_STRING, SIM_COL_NAME | SIM_COL_INHERITED, NULL, SIM_MAKE_WORDS, 0, 3, 0),         \
        INHERITED("description", SIM_MEMO, NULL, SIM_MAKE_DESCRIPTION, 60),                                  \
        INHERITED("regardingobjectid", SIM_LOOKUP, "account,contact,opportunity", SIM_MAKE_OF_TYPE, 70),     \
        INHERITED("scheduledend", SIM_DATETIME, NULL, SIM_MAKE_OF_TYPE, 60),                                 \
        INHERITED("activitytypecode", SIM_ENTITYNAME, NULL, SIM_MAKE_TABLE, 0),                              \
        INHERITED("prioritycode", SIM_PICKLIST, "0:Low;1:Normal;2:High", SIM_MAKE_OF_TYPE, 0),               \
        INHERITED("statecode", SIM_STATE, "0:Open;1:Completed;2:Canceled", SIM_MAKE_STATE, 0),               \
        INHERITED("ownerid", SIM_OWNER, "systemuser,team", SIM_MAKE_OF_TYPE, 0),                             \
        INHERITED("createdon", SIM_DATETIME, NULL, SIM_MAKE_CREATED, 0),                                     \
        INHERITED("modifiedon", SIM_DATETIME, NULL, SIM_MAKE_MODIFIED, 0),                                   \
        INHERITED("versionnumber", SIM_BIGINT, NULL, SIM_MAKE_VERSION, 0)

static const struct sim_recipe tasks[] = {
    ACTIVITY,
    COL("statuscode", SIM_STATUS, 0, "1:Not Started:0;2:In Progress:0;5:Completed:1;6:Canceled:2",
        SIM_MAKE_STATUS, 0, 0, 0),
    COL("percentcomplete", SIM_INTEGER, 0, NULL, SIM_MAKE_RANGE, 50, 0, 100),
    TEXT("category", SIM_MAKE_CITY, 20),
    PLAIN("crmtaskassigneduniqueid", SIM_UNIQUEIDENTIFIER, 30),
};

static const struct sim_recipe emails[] = {
    ACTIVITY,
    COL("statuscode", SIM_STATUS, 0, "1:Draft:0;2:Completed:1;3:Sent:1;5:Canceled:2", SIM_MAKE_STATUS, 0, 0,
        0),
    COL("sender", SIM_STRING, 0, NULL, SIM_MAKE_EMAIL, 90, 0, 0),
    COL("torecipients", SIM_STRING, 0, NULL, SIM_MAKE_EMAIL, 90, 0, 0),
    PLAIN("directioncode", SIM_BOOLEAN, 0),
    COL("messageid", SIM_STRING, 0, NULL, SIM_MAKE_CODE, 80, 4, 0),
    COL("to", SIM_PARTYLIST, 0, "account,contact,systemuser", SIM_MAKE_NULL, 0, 0, 0),
    COL("from", SIM_PARTYLIST, 0, "account,contact,systemuser", SIM_MAKE_NULL, 0, 0, 0),
    COL("cc", SIM_PARTYLIST, 0, "account,contact,systemuser", SIM_MAKE_NULL, 0, 0, 0),
};

const struct sim_design sim_designs_base[] = {
    {.set_name = "businessunits",
     .logical_name = "businessunit",
     .schema_name = "BusinessUnit",
     .recipes = businessunits,
     .n_recipes = SIM_COUNT(businessunits),
     .automatic = 2},
    {.set_name = "transactioncurrencies",
     .logical_name = "transactioncurrency",
     .schema_name = "TransactionCurrency",
     .recipes = currencies,
     .n_recipes = SIM_COUNT(currencies),
     .automatic = 3},
    {.set_name = "systemusers",
     .logical_name = "systemuser",
     .schema_name = "SystemUser",
     .base_type = "principal",
     .recipes = systemusers,
     .n_recipes = SIM_COUNT(systemusers),
     .automatic = 12},
    {.set_name = "teams",
     .logical_name = "team",
     .schema_name = "Team",
     .base_type = "principal",
     .recipes = teams,
     .n_recipes = SIM_COUNT(teams),
     .automatic = 3},
    {.set_name = "tasks",
     .logical_name = "task",
     .schema_name = "Task",
     .base_type = "activitypointer",
     .recipes = tasks,
     .n_recipes = SIM_COUNT(tasks),
     .activity = 1},
    {.set_name = "emails",
     .logical_name = "email",
     .schema_name = "Email",
     .base_type = "activitypointer",
     .recipes = emails,
     .n_recipes = SIM_COUNT(emails),
     .activity = 1},
};
const size_t sim_n_designs_base = SIM_COUNT(sim_designs_base);
