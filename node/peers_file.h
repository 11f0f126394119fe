/* node/peers_file.h: edits peers.conf in place of a person: comments, order and what is not understood are kept.
 * Each call reads the file, changes one peer's block, checks that the result can be read, and renames it over; the mode stays. No file counts as an empty one.
 * Two edits at once come one after the other (a lock on the directory). On failure the file is as it was.
 * Names are compared in their canonical form. -EINVAL: a wrong argument, or a file that cannot be read as a configuration; else errno's codes. */
#ifndef HEARSAY_NODE_PEERS_FILE_H
#define HEARSAY_NODE_PEERS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends a block. `trust` as it will stand in the file, "0.8". 0, -EEXIST (this name or this root key is there), -EINVAL (card), -EIO ... */
int peers_file_add(const char *path, const char *name, const char *card, const char *trust, bool link);
/* An option of a peer's block, and its value as it will stand in the file; NULL: the option is taken out. */
struct peers_value {
    const char *name, *value;
};
enum { PEERS_VALUES_MAX = 8, PEERS_VALUE_MAX = 4096 };
/* As peers_file_add(), with more options in the block from the start. */
int peers_file_add_with(const char *path, const char *name, const char *card, const char *trust, bool link, const struct peers_value *values, size_t n);
/* Sets or takes out several options of a block in one edit. 0, -ENOENT, -EINVAL (not the value of such an option, or more than PEERS_VALUES_MAX). */
int peers_file_set(const char *path, const char *name, const struct peers_value *values, size_t n);
/* Changes the trust. 0, -ENOENT (no such peer). */
int peers_file_trust(const char *path, const char *name, const char *trust);
/* Takes the block out, with the comments in it; those around it stay. 0, -ENOENT. */
int peers_file_remove(const char *path, const char *name);
/* Sets how large a share its introduction lends, "0.25" or "0", and until when, "2027-02-23T10:00:00Z" or "never", as they will stand in the file. 0, -ENOENT. */
int peers_file_introduce(const char *path, const char *name, const char *share, const char *until);
/* Replaces the card of the peer with this name (a newer record of the same root key). 0, -ENOENT, -EINVAL (another key). */
int peers_file_card(const char *path, const char *name, const char *card);

#endif
