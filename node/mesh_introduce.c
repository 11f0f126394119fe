/* Lists of introductions: each member signs one, and the newest replaces all before it. Which of them give trust is not known here; whoever runs the core says
 * so by making members known. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

static const int64_t most_milli = INT64_C(1000) * INTRODUCTIONS_BURST;

void introduce_init(struct member *o)
{
    o->introduce.asked_ms = INT64_MIN / 2;
    o->introduce.milli = most_milli;
}

void introduce_clear(struct member *o)
{
    free(o->introduce.frame);
    o->introduce.frame = NULL;
    o->introduce.len = 0;
    memset(o->introduce.stamp, 0, STAMP_BYTES);
}

void introduce_forget_by(struct mesh *m, const struct member *by)
{
    for (size_t i = 0; i < m->members_n; i++) {
        if (m->members[i]->introduce.asked == by)
            m->members[i]->introduce.asked = NULL;
        if (m->members[i]->introduce.later == by)
            m->members[i]->introduce.later = NULL;
    }
}

static bool is_newer(const struct introduce *i, const uint8_t stamp[STAMP_BYTES])
{
    return memcmp(stamp, i->stamp, STAMP_BYTES) > 0;
}

static int keep(struct mesh *m, struct member *o, const uint8_t stamp[STAMP_BYTES], struct bytes frame)
{
    uint8_t *copy = malloc(frame.len);

    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, frame.at, frame.len);
    free(o->introduce.frame);
    o->introduce.frame = copy;
    o->introduce.len = frame.len;
    memcpy(o->introduce.stamp, stamp, STAMP_BYTES);
    o->introduce.version = mesh_changed(m, o);
    have_soon(m);
    return 0;
}

int mesh_introductions(struct mesh *m, struct bytes frame)
{
    struct introductions_name name;
    int rc = introductions_peek(frame, &name);
    struct member *o = rc == 0 ? mesh_member(m, name.introducer) : NULL;

    if (rc != 0 || o == NULL)
        return rc != 0 ? rc : -ENOENT;
    return is_newer(&o->introduce, name.stamp) ? keep(m, o, name.stamp, frame) : 0;
}

void mesh_introductions_drop(struct mesh *m, const uint8_t introducer[KEY_BYTES])
{
    struct member *o = mesh_member(m, introducer);

    if (o != NULL)
        introduce_clear(o);
}

/* ---- asking */

static void give_up(struct mesh *m, struct introduce *i)
{
    if (i->asked != NULL)
        i->asked->link.introductions_at_ms = m->now_ms + INTRODUCTIONS_PAUSE_MS;
    i->asked = NULL;
}

/* A member that signs new lists without end would keep all busy. */
static bool has_room(struct mesh *m, struct introduce *i)
{
    int64_t grown = i->milli + (m->now_ms - i->milli_ms) * INTRODUCTIONS_PER_HOUR / 3600;

    if (m->now_ms > i->milli_ms) {
        i->milli = grown < most_milli ? grown : most_milli;
        i->milli_ms = m->now_ms;
    }
    return i->milli >= 1000;
}

static void ask(struct mesh *m, struct member *o, struct member *from)
{
    struct message msg = { .kind = MESSAGE_INTRODUCTIONS_WANT };

    o->introduce.asked = from;
    o->introduce.asked_ms = m->now_ms;
    o->introduce.lacks_record = false;
    o->introduce.later = NULL;
    memcpy(msg.u.introductions_want.introducer, o->root, KEY_BYTES);
    update_message(m, MESH_DO_ASK, from, &msg);
}

/* A neighbour tells what changed once; the next that it tells of its own accord may be half a minute away. */
static void note_later(struct mesh *m, struct introduce *i, struct member *from, const uint8_t stamp[STAMP_BYTES])
{
    if (i->later != NULL && memcmp(stamp, i->later_stamp, STAMP_BYTES) <= 0)
        return;
    if (i->milli < 1000)
        mesh_count(m, MESH_COUNT_QUOTA_LISTS);
    i->later = from;
    memcpy(i->later_stamp, stamp, STAMP_BYTES);
}

void introduce_hear(struct mesh *m, struct member *o, struct member *from, const uint8_t stamp[STAMP_BYTES])
{
    struct introduce *i = &o->introduce;

    if (!is_newer(i, stamp))
        return;
    if (i->asked != NULL && m->now_ms - i->asked_ms >= INTRODUCTIONS_ANSWER_MS)
        give_up(m, i);
    if (!from->link.up || m->now_ms < from->link.introductions_at_ms)
        return;
    if (i->asked != NULL || m->now_ms - i->asked_ms < INTRODUCTIONS_ASK_MS || !has_room(m, i)) {
        note_later(m, i, from, stamp);
        return;
    }
    ask(m, o, from);
}

