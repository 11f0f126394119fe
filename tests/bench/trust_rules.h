/* tests/bench/trust_rules.h: other rules than this project's over the same registers, for comparison: counting (2 or 3 members say black), pooled Beta
 * reputation (Josang and Ismail 2002), EigenTrust (Kamvar et al. 2003), and the own score without learned reliability.
 * The first four do not look at own evidence but for learning. */
#ifndef HEARSAY_TESTS_TRUST_RULES_H
#define HEARSAY_TESTS_TRUST_RULES_H

#include "store/score.h"
#include "tests/bench/trust_world.h"

enum rule { RULE_COUNT2, RULE_COUNT3, RULE_BETA, RULE_EIGEN, RULE_FIXED, RULE_STORE, RULE_N };
extern const char *const rule_names[RULE_N];

enum { RULES_HALF_LIFE_S = 3 * 86400, RULES_TTL_S = 30 * 86400 };

struct rules {
    const struct world *world;
    struct evidence *registers;    /* of each host, of each member: what he told last */
    struct evidence *own;          /* of each host: what this member saw itself */
    const uint32_t *tau_micro;     /* of each member */
    const int *group;
    bool *fixed_lists;             /* of each host: the own score has hysteresis */
    double *agree;                 /* EigenTrust's local trust: of each member, of each other */
    double *eigen;                 /* its global trust as of the last rules_day() */
    struct voice *voices;
};

void rules_create(struct rules *r, const struct world *w, const uint32_t *tau_micro, const int *group);
void rules_clear(struct rules *r);
struct evidence *rules_register(struct rules *r, uint32_t host, int member);
/* EigenTrust is reckoned anew. */
void rules_day(struct rules *r);
/* Own evidence of a host just came: who agreed with it? */
void rules_learn(struct rules *r, uint32_t host, int64_t now_s);
/* Which rules list the host; of RULE_STORE nothing is known here. */
void rules_judge(struct rules *r, uint32_t host, int64_t now_s, bool lists[RULE_N]);

#endif
