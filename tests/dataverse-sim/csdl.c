/*
 * The shape is that of Microsoft's documentation on entity types, properties and navigation properties:
 * Property has no MaxLength and no Nullable; single-valued navigation properties are stamped Nullable="false"
 * even for optional lookups; a lookup with several targets has one property and several navigation
 * properties.
 */
#include <string.h>

#include "csdl.h"

#define KEY_OF_PRINCIPAL "ownerid"
#define KEY_OF_ACTIVITY "activityid"

static void add_property(struct sim_text *text, const struct sim_column *column)
{
    const char *edm = sim_column_edm(column);
    sim_text_printf(text, "        <Property Name=\"%s\" Type=\"%s\"", column->key, edm);
    if (strcmp(edm, "Edm.String") == 0)
        sim_text_puts(text, " Unicode=\"false\"");
    if (strcmp(edm, "Edm.Decimal") == 0)
        sim_text_puts(text, " Scale=\"Variable\"");
    sim_text_puts(text, " />\n");
}

/* primarycontactid; customerid_account when there are several targets. */
static void add_navigation(struct sim_text *text, const struct sim_store *store,
                           const struct sim_table *table, const struct sim_column *column)
{
    if (!sim_column_is_lookup(column) || column->more == NULL)
        return;
    const char *at = column->more;
    int several = strchr(at, ',') != NULL && column->type != SIM_OWNER;
    while (*at != '\0') {
        size_t length = strcspn(at, ",");
        const struct sim_table *target = sim_store_logical(store, at, length);
        const struct sim_column *key = target == NULL ? NULL : sim_table_key(target);
        if (column->type == SIM_OWNER) { /* one, to what users and teams have in common */
            sim_text_printf(
                text,
                "        <NavigationProperty Name=\"%s\" Type=\"mscrm.principal\" Nullable=\"false\">\n"
                "          <ReferentialConstraint Property=\"%s\" ReferencedProperty=\"ownerid\" />\n"
                "        </NavigationProperty>\n",
                column->name, column->key);
            return;
        }
        if (key != NULL) {
            sim_text_printf(text, "        <NavigationProperty Name=\"%s", column->name);
            if (several)
                sim_text_printf(text, "_%s", target->logical_name);
            sim_text_printf(text,
                            "\" Type=\"mscrm.%s\" Nullable=\"false\" Partner=\"%s_%s\">\n"
                            "          <ReferentialConstraint Property=\"%s\" ReferencedProperty=\"%s\" />\n"
                            "        </NavigationProperty>\n",
                            target->logical_name, table->logical_name, column->name, column->key, key->key);
        }
        at += length + (at[length] == ',' ? 1 : 0);
    }
}

static void add_key(struct sim_text *text, const char *name)
{
    sim_text_printf(text, "        <Key>\n          <PropertyRef Name=\"%s\" />\n        </Key>\n", name);
}

/* A base type of what some of the tables have in common. */
static void add_base(struct sim_text *text, const struct sim_store *store, const char *name, const char *key)
{
    const struct sim_table *example = NULL;
    for (size_t i = 0; i < store->n_tables && example == NULL; i++)
        if (strcmp(store->tables[i]->base_type, name) == 0)
            example = store->tables[i];
    if (example == NULL && strcmp(name, "principal") != 0)
        return;
    sim_text_printf(text, "      <EntityType Name=\"%s\" BaseType=\"mscrm.crmbaseentity\">\n", name);
    add_key(text, key);
    if (example == NULL)
        sim_text_printf(text, "        <Property Name=\"%s\" Type=\"Edm.Guid\" />\n", key);
    for (size_t i = 0; example != NULL && i < example->n_columns; i++)
        if (example->columns[i].key != NULL && (example->columns[i].flags & SIM_COL_INHERITED))
            add_property(text, &example->columns[i]);
    for (size_t i = 0; example != NULL && i < example->n_columns; i++)
        if (example->columns[i].key != NULL && (example->columns[i].flags & SIM_COL_INHERITED))
            add_navigation(text, store, example, &example->columns[i]);
    sim_text_puts(text, "      </EntityType>\n");
}

static void add_table(struct sim_text *text, const struct sim_store *store, const struct sim_table *table)
{
    int derived = strcmp(table->base_type, "crmbaseentity") != 0;
    const struct sim_column *key = sim_table_key(table);
    sim_text_printf(text, "      <EntityType Name=\"%s\" BaseType=\"mscrm.%s\">\n", table->logical_name,
                    table->base_type);
    if (!derived && key != NULL)
        add_key(text, key->key);
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct sim_column *column = &table->columns[i];
        if (column->key != NULL && !(derived && (column->flags & SIM_COL_INHERITED)))
            add_property(text, column);
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct sim_column *column = &table->columns[i];
        if (column->key != NULL && !(derived && (column->flags & SIM_COL_INHERITED)))
            add_navigation(text, store, table, column);
    }
    sim_text_puts(text, "      </EntityType>\n");
}

void sim_csdl_write(struct sim_text *text, const struct sim_store *store)
{
    sim_text_puts(text,
                  "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                  "<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\n"
                  "  <edmx:Reference Uri=\"http://vocabularies.odata.org/OData.Community.Keys.V1.xml\">\n"
                  "    <edmx:Include Namespace=\"OData.Community.Keys.V1\" Alias=\"Keys\" />\n"
                  "    <edmx:IncludeAnnotations TermNamespace=\"OData.Community.Keys.V1\" />\n"
                  "  </edmx:Reference>\n"
                  "  <edmx:DataServices>\n"
                  "    <Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" "
                  "xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\n"
                  "      <EntityType Name=\"crmbaseentity\" Abstract=\"true\" />\n");
    add_base(text, store, "principal", KEY_OF_PRINCIPAL);
    add_base(text, store, "activitypointer", KEY_OF_ACTIVITY);
    for (size_t i = 0; i < store->n_tables; i++)
        add_table(text, store, store->tables[i]);
    sim_text_puts(text, "      <ComplexType Name=\"BooleanManagedProperty\">\n"
                        "        <Property Name=\"Value\" Type=\"Edm.Boolean\" />\n"
                        "        <Property Name=\"CanBeChanged\" Type=\"Edm.Boolean\" />\n"
                        "        <Property Name=\"ManagedPropertyLogicalName\" Type=\"Edm.String\" />\n"
                        "      </ComplexType>\n"
                        "      <EntityContainer Name=\"System\">\n");
    for (size_t i = 0; i < store->n_tables; i++)
        sim_text_printf(text, "        <EntitySet Name=\"%s\" EntityType=\"Microsoft.Dynamics.CRM.%s\" />\n",
                        store->tables[i]->set_name, store->tables[i]->logical_name);
    sim_text_puts(text, "      </EntityContainer>\n    </Schema>\n  </edmx:DataServices>\n</edmx:Edmx>\n");
}
