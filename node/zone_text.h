/* node/zone_text.h: what a zone file says, byte for byte, and whether a file still says it. zone_file.c puts it on disk. */
#ifndef HEARSAY_NODE_ZONE_TEXT_H
#define HEARSAY_NODE_ZONE_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/zone_file.h"

struct zone_text {
    const struct policy *policy;
    int index;                          /* of the zone in the policy */
    const struct config_zone *zone;
    const char *member_name;            /* name server and contact where the zone names none */
    const struct zone_image *image;     /* settled */
    int64_t now_s;
};

/* Writes the zone to an empty, seekable file. *stat: serial, written_s and expires_s go in; listings, skipped and bytes come out.
 * 0, -ENOMEM, or what write(2) says; then *stat is as it was. */
int zone_text_write(const struct zone_text *t, int fd, struct zone_file_stat *stat);

/* The first line; lines, bytes and checksum are of what follows its `len` bytes. */
struct zone_text_head {
    struct zone_file_stat stat;
    uint64_t lines, bytes, checksum;
    size_t len;
};
int zone_text_head(int fd, struct zone_text_head *out);          /* 0, -EINVAL (not such a file), -EIO */
int zone_text_verify(int fd);                                    /* reads it all: 0, -EINVAL, -EBADMSG (not what the first line says), -EIO, -ENOMEM */

/* pread() until `room` is full or the file ends. */
int zone_text_read(int fd, char *at, size_t room, off_t offset, size_t *len);

#endif
