/*
 * settings.h - the options of the plugin, checked. Strings belong to the host and live as long as the source.
 */
#ifndef DATAVERSE_SETTINGS_H
#define DATAVERSE_SETTINGS_H

#include <dvsync/plugin.h>

#include "url.h"

struct dataverse_settings {
    const char *url; /* https://org.crm.dynamics.com, without a path */
    const char *client_id;
    const char *client_secret;
    const char *tenant_id; /* NULL: from the challenge */
    const char *authority; /* https://login.microsoftonline.com or .../TENANT; NULL: from the challenge */
    const char *scope;     /* NULL: <url>/.default */
    const char *api_version;
    const char *ca_file; /* NULL: the system's */
    uint32_t page_size;
    uint32_t max_concurrent;
    uint32_t max_retries;
    int64_t overlap_seconds;
    int64_t timeout_seconds;
    struct dataverse_origin origin;           /* of url */
    struct dataverse_origin authority_origin; /* of authority, when it is set */
};

#define DATAVERSE_N_OPTIONS 13
extern const dvs_option dataverse_options[DATAVERSE_N_OPTIONS];

/* DVS_E_CONFIG, naming the setting. */
int32_t dataverse_settings_read(const dvs_settings *given, struct dataverse_settings *settings,
                                dvs_error *err);

#endif
