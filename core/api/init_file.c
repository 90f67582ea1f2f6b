/* init_file.c - the text of a new project file, with comments that lead on. */
#include <stdio.h>
#include <string.h>

#include "api/init.h"
#include "base/utf8.h"
#include "data/json.h"

/* The value of a setting that was given, as it was typed; NULL: not given. */
static const char *setting_of(const dvsi_init *init, const char *name)
{
    size_t length = strlen(name);
    for (uint32_t i = 0; i < init->options->n_settings; i++) {
        const char *setting = init->options->settings[i];
        if (strncmp(setting, name, length) == 0 && setting[length] == '=')
            return setting + length + 1;
    }
    return NULL;
}

/* A plain scalar where that cannot be taken for anything else; a JSON string is YAML too. */
static void put_scalar(dvsi_buf *out, const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./${}@+-";
    size_t length = strlen(text);
    int plain = (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z') || text[0] == '/' ||
                text[0] == '$';
    for (size_t i = 0; plain && i < length; i++)
        plain = strchr(safe, text[i]) != NULL || (text[i] == ':' && i + 1 < length && text[i + 1] == '/');
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
    for (size_t i = 0; plain && i < sizeof words / sizeof *words; i++)
        plain = dvsi_utf8_casecmp(text, words[i]) != 0;
    if (plain)
        dvsi_buf_puts(out, text);
    else
        dvsi_json_string(out, text, length);
}

/* DATAVERSE_CLIENT_SECRET for client_secret of dataverse. */
static void put_variable(const dvsi_init *init, const char *option, dvsi_buf *out)
{
    const char *const parts[] = {init->plugin->name, "_", option};
    dvsi_buf_puts(out, "${");
    for (size_t p = 0; p < 3; p++) {
        for (const char *at = parts[p]; *at != '\0'; at++)
            dvsi_buf_putc(out, *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at == '-' ? '_' : *at);
    }
    dvsi_buf_putc(out, '}');
}

static void put_option(const dvsi_init *init, const dvs_option *option, int for_use, dvsi_buf *out)
{
    const char *value = setting_of(init, option->name);
    int is_secret = (option->flags & DVS_OPTION_SECRET) != 0;
    int replaced = value != NULL && is_secret && !for_use && strstr(value, "${") == NULL;
    if (value == NULL && for_use)
        return;
    dvsi_buf_printf(out, "      %s%s: ", value == NULL ? "# " : "", option->name);
    if (replaced)
        put_variable(init, option->name, out);
    else if (value != NULL && option->type != DVS_OPTION_TEXT && option->type != DVS_OPTION_PATH)
        dvsi_buf_puts(out, value); /* 500, true, {id: int64}: YAML as it was typed */
    else if (value != NULL)
        put_scalar(out, value);
    else
        dvsi_buf_puts(out, option->default_value != NULL ? option->default_value : "...");
    if (!for_use)
        dvsi_buf_printf(out, "  # %s", option->doc);
    if (replaced)
        dvsi_buf_puts(out, "; set this variable, or write ${file:/run/secrets/NAME}");
    dvsi_buf_putc(out, '\n');
}

void dvsi_init_head(const dvsi_init *init, int for_use, dvsi_buf *out)
{
    dvsi_buf_puts(out, "name: ");
    put_scalar(out, init->name);
    dvsi_buf_puts(out, "\n\nsources:\n  ");
    put_scalar(out, init->name);
    dvsi_buf_printf(out, ":\n    plugin: %s\n    settings:\n", init->plugin->name);
    for (uint32_t pass = 0; pass < 2; pass++) { /* what is set, then what could be */
        for (uint32_t i = 0; i < init->plugin->source.n_options; i++) {
            const dvs_option *option = &init->plugin->source.options[i];
            if ((setting_of(init, option->name) == NULL) == (pass == 1))
                put_option(init, option, for_use, out);
        }
    }
    dvsi_buf_puts(out, "\nsink:\n  plugin: sqlite\n  settings:\n    path: ");
    char path[96];
    snprintf(path, sizeof path, "%s.db", init->name);
    put_scalar(out, path);
    if (!for_use)
        dvsi_buf_puts(out, "  # made by the first sync; relative to this file");
    dvsi_buf_puts(out, "\n");
}

static void put_entity(const dvsi_init_entity *entity, dvsi_buf *out)
{
    dvsi_buf_puts(out, entity->enabled ? "  - " : "  # - ");
    if (entity->guessed) {
        dvsi_buf_puts(out, "name: ");
        put_scalar(out, entity->name);
        dvsi_buf_puts(out, "\n    key: [");
        put_scalar(out, entity->key);
        dvsi_buf_puts(out, "]  # the source declares no key: name the columns that tell records apart");
    } else {
        put_scalar(out, entity->name);
        if (entity->key != NULL)
            dvsi_buf_printf(out, "  # %u columns, key %s", entity->n_columns, entity->key);
    }
    dvsi_buf_putc(out, '\n');
}

void dvsi_init_file(const dvsi_init *init, dvsi_buf *out)
{
    uint32_t n_enabled = 0;
    dvsi_buf_printf(out, "# A dvsync project, written by `dvsync init` from what the source says of itself.\n"
                         "#   dvsync validate --config-file FILE   checks it\n"
                         "#   dvsync diff     --config-file FILE   shows what a sync would change\n"
                         "#   dvsync sync     --config-file FILE   brings the data\n");
    dvsi_init_head(init, 0, out);
    dvsi_buf_puts(out,
                  "\n"
                  "# options:            # the defaults\n"
                  "#   full_every: 7d    # read everything again after so long: this is what finds deletes\n"
                  "#   max_delete: 20%   # refuse to delete more in one run\n"
                  "#   deletes: soft     # soft | hard | ignore\n"
                  "#   keep_raw: true    # each record as the source gave it, in json_response\n"
                  "\nentities:\n");
    for (uint32_t i = 0; i < init->n_entities; i++)
        n_enabled += init->entities[i].enabled != 0;
    if (n_enabled == 0)
        dvsi_buf_puts(out, "  # Take away the # before those that you want.\n");
    for (uint32_t i = 0; i < init->n_entities; i++)
        put_entity(&init->entities[i], out);
}
