/* store/voices.h: private. What everybody says about one (subject, category), as the score reads it, and where it is listed;
 * the same code for the writer, the readers and the check of both. */
#ifndef HEARSAY_STORE_VOICES_H
#define HEARSAY_STORE_VOICES_H

#include <stddef.h>

#include "proto/subject.h"
#include "store/db.h"
#include "store/names.h"
#include "store/score.h"

enum { VOICES_ROWS_MAX = 2 * (POLICY_ZONES_MAX + 1), VOICES_LOOKS_AHEAD = 256 };

/* A row of `listing`. zone_id 0: no zone lists the key, but one may come to by time alone. */
struct listing_row {
    int64_t zone_id, since_s, until_s, due_s, minute_s, score_micro, groups;
    uint64_t said_by;              /* as score.said_by at that minute */
    int zone;                      /* policy index; -1: none of the policy's */
};

/* The last looks ahead for keys of which a single voice speaks: time and masses are told in coarse steps, and so a batch asks the
 * same again and again. Only spares the search. */
enum { VOICES_LOOKS = 64 };
struct known_look {
    struct voice voice;
    int64_t half_life_s, ttl_s, now_s;
    int64_t threshold_micro;       /* of the zone, as the next three */
    unsigned quorum;
    bool white, own;
    bool listed;
    size_t groups_n;
    int64_t look_s;                /* the answer; 0: free */
};

/* What everybody says, and what the writer learns by it. */
struct voices {
    struct known_look *looks;      /* VOICES_LOOKS, or NULL */
    struct voice *all;
    size_t n, room;
    struct heard *heard;           /* what members say of which something can be learned, in the order of the rows; who: the member's number */
    size_t heard_n, heard_room, black_n, white_n;
    struct own_word own_word;
    struct evidence own;
    bool has_own;
    struct evidence vouch;         /* own evidence in the default category, where this member has seen no harm in the topic's; all zero: none */
    struct listing_row rows[VOICES_ROWS_MAX];
    size_t rows_n;
    bool unsorted;                 /* groups did not come in order */
    bool stranger;                 /* an opinion of a member whom the names do not know yet was left out */
};

/* One (subject, category): the key is borrowed. category: the database's number. */
struct topic {
    const uint8_t *key;
    uint8_t len;
    uint16_t category;
    int64_t came_s;                    /* when own black evidence came after a while without any, if that is worked in just now; else 0 */
};

/* subject, then category: the order of the tables. */
int topic_compare(const void *a, const void *b);
bool topic_equal(const struct topic *a, const struct topic *b);

/* The masses that a told pair of steps stands for. */
struct evidence evidence_of_steps(unsigned black, unsigned white, int64_t time_s);

/* Only trusted members' opinions; own evidence if there is any. `v` is reused from call to call. */
int voices_load(struct voices *v, struct db *d, struct names *n, const struct policy *p, const struct topic *t);
void voices_clear(struct voices *v);
/* The row of a zone by its number in the database, or NULL. */
const struct listing_row *voices_row(const struct voices *v, int64_t zone_id);

/* Own good mail in the default category, the one of reports that name none, speaks for the sender as such. Where it would veto there, and this member itself has seen no
 * harm in the topic's category, no black zone lists the topic by what others say. The minute at which that ends; 0: it is not so. */
int64_t voices_vouched_until(const struct voices *v, const struct policy *p, int64_t now_s);

struct score voices_score(const struct voices *v, const struct policy *p, int category, int64_t now_s);
int64_t voices_next_look(struct voices *v, const struct policy *p, int category, int zone, size_t groups_n,
                         bool listed, int64_t now_s);
/* The minute in which time alone ends the zone's listing, from_s if nothing upholds it then. Where both sides speak, the next look comes long before: this goes
 * from one to the next, VOICES_LOOKS_AHEAD at the most and as long as *words_left lasts, of which each look takes one for each voice, and gives the last one then. */
int64_t voices_falls_off(struct voices *v, const struct policy *p, int category, int zone, size_t groups_n, int64_t from_s, size_t *words_left);

#endif
