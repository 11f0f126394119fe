/* node/zone_file.h: one zone as a file of rbldnsd's `combined` type. Sources: rbldnsd(8), RFC 5782 (test entries, sub-zones), RFC 6471. */
#ifndef HEARSAY_NODE_ZONE_FILE_H
#define HEARSAY_NODE_ZONE_FILE_H

#include <stdint.h>

#include "node/config.h"
#include "node/zone_image.h"

struct zone_file_stat {
    uint32_t serial;            /* of $SOA */
    uint64_t listings;
    uint64_t bytes;
    int64_t written_s, expires_s;
};

/* Serial, listings and times of a file that is there, from its own header. 0, -ENOENT, -EINVAL (not written by us). */
int zone_file_stat(const char *path, struct zone_file_stat *out);

/* Writes the whole zone beside, flushes it, reads it back and compares count and checksum, moves the mtime on past the old one by whole seconds, renames it over, flushes the
 * directory. Mode 0644 whatever the umask; parent directory created if absent. Serial: max(old + 1, now_s). `path` NULL: z->file; "-": standard output, no rename.
 * `why`, CONFIG_WHY_MAX bytes, on failure; the old file is then untouched. 0, -EACCES, -ENOSPC, -EIO (read back differs) ... */
int zone_file_write(const char *path, const struct policy *p, int zone, const struct config_zone *z, const char *member_name,
                    const struct zone_image *image, int64_t now_s, struct zone_file_stat *out, char *why);

#endif
