/* api.h - the types behind dvsync.h. Shared by the files of this room only. */
#ifndef DVSI_API_API_H
#define DVSI_API_API_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/log.h"
#include "config/project.h"
#include "dvsync/dvsync.h"
#include "plugin/registry.h"

struct dvs_context {
    dvsi_registry *registry;
    dvsi_log log;
};

struct dvs_project {
    dvs_context *context;
    dvsi_project *project;
    atomic_int stop; /* DVS_STOP_ */
};

struct dvs_report {
    char *json;
    int exit_code;
};

/* An error for the caller when `err` may be NULL: &local, or err itself made ready. */
dvs_error *dvsi_api_error(dvs_error *err, dvs_error *local);
/* Takes the content of `json` (which is left empty) into a new report. */
int32_t dvsi_api_report(dvsi_buf *json, int exit_code, dvs_report **report, dvs_error *err);
/* Adds `"problems":[{severity,file,line,column,path,check,entity,source,field,message},...]`. */
void dvsi_api_problems(dvsi_buf *out, const dvsi_problems *problems);

#endif
