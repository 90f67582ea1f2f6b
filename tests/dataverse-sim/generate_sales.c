/* Accounts and what is sold to them. */
#include "generate_recipes.h"

#define INDUSTRIES                                                                                           \
    "1:Accounting;2:Agriculture and Non-petrol Natural Resource Extraction;3:Broadcasting Printing and "     \
    "Publishing;"                                                                                            \
    "4:Brokers;5:Building Supply Retail;6:Business Services;7:Consulting;8:Consumer Services"

static const struct sim_recipe accounts[] = {
    KEY("accountid"),
    TITLE("name", SIM_MAKE_COMPANY, 0),
    COL("accountnumber", SIM_STRING, 0, NULL, SIM_MAKE_CODE, 0, 0, 0),
    TEXT("telephone1", SIM_MAKE_PHONE, 95),
    TEXT("telephone2", SIM_MAKE_PHONE, 30),
    TEXT("fax", SIM_MAKE_PHONE, 20),
    TEXT("emailaddress1", SIM_MAKE_EMAIL, 90),
    TEXT("websiteurl", SIM_MAKE_URL, 60),
    PLAIN("revenue", SIM_MONEY, 70),
    PLAIN("revenue_base", SIM_MONEY, 70),
    PLAIN("creditlimit", SIM_MONEY, 40),
    PLAIN("creditlimit_base", SIM_MONEY, 40),
    COL("numberofemployees", SIM_INTEGER, 0, NULL, SIM_MAKE_RANGE, 80, 1, 20000),
    STATES,
    CHOICE("industrycode", INDUSTRIES, 60),
    CHOICE("customertypecode", "1:Competitor;2:Consultant;3:Customer;4:Investor;5:Partner;12:Other", 50),
    OWNED,
    LOOKUP("primarycontactid", "contact", 70),
    LOOKUP("parentaccountid", "account", 25),
    CURRENCY,
    TEXT("address1_line1", SIM_MAKE_STREET, 90),
    COL("address1_line2", SIM_STRING, 0, NULL, SIM_MAKE_WORDS, 20, 2, 0),
    TEXT("address1_city", SIM_MAKE_CITY, 90),
    TEXT("address1_stateorprovince", SIM_MAKE_REGION, 80),
    TEXT("address1_postalcode", SIM_MAKE_POSTCODE, 85),
    TEXT("address1_country", SIM_MAKE_COUNTRY, 90),
    COL("address1_latitude", SIM_DOUBLE, 0, NULL, SIM_MAKE_DEGREES, 35, 90, 0),
    COL("address1_longitude", SIM_DOUBLE, 0, NULL, SIM_MAKE_DEGREES, 35, 180, 0),
    PLAIN("address1_addressid", SIM_UNIQUEIDENTIFIER, 0),
    COL("description", SIM_MEMO, 0, NULL, SIM_MAKE_DESCRIPTION, 40, 0, 0),
    PLAIN("donotemail", SIM_BOOLEAN, 0),
    PLAIN("creditonhold", SIM_BOOLEAN, 90),
    PLAIN("lastonholdtime", SIM_DATETIME, 10),
    STAMPS,
    EMPTY("tickersymbol", SIM_STRING),
    /* In the metadata only, or only when asked for. */
    HIDDEN("isprivate", SIM_BOOLEAN),
    HIDDEN("participatesinworkflow", SIM_BOOLEAN),
    {.spec = {.name = "timezoneruleversionnumber",
              .type = SIM_INTEGER,
              .flags = SIM_COL_UNREADABLE | SIM_COL_NO_ODATA}},
    IMAGE,
};

static const struct sim_recipe leads[] = {
    KEY("leadid"),
    COL("fullname", SIM_STRING, SIM_COL_NAME, NULL, SIM_MAKE_FULLNAME, 0, 0, 0),
    TEXT("firstname", SIM_MAKE_FIRST, 0),
    TEXT("lastname", SIM_MAKE_LAST, 0),
    TEXT("companyname", SIM_MAKE_COMPANY, 80),
    COL("subject", SIM_STRING, 0, NULL, SIM_MAKE_WORDS, 0, 4, 0),
    TEXT("emailaddress1", SIM_MAKE_EMAIL, 90),
    COL("customerid", SIM_CUSTOMER, 0, "account,contact", SIM_MAKE_OF_TYPE, 30, 0, 0),
    PLAIN("estimatedamount", SIM_MONEY, 50),
    CURRENCY,
    STATES,
    OWNED,
    STAMPS,
};

