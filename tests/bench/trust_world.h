/* tests/bench/trust_world.h: a coalition of members, the hosts that send them mail, and insiders who lie about those. Who sees and who says what, hour by hour;
 * the same seed gives the same world. Member 0 is this one. After the honest members come the insiders, whom this member trusts as fully as all others, and then
 * the puppets that the first of them introduces. Hosts: first the bad ones, then the good ones. */
#ifndef HEARSAY_TESTS_TRUST_WORLD_H
#define HEARSAY_TESTS_TRUST_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WORLD_HONEST_MAX = 32,         /* circles are bit sets */
    WORLD_MIXED = 15,              /* of the good hosts: they send to everybody, and one message in twenty is spam */
    WORLD_VICTIMS_MAX = 60,        /* good hosts that are lied about */
    WORLD_TURNED = 15,             /* of those in ATTACK_TURNED: they do send spam, too, from day 10 on */
    WORLD_WANTED = 200,            /* bad hosts that are lied about */
    WORLD_LIE = 255                /* as a count: as much as can be said */
};

enum attack { ATTACK_NONE, ATTACK_SLANDER, ATTACK_RANDOM, ATTACK_CAMOUFLAGE, ATTACK_SPIES, ATTACK_OSCILLATE, ATTACK_FLOOD, ATTACK_WHITEWASH, ATTACK_WHITEALL, ATTACK_WHITEMASK,
              ATTACK_SLEEPERS, ATTACK_TURNED };

struct scenario {
    const char *name;              /* tests/bench/trust.py says what it is */
    enum attack attack;
    int insiders, puppets;
    bool unknown;                  /* the victims never send mail to this member */
};
extern const struct scenario scenarios[];
extern const size_t scenarios_n;

struct world_size { int honest, bad, good, days; };

/* Somebody sees a host, or an insider says that he did. */
struct sight {
    uint8_t hour;                  /* of the day */
    uint8_t black, white;          /* events of mass 1 each; both 0: nothing was reported */
    bool lie;                      /* the register is set to this, whatever was said before */
    uint16_t member;
    uint32_t host;
};

struct world {
    const struct scenario *scenario;
    struct world_size size;
    int hosts_n, members_n;
    uint64_t random;
    uint8_t *reach;                /* of each host: to how many members it sends on a day */
    uint32_t *circle;              /* of each good host: to whom it sends at all */
    uint32_t victims[WORLD_VICTIMS_MAX];
    size_t victims_n;
    struct sight *today;           /* by hour */
    size_t today_n, today_room;
    uint32_t *order;               /* hosts_n, for drawing */
};

void world_create(struct world *w, const struct scenario *s, struct world_size size, uint64_t seed);
void world_clear(struct world *w);
/* Fills `today`. Days are asked for in order, from 0. */
void world_day(struct world *w, int day);
static inline bool world_is_bad(const struct world *w, uint32_t host) { return host < (uint32_t)w->size.bad; }
/* Below `n`, from the world's own generator. */
uint32_t world_random(struct world *w, uint32_t n);

#endif
