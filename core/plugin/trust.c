/* trust.c - see trust.h. */
#include "plugin/trust.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static int32_t check_owner(const char *path, const struct stat *st, dvs_error *err)
{
    const char *what = S_ISDIR(st->st_mode) ? "folder" : "file";

    if (st->st_uid != 0 && st->st_uid != geteuid())
        return dvsi_error_set(
            err, DVS_E_PERMISSION,
            "%s: the plugin's %s belongs to user %lu, who could change what is loaded; it must "
            "belong to root or to you",
            path, what, (unsigned long)st->st_uid);
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return dvsi_error_set(err, DVS_E_PERMISSION,
                              "%s: others can write the plugin's %s (mode %04o); run: chmod go-w '%s'", path,
                              what, (unsigned)(st->st_mode & 07777), path);
    return DVS_OK;
}

/* Every segment that will be mapped lies inside the file. */
static int is_whole(int fd, uint64_t size)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) segment;

    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof segment)
        return 0;
    for (unsigned i = 0; i < head.e_phnum; i++) {
        uint64_t at = head.e_phoff + (uint64_t)i * sizeof segment;
        if (head.e_phoff > size || at > size ||
            pread(fd, &segment, sizeof segment, (off_t)at) != (ssize_t)sizeof segment)
            return 0;
        if (segment.p_type == PT_LOAD &&
            (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
            return 0;
    }
    return 1;
}

int32_t dvsi_trust_folder_of(const char *path, dvs_error *err)
{
    const char *name = strrchr(path, '/');
    char *folder = name == NULL ? strdup(".") : strndup(path, name == path ? 1 : (size_t)(name - path));
    struct stat st;
    int32_t status;

    if (folder == NULL)
        return dvsi_error_no_memory(err);
    if (stat(folder, &st) != 0)
        status = dvsi_error_set(err, DVS_E_IO, "%s: %s", folder, strerror(errno));
    else
        status = check_owner(folder, &st, err);
    free(folder);
    return status;
}

int32_t dvsi_trust_file(const char *path, dvs_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    int32_t status;

    if (fd < 0)
        return dvsi_error_set(err,
                              errno == ENOENT   ? DVS_E_NOT_FOUND
                              : errno == EACCES ? DVS_E_PERMISSION
                                                : DVS_E_IO,
                              "%s: the plugin could not be opened: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0)
        status = dvsi_error_set(err, DVS_E_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = dvsi_error_set(err, DVS_E_IO, "%s: the plugin is no regular file", path);
    else
        status = check_owner(path, &st, err);
    if (status == DVS_OK)
        status = dvsi_trust_folder_of(path, err);
    if (status == DVS_OK && !is_whole(fd, (uint64_t)st.st_size))
        status =
            dvsi_error_set(err, DVS_E_CORRUPT,
                           "%s: the plugin is no shared object for this machine, or was cut off; install it "
                           "again",
                           path);
    close(fd);
    return status;
}