static const struct sim_recipe opportunities[] = {
    KEY("opportunityid"),
    COL("name", SIM_STRING, SIM_COL_NAME, NULL, SIM_MAKE_WORDS, 0, 4, 0),
    PLAIN("estimatedvalue", SIM_MONEY, 90),
    PLAIN("estimatedvalue_base", SIM_MONEY, 90),
    COL("estimatedclosedate", SIM_DATETIME, SIM_COL_DATE_ONLY, NULL, SIM_MAKE_OF_TYPE, 80, 0, 0),
    COL("closeprobability", SIM_INTEGER, 0, NULL, SIM_MAKE_RANGE, 70, 0, 100),
    COL("customerid", SIM_CUSTOMER, 0, "account,contact", SIM_MAKE_OF_TYPE, 95, 0, 0),
    LOOKUP("parentaccountid", "account", 60),
    LOOKUP("parentcontactid", "contact", 50),
    LOOKUP("originatingleadid", "lead", 20),
    CHOICE("salesstage", "0:Qualify;1:Develop;2:Propose;3:Close", 0),
    COL("stepname", SIM_STRING, 0, NULL, SIM_MAKE_WORDS, 40, 1, 0),
    COL("description", SIM_MEMO, 0, NULL, SIM_MAKE_DESCRIPTION, 30, 0, 0),
    CURRENCY,
    STATES,
    OWNED,
    STAMPS,
};

static const struct sim_recipe products[] = {
    KEY("productid"),
    COL("name", SIM_STRING, SIM_COL_NAME, NULL, SIM_MAKE_WORDS, 0, 2, 0),
    COL("productnumber", SIM_STRING, 0, NULL, SIM_MAKE_CODE, 0, 2, 0),
    PLAIN("price", SIM_MONEY, 90),
    PLAIN("price_base", SIM_MONEY, 90),
    PLAIN("standardcost", SIM_MONEY, 60),
    COL("quantityonhand", SIM_DECIMAL, 0, NULL, SIM_MAKE_OF_TYPE, 80, 0, 0),
    COL("quantitydecimal", SIM_INTEGER, 0, NULL, SIM_MAKE_RANGE, 0, 0, 5),
    LOOKUP("parentproductid", "product", 30),
    PLAIN("isstockitem", SIM_BOOLEAN, 0),
    COL("validfromdate", SIM_DATETIME, SIM_COL_DATE_ONLY, NULL, SIM_MAKE_OF_TYPE, 50, 0, 0),
    COL("description", SIM_MEMO, 0, NULL, SIM_MAKE_DESCRIPTION, 70, 0, 0),
    CURRENCY,
    STATES,
    COL("organizationid", SIM_LOOKUP, 0, "organization", SIM_MAKE_NULL, 0, 0, 0),
    STAMPS,
    IMAGE,
};

/* N:N tables have their id, the two foreign keys under plain names, and versionnumber (Microsoft's
 * documentation: navigation properties). */
static const struct sim_recipe accountleads[] = {
    KEY("accountleadid"),
    COL("accountid", SIM_UNIQUEIDENTIFIER, 0, "account", SIM_MAKE_FOREIGN, 0, 0, 0),
    COL("leadid", SIM_UNIQUEIDENTIFIER, 0, "lead", SIM_MAKE_FOREIGN, 0, 0, 0),
    VERSION,
};

const struct sim_design sim_designs_sales[] = {
    {.set_name = "accounts",
     .logical_name = "account",
     .schema_name = "Account",
     .recipes = accounts,
     .n_recipes = SIM_COUNT(accounts)},
    {.set_name = "leads",
     .logical_name = "lead",
     .schema_name = "Lead",
     .recipes = leads,
     .n_recipes = SIM_COUNT(leads)},
    {.set_name = "opportunities",
     .logical_name = "opportunity",
     .schema_name = "Opportunity",
     .recipes = opportunities,
     .n_recipes = SIM_COUNT(opportunities)},
    {.set_name = "products",
     .logical_name = "product",
     .schema_name = "Product",
     .recipes = products,
     .n_recipes = SIM_COUNT(products)},
    {.set_name = "accountleadscollection",
     .logical_name = "accountleads",
     .schema_name = "AccountLeads",
     .recipes = accountleads,
     .n_recipes = SIM_COUNT(accountleads),
     .intersect = 1},
};
const size_t sim_n_designs_sales = SIM_COUNT(sim_designs_sales);
