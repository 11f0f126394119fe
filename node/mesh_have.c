/* Have-vectors, records, and what neighbours ask for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

/* ---- telling what is here */

struct vector {
    struct mesh *mesh;
    struct member *to;
    enum mesh_action_kind kind;
    bool full;
    bool salted;                       /* there is a sum in it */
    uint8_t salt[SALT_BYTES];
    struct log_have *logs;             /* HAVE_LOGS_MAX places */
    size_t n;
};

static void vector_send(struct vector *v, bool answer_wanted)
{
    struct message msg = { .kind = MESSAGE_HAVE };

    msg.u.have.full = v->full;
    msg.u.have.answer_wanted = answer_wanted;
    msg.u.have.has_salt = v->salted;
    memcpy(msg.u.have.salt, v->salt, SALT_BYTES);
    msg.u.have.subscribers = v->mesh->subscribers;
    msg.u.have.logs_n = v->n;
    msg.u.have.logs = v->logs;
    update_message(v->mesh, v->kind, v->to, &msg);
    v->n = 0;
    v->salted = false;
}

static void tell_record(struct log_have *l, const struct member *o)
{
    l->record_serial = o->keys_n > 0 ? o->record.serial : 0;
    memcpy(l->introductions, o->introduce.stamp, STAMP_BYTES);
}

static struct log_have *vector_add(struct vector *v, const struct member *o)
{
    struct log_have *l;

    if (v->n == HAVE_LOGS_MAX)
        vector_send(v, false);
    l = &v->logs[v->n++];
    memset(l, 0, sizeof *l);
    memcpy(l->origin, o->root, KEY_BYTES);
    if (v->mesh->members_n >= MESH_LARGE_MIN)
        l->is_short = member_part_is_enough(v->mesh, o);
    else
        tell_record(l, o);
    return l;
}

/* Also of an epoch of which nothing lives. */
static void tell_frozen(struct log_have *l, const struct frozen *f)
{
    if (f == NULL)
        return;
    l->epoch = f->epoch;
    l->frozen = f->seq;
    freeze_name(f, l->frozen_hash);
}

/* It has told, or relayed to us, all that we could tell it of this log: that saves most of a vector. The answer to a full question leaves out only what was
 * told in that very question: who asks may have lost its memory since it said other things. */
static bool knows(const struct vector *v, const struct member *o, struct epoch_log *e)
{
    const struct claim *c = claim_find(o, v->to, e->epoch);
    uint8_t hash[HEAD_HASH_BYTES];

    if (c == NULL || (v->full && c->told_in != v->to->link.question) || freeze_of(o, e->epoch) != NULL || e->crafted || c->at_odds == e->version)
        return false;
    if (c->told != e->head || c->floor > log_floor(o, e) || memcmp(c->digest, e->digest, HEAD_HASH_BYTES) != 0)
        return false;
    log_head_hash(e, e->head, hash);
    return memcmp(hash, c->head_hash, HEAD_HASH_BYTES) == 0;
}

/* It takes this origin's batches from here, and was sent what has changed: should some of it be lost, those tell it from whom it does not take them. */
static bool was_sent(const struct vector *v, const struct member *o, const struct epoch_log *e)
{
    return !v->full && eager_has_sent(v->mesh, e, v->to) && freeze_of(o, e->epoch) == NULL && !e->crafted;
}

/* It has other batches than are here, though the digests agree. */
static bool is_at_odds(const struct vector *v, const struct member *o, const struct epoch_log *e)
{
    const struct claim *c = claim_find(o, v->to, e->epoch);

    return c != NULL && c->at_odds == e->version;
}

/* In a large coalition a part of the logs: which, the salt decides. */
static bool its_turn(const struct vector *v, const struct member *o)
{
    size_t share = v->mesh->members_n / SUM_MEMBERS + 1;

    return v->full && v->kind == MESH_DO_ASK && (o->root[KEY_BYTES - 1] ^ v->salt[SALT_BYTES - 1]) % share == 0;
}

