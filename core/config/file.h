/* file.h - a small file, whole. */
#ifndef DVSI_CONFIG_FILE_H
#define DVSI_CONFIG_FILE_H

#include <stddef.h>

#include "base/arena.h"
#include "config/problem.h"

#define DVSI_FILE_MOST                                                                                       \
    ((size_t)1024 * 1024) /* bytes of a project file or of a file that it takes a value from */

/* Reads at most DVSI_FILE_MOST bytes, put into `arena` with a NUL behind them. 0, or an errno: EFBIG for a
 * longer file, ENOMEM. */
int dvsi_file_read(dvsi_arena *arena, const char *path, const char **data, size_t *length);
/* Adds the problem that an errno of dvsi_file_read stands for. */
void dvsi_file_problem(dvsi_problems *problems, const char *path, int status);
/* The folder of a path, as a real path; NULL (see errno) when there is none or memory is out. */
const char *dvsi_file_directory(dvsi_arena *arena, const char *path);

#endif
