/* network.c - file systems on which SQLite's locks and shared memory cannot be trusted. */
#include "sink_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define FUSE_NUMBER 0x65735546ul

typedef struct network_number {
    unsigned long number;
    const char *name;
} network_number;

static const network_number numbers[] = {
    {0x6969, "NFS"},          {0x517b, "SMB"},          {0xff534d42ul, "CIFS"},   {0xfe534d42ul, "SMB2"},
    {0x564c, "NCP"},          {0x5346414ful, "AFS"},    {0x6b414653ul, "AFS"},    {0x73757245ul, "Coda"},
    {0x01021997ul, "9p"},     {0x00c36400ul, "Ceph"},   {0x0bd00bd0ul, "Lustre"}, {0x47504653ul, "GPFS"},
    {0x19830326ul, "BeeGFS"}, {0x7461636ful, "OCFS2"},  {0x01161970ul, "GFS2"},   {0xaad7aaeaul, "PanFS"},
    {0x786f4256ul, "vboxsf"}, {0xbacbacbcul, "vmhgfs"},
};

/* FUSE has one number for everything; what it is stands in /proc/self/mountinfo. */
static const char *const types[] = {
    "fuse.sshfs",      "fuse.glusterfs",
    "fuse.rclone",     "fuse.s3fs",
    "fuse.goofys",     "fuse.gcsfuse",
    "fuse.blobfuse",   "fuse.blobfuse2",
    "fuse.mount-s3",   "fuse.juicefs",
    "fuse.ceph-fuse",  "fuse.curlftpfs",
    "fuse.davfs",      "fuse.davfs2",
    "fuse.smbnetfs",   "fuse.nfs",
    "fuse.moosefs",    "fuse.mfs",
    "fuse.seaweedfs",  "fuse.vmhgfs-fuse",
    "fuse.gvfsd-fuse", "fuse.google-drive-ocamlfuse",
    "fuse.afp",        "fuse.beegfs",
};

const char *sink_sqlite_network_number(unsigned long f_type)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].number == f_type)
            return numbers[i].name;
    }
    return NULL;
}

const char *sink_sqlite_network_type(const char *type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i], type) == 0)
            return types[i];
    }
    return NULL;
}

/* "36 35 0:33 / /mnt rw,noatime shared:1 - fuse.sshfs host: rw": the type behind the lone "-". */
static const char *fuse_type(dev_t device)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    const char *found = NULL;
    char *line = NULL;
    size_t size = 0;
    if (file == NULL)
        return NULL;
    while (found == NULL && getline(&line, &size, file) > 0) {
        unsigned major_number, minor_number;
        char type[64];
        const char *rest = strstr(line, " - ");
        if (sscanf(line, "%*d %*d %u:%u", &major_number, &minor_number) == 2 && rest != NULL &&
            makedev(major_number, minor_number) == device && sscanf(rest, " - %63s", type) == 1)
            found = sink_sqlite_network_type(type);
    }
    free(line);
    fclose(file);
    return found;
}

const char *sink_sqlite_network(const char *path)
{
    struct statfs system;
    struct stat file;
    if (statfs(path, &system) != 0)
        return NULL;
    if (((unsigned long)system.f_type & 0xfffffffful) == FUSE_NUMBER)
        return stat(path, &file) == 0 ? fuse_type(file.st_dev) : NULL;
    return sink_sqlite_network_number((unsigned long)system.f_type & 0xfffffffful);
}
