/* tests/unit/mesh_fixture.h: a mesh core with a few members, and what its tests say to it and look for. */
#ifndef HEARSAY_TESTS_MESH_FIXTURE_H
#define HEARSAY_TESTS_MESH_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/mesh.h"
#include "proto/subject.h"
#include "tests/identities.h"
#include "tests/seed.h"

#ifndef FIXTURE_MEMBERS
#define FIXTURE_MEMBERS 4
#endif
enum { MEMBERS = FIXTURE_MEMBERS, FRAMES_MAX = 8192, EPOCH = 500000 };      /* member 0 is the core's own */
#define NOW_S INT64_C(1800000000)

struct person {
    struct identity *id;
    struct record record;
    uint8_t frame[RECORD_FRAME_MAX];
    size_t frame_len;
};
static struct person people[MEMBERS];

static struct mesh *mesh;
static struct mesh_update up;
static int64_t now_ms, skew_s;
static unsigned fixture_links;          /* that the core is to have; 0: it chooses none */

/* Signed frames live until the end of the test. */
static struct { uint8_t *at; size_t len; struct batch_name name; struct store_batch_ref ref; } frames[FRAMES_MAX];
static size_t frames_n;

/* What a batch says of itself; zeros are filled in by sign(). */
struct plan {
    unsigned author;
    uint32_t epoch;
    uint64_t seq;
    const char *federation;
    uint32_t floor_epoch;
    uint64_t floor_seq, serial;
    int64_t time_s;
    const uint8_t *previous;
    uint8_t salt;
};

static inline void seal(struct person *p)
{
    p->frame_len = sizeof p->frame;
    assert_int_equal(record_seal(&p->record, p->id, p->frame, &p->frame_len), 0);
}

static inline int people_make(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct person *p = &people[i];
        p->id = test_identity(i);
        identity_into_record(p->id, &p->record);
        snprintf(p->record.name, sizeof p->record.name, "m%u.example", i);
        p->record.serial = 10;
        p->record.not_after_s = NOW_S + 90 * 86400;
        seal(p);
    }
    return 0;
}

static inline int people_free(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MEMBERS; i++)
        identity_destroy(&people[i].id);
    return 0;
}

/* Its index in `frames`. */
static inline size_t sign(struct plan p)
{
    const uint8_t key[] = { SUBJECT_IP4, 192, 0, 2, p.salt, 32 };
    char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    struct opinion o = { .key = key, .key_len = sizeof key, .black = 5 };
    struct batch b = { .epoch = p.epoch != 0 ? p.epoch : EPOCH, .seq = p.seq, .floor_epoch = p.floor_epoch, .floor_seq = p.floor_seq,
                       .record_serial = p.serial != 0 ? p.serial : 10, .time_s = p.time_s != 0 ? p.time_s : NOW_S,
                       .categories_n = 1, .categories = categories, .opinions_n = 1, .opinions = &o };
    size_t i = frames_n++;

    assert_true(i < FRAMES_MAX);
    o.time_s = b.time_s - b.time_s % OPINION_TIME_STEP_S;
    memcpy(b.origin, people[p.author].record.root, KEY_BYTES);
    if (p.previous != NULL)
        memcpy(b.previous, p.previous, HASH_BYTES);
    snprintf(b.federation, sizeof b.federation, "%s", p.federation != NULL ? p.federation : "unit");
    assert_int_equal(batch_seal(&b, people[p.author].id, &frames[i].at, &frames[i].len), 0);
    assert_int_equal(batch_peek((struct bytes){ frames[i].at, frames[i].len }, &frames[i].name), 0);
    frames[i].ref = (struct store_batch_ref){ .name = frames[i].name, .floor_epoch = b.floor_epoch, .floor_seq = b.floor_seq, .time_s = b.time_s, .opinions = (uint32_t)b.opinions_n };
    return i;
}

static inline void step(struct mesh_event ev)
{
    ev.now_ms = now_ms;
    ev.now_s = NOW_S + now_ms / 1000 + skew_s;
    assert_int_equal(mesh_step(mesh, &ev, &up), 0);
}

static inline void tick_at(int64_t at_ms)
{
    now_ms = at_ms;
    step((struct mesh_event){ .kind = MESH_TICK });
}

static inline void hear(unsigned from, size_t frame)
{
    step((struct mesh_event){ .kind = MESH_FRAME, .neighbour = people[from].record.root, .bytes = { frames[frame].at, frames[frame].len } });
}

static inline void stored(size_t frame, bool fresh)
{
    step((struct mesh_event){ .kind = MESH_STORED, .name = &frames[frame].name, .stored = fresh });
}

