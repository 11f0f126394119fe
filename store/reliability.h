/* store/reliability.h: how far experience bears out what a member says: counters that fade, the reliability that they give, what a case decides about those who
 * spoke of it, and the circuit breaker. Pure integer arithmetic, the same on every machine; the model as a document is SCORE.md.
 *
 * Units. Counts are in millionths: 1000000 is one subject in one category, of seen and unseen on one day. Reliability is relative to that of a newcomer, in millionths too: 1000000 (1.00) for one of
 * whom nothing is known, 2000000 at the most, 0 for one who was refuted too often. Divisions truncate. Times are Unix seconds. */
#ifndef HEARSAY_STORE_RELIABILITY_H
#define HEARSAY_STORE_RELIABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RELIABILITY_NEWCOMER_MICRO = 1000000,
    RELIABILITY_PRIOR_MICRO = 10000000,        /* K: how many judged subjects weigh as much as not knowing the member */
    RELIABILITY_KAPPA = 10,                    /* one refutation of a black report weighs as ten confirmations ... */
    RELIABILITY_KAPPA_WHITE = 2,               /* ... and of a white one as two; after class balancing */
    RELIABILITY_BALANCE_MAX = 20,
    RELIABILITY_DEAD_MICRO = 200000,           /* below 0.10 of 1, a fifth of a newcomer's: counts as nothing */
    RELIABILITY_PEERS_MICRO = 200000,          /* a refutation by good mail that others had */
    RELIABILITY_PEERS_TRUST_MICRO = 1000000,   /* so much of trust times white reliability must stand behind it, ... */
    RELIABILITY_PROVEN_MICRO = 1250000,        /* ... of members whose good words own good mail bore out: at least a quarter above a newcomer's */
    RELIABILITY_AGAIN_S = 7 * 86400,           /* one count of a member, subject and category in this time */
    RELIABILITY_TRIAL_S = 86400,               /* a day on which a report stands is one trial of how useful it is here ... */
    RELIABILITY_QUIET_S = 129600,              /* ... that ends well when own black evidence comes after a day and a half without any: longer than a night, so that who comes each evening is no news */
    RELIABILITY_COARSE_S = 600,                /* times of evidence leave members rounded to this */
    RELIABILITY_FADE_S = 30 * 86400,           /* half-life of confirmed, seen and unseen ... */
    RELIABILITY_FORGIVE_S = 90 * 86400         /* ... and of refuted ones */
};
#define RELIABILITY_COUNT_MAX_MICRO INT64_C(1000000000000)         /* caps: a million confirmed, seen or unseen, ... */
#define RELIABILITY_REFUTED_MAX_MICRO INT64_C(100000000000)        /* ... 100,000 refuted */

/* ---- counters and what they give */

struct counters {
    int64_t confirmed_micro, refuted_micro;                        /* c, f: of black reports; the record */
    int64_t seen_micro, unseen_micro;          /* s, u: of trials of black reports; how useful they are here (store/usual.h) */
    int64_t confirmed_white_micro, refuted_white_micro;            /* cw, fw */
    int64_t time_s;                            /* at which they were these; a full hour; 0: nothing was counted yet */
};

/* As they are at now_s: each halves every half-life, by full hours. A clock that was set back takes nothing away. */
void counters_at(struct counters *c, int64_t now_s);

struct reliability {
    uint32_t black_micro, white_micro;         /* what a word for that side weighs by */
    uint32_t record_micro;                     /* in black, before usefulness dampens it (store/usual.h): how often it was found right, and guilty */
};

/* Of counters as they are now, and how many subjects this member itself found black and white:
 *   balance = (black_n + 1) / (white_n + 1), between 1 and 20; for white the other way round
 *   black   = 2 (c + K/2) / (c + 10 balance f + K);  0 below 0.2
 *   white   = 2 (cw + K/2) / (cw + 2 balance' fw + K);  0 below 0.2
 * That is the member's record; black_micro is the same as record_micro. What it reports and nobody here saw has no part in that: it says how useful the member is here (store/usual.h), and never makes it mute. */
struct reliability reliability_of(const struct counters *c, int64_t own_black_n, int64_t own_white_n);

/* Of an introduced member no more counts than of the root of its group: else one that was refuted would go on by ever new puppets. */
static inline struct reliability reliability_least(struct reliability a, struct reliability b)
{
    return (struct reliability){ a.black_micro < b.black_micro ? a.black_micro : b.black_micro, a.white_micro < b.white_micro ? a.white_micro : b.white_micro,
                                 a.record_micro < b.record_micro ? a.record_micro : b.record_micro };
}

/* ---- what is said, as a side */

/* 1: black, opinion above 0.2; -1: white, below -0.2; 0: neither. Masses in any one unit, W as many of it as 2. */
int side_of_masses(int64_t black, int64_t white, int64_t w);

/* ---- a case: one subject in one category */

enum judged { JUDGED_NOT, JUDGED_PEERS = 2, JUDGED_OWN };          /* as stored; 1 was in use once */
enum finding { FOUND_NOTHING, FOUND_AGREED, FOUND_CONFIRMED, FOUND_REFUTED, FOUND_REFUTED_BY_PEERS };

