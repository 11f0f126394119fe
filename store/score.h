/* store/score.h: evidence, opinion, score and listing rule as pure integer arithmetic, equal to the bit on every machine.
 * Model: DESIGN section 7. Masses are in millionths (micro); trust, opinions and scores too: 1000000 is one fully trusted member who is quite sure.
 * Divisions truncate towards zero. Times are Unix seconds and are rounded down to the minute before use. */
#ifndef HEARSAY_STORE_SCORE_H
#define HEARSAY_STORE_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/policy.h"

enum {
    SCORE_R_MAX_MICRO = 32 * MICRO,    /* cap of a mass: bounds the life of any entry */
    SCORE_W_MICRO = 2 * MICRO,         /* weight of knowing nothing (Josang's W) */
    SCORE_KAPPA_WHITE = 2,             /* one good counts as two bad inside one opinion */
    SCORE_SELF_MICRO = 1500000,        /* weight of own evidence */
    SCORE_G_MIN_MICRO = 100000,        /* a group that says at least this much, before reliability makes it more or less, counts for the quorum */
    SCORE_VETO_MICRO = 1000000,        /* own white mass that vetoes, if the own opinion is negative */
    SCORE_BITS = 62, SCORE_BIT_OWN = 62,   /* the sign is left out: said_by is an integer of the database's */
    SCORE_SKEW_S = 300,                /* evidence dated further ahead counts as nothing until due */
    SCORE_SIDE_MICRO = 200000,         /* beyond this an opinion takes a side */
    SCORE_CONTEST_GROUPS = 2,          /* so many groups' good mail contests what others say against a subject ... */
    SCORE_CONTEST_MICRO = 1000000,     /* ... with this much trust times white reliability behind it, each group's at most its trust */
    SCORE_STAND_S = 86400,             /* then a black word counts once it has stood so long, */
    SCORE_DOUBT_MICRO = 500000,        /* and only of a member whose record in black is at least half a newcomer's, however useful it is here */
    SCORE_VOUCH_MICRO = 1000000        /* and good words of members whose white reliability is below this, a newcomer's, contest nothing */
};

struct evidence {
    int64_t black_micro, white_micro;
    int64_t time_s;                    /* at which the masses were these */
};

/* mass * 2^(-age/half_life), rounded down; 0 when older than ttl_s or dated more than SCORE_SKEW_S ahead. */
struct evidence evidence_at(struct evidence e, int64_t half_life_s, int64_t ttl_s, int64_t now_s);
/* Adds an event of this mass at now_s: decays, adds, caps. */
struct evidence evidence_add(struct evidence e, int64_t black_micro, int64_t white_micro,
                             int64_t half_life_s, int64_t ttl_s, int64_t now_s);
/* The same of a count below 2^62, without cap and time to live: micro * 2^(-age/half_life), rounded down. */
int64_t decayed_micro(int64_t micro, int64_t half_life_s, int64_t age_s);
/* Whether it speaks for white: so it stays as it fades. */
bool evidence_is_white(const struct evidence *e);
/* v = (r - k s) / (r + k s + W) in millionths, of masses already decayed. */
int64_t opinion_micro(int64_t black_micro, int64_t white_micro);

/* One member's register, as the score sees it. */
struct voice {
    unsigned group;                    /* index of the group, ascending in the array */
    unsigned bit;                      /* of the group in score.said_by */
    uint32_t trust_micro;              /* the most that the group weighs: its root's trust, or its cap (store/rights.h) */
    uint32_t weight_micro;             /* tau * rho of the member */
    uint32_t say_micro;                /* what it counts by for the quorum: its tau, however useful its reports are here; 0 when it is mute, weight 0 */
    struct evidence evidence;
    int64_t who;                       /* the caller's; not looked at */
    int64_t stands_s;                  /* where it is contested, a black word counts from then on; 0: at once, INT64_MAX: not as long as that is so. A white one contests from then on */
};

struct score {
    int64_t micro;                     /* S */
    unsigned groups;                   /* Q for black: groups, own evidence included, that say black */
    unsigned groups_white;             /* the same for white */
    int64_t own_micro;                 /* SCORE_SELF * v of own evidence; 0 without any */
    bool veto;                         /* own good mail capped S at 0 */
    uint64_t said_by;                  /* a bit for each group that says black, where it is contested for each whose word stands; two groups may share one where there are more than SCORE_BITS. SCORE_BIT_OWN: own evidence */
    bool may_rise;                     /* time alone may raise |S|: voices of both signs, or a veto */
    bool contested;                    /* others' good mail stands against it (score_lists()); */
    int64_t stood_micro;               /* S, ... */
    unsigned stood_groups;             /* ... and Q for black, of white words and of those black ones that stand against that */
};
/* stands_s of a word that is black (since_s: when it is known here to be so, 0 or less when it is not), or white; reliability_micro: its member's record in
 * black, not what usefulness leaves of it; or its reliability in white. */
int64_t score_stands_s(bool white, int64_t since_s, uint32_t reliability_micro);

/* Until when good mail of this mass vetoes: the minute at which less than SCORE_VETO_MICRO is left of it. 0: it does not, there is too little or as much bad. */
int64_t score_vetoes_until(const struct evidence *own, int64_t half_life_s, int64_t ttl_s, int64_t now_s);

/* `voices` sorted by group; own NULL or own evidence. Adding is order-free: any order of members within a group gives the same.
 * A group's sum is clamped to [-T/2, T]. */
struct score score_of(const struct voice *voices, size_t n, const struct evidence *own,
                      int64_t half_life_s, int64_t ttl_s, int64_t now_s);

/* The rule of one zone. A black zone lists what is contested only if what stands against that is enough, too: a member of good standing must have said it for a day.
 * Contested is what SCORE_CONTEST_GROUPS groups or more have had good mail of (v < -SCORE_SIDE_MICRO) by members of SCORE_VOUCH_MICRO or more, with SCORE_CONTEST_MICRO behind them, unless own evidence is
 * black (v > SCORE_SIDE_MICRO). So who turns against hosts that others get good mail from is found out before he is believed; S and Q themselves, and their bounds, are as
 * ever. `was`: listed until now (hysteresis: half the threshold, quorum less one). groups_n: how many groups this member trusts. */
bool score_lists(const struct policy_zone *z, const struct score *s, size_t groups_n, bool was);
unsigned score_quorum(const struct policy_zone *z, size_t groups_n);

/* The next minute after now_s at which score_lists() may say otherwise if nothing new is heard, INT64_MAX if never.
 * May be early, never late. At most ttl_s ahead. */
int64_t score_next_look(const struct policy_zone *z, const struct voice *voices, size_t n, const struct evidence *own,
                        size_t groups_n, bool listed, int64_t half_life_s, int64_t ttl_s, int64_t now_s);

#endif
