/* Contacts: as wide as in a real organisation, most of it empty. */
#include "generate_recipes.h"

/* One of three addresses. The recorded rows of real organisations have so many columns for each. */
#define ADDRESS(n, p)                                                                                        \
    PLAIN("address" n "_addressid", SIM_UNIQUEIDENTIFIER, 0),                                                \
        CHOICE("address" n "_addresstypecode", "1:Bill To;2:Ship To;3:Primary;4:Other", p),                  \
        TEXT("address" n "_city", SIM_MAKE_CITY, p), TEXT("address" n "_country", SIM_MAKE_COUNTRY, p),      \
        EMPTY("address" n "_county", SIM_STRING), EMPTY("address" n "_fax", SIM_STRING),                     \
        CHOICE("address" n "_freighttermscode", "1:FOB;2:No Charge", p),                                     \
        COL("address" n "_latitude", SIM_DOUBLE, 0, NULL, SIM_MAKE_DEGREES, p, 90, 0),                       \
        TEXT("address" n "_line1", SIM_MAKE_STREET, p), EMPTY("address" n "_line2", SIM_STRING),             \
        EMPTY("address" n "_line3", SIM_STRING),                                                             \
        COL("address" n "_longitude", SIM_DOUBLE, 0, NULL, SIM_MAKE_DEGREES, p, 180, 0),                     \
        EMPTY("address" n "_name", SIM_STRING), TEXT("address" n "_postalcode", SIM_MAKE_POSTCODE, p),       \
        EMPTY("address" n "_postofficebox", SIM_STRING),                                                     \
        EMPTY("address" n "_primarycontactname", SIM_STRING),                                                \
        CHOICE("address" n "_shippingmethodcode", "1:Airborne;2:DHL;3:FedEx;4:UPS", p),                      \
        TEXT("address" n "_stateorprovince", SIM_MAKE_REGION, p),                                            \
        EMPTY("address" n "_telephone1", SIM_STRING), EMPTY("address" n "_telephone2", SIM_STRING),          \
        EMPTY("address" n "_telephone3", SIM_STRING), EMPTY("address" n "_upszone", SIM_STRING),             \
        EMPTY("address" n "_utcoffset", SIM_INTEGER),                                                        \
        COL("address" n "_composite", SIM_MEMO, 0, NULL, SIM_MAKE_DESCRIPTION, p, 0, 0)

#define HOBBIES "1:Reading;2:Sports;3:Travel;4:Music;9:Cooking"