static void vector_add_log(struct vector *v, const struct member *o, struct epoch_log *e)
{
    struct log_have *l = vector_add(v, o);

    l->epoch = e->epoch;
    l->floor = log_floor(o, e);
    l->head = e->head;
    log_head_hash(e, e->head, l->head_hash);
    l->has_digest = true;
    memcpy(l->digest, e->digest, HEAD_HASH_BYTES);
    l->has_sum = e->crafted || is_at_odds(v, o, e) || its_turn(v, o);
    v->salted |= l->has_sum;
    if (l->has_sum)
        compare_sum(e, v->salt, l->sum);
    tell_frozen(l, freeze_of(o, e->epoch));
}

/* Its record and its introductions are told with the first of its logs, or alone; in a large coalition not again while they stay the same. */
static void vector_add_member(struct vector *v, const struct member *o)
{
    uint64_t told = v->full ? 0 : v->to->link.told_version;
    bool is_question = v->full && v->kind == MESH_DO_ASK;
    bool news = o->record_version > told || o->introduce.version > told;
    size_t before = v->n;
    struct log_have *first;

    if (o->changed <= told)
        return;                        /* of hardly any has something changed */
    for (size_t i = 0; i < o->epochs_n; i++) {
        struct epoch_log *e = o->epochs[i];
        if (e->version <= told)
            continue;
        if (e->head != 0 && (is_question || (!was_sent(v, o, e) && !knows(v, o, e))))
            vector_add_log(v, o, e);
        eager_told(e, v->to);
    }
    for (size_t i = 0; i < o->frozen_n; i++) {
        const struct frozen *f = &o->frozen[i];
        const struct epoch_log *e = log_epoch(o, f->epoch);
        if (f->version <= told || (e != NULL && e->head != 0))
            continue;
        tell_frozen(vector_add(v, o), f);
    }
    if (!news)
        return;
    first = v->n > before ? &v->logs[before] : vector_add(v, o);
    tell_record(first, o);
}

/* What is here of the neighbour's own log comes first: at its start it waits for that. */
void have_send(struct mesh *m, struct member *to, enum mesh_action_kind kind, bool full, bool answer_wanted)
{
    struct vector v = { .mesh = m, .to = to, .kind = kind, .full = full };

    compare_salt(m, v.salt);
    v.logs = calloc(HAVE_LOGS_MAX, sizeof *v.logs);
    if (v.logs == NULL) {
        m->starved = true;
        return;
    }
    vector_add_member(&v, to);
    for (size_t i = 0; i < m->members_n; i++) {
        if (m->members[i] != to)
            vector_add_member(&v, m->members[i]);
    }
    vector_send(&v, answer_wanted);
    free(v.logs);
    to->link.told_version = m->version;
}

void have_link_up(struct mesh *m, struct member *o)
{
    o->link.answered_ms = m->now_ms;
    o->link.have_at_ms = m->now_ms + MESH_HAVE_MS;
    if (o->link.have_at_ms < m->have_at_ms)
        m->have_at_ms = o->link.have_at_ms;
    have_send(m, o, MESH_DO_ASK, true, true);
}

/* A neighbour that speaks to us on a connection of its own need not answer each time, but now and then, to show that ours works. */
static bool answer_is_wanted(const struct mesh *m, const struct link *l)
{
    return l->asked_ms < 0 || m->now_ms - l->asked_ms > 2 * MESH_HAVE_MS || m->now_ms - l->answered_ms >= ANSWER_WANTED_MS - MESH_HAVE_MS;
}

/* The larger the coalition, the more a question costs, and the rarer it is; but not with so few links that what one of them loses hardly anybody else tells. */
static int64_t full_wait_ms(const struct mesh *m)
{
    unsigned up = 0;

    for (size_t i = 0; i < MESH_LINKS_MAX; i++)
        up += m->links[i] != NULL && m->links[i]->link.up;
    return up <= FULL_LINKS_FEW ? MESH_FULL_HAVE_MS : MESH_FULL_HAVE_MS * (int64_t)(m->members_n / SUM_MEMBERS + 1);
}

/* What was put off while there were more may be due sooner. */
void have_link_down(struct mesh *m)
{
    int64_t at_ms = m->now_ms + full_wait_ms(m);

    m->full_have_at_ms = m->full_have_at_ms < at_ms ? m->full_have_at_ms : at_ms;
}

