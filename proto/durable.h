/* proto/durable.h: small files that must survive a power cut whole: keys and the member's own record. */
#ifndef HEARSAY_PROTO_DURABLE_H
#define HEARSAY_PROTO_DURABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Creates the file with this mode, whatever the umask; it and its directory are synced. Leaves no half-written file.
 * 0, -EEXIST (never overwrites), -ENOENT (no such directory), -ENOSPC, -EIO and the like. */
int durable_create(const char *path, const void *at, size_t len, mode_t mode);

/* What is there is a device, a pipe, or a link into /proc, as /dev/stdout is, wherever that leads: a file renamed over it, by root,
 * would take it from the whole host. */
bool durable_is_device(const char *path);

/* The same, in place of what is there: written beside as PATH.new, synced, renamed over. Readers see the old file or the new
 * one. Owner and group of the file stay, as far as who runs this may give it away. One writer per path; a PATH.new that a crash left is replaced. -EISDIR, -ENOTSUP: durable_is_device(). */
int durable_replace(const char *path, const void *at, size_t len, mode_t mode);

#endif
