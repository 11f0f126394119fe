/* tests/unit/mesh_stations.h: three members with keys, databases and mesh threads, on loopback and in a private directory.
 * Each wait ends as soon as what is waited for is there. */
#ifndef HEARSAY_TESTS_MESH_STATIONS_H
#define HEARSAY_TESTS_MESH_STATIONS_H


#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "node/log.h"
#include "node/mesh_net.h"
#include "store/store.h"
#include "tests/identities.h"
#include "tests/unit/own_port.h"
#include "tests/unit/scratch.h"

enum { STATIONS = 3, WAIT_S = 120, EPOCH = 1000 };

/* One member: keys, configuration, database, and the mesh thread when it runs. */
struct station {
    struct identity *id;
    struct record record;
    uint8_t frame[RECORD_FRAME_MAX];
    size_t frame_len;
    struct config config;
    struct store *store;
    struct mesh_net *net;
    uint64_t seq;
    uint8_t previous[HASH_BYTES];
    pthread_mutex_t lock;              /* guards the store handle and what follows */
    pthread_cond_t changed;
    unsigned stored, records, settled, lists, keys, left;
};

static struct station stations[STATIONS];
static struct station *const a = &stations[0], *const b = &stations[1], *const c = &stations[2];
static char dir[] = "/tmp/hearsay-mesh-XXXXXX";

/* ---- what a daemon does for the mesh thread */

static inline int on_store(void *ctx, struct store_batch *name, uint8_t *frame)
{
    struct station *s = ctx;
    struct batch_name stored = { .epoch = name->epoch, .seq = name->seq };
    int rc;

    memcpy(stored.origin, name->origin, KEY_BYTES);
    memcpy(stored.hash, name->hash, HASH_BYTES);
    pthread_mutex_lock(&s->lock);
    rc = store_add_batches(s->store, name, 1, (int64_t)time(NULL));
    s->stored += rc == 0 && name->stored;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    free(frame);
    mesh_net_stored(s->net, &stored, rc);
    return 0;
}