static void full_tick(struct mesh *m)
{
    if (m->now_ms < m->full_have_at_ms)
        return;
    m->full_have_at_ms = m->now_ms + full_wait_ms(m);
    for (size_t i = 0; i < MESH_LINKS_MAX; i++) {
        struct member *o = m->links[m->full_have_turn++ % MESH_LINKS_MAX];
        if (o == NULL || !o->link.up)
            continue;
        have_send(m, o, MESH_DO_ASK, true, true);
        o->link.have_at_ms = m->now_ms + MESH_HAVE_MS;
        return;
    }
}

/* Whoever makes members come and go all the time must not make this expensive. */
static bool takes_full(const struct mesh *m, struct link *l)
{
    const int64_t most = INT64_C(1000) * FULL_WANTED_BURST, passed_ms = m->now_ms - l->full_milli_ms;

    if (passed_ms > 0) {
        int64_t grown = passed_ms > FULL_WANTED_BURST * FULL_WANTED_MS ? most : l->full_milli + passed_ms * 1000 / FULL_WANTED_MS;
        l->full_milli = grown < most ? grown : most;
        l->full_milli_ms = m->now_ms;
    }
    if (!l->full_wanted || l->full_milli < 1000)
        return false;
    l->full_wanted = false;
    l->full_milli -= 1000;
    return true;
}

void have_soon(struct mesh *m)
{
    int64_t soon_ms = m->now_ms + HAVE_SOON_MS;

    for (size_t i = 0; i < m->members_n; i++) {
        struct link *l = &m->members[i]->link;
        if (!l->up)
            continue;
        l->have_at_ms = l->have_at_ms < soon_ms ? l->have_at_ms : soon_ms;
        m->have_at_ms = m->have_at_ms < soon_ms ? m->have_at_ms : soon_ms;
    }
}

void have_tick(struct mesh *m)
{
    full_tick(m);
    if (m->now_ms < m->have_at_ms)
        return;
    m->have_at_ms = NEVER_MS;
    introduce_tick(m);
    for (size_t i = 0; i < MESH_LINKS_MAX; i++) {
        struct member *o = m->links[i];
        if (o == NULL || !o->link.up)
            continue;
        if (m->now_ms >= o->link.have_at_ms) {
            bool full = takes_full(m, &o->link);
            have_send(m, o, MESH_DO_ASK, full, full || answer_is_wanted(m, &o->link));
            o->link.have_at_ms = m->now_ms + MESH_HAVE_MS;
        }
        if (o->link.have_at_ms < m->have_at_ms)
            m->have_at_ms = o->link.have_at_ms;
    }
}

/* ---- hearing what neighbours have */

static bool epoch_is_ahead(const struct mesh *m, uint32_t epoch)
{
    return epoch > (m->now_s - EPOCH_START_S) / 60 + EPOCH_AHEAD_MIN;
}

/* question: the number of the full one that this belongs to; 0: to none. */
static void hear_have(struct mesh *m, struct member *from, const struct message *msg, uint64_t question)
{
    if (msg->u.have.full)
        from->link.full_ms = m->now_ms;
    from->link.subscribers = msg->u.have.subscribers;
    for (size_t i = 0; i < msg->u.have.logs_n; i++) {
        const struct log_have *l = &msg->u.have.logs[i];
        struct member *o = l->is_short ? member_by_part(m, l->origin) : mesh_member(m, l->origin);
        if (o == NULL)
            continue;
        if (o == m->self && l->record_serial > from->link.own_serial)
            from->link.own_serial = l->record_serial;
        if (epoch_is_ahead(m, l->epoch))
            mesh_count(m, MESH_COUNT_FUTURE);
        else {
            claim_set(m, o, from, l, question);
            compare_hear(m, o, from, l, msg->u.have.salt);
            freeze_hear(m, o, from, l);
        }
        if (l->record_serial > (o->keys_n > 0 ? o->record.serial : 0))
            have_want_record(m, o, from, l->record_serial);
        introduce_hear(m, o, from, l->introductions);
    }
}

/* ---- records */

void have_want_record(struct mesh *m, struct member *o, struct member *from, uint64_t serial)
{
    struct message msg = { .kind = MESSAGE_RECORD_WANT };

    if (!from->link.up || m->now_ms - o->record_asked_ms < RECORD_ASK_MS)
        return;
    o->record_asked_ms = m->now_ms;
    o->record_asked = from;
    memcpy(msg.u.record_want.origin, o->root, KEY_BYTES);
    msg.u.record_want.serial_above = serial > 0 ? serial - 1 : 0;
    update_message(m, MESH_DO_ASK, from, &msg);
}