static const struct sim_recipe contacts[] = {
    KEY("contactid"),
    COL("fullname", SIM_STRING, SIM_COL_NAME, NULL, SIM_MAKE_FULLNAME, 0, 0, 0),
    TEXT("firstname", SIM_MAKE_FIRST, 0),
    TEXT("lastname", SIM_MAKE_LAST, 0),
    EMPTY("middlename", SIM_STRING),
    EMPTY("nickname", SIM_STRING),
    EMPTY("yomifirstname", SIM_STRING),
    EMPTY("yomilastname", SIM_STRING),
    TEXT("yomifullname", SIM_MAKE_FULLNAME, 0),
    EMPTY("suffix", SIM_STRING),
    TEXT("salutation", SIM_MAKE_REGION, 20),
    COL("jobtitle", SIM_STRING, 0, NULL, SIM_MAKE_WORDS, 70, 2, 0),
    EMPTY("department", SIM_STRING),
    TEXT("emailaddress1", SIM_MAKE_EMAIL, 95),
    TEXT("emailaddress2", SIM_MAKE_EMAIL, 10),
    EMPTY("emailaddress3", SIM_STRING),
    TEXT("telephone1", SIM_MAKE_PHONE, 80),
    EMPTY("telephone2", SIM_STRING),
    EMPTY("telephone3", SIM_STRING),
    TEXT("mobilephone", SIM_MAKE_PHONE, 60),
    EMPTY("pager", SIM_STRING),
    EMPTY("fax", SIM_STRING),
    EMPTY("websiteurl", SIM_STRING),
    EMPTY("spousesname", SIM_STRING),
    COL("anniversary", SIM_DATETIME, SIM_COL_DATE_ONLY, NULL, SIM_MAKE_BIRTHDAY, 10, 0, 0),
    COL("birthdate", SIM_DATETIME, SIM_COL_DATE_ONLY, NULL, SIM_MAKE_BIRTHDAY, 60, 0, 0),
    CHOICE("gendercode", "1:Male;2:Female", 40),
    CHOICE("familystatuscode", "1:Single;2:Married;3:Divorced;4:Widowed", 30),
    CHOICE("educationcode", "1:Default Value", 5),
    {.spec = {.name = "preferredcontactmethodcode",
              .type = SIM_PICKLIST,
              .flags = SIM_COL_GLOBAL_SET,
              .more = "1:Any;2:Email;3:Phone;4:Fax;5:Mail"}},
    COL("new_hobbies", SIM_MULTISELECT, SIM_COL_CUSTOM, HOBBIES, SIM_MAKE_OF_TYPE, 50, 0, 0),
    COL("new_channels", SIM_MULTISELECT, SIM_COL_CUSTOM | SIM_COL_GLOBAL_SET, "100000000:Web;100000001:Fair",
        SIM_MAKE_OF_TYPE, 20, 0, 0),
    COL("parentcustomerid", SIM_CUSTOMER, 0, "account,contact", SIM_MAKE_OF_TYPE, 85, 0, 0),
    LOOKUP("masterid", "contact", 1),
    LOOKUP("preferredsystemuserid", "systemuser", 10),
    LOOKUP("originatingleadid", "lead", 1),
    LOOKUP("owninguser", "systemuser", 60),
    LOOKUP("owningteam", "team", 10),
    PLAIN("annualincome", SIM_MONEY, 10),
    PLAIN("annualincome_base", SIM_MONEY, 10),
    PLAIN("creditlimit", SIM_MONEY, 5),
    PLAIN("creditlimit_base", SIM_MONEY, 5),
    EMPTY("aging30", SIM_MONEY),
    EMPTY("aging30_base", SIM_MONEY),
    EMPTY("aging60", SIM_MONEY),
    EMPTY("aging60_base", SIM_MONEY),
    CURRENCY,
    COL("numberofchildren", SIM_INTEGER, 0, NULL, SIM_MAKE_RANGE, 20, 0, 5),
    EMPTY("importsequencenumber", SIM_INTEGER),
    EMPTY("utcconversiontimezonecode", SIM_INTEGER),
    PLAIN("donotemail", SIM_BOOLEAN, 0),
    PLAIN("donotphone", SIM_BOOLEAN, 0),
    PLAIN("donotfax", SIM_BOOLEAN, 0),
    PLAIN("donotpostalmail", SIM_BOOLEAN, 0),
    PLAIN("donotbulkemail", SIM_BOOLEAN, 0),
    PLAIN("creditonhold", SIM_BOOLEAN, 0),
    PLAIN("merged", SIM_BOOLEAN, 0),
    PLAIN("lastusedincampaign", SIM_DATETIME, 5),
    PLAIN("overriddencreatedon", SIM_DATETIME, 2),
    COL("description", SIM_MEMO, 0, NULL, SIM_MAKE_DESCRIPTION, 10, 0, 0),
    COL("governmentid", SIM_STRING, SIM_COL_SECURED, NULL, SIM_MAKE_CODE, 10, 1, 0),
    EMPTY("entityimage_url", SIM_STRING),
    EMPTY("entityimage_timestamp", SIM_BIGINT),
    EMPTY("entityimageid", SIM_UNIQUEIDENTIFIER),
    ADDRESS("1", 60),
    ADDRESS("2", 3),
    ADDRESS("3", 1),
    STATES,
    OWNED,
    STAMPS,
    HIDDEN("isprivate", SIM_BOOLEAN),
    HIDDEN("isautocreate", SIM_BOOLEAN),
    HIDDEN("timezoneruleversionnumber", SIM_INTEGER),
    IMAGE,
};

const struct sim_design sim_design_contacts = {.set_name = "contacts",
                                               .logical_name = "contact",
                                               .schema_name = "Contact",
                                               .recipes = contacts,
                                               .n_recipes = SIM_COUNT(contacts),
                                               .n_columns = 290,
                                               .shuffled = 1};