/* One member's report. */
struct heard {
    size_t who;                                /* the caller's */
    unsigned group;
    uint32_t trust_micro, group_trust_micro;   /* tau, T */
    uint32_t white_micro;                      /* its white reliability */
    bool alive;                                /* its black reliability is above 0 */
    int64_t since_s;                           /* since when it is known here to say black; negative: white; 0: neither */
    int64_t time_s;                            /* of its evidence, as told, ... */
    int64_t told_black_micro, told_white_micro;        /* ... and its masses then */
    int64_t judged_s;                          /* when a count was last made of it ... */
    enum judged judged;                        /* ... and by what */
    enum finding found;                        /* out, by judge_reports() */
    uint32_t amount_micro;                     /* out: how much of a count */
    bool seen;                                 /* out, by try_reports() */
};

/* Own evidence. */
struct own_word {
    int64_t turned_s;                          /* since when it says black; negative: white; 0: neither, or there is none */
    int64_t time_s;                            /* of the last event */
};

/* Fills in what is found of each report, by these rules (DESIGN section 7, SCORE.md):
 * - An own event later than a report judges it. Own white refutes black, own black refutes white, whoever said so too.
 * - Own black confirms black, and own white white, if this member came to that side only after the report; black only if no more than `quorum` groups that have any
 *   reliability had said so by then: who copies earns no credit, and it is FOUND_AGREED.
 * - Where own evidence does not say black: good mail that max(2, quorum - 1) other groups have had since the report, with enough trust behind it, refutes black by a fifth;
 *   only that of members whose own word for good hosts has proven true counts, or who whitewashes would refute who reports.
 * - What was judged by own events is not judged again within seven days, unless it is refuted after a change of side. A refutation by own events completes one by others.
 * - Nor ever by an own event, or confirmed by a turn of own evidence, from before the last count by own events: that has judged it already.
 * Whoever applies a finding sets judged_s to now_s and judged to who judged it. */
void judge_reports(struct heard *all, size_t n, const struct own_word *own, unsigned quorum, int64_t now_s);

/* ---- how useful it is here: trials */

/* How evidence fades in the category. */
struct fading { int64_t half_life_s, ttl_s; };

/* A black report stands as long as its opinion, as it is by then, would count for the quorum: 0.1 or more. */
bool report_stands(const struct heard *h, const struct fading *how, int64_t at_s);
/* Own black evidence came at came_s, after RELIABILITY_QUIET_S or more without any: sets `seen` of the black reports that stood then, were known here before, and were news,
 * as judge_reports() asks of what it confirms. How many. */
size_t try_reports(struct heard *all, size_t n, const struct fading *how, int64_t came_s, unsigned quorum);
/* Once a day: a black report known here for a day or more stands, and for a day there was no own event about the subject; own_s: the last one, 0: none. */
bool is_unseen(const struct heard *h, const struct fading *how, int64_t own_s, int64_t now_s);

/* Who introduces answers: what is found of the members that it introduced is found of the root of their group as well, as once: the worst of it. `all`, n: what one
 * group said, root: its root, if it is among them. FOUND_NOTHING if it was judged itself. */
enum finding answers_for(const struct heard *all, size_t n, size_t root, bool *white, uint32_t *amount_micro);

/* Adds to counters that are as of now. `white`: the report was. */
void counters_add(struct counters *c, enum finding found, bool white, uint32_t amount_micro);
void counters_add_trial(struct counters *c, bool seen);

/* ---- the circuit breaker */

enum { BREAKER_HOURS = 24, BREAKER_REFUTED_MIN = 6, BREAKER_PARTS = 20, BREAKER_S = 7 * 86400, BREAKER_DOUBLINGS_MAX = 2, BREAKER_FORGET_S = 90 * 86400,
       BREAKER_BYTES = 4 * BREAKER_HOURS };

/* What own events judged in the last 24 hours, by the hour. More than 5 refuted subjects and more than a twentieth of the judged ones open it. */
struct breaker {
    int64_t hour;                              /* of the newest bucket, since 1970 */
    uint16_t judged[BREAKER_HOURS], refuted[BREAKER_HOURS];        /* bucket of an hour: hour mod 24; full: stays full */
    int64_t until_s;                           /* when the last opening ends or ended; 0: it never opened */
    unsigned times;                            /* openings in a row: each doubles the next one, up to four times the first */
};

/* Of the last 24 hours. */
void breaker_day(const struct breaker *b, int64_t now_s, unsigned *judged, unsigned *refuted);
void breaker_note(struct breaker *b, bool refuted, int64_t now_s);
/* Opens it if it must; true if it did. While it is open it does not open again, and afterwards it begins to count anew. */
bool breaker_check(struct breaker *b, int64_t now_s);
/* By the operator's hand: closes it and forgets what led to it. */
void breaker_reset(struct breaker *b);
static inline bool breaker_is_open(const struct breaker *b, int64_t now_s) { return b->until_s > now_s; }

/* The buckets as they are stored. */
void breaker_pack(const struct breaker *b, uint8_t out[BREAKER_BYTES]);
void breaker_unpack(struct breaker *b, const uint8_t in[BREAKER_BYTES]);

#endif
