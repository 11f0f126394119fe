/* node/invites_file.h: the invites that this member has given out, in a file beside peers.conf (mode 0600). The command and the daemon both change it, one after the
 * other (a lock on the directory); each change is synced to disk before the call returns. One line an invite; public keys only, so that nobody can join with the file.
 * Used ones stay until they expire, so that a second use is told apart from a mistake, and one whose answer was lost may ask again. */
#ifndef HEARSAY_NODE_INVITES_FILE_H
#define HEARSAY_NODE_INVITES_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"

enum { INVITES_MAX = 64, INVITE_WORD_MAX = 12, INVITES_KEEP_S = 86400 };

struct invite_entry {
    uint8_t curve[KEY_BYTES];                    /* the one-time key, public half */
    int64_t expires_s;
    char trust[INVITE_WORD_MAX];                 /* as it will stand in peers.conf */
    char share[INVITE_WORD_MAX];                 /* of the introduction; "0": none */
    char name[NAME_MAX_BYTES + 1];               /* whom it is for; empty: anybody */
    int64_t used_s;                              /* 0: open */
    uint8_t root[KEY_BYTES];                     /* by whom */
};

/* All that are kept: those that expired more than INVITES_KEEP_S ago are left out. `out` has INVITES_MAX places. No file: none. 0, -EINVAL (not such a file), -errno. */
int invites_load(const char *path, int64_t now_s, struct invite_entry *out, size_t *n);
/* 0, -ENOSPC: INVITES_MAX are kept already. */
int invites_add(const char *path, int64_t now_s, const struct invite_entry *e);
/* Marks it as used by this member, for good. 0, also when the same member has used it before; -ENOENT, -ETIME (over), -EEXIST (used by another), -EACCES (meant for
 * another name). *out is filled in but for -ENOENT. */
int invites_use(const char *path, int64_t now_s, const uint8_t curve[KEY_BYTES], const uint8_t root[KEY_BYTES], const char *name, struct invite_entry *out);
/* Forgets one. 0, -ENOENT. */
int invites_remove(const char *path, int64_t now_s, const uint8_t curve[KEY_BYTES]);

#endif