void introduce_tick(struct mesh *m)
{
    for (size_t i = 0; i < m->members_n; i++) {
        struct introduce *in = &m->members[i]->introduce;
        if (in->later != NULL)
            introduce_hear(m, m->members[i], in->later, in->later_stamp);
    }
}

/* What it signed may be told from a forgery now. */
void introduce_record(struct mesh *m, struct member *o)
{
    struct introduce *i = &o->introduce;

    if (i->lacks_record && i->asked != NULL && i->asked->link.up)
        ask(m, o, i->asked);
}

/* ---- taking */

static void announce(struct mesh *m, const struct member *o)
{
    uint8_t *copy = malloc(o->introduce.len);
    struct mesh_action *a;

    if (copy == NULL) {
        m->starved = true;
        return;
    }
    memcpy(copy, o->introduce.frame, o->introduce.len);
    if (!update_keep(m, copy))
        return;
    a = update_add(m, MESH_DO_INTRODUCTIONS);
    if (a == NULL)
        return;
    memcpy(a->origin, o->root, KEY_BYTES);
    a->frame = (struct bytes){ copy, o->introduce.len };
}

static void refuse(struct mesh *m, struct member *from, struct introduce *i, int rc)
{
    if (rc == -ENOMEM) {
        m->starved = true;
        return;
    }
    mesh_count(m, rc == -EBADMSG ? MESH_COUNT_BAD_SIGNATURE : rc == -EXDEV ? MESH_COUNT_FOREIGN : MESH_COUNT_MALFORMED);
    update_blame(m, from, rc == -EBADMSG ? "sent a list of introductions whose signature is wrong"
                          : rc == -EXDEV ? "sent a list of introductions of another federation"
                                         : "sent a list of introductions that breaks the rules");
    give_up(m, i);
}

static int verify(const struct mesh *m, const struct member_key *key, struct bytes frame)
{
    struct introductions list = { .n = 0 };
    int rc = introductions_open(frame, key->operational, m->config.federation, &list);

    if (rc == 0 && list.time_s > key->not_after_s + MESH_SKEW_S)
        rc = -EBADMSG;
    introductions_close(&list);
    return rc;
}

static void take(struct mesh *m, struct member *o, struct member *from, const struct introductions_name *name, struct bytes frame)
{
    struct introduce *i = &o->introduce;
    const struct member_key *key = member_key(o, name->record_serial);
    int rc;

    if (key == NULL) {
        mesh_count(m, MESH_COUNT_UNKNOWN_KEY);
        i->lacks_record = true;
        have_want_record(m, o, from, name->record_serial);
        return;
    }
    rc = verify(m, key, frame);
    if (rc != 0) {
        refuse(m, from, i, rc);
        return;
    }
    i->asked = NULL;
    if (keep(m, o, name->stamp, frame) != 0) {
        m->starved = true;
        return;
    }
    i->milli -= 1000;
    mesh_count(m, MESH_COUNT_INTRODUCTIONS);
    announce(m, o);
}

void introduce_answer(struct mesh *m, struct member *from, struct bytes frame)
{
    struct introductions_name name;
    int rc = introductions_peek(frame, &name);
    struct member *o = rc == 0 ? mesh_member(m, name.introducer) : NULL;

    if (rc == -EINVAL) {
        mesh_count(m, MESH_COUNT_BAD_MESSAGE);
        update_blame(m, from, "sent something that is no list of introductions");
        from->link.introductions_at_ms = m->now_ms + INTRODUCTIONS_PAUSE_MS;
        introduce_forget_by(m, from);
    }
    if (o == NULL || o->introduce.asked != from)
        return;
    if (is_newer(&o->introduce, name.stamp))
        take(m, o, from, &name, frame);
    else
        give_up(m, &o->introduce);     /* it has not what it said */
}

/* ---- giving */

void introduce_serve(struct mesh *m, struct member *to, const uint8_t introducer[KEY_BYTES])
{
    const struct member *o = mesh_member(m, introducer);
    struct message msg = { .kind = MESSAGE_INTRODUCTIONS };

    if (o == NULL || o->introduce.len == 0)
        return;
    if (!asks_allow(m, &to->link, FULL_ANSWER_ASKS)) {
        mesh_count(m, MESH_COUNT_OVER_LIMIT);
        return;
    }
    msg.u.introductions.frame = (struct bytes){ o->introduce.frame, o->introduce.len };
    update_message(m, MESH_DO_ANSWER, to, &msg);
}