static inline void link_to(unsigned neighbour, bool is_up)
{
    step((struct mesh_event){ .kind = is_up ? MESH_LINK_UP : MESH_LINK_DOWN, .neighbour = people[neighbour].record.root });
}

static inline void message(enum mesh_event_kind kind, unsigned from, const struct message *m)
{
    uint8_t *wire = NULL;
    size_t len = 0;

    assert_int_equal(message_encode(m, &wire, &len), 0);
    step((struct mesh_event){ .kind = kind, .neighbour = people[from].record.root, .bytes = { wire, len } });
    free(wire);
}

/* A Have of one log. */
static inline void have(enum mesh_event_kind kind, unsigned from, unsigned origin, uint64_t floor, uint64_t head, bool full)
{
    struct log_have log = { .epoch = EPOCH, .floor = floor, .head = head, .record_serial = 10 };
    struct message m = { .kind = MESSAGE_HAVE };

    memcpy(log.origin, people[origin].record.root, KEY_BYTES);
    m.u.have.full = full;
    m.u.have.logs_n = 1;
    m.u.have.logs = &log;
    message(kind, from, &m);
}

static inline void fetched(unsigned from, uint32_t id, long frame, bool last)
{
    struct message m = { .kind = MESSAGE_FETCHED };

    m.u.fetched.id = id;
    m.u.fetched.last = last;
    if (frame >= 0)
        m.u.fetched.frame = (struct bytes){ frames[frame].at, frames[frame].len };
    message(MESH_ANSWER, from, &m);
}

/* ---- looking at what is to be done */

static inline const struct mesh_action *action(enum mesh_action_kind kind)
{
    for (size_t i = 0; i < up.n; i++) {
        if (up.actions[i].kind == kind)
            return &up.actions[i];
    }
    return NULL;
}

static inline size_t count_actions(enum mesh_action_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < up.n; i++)
        n += up.actions[i].kind == kind;
    return n;
}

static inline bool is_about(const struct mesh_action *a, unsigned neighbour)
{
    return memcmp(a->neighbour, people[neighbour].record.root, KEY_BYTES) == 0;
}

/* The first message of that kind to send, decoded: message_close() it. False when there is none. */
static inline bool sent(enum mesh_action_kind kind, enum message_kind what, unsigned *to, struct message *out)
{
    for (size_t i = 0; i < up.n; i++) {
        if (up.actions[i].kind != kind)
            continue;
        assert_int_equal(message_decode(up.actions[i].frame, out), 0);
        for (unsigned who = 0; to != NULL && who < MEMBERS; who++) {
            if (is_about(&up.actions[i], who))
                *to = who;
        }
        if (out->kind == what)
            return true;
        message_close(out);
    }
    return false;
}

struct asked { bool any; unsigned who; uint32_t id, epoch; uint64_t from, to; };
static inline struct asked asked_for_range(void)
{
    struct asked a = { 0 };
    struct message m = { 0 };

    a.any = sent(MESH_DO_ASK, MESSAGE_FETCH, &a.who, &m);
    if (a.any) {
        a.id = m.u.fetch.id;
        a.epoch = m.u.fetch.epoch;
        a.from = m.u.fetch.from;
        a.to = m.u.fetch.to;
        message_close(&m);
    }
    return a;
}

/* ---- a test's beginning and end */

static inline void know(unsigned member, bool link)
{
    assert_int_equal(mesh_member_set(mesh, &people[member].record, (struct bytes){ people[member].frame, people[member].frame_len }, link), 0);
}

/* A core that knows nobody but itself. */
static inline int begin_alone(void **state)
{
    struct mesh_config c = { .federation = "unit", .seed = seeded(42), .ttl_s = 30 * 86400, .links = fixture_links };

    (void)state;
    now_ms = 1000000;
    skew_s = 0;
    memcpy(c.self, people[0].record.root, KEY_BYTES);
    assert_int_equal(mesh_create(&c, &mesh), 0);
    know(0, false);
    return 0;
}

/* Members 1 and 2 are neighbours with working links, member 3 is known and reached over them. */
static inline int begin(void **state)
{
    begin_alone(state);
    know(1, true);
    know(2, true);
    know(3, false);
    tick_at(now_ms);
    link_to(1, true);
    link_to(2, true);
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    mesh_destroy(&mesh);
    assert_null(mesh);
    for (size_t i = 0; i < frames_n; i++)
        free(frames[i].at);
    frames_n = 0;
    return 0;
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define CLAIM_ALONE(name) cmocka_unit_test_setup_teardown(name, begin_alone, end)

#endif
