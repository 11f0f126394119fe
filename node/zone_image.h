/* node/zone_image.h: the listings of one zone in memory, sorted, so that a zone file is one pass over arrays.
 * Per category: IPv4 hosts as 4-byte integers, IPv4 prefixes, IPv6 prefixes, names. Sender hashes are not exported.
 * A million hosts take 4 to 4.5 MB. Belongs to one thread. */
#ifndef HEARSAY_NODE_ZONE_IMAGE_H
#define HEARSAY_NODE_ZONE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/subject.h"
#include "store/policy.h"

struct zone_image;

struct zone_image_prefix { uint64_t addr; uint8_t bits; };     /* IPv4: the low 32 bits; IPv6: the high 64 bits of the address */
struct zone_image_set {                                        /* borrowed views, sorted; valid until the next settle or clear */
    const uint32_t *hosts; size_t hosts_n;
    const struct zone_image_prefix *nets4; size_t nets4_n;     /* by address, the wider first */
    const struct zone_image_prefix *nets6; size_t nets6_n;
    const char *const *names; size_t names_n;                  /* in strcmp order */
};

struct zone_image *zone_image_create(void);                    /* NULL when memory is out */
void zone_image_destroy(struct zone_image **z);                /* takes NULL */
/* Notes one change; repeats and removals of what is not there are fine, and of several about one subject the last counts.
 * 0; -ENOMEM; -EINVAL for a category past POLICY_CATEGORIES_MAX. */
int zone_image_change(struct zone_image *z, int category, const struct subject *s, bool listed);
/* Sorts what was noted and merges it into the arrays: the few are sorted, the many are moved once. 0, -ENOMEM (then nothing is merged and
 * what was noted stays noted). Changes that come in order (as from the database) and go to the end cost no sort and no move: settle every few
 * ten thousand of them to bound what the notes take. */
int zone_image_settle(struct zone_image *z);
void zone_image_clear(struct zone_image *z);
struct zone_image_set zone_image_set(const struct zone_image *z, int category);    /* settled part; empty for an unknown category */
size_t zone_image_count(const struct zone_image *z);                               /* listings, of all categories */
bool zone_image_changed(const struct zone_image *z);           /* something was noted since the last settle */
size_t zone_image_noted(const struct zone_image *z);           /* how many notes wait for a settle */
/* A number that grows with every settle or clear that really changed the arrays: whether a zone must be written again. */
uint64_t zone_image_version(const struct zone_image *z);

#endif
