/* node/zone_thread.h: the thread that keeps the zone files: it loads the listings once, takes changes, and writes each zone at most once a second, only
 * when something changed, and again before $TIMESTAMP runs out. A failed write is a warning and a retry (1 s, doubling to 60 s); the old file goes on being served.
 * At the first write after a start it refuses to replace a file of 100 listings or more by an empty one, until an operator's export. */
#ifndef HEARSAY_NODE_ZONE_THREAD_H
#define HEARSAY_NODE_ZONE_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/config.h"
#include "store/store.h"

struct zone_thread;

/* Returns when the thread is ready. Takes copies. `why`, CONFIG_WHY_MAX bytes. */
int zone_thread_start(const struct config *c, struct zone_thread **out, char *why);
void zone_thread_stop(struct zone_thread **z);     /* writes what is pending, returns when it is gone; takes NULL */

/* From any thread. Copies the changes; never blocks for a write. When too much waits, the zones are loaded from the database again instead. */
void zone_thread_changes(struct zone_thread *z, const struct listing_change *changes, size_t n);
/* New configuration: zones are loaded again. */
int zone_thread_reload(struct zone_thread *z, const struct config *c);
/* Writes this zone now, waits for it. path NULL: its own file. 0 or the error of zone_file_write(), with why. */
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