static void announce_record(struct mesh *m, const struct member *from, const struct record *rec, struct bytes frame)
{
    struct record *copy = malloc(sizeof *copy + frame.len);
    struct mesh_action *a;

    if (copy == NULL) {
        m->starved = true;
        return;
    }
    *copy = *rec;
    memcpy(copy + 1, frame.at, frame.len);
    if (!update_keep(m, copy))
        return;
    a = update_about(m, MESH_DO_RECORD, from);
    if (a == NULL)
        return;
    a->record = copy;
    a->frame = (struct bytes){ (const uint8_t *)(copy + 1), frame.len };
}

/* A member that signs new records without end would fill the disks of all. */
static bool may_renew(struct mesh *m, struct member *o)
{
    const int64_t most = INT64_C(1000) * MESH_KEYS_MAX, passed_ms = m->now_ms - o->records_ms;

    if (passed_ms > 0) {
        int64_t grown = o->records_milli + passed_ms * RECORDS_PER_HOUR / 3600;
        o->records_milli = grown < most ? grown : most;
        o->records_ms = m->now_ms;
    }
    if (o->records_milli < 1000) {
        mesh_count(m, MESH_COUNT_QUOTA_RECORDS);
        return false;
    }
    o->records_milli -= 1000;
    return true;
}

/* Only what was asked for: nobody can make this node verify and keep records at will. */
static bool was_asked(const struct mesh *m, const struct member *o, const struct member *from)
{
    return o->record_asked == from && m->now_ms - o->record_asked_ms < RECORD_ANSWER_MS;
}

void have_take_record(struct mesh *m, const struct member *from, struct member *o, const struct record *rec, struct bytes frame)
{
    int rc;

    if (member_key(o, rec->serial) != NULL || !may_renew(m, o))
        return;
    if (member_claims_curve(m, o, rec)) {
        mesh_count(m, MESH_COUNT_BAD_MESSAGE);
        update_alert(m, o, "says in a new record that another member's key is its own: the record is not taken");
        return;
    }
    rc = member_add_key(m, o, rec, frame);
    if (rc < 0)
        m->starved = true;
    if (rc <= 0)
        return;
    announce_record(m, from, rec, frame);
    introduce_record(m, o);
    mesh_plan(m, o, m->now_ms);        /* batches may have waited for it */
}

static bool awaits_records(const struct mesh *m, const struct member *from)
{
    for (size_t i = 0; i < m->members_n; i++) {
        if (was_asked(m, m->members[i], from))
            return true;
    }
    return false;
}

/* One answer has the records of one member. */
static void hear_records(struct mesh *m, struct member *from, const struct message *msg)
{
    struct member *about = NULL;
    struct record rec;

    if (!awaits_records(m, from)) {
        mesh_count(m, MESH_COUNT_UNASKED);
        return;
    }
    for (size_t i = 0; i < msg->u.records.n; i++) {
        struct member *o;
        if (record_open(msg->u.records.frames[i], &rec) != 0) {
            mesh_count(m, MESH_COUNT_BAD_MESSAGE);
            update_blame(m, from, "sent a member record that does not verify");
            break;
        }
        o = mesh_member(m, rec.root);
        if (o == NULL || !was_asked(m, o, from) || (about != NULL && about != o))
            break;
        about = o;
        have_take_record(m, from, o, &rec, msg->u.records.frames[i]);
    }
    if (about != NULL)
        about->record_asked = NULL;
}

/* ---- requests */

static void answer_nothing(struct mesh *m, const struct member *to, uint32_t id)
{
    struct message msg = { .kind = MESSAGE_FETCHED };

    msg.u.fetched.id = id;
    msg.u.fetched.last = true;
    update_message(m, MESH_DO_ANSWER, to, &msg);
}

