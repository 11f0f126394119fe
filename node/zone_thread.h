/* node/zone_thread.h: the thread that keeps the zone files: it loads the listings once, takes changes, and writes each zone at most once a second, only
 * when something changed, and again before $TIMESTAMP runs out (half of zone.expire_s before, so that rbldnsd's own interval fits in) or when the clock
 * was set back behind it. A failed write is a warning and a retry (1 s, doubling to 60 s); the old file goes on being served.
 * At the first write after a start it refuses to replace a file of 100 listings or more by an empty one, until an operator's export. */
#ifndef HEARSAY_NODE_ZONE_THREAD_H
#define HEARSAY_NODE_ZONE_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/config.h"
#include "store/store.h"

enum { ZONE_PENDING_MAX = 16 * 1024 * 1024 };      /* bytes of changes that wait, about a million; more: the zones are loaded again instead */

struct zone_thread;

/* Returns when the thread is ready; the listings are loaded right after. Takes copies. `why`, CONFIG_WHY_MAX bytes. 0, or what reader_open() says, -ENOMEM, -EAGAIN. */
int zone_thread_start(const struct config *c, struct zone_thread **out, char *why);
void zone_thread_stop(struct zone_thread **z);     /* writes what is pending, returns when it is gone; takes NULL. No other thread may use it any more */

/* From any thread. Copies the changes, which must be committed; never blocks for a write. When too much waits, the zones are loaded from the database again instead. */
void zone_thread_changes(struct zone_thread *z, const struct listing_change *changes, size_t n);
/* New configuration: zones are loaded again. To be called between store_set_policy() and the next store_fold(), on the thread of both: changes carry
 * indices of the policy in force, and what waits of the old one is dropped here. 0, -ENOMEM. */
int zone_thread_reload(struct zone_thread *z, const struct config *c);
/* Writes this zone now, waits for it. path NULL: its own file. 0 or the error of zone_file_write(), with why; -EAGAIN when the listings could not be loaded yet. */
int zone_thread_export(struct zone_thread *z, int zone, const char *path, char *why);

struct zone_thread_state {
    char name[NAME_MAX_BYTES + 1];
    char file[CONFIG_PATH_MAX];
    uint64_t listings, writes, failures;
    uint32_t serial;
    int64_t written_s, expires_s;                  /* 0: never */
    char problem[CONFIG_WHY_MAX];                  /* empty: none */
};
/* A snapshot, taken under a short lock. Returns how many of the `room` places were filled. */
size_t zone_thread_states(struct zone_thread *z, struct zone_thread_state *out, size_t room);

#endif
