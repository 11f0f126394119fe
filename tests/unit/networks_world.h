/* tests/unit/networks_world.h: a store whose zone 0 lists networks, and what readers see of them. */
#ifndef HEARSAY_TESTS_NETWORKS_WORLD_H
#define HEARSAY_TESTS_NETWORKS_WORLD_H

#include "store_world.h"

/* ---- a world in which zone 0 lists networks */

static inline void networks_policy(struct world *w)
{
    w->policy->zones[0].networks = true;
    w->policy->zones[0].network_addresses = 5;
}

static inline void create(struct world *w)
{
    world_prepare(w);
    networks_policy(w);
    world_open(w);
}

static uint64_t seqs[WORLD_MEMBERS];

static inline void say(struct world *w, size_t member, const char *subject, unsigned black, unsigned white, int64_t now_s)
{
    struct saying says = { subject, WORLD_SAY, black, white, now_s - now_s % 600 };
    struct store_batch b = world_batch(w, member, ++seqs[member], now_s, &says, 1);
    assert_int_equal(store_add_batches(w->store, &b, 1, now_s), 0);
    world_free_batch(&b);
    world_fold(w, now_s);
}

/* Members 1 and 2 speak of so many addresses of 192.0.2.0/24, from this last octet on. */
static inline void list_some(struct world *w, unsigned first, unsigned n, int64_t now_s)
{
    char text[32];
    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof text, "192.0.2.%u", first + i);
        say(w, 1, text, 8, 0, now_s);
        say(w, 2, text, 8, 0, now_s);
    }
}

static inline void except(struct world *w, enum exception_kind kind, const char *subject, int64_t now_s, int64_t until_s)
{
    struct exception e = { .kind = kind, .subject = world_subject(subject), .time_s = now_s, .until_s = until_s, .who = "test" };
    assert_int_equal(store_add_exception(w->store, &e, now_s), 0);
    world_fold(w, now_s);
}

/* ---- what readers see */

struct listed { char text[512]; };

static inline int add_network(void *ctx, const struct listing *l)
{
    struct listed *to = ctx;
    char subject[SUBJECT_TEXT_MAX];
    if (l->network)
        snprintf(to->text + strlen(to->text), sizeof to->text - strlen(to->text), "%s %u/%u/%u;", subject_text(&l->subject, subject), l->addresses, l->groups, l->innocents);
    return 0;
}

/* "PREFIX addresses/groups/innocents;" of each network. */
static inline void assert_networks(struct world *w, const char *want)
{
    struct listed got = { "" };
    struct reader *r = world_reader(w);
    assert_int_equal(reader_list(r, -1, 0, add_network, &got), 0);
    reader_close(&r);
    assert_string_equal(got.text, want);
}

static char problems[2048];

static inline void keep_problem(void *ctx, const char *text)
{
    size_t len = strlen(problems);
    (void)ctx;
    snprintf(problems + len, sizeof problems - len, "%s\n", text);
}

static inline uint64_t verify(struct world *w, int64_t now_s)
{
    struct reader *r = world_reader(w);
    uint64_t n = 0;
    problems[0] = '\0';
    assert_int_equal(reader_verify(r, now_s, keep_problem, NULL, NULL, &n), 0);
    reader_close(&r);
    return n;
}

static inline void assert_sound(struct world *w, int64_t now_s)
{
    if (verify(w, now_s) != 0)
        fail_msg("%s", problems);
}

#endif