static void serve_fetch(struct mesh *m, struct member *from, const struct message *msg)
{
    const struct member *o = mesh_member(m, msg->u.fetch.origin);
    struct mesh_action *a;

    if (o == NULL || (log_epoch(o, msg->u.fetch.epoch) == NULL && freeze_of(o, msg->u.fetch.epoch) == NULL)) {
        answer_nothing(m, from, msg->u.fetch.id);
        return;
    }
    a = update_about(m, MESH_DO_SERVE, from);
    if (a == NULL)
        return;
    a->fetch.id = msg->u.fetch.id;
    memcpy(a->fetch.origin, o->root, KEY_BYTES);
    a->fetch.epoch = msg->u.fetch.epoch;
    a->fetch.from = msg->u.fetch.from;
    a->fetch.to = msg->u.fetch.to;
    mesh_count(m, MESH_COUNT_SERVED);
}

static void asked_for_have(struct mesh *m, struct member *from, const struct message *msg)
{
    from->link.asked_ms = m->now_ms;
    choose_asked(m, from);
    hear_have(m, from, msg, msg->u.have.full ? from->link.question : 0);
    if (msg->u.have.answer_wanted)
        have_send(m, from, MESH_DO_ANSWER, msg->u.have.full && asks_allow(m, &from->link, FULL_ANSWER_ASKS), false);
    from->link.question += msg->u.have.full && msg->u.have.answer_wanted;
}

void have_bad_message(struct mesh *m, struct member *from)
{
    mesh_count(m, MESH_COUNT_BAD_MESSAGE);
    update_blame(m, from, "sent a message that breaks the rules");
}

/* A kind that is not known here may be a newer version's: no blame. */
static int decode(struct mesh *m, struct member *from, struct bytes wire, struct message *out)
{
    int rc = message_decode(wire, out);

    if (rc == -ENOMEM)
        m->starved = true;
    else if (rc == -ENOMSG)
        mesh_count(m, MESH_COUNT_BAD_MESSAGE);
    else if (rc != 0)
        have_bad_message(m, from);
    return rc;
}

void have_ask(struct mesh *m, struct member *from, struct bytes wire)
{
    struct message msg = { 0 };

    if (!asks_allow(m, &from->link, 1)) {
        mesh_count(m, MESH_COUNT_OVER_LIMIT);
        penalty_add(m, from, PENALTY_HASTE_MILLI, "asked too much, and went on");
        return;
    }
    if (decode(m, from, wire, &msg) != 0)
        return;
    switch (msg.kind) {
    case MESSAGE_HAVE:
        asked_for_have(m, from, &msg);
        break;
    case MESSAGE_FETCH:
        serve_fetch(m, from, &msg);
        break;
    case MESSAGE_RECORD_WANT:
        have_serve_records(m, from, &msg);
        break;
    case MESSAGE_COMPARE:
        compare_serve(m, from, &msg);
        break;
    case MESSAGE_INTRODUCTIONS_WANT:
        introduce_serve(m, from, msg.u.introductions_want.introducer);
        break;
    case MESSAGE_RECORDS:
        have_handed(m, from, &msg);
        break;
    case MESSAGE_FETCHED:
    case MESSAGE_INTRODUCTIONS:
    case MESSAGE_JOIN:                 /* of strangers with an invite only, whom the core does not hear */
    case MESSAGE_JOINED:
    case MESSAGE_COMPARED:
        have_bad_message(m, from);
        break;
    }
    message_close(&msg);
}

void have_answer(struct mesh *m, struct member *from, struct bytes wire)
{
    struct message msg = { 0 };

    if (decode(m, from, wire, &msg) != 0)
        return;
    switch (msg.kind) {
    case MESSAGE_HAVE:
        from->link.answered_ms = m->now_ms;
        hear_have(m, from, &msg, 0);
        m->full_heard = m->full_heard || msg.u.have.full;
        break;
    case MESSAGE_FETCHED:
        fetch_answer(m, from, msg.u.fetched.id, msg.u.fetched.frame, msg.u.fetched.last);
        break;
    case MESSAGE_RECORDS:
        hear_records(m, from, &msg);
        break;
    case MESSAGE_COMPARED:
        compare_answer(m, from, &msg);
        break;
    case MESSAGE_INTRODUCTIONS:
        introduce_answer(m, from, msg.u.introductions.frame);
        break;
    case MESSAGE_FETCH:
    case MESSAGE_RECORD_WANT:
    case MESSAGE_INTRODUCTIONS_WANT:
    case MESSAGE_JOIN:
    case MESSAGE_JOINED:
    case MESSAGE_COMPARE:
        have_bad_message(m, from);
        break;
    }
    message_close(&msg);
}
