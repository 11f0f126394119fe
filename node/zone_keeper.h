/* node/zone_keeper.h: what the zone thread does, without the thread: which zone is written when. It knows no clock: now_ms is monotonic, now_s Unix seconds.
 * Belongs to one thread. Rules: node/zone_thread.h. */
#ifndef HEARSAY_NODE_ZONE_KEEPER_H
#define HEARSAY_NODE_ZONE_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/config.h"
#include "node/zone_thread.h"
#include "store/reader.h"

/* ---- the zones' part of a configuration */
struct zone_settings;
struct zone_settings *zone_settings_of(const struct config *c);       /* a copy; NULL when memory is out */
void zone_settings_free(struct zone_settings *s);                     /* takes NULL */

/* ---- changes on their way: 4 bytes and the key each */
struct zone_changes { uint8_t *at; size_t used, room; };
/* False when it would pass ZONE_PENDING_MAX or memory is out; indices out of range are ignored. */
bool zone_changes_add(struct zone_changes *c, const struct listing_change *change);
void zone_changes_free(struct zone_changes *c);                       /* empties it */

/* ---- the keeper */
struct zone_keeper;

/* Takes the settings, also on failure. NULL when memory is out. Nothing is loaded yet. */
struct zone_keeper *zone_keeper_create(struct zone_settings *s);
void zone_keeper_destroy(struct zone_keeper **k);                     /* takes NULL */
/* Other settings, taken over; zones that stay keep their counts; all must be loaded again. 0; -ENOMEM: the old ones stay, `s` is freed. */
int zone_keeper_adopt(struct zone_keeper *k, struct zone_settings *s);
/* Forgets that anything is loaded: zone_keeper_load() is called for. */
void zone_keeper_unload(struct zone_keeper *k);
bool zone_keeper_loaded(const struct zone_keeper *k);
/* Reads all listings, if that is called for and not waiting after a failure (`now` of stopping: no waiting). */
void zone_keeper_load(struct zone_keeper *k, struct reader *r, int64_t now_ms, bool now);
/* Applies changes to what is loaded. While nothing is, they are dropped: a later load finds them in the database. */
void zone_keeper_apply(struct zone_keeper *k, const struct zone_changes *c);
/* Writes what is due, with `last` also what would be due later. Returns the monotonic time to call again. */
int64_t zone_keeper_write(struct zone_keeper *k, int64_t now_ms, int64_t now_s, bool last);
/* As zone_thread_export(). */
int zone_keeper_export(struct zone_keeper *k, int zone, const char *path, int64_t now_ms, int64_t now_s, char *why);
const struct policy *zone_keeper_policy(const struct zone_keeper *k);  /* of the settings in force; borrowed */
/* `out` has POLICY_ZONES_MAX places. Returns how many there are. */
size_t zone_keeper_states(struct zone_keeper *k, struct zone_thread_state *out);

#endif