static inline void on_record(void *ctx, const struct record *rec, struct bytes frame)
{
    struct station *s = ctx;

    pthread_mutex_lock(&s->lock);
    assert_int_equal(store_add_record(s->store, rec->root, rec->serial, frame), 0);
    s->records++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Kept and reckoned with at once. */
static inline void on_introductions(void *ctx, const uint8_t introducer[KEY_BYTES], struct bytes frame)
{
    struct station *s = ctx;
    bool more = true;
    int64_t wake_s;

    (void)introducer;
    pthread_mutex_lock(&s->lock);
    assert_int_equal(store_add_introductions(s->store, frame), 0);
    while (more)
        assert_int_equal(store_fold(s->store, 1000, (int64_t)time(NULL) + 5, &more, &wake_s), 0);
    s->lists++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    mesh_net_trusted(s->net);
}

static inline void on_settled(void *ctx, uint32_t above)
{
    struct station *s = ctx;

    (void)above;
    pthread_mutex_lock(&s->lock);
    s->settled++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static inline void on_keys_in_use(void *ctx, enum net_keys what)
{
    struct station *s = ctx;

    pthread_mutex_lock(&s->lock);
    s->keys++;
    s->left = what == NET_KEYS_LEFT;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* ---- stations */

static inline void seal_record(struct station *s)
{
    s->frame_len = sizeof s->frame;
    assert_int_equal(record_seal(&s->record, s->id, s->frame, &s->frame_len), 0);
}

static inline void make(struct station *s, const char *name)
{
    char why[STORE_WHY_MAX];

    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->id = test_identity((unsigned)(s - stations));
    identity_into_record(s->id, &s->record);
    snprintf(s->record.name, sizeof s->record.name, "%s", name);
    snprintf(s->record.publish, sizeof s->record.publish, "tcp://%s:%u", own_loopback(), own_port(own_loopback()));
    snprintf(s->record.repair, sizeof s->record.repair, "tcp://%s:%u", own_loopback(), own_port(own_loopback()));
    s->record.serial = 1;
    s->record.not_after_s = (int64_t)time(NULL) + 86400;
    seal_record(s);
    snprintf(s->config.name, sizeof s->config.name, "%s", name);
    snprintf(s->config.federation, sizeof s->config.federation, "test");
    snprintf(s->config.database, sizeof s->config.database, "%s/%s.db", dir, name);
    snprintf(s->config.mesh.publish, sizeof s->config.mesh.publish, "%s", s->record.publish);
    snprintf(s->config.mesh.repair, sizeof s->config.mesh.repair, "%s", s->record.repair);
    s->config.mesh.present = true;
    s->config.policy = policy_create();
    snprintf(s->config.policy->federation, sizeof s->config.policy->federation, "test");
    memcpy(s->config.policy->self, s->record.root, KEY_BYTES);
    policy_finish(s->config.policy);
    s->config.peers = calloc(STATIONS, sizeof *s->config.peers);
    if (store_open(s->config.database, true, &s->store, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(store_set_policy(s->store, s->config.policy, (int64_t)time(NULL)), 0);
    assert_int_equal(store_add_record(s->store, s->record.root, 1, (struct bytes){ s->frame, s->frame_len }), 0);
}

static inline void knows(struct station *s, const struct station *other, bool link)
{
    struct config_peer *p = &s->config.peers[s->config.peers_n++];

    snprintf(p->name, sizeof p->name, "%s", other->record.name);
    p->record = other->record;
    memcpy(p->frame, other->frame, other->frame_len);
    p->frame_len = other->frame_len;
    p->link = link;
}

static inline void start(struct station *s)
{
    const struct mesh_net_handlers h = { .ctx = s, .store = on_store, .record = on_record, .introductions = on_introductions,
                                         .settled = on_settled, .keys_in_use = on_keys_in_use };
    char why[CONFIG_WHY_MAX];

    if (mesh_net_start(&s->config, s->id, (struct bytes){ s->frame, s->frame_len }, &h, &s->net, why) != 0)
        fail_msg("%s", why);
}

static inline int begin(void **state)
{
    (void)state;
    log_open(getenv("MESH_LOG") != NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    strcpy(dir, "/tmp/hearsay-mesh-XXXXXX");
    assert_non_null(scratch_dir(dir));
    make(a, "a.example");
    make(b, "b.example");
    make(c, "c.example");
    return 0;
}

static inline int end(void **state)
{
    char command[64];

    (void)state;
    for (struct station *s = stations; s < stations + STATIONS; s++) {
        mesh_net_stop(&s->net);
        store_close(&s->store);
        identity_destroy(&s->id);
        policy_destroy(&s->config.policy);
        free(s->config.peers);
        pthread_mutex_destroy(&s->lock);
        pthread_cond_destroy(&s->changed);
    }
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* ---- batches */

/* A batch of one opinion, signed. The frame is the caller's. */
static inline uint8_t *sign(struct station *s, uint64_t seq, struct store_batch *name)
{
    static const uint8_t key[] = { SUBJECT_IP4, 192, 0, 2, 7, 32 };
    char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    struct opinion opinion = { .key = key, .key_len = sizeof key, .black = 5 };
    struct batch batch = { .epoch = EPOCH, .seq = seq, .record_serial = s->record.serial, .time_s = (int64_t)time(NULL),
                           .categories_n = 1, .categories = categories, .opinions_n = 1, .opinions = &opinion };
    uint8_t *frame = NULL;
    size_t len = 0;

    opinion.time_s = batch.time_s - batch.time_s % OPINION_TIME_STEP_S;
    memcpy(batch.origin, s->record.root, KEY_BYTES);
    memcpy(batch.previous, s->previous, HASH_BYTES);
    snprintf(batch.federation, sizeof batch.federation, "test");
    assert_int_equal(batch_seal(&batch, s->id, &frame, &len), 0);
    memcpy(s->previous, batch.hash, HASH_BYTES);
    *name = (struct store_batch){ .epoch = EPOCH, .seq = seq, .time_s = batch.time_s, .frame = { frame, len } };
    memcpy(name->origin, batch.origin, KEY_BYTES);
    memcpy(name->hash, batch.hash, HASH_BYTES);
    return frame;
}

/* Stored, and told if the mesh thread runs. */
static inline void tell(struct station *s)
{
    struct store_batch name;
    uint8_t *frame = sign(s, ++s->seq, &name);
    struct batch_name told = { .epoch = EPOCH, .seq = s->seq, .record_serial = s->record.serial };

    memcpy(told.origin, name.origin, KEY_BYTES);
    memcpy(told.hash, name.hash, HASH_BYTES);
    pthread_mutex_lock(&s->lock);
    assert_int_equal(store_add_batches(s->store, &name, 1, (int64_t)time(NULL)), 0);
    pthread_mutex_unlock(&s->lock);
    if (s->net != NULL)
        mesh_net_own(s->net, &told, frame, name.frame.len);
    else
        free(frame);
}

/* ---- waiting */

static inline unsigned read_count(struct station *s, const unsigned *count)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = *count;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static inline void wait_for_stored(struct station *s, unsigned n)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&s->lock);
    while (s->stored < n && rc == 0)
        rc = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    pthread_mutex_unlock(&s->lock);
    if (rc != 0)
        fail_msg("%s has %u batches, want %u", s->record.name, read_count(s, &s->stored), n);
}

static inline void wait_for_key_in_use(struct station *s)
{
    const struct timespec moment = { .tv_nsec = 20000000 };

    for (int i = 0; i < WAIT_S * 50; i++) {
        if (read_count(s, &s->keys) > 0)
            return;
        nanosleep(&moment, NULL);
    }
    fail_msg("%s: the new key never came into use", s->record.name);
}

typedef bool (*state_test)(const struct mesh_net_state *state);

/* `subscriber`, if not NULL: after a handshake that failed it sends its subscriptions again only when it is called into. */
static inline void wait_for_state_with(struct station *s, state_test test, const char *what, void *subscriber)
{
    const struct timespec moment = { .tv_nsec = 20000000 };

    for (int i = 0; i < WAIT_S * 50; i++) {
        struct mesh_net_state state;
        bool is;
        assert_int_equal(mesh_net_state(s->net, &state), 0);
        is = test(&state);
        free(state.peers);
        if (is)
            return;
        if (subscriber != NULL) {
            int events;
            size_t size = sizeof events;
            assert_int_equal(zmq_getsockopt(subscriber, ZMQ_EVENTS, &events, &size), 0);
        }
        nanosleep(&moment, NULL);
    }
    fail_msg("%s: never %s", s->record.name, what);
}

static inline void wait_for_state(struct station *s, state_test test, const char *what)
{
    wait_for_state_with(s, test, what, NULL);
}

/* The first neighbour with a link; all zero when there is none. */
static inline const struct mesh_net_peer *neighbour(const struct mesh_net_state *s)
{
    static const struct mesh_net_peer none;

    for (size_t i = 0; i < s->peers_n; i++) {
        if (s->peers[i].link)
            return &s->peers[i];
    }
    return &none;
}

static inline bool is_connected(const struct mesh_net_state *s)
{
    return neighbour(s)->connected;
}

static inline bool is_cut_off(const struct mesh_net_state *s)
{
    return !neighbour(s)->connected && strstr(neighbour(s)->problem, "refused") != NULL;
}

static inline bool is_alone(const struct mesh_net_state *s)
{
    return s->peers_n == 0;
}

static inline bool has_denied(const struct mesh_net_state *s)
{
    return s->zap_denied > 0;
}

static inline bool has_two_faults(const struct mesh_net_state *s)
{
    return s->counts[MESH_COUNT_BAD_SIGNATURE] == 1 && s->counts[MESH_COUNT_MALFORMED] == 1 && s->peers[0].bad == 2;
}

static inline bool is_level(const struct mesh_net_state *s)
{
    return s->peers_n > 0 && s->peers[0].head == 200 && s->peers[0].behind == 0;
}

#endif
