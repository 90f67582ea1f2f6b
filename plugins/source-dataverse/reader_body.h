/*
 * reader_body.h - the bytes of a read's pages: asked for, awaited, asked for once more when they broke off,
 * and the next page's asked for while this one is still parsed.
 */
#ifndef DATAVERSE_READER_BODY_H
#define DATAVERSE_READER_BODY_H

#include "reader.h"

/* Asks for page `number` at `url`. `ahead`: while another one is read. */
int32_t dataverse_body_open(dvs_reader *r, struct dataverse_pull *pull, const char *url, uint64_t number,
                            int ahead, dvs_error *err);
/* Makes ready for the first byte of a page. */
void dataverse_body_begin(dvs_reader *r);
/* Takes what has come, without waiting. */
void dataverse_body_fill(dvs_reader *r);
/* Waits for more bytes. DVS_OK also when the page begins anew. */
int32_t dataverse_body_receive(dvs_reader *r, dvs_error *err);
/* The page cannot be used, for this reason. DVS_OK: it begins anew. */
int32_t dataverse_body_unreadable(dvs_reader *r, const char *problem, dvs_error *err);
/* What a request's failure means for the read as a whole; `outcome`: DATAVERSE_FAIL and the like. */
int32_t dataverse_body_failed(dvs_reader *r, int32_t status, int outcome, dvs_error *err);
/* Gives up the page that was asked for ahead, if there is one. */
void dataverse_body_drop_ahead(dvs_reader *r);
/* Resolves a link of the page, malloc()ed; NULL with *err when it leads elsewhere. */
char *dataverse_body_next_url(dvs_reader *r, const char *link, dvs_error *err);

#endif
