/*
 * source.h - the parts of the dataverse source, from the handshake down.
 *
 *   plugin.c     handshake, the slots of the source
 *   settings.c   options
 *   reader.c     one read: pages, one after the other, checkpoints
 *   row.c        a record → a row for the host
 *   wide.c       records whose $select had to be cut: the other parts, by key
 *   fetch.c      records by key
 *   select.c     which columns, and the addresses that ask for them
 *   token.c      positions and cursors as bytes
 *   page.c       bytes of a page → records
 *   metadata.c   tables and columns
 *   api.c auth.c retry.c http.c url.c   authorised requests, tokens, failures, libcurl, addresses
 */
#ifndef DATAVERSE_SOURCE_H
#define DATAVERSE_SOURCE_H

#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>

#include "metadata.h"

/* Thread-safe. Made by open(), which connects to nothing. */
struct dvs_source {
    const dvs_host *host;
    struct dataverse_settings settings;
    struct dataverse_api api;
    struct dataverse_metadata *metadata;
    locale_t c_locale;
    atomic_uint readers; /* that are open: they share the memory for pages */
    pthread_mutex_t identity_lock;
    char organization_id[40]; /* "": not asked for yet */
};

/* WhoAmI: the organisation's id, asked for once. */
int32_t dataverse_source_organization(dvs_source *source, const char **id, dvs_error *err);

/* ---- row.c ---- */
/* DATAVERSE_TYPE_ → DVS_UUID ... */
uint32_t dataverse_kind(uint32_t type);

/* ---- reader.c ---- */
int32_t dataverse_reader_start(dvs_source *source, const dvs_read *read, dvs_reader **reader, dvs_error *err);
int32_t dataverse_reader_pull(dvs_reader *reader, dvs_out *out, dvs_error *err);
void dataverse_reader_stop(dvs_reader *reader);
void dataverse_reader_interrupt(dvs_reader *reader);

/* ---- fetch.c ---- */
int32_t dataverse_fetch(dvs_source *source, const dvs_fetch *fetch, dvs_out *out, dvs_error *err);

#endif
