/* settings.c - the option table, and what the settings must be among each other. */
#include <string.h>

#include <dvsync/plugin_util.h>

#include "settings.h"

#define OPTION(kind, option_name, ...)                                                                       \
    {                                                                                                        \
        .struct_size = sizeof(dvs_option), .type = DVS_OPTION_##kind, .name = option_name, __VA_ARGS__       \
    }

const dvs_option dataverse_options[DATAVERSE_N_OPTIONS] = {
    OPTION(TEXT, "url", .flags = DVS_OPTION_REQUIRED | DVS_OPTION_IDENTITY,
           .doc = "the organisation's address, as in https://org.crm.dynamics.com"),
    OPTION(TEXT, "client_id", .flags = DVS_OPTION_REQUIRED,
           .doc = "application (client) id of the app registration"),
    OPTION(TEXT, "client_secret", .flags = DVS_OPTION_REQUIRED | DVS_OPTION_SECRET,
           .doc = "a client secret of the app registration; best as ${file:...} or ${VAR}"),
    OPTION(TEXT, "tenant_id", .doc = "directory (tenant) id; default: the organisation says it"),
    OPTION(
        TEXT, "authority",
        .doc =
            "the login service, as in https://login.microsoftonline.com; default: the organisation says it"),
    OPTION(TEXT, "scope", .doc = "what the token is for; default: URL/.default"),
    OPTION(TEXT, "api_version", .default_value = "v9.2", .doc = "version of the Web API"),
    OPTION(INT, "page_size", .default_value = "5000", .min = 1, .max = 5000,
           .doc = "records asked for at a time"),
    OPTION(INT, "max_concurrent", .default_value = "8", .min = 1, .max = 52,
           .doc = "requests under way at the same time"),
    OPTION(INT, "overlap_seconds", .default_value = "120", .min = 0, .max = 86400,
           .doc =
               "how far before its last start an incremental read begins, for records that were saved late"),
    OPTION(INT, "timeout_seconds", .default_value = "120", .min = 1, .max = 3600,
           .doc = "an answer of which nothing came for so long is asked for again"),
    OPTION(INT, "max_retries", .default_value = "8", .min = 0, .max = 100,
           .doc = "how often a request that failed is sent again"),
    OPTION(PATH, "ca_file", .doc = "certificates to trust (PEM) instead of the system's"),
};

static int32_t refuse(const char *setting, const char *reason, dvs_error *err)
{
    return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "the setting %s %s", setting, reason);
}

/* An address of nothing but an origin and, where `path_too`, a path. */
static int32_t read_address(const char *setting, const char *text, int path_too,
                            struct dataverse_origin *origin, dvs_error *err)
{
    if (dataverse_url_origin(text, origin) != 0)
        return refuse(setting, "is no address: it must look like https://org.crm.dynamics.com", err);
    if (!dataverse_url_is_allowed(origin))
        return refuse(setting, "must begin with https:// (http:// is for 127.0.0.1 and localhost only)", err);
    const char *path = strchr(strstr(text, "://") + 3, '/');
    if (strpbrk(text, "?# \"") != NULL || (!path_too && path != NULL && path[1] != '\0'))
        return refuse(
            setting,
            path_too
                ? "must be an address without ? and #"
                : "must be the organisation's address alone, without a path: https://org.crm.dynamics.com",
            err);
    return DVS_OK;
}

/* Part of an address or a name of nothing but letters, digits, dots, hyphens and underscores. */
static int is_plain(const char *text)
{
    return text[0] != '\0' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(text);
}

int32_t dataverse_settings_read(const dvs_settings *given, struct dataverse_settings *settings,
                                dvs_error *err)
{
    memset(settings, 0, sizeof *settings);
    settings->url = dvs_setting_text(given, "url", "");
    settings->client_id = dvs_setting_text(given, "client_id", "");
    settings->client_secret = dvs_setting_text(given, "client_secret", "");
    settings->tenant_id = dvs_setting_text(given, "tenant_id", NULL);
    settings->authority = dvs_setting_text(given, "authority", NULL);
    settings->scope = dvs_setting_text(given, "scope", NULL);
    settings->api_version = dvs_setting_text(given, "api_version", "v9.2");
    settings->ca_file = dvs_setting_text(given, "ca_file", NULL);
    settings->page_size = (uint32_t)dvs_setting_int(given, "page_size", 5000);
    settings->max_concurrent = (uint32_t)dvs_setting_int(given, "max_concurrent", 8);
    settings->max_retries = (uint32_t)dvs_setting_int(given, "max_retries", 8);
    settings->overlap_seconds = dvs_setting_int(given, "overlap_seconds", 120);
    settings->timeout_seconds = dvs_setting_int(given, "timeout_seconds", 120);

    int32_t status = read_address("url", settings->url, 0, &settings->origin, err);
    if (status == DVS_OK && settings->authority != NULL)
        status = read_address("authority", settings->authority, 1, &settings->authority_origin, err);
    if (status == DVS_OK && settings->tenant_id != NULL && !is_plain(settings->tenant_id))
        status = refuse("tenant_id", "must be a directory id (a GUID) or a domain name", err);
    if (status == DVS_OK && !is_plain(settings->api_version))
        status = refuse("api_version", "must look like v9.2", err);
    if (status == DVS_OK && settings->client_id[0] == '\0')
        status = refuse("client_id", "is empty", err);
    if (status == DVS_OK && settings->client_secret[0] == '\0')
        status = refuse("client_secret", "is empty", err);
    return status;
}
