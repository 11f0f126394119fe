/* node/zone_file.h: one zone as a file of rbldnsd's `combined` type. Sources: rbldnsd(8), RFC 5782 (test entries, sub-zones), RFC 6471.
 *
 * Per category one ip4set, one ip6trie and one dnset, each in the zone itself and in the category's sub-zone (malware.bl.a.example), so that the zone
 * answers for all categories and a sub-zone for its own. The test entries are in datasets of their own: one answer each at the zone, with the value
 * 127.0.0.2 (and, for each category's code, the address of that code), one with the category's code in each sub-zone. The first line is ours:
 *   # hearsay zone NAME serial N listings N lines N bytes N checksum HEX written UNIXTIME expires UNIXTIME
 * where lines, bytes and checksum are of all that follows it. */
#ifndef HEARSAY_NODE_ZONE_FILE_H
#define HEARSAY_NODE_ZONE_FILE_H

#include <stdint.h>

#include "node/config.h"
#include "node/zone_image.h"

enum { ZONE_SKEW_S = 300 };     /* $TIMESTAMP is dated back by this, since rbldnsd drops a zone of the future, and its host's clock may be a little slow */

struct zone_file_stat {
    uint32_t serial;            /* of $SOA */
    uint64_t listings;
    uint64_t skipped;           /* names that cannot be written, since DNS would take them for an address; only told by zone_file_write() */
    uint64_t bytes;
    int64_t written_s, expires_s;
};

/* Serial, listings and times of a file that is there, from its own header. 0, -ENOENT, -EINVAL (not written by us). */
int zone_file_stat(const char *path, struct zone_file_stat *out);

/* Reads a whole file and compares it with its header: 0, -EINVAL (not written by us), -EBADMSG (cut off or changed), -ENOENT, -EIO. */
int zone_file_verify(const char *path);

/* Writes the whole zone beside (PATH.new), flushes it, reads it back and compares count and checksum, moves the mtime on past the old one by whole
 * seconds, renames it over, flushes the directory. Mode 0644 whatever the umask. Serial: max(old + 1, now_s).
 * `path` NULL: z->file, whose parent directories are created if absent; "-": standard output, no rename. `out` may be NULL.
 * `why`, CONFIG_WHY_MAX bytes, on failure; the old file is then untouched. 0, -EACCES, -ENOSPC, -EIO (read back differs), -EBUSY (another process
 * writes this very file) ... */
int zone_file_write(const char *path, const struct policy *p, int zone, const struct config_zone *z, const char *member_name,
                    const struct zone_image *image, int64_t now_s, struct zone_file_stat *out, char *why);

#endif
