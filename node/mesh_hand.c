/* Records handed out: to whom asks, and a node's own unasked, to a neighbour that knows it by a CURVE key which it uses no more. That one can connect to it no longer, and so not ask. */
#include <string.h>

#include "node/mesh_private.h"

/* The lowest first: who lacks an old one asked for just that. */
void have_serve_records(struct mesh *m, struct member *from, const struct message *want)
{
    const struct member *o = mesh_member(m, want->u.record_want.origin);
    struct message msg = { .kind = MESSAGE_RECORDS };

    for (size_t i = 0; o != NULL && i < o->keys_n && msg.u.records.n < RECORDS_MAX; i++) {
        if (o->keys[i].serial > want->u.record_want.serial_above && o->keys[i].len > 0)
            msg.u.records.frames[msg.u.records.n++] = (struct bytes){ o->keys[i].frame, o->keys[i].len };
    }
    if (msg.u.records.n > 0)
        update_message(m, MESH_DO_ANSWER, from, &msg);
}

void have_hand_record(struct mesh *m, struct member *to)
{
    const struct member_key *own = member_key(m->self, m->self->record.serial);
    struct message msg = { .kind = MESSAGE_RECORDS };

    if (own == NULL || own->len == 0)
        return;
    msg.u.records.frames[msg.u.records.n++] = (struct bytes){ own->frame, own->len };
    update_message(m, MESH_DO_ASK, to, &msg);
}

/* What an old one costs to verify is bounded as all requests are; what a new one costs to keep, as all records are. */
void have_handed(struct mesh *m, struct member *from, const struct message *msg)
{
    struct record rec;

    if (msg->u.records.n != 1 || record_open(msg->u.records.frames[0], &rec) != 0 || memcmp(rec.root, from->root, KEY_BYTES) != 0)
        have_bad_message(m, from);
    else if (from->keys_n == 0 || rec.serial > from->record.serial)
        have_take_record(m, from, from, &rec, msg->u.records.frames[0]);
}
