/* Equivocation on disk: the proof, what dies by it, and what is left. DESIGN section 6, "Registers"; PROTOCOL.md, "Numbers". */
#include "store/proof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold.h"
#include "store/learn.h"

enum { CANDIDATES_MAX = 8, BURIED_MAX = 16, REFOLD_BATCHES = 8, PROOFS_KEPT = 64 };
static const int64_t AGAIN_S = 30 * 86400;       /* a second one within so long is no accident */

struct candidate {
    uint8_t hash[HASH_BYTES];
    uint8_t *frame;
    size_t len;
    int64_t time_s;
};
struct candidates {
    struct candidate all[CANDIDATES_MAX];
    size_t n;
};

static void candidates_clear(struct candidates *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->all[i].frame);
    c->n = 0;
}

/* The highest hash first; each once; what is beyond the room is the lowest. */
static int candidate_add(struct candidates *c, const uint8_t *hash, struct bytes frame, int64_t time_s)
{
    size_t i = 0;
    while (i < c->n && memcmp(c->all[i].hash, hash, HASH_BYTES) > 0)
        i++;
    if ((i < c->n && memcmp(c->all[i].hash, hash, HASH_BYTES) == 0) || i == CANDIDATES_MAX)
        return 0;
    if (c->n == CANDIDATES_MAX)
        free(c->all[--c->n].frame);
    memmove(c->all + i + 1, c->all + i, (c->n - i) * sizeof *c->all);
    c->all[i] = (struct candidate){ .frame = malloc(frame.len + 1), .len = frame.len, .time_s = time_s };
    c->n++;
    if (c->all[i].frame == NULL)
        return -ENOMEM;
    memcpy(c->all[i].frame, frame.at, frame.len);
    memcpy(c->all[i].hash, hash, HASH_BYTES);
    return 0;
}

static int add_stored(struct store *s, int64_t member, const struct store_proof *p, struct candidates *c)
{
    int rc = 0;
    struct query q = query(&s->db, SQL_BATCH_RANGE);
    query_int(&q, member);
    query_int(&q, p->epoch);
    query_int(&q, (int64_t)p->seq);
    query_int(&q, (int64_t)p->seq);
    while (rc == 0 && query_row(&q)) {
        struct bytes hash = column_bytes(&q, 1);
        if (hash.len == HASH_BYTES)
            rc = candidate_add(c, hash.at, column_bytes(&q, 5), column_int(&q, 4));
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* Verified by the mesh; once more here, since what is kept must prove itself. */
static int add_given(struct store *s, int64_t member, const struct store_proof *p, struct candidates *c)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < 2 && p->frames[i].len > 0; i++) {
        struct batch b;
        rc = frames_open(&s->frames, &s->db, member, p->frames[i], s->policy->federation, &b);
        if (rc != 0)
            return rc == -ENOMEM || rc == -EIO ? rc : 0;
        if (b.epoch == p->epoch && b.seq == p->seq)
            rc = candidate_add(c, b.hash, p->frames[i], b.time_s);
        batch_close(&b);
    }
    return rc;
}

/* *seq: where the epoch is frozen already, 0: nowhere; then its pair is among the candidates if it is for this number. */
static int add_known(struct store *s, int64_t member, const struct store_proof *p, struct candidates *c, uint64_t *seq, int64_t *found_s)
{
    int rc = 0;
    *seq = 0;
    struct query q = query(&s->db, SQL_PROOF_GET);
    query_int(&q, member);
    query_int(&q, p->epoch);
    if (query_row(&q)) {
        *seq = (uint64_t)column_int(&q, 0);
        *found_s = column_int(&q, 6);
        for (int i = 0; rc == 0 && *seq == p->seq && i < 2; i++) {
            struct bytes hash = column_bytes(&q, 1 + 2 * i);
            if (hash.len == HASH_BYTES)
                rc = candidate_add(c, hash.at, column_bytes(&q, 2 + 2 * i), column_int(&q, 5));
        }
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

static int put(struct store *s, int64_t member, const struct store_proof *p, const struct candidates *c, int64_t found_s)
{
    struct query q = query(&s->db, SQL_PROOF_PUT);
    query_int(&q, member);
    query_int(&q, p->epoch);
    query_int(&q, (int64_t)p->seq);
    for (int i = 0; i < 2; i++) {
        query_blob(&q, c->all[i].hash, HASH_BYTES);
        query_blob(&q, c->all[i].frame, c->all[i].len);
    }
    query_int(&q, c->all[0].time_s > c->all[1].time_s ? c->all[0].time_s : c->all[1].time_s);
    query_int(&q, found_s);
    return query_run(&q);
}

static int run_int(struct store *s, enum sql which, int64_t a, int64_t b, int64_t c)
{
    struct query q = query(&s->db, which);
    query_int(&q, a);
    query_int(&q, b);
    query_int(&q, c);
    return query_run(&q);
}

/* The first may be a restored backup; a second one in 30 days, by the author's own dates, is a habit: it counts for nothing until the operator says otherwise. */
static int judge(struct store *s, int64_t member, int64_t now_s)
{
    int64_t before_s = INT64_MIN / 2;
    bool again = false;
    struct query q = query(&s->db, SQL_PROOF_TIMES);
    query_int(&q, member);
    while (query_row(&q)) {
        again |= column_int(&q, 0) - before_s <= AGAIN_S;
        before_s = column_int(&q, 0);
    }
    int rc = query_end(&q);
    const struct known_member *m = names_member(&s->names, member);
    if (rc != 0 || !again || m == NULL || m->quarantined || m->self)
        return rc;
    rc = run_int(s, SQL_MEMBER_QUARANTINE, member, now_s, 0);
    if (rc == 0)
        rc = meta_add(&s->db, META_TRUST, 1);
    return rc == 0 ? store_start_rescan(s) : rc;
}

/* Our own epoch: what the others have forgotten with it is told again in the next one, and at once: to them it is as if it had never been said. */
static int tell_again(struct store *s, const struct store_proof *p, int64_t now_s)
{
    return run_int(s, SQL_EVIDENCE_TELL_AGAIN, p->epoch, (int64_t)p->seq, now_s);
}

static int add(struct store *s, const uint8_t root[KEY_BYTES], const struct store_proof *p, int64_t now_s, struct candidates *c, bool *added)
{
    int64_t member = 0, found_s = now_s;
    uint64_t seq = 0;
    int rc = names_add_member(&s->names, &s->db, s->policy, root, &member);
    if (rc == 0)
        rc = add_known(s, member, p, c, &seq, &found_s);
    if (rc != 0 || (seq != 0 && seq < p->seq))
        return rc;
    rc = add_stored(s, member, p, c);
    if (rc == 0)
        rc = add_given(s, member, p, c);
    if (rc != 0 || c->n < 2)
        return rc;
    *added = seq == 0;
    rc = put(s, member, p, c, found_s);
    if (rc == 0)
        rc = run_int(s, SQL_PROOF_PRUNE, member, PROOFS_KEPT - 1, 0);
    if (rc == 0)
        rc = run_int(s, SQL_MEMBER_REFOLD, member, 1, 0);
    if (rc == 0 && names_member(&s->names, member)->self)
        rc = tell_again(s, p, now_s);
    return rc == 0 ? judge(s, member, now_s) : rc;
}

int store_add_proof(struct store *s, const uint8_t root[KEY_BYTES], const struct store_proof *p, int64_t now_s, bool *added)
{
    struct candidates c = { .n = 0 };
    bool fresh = false;
    if (p->seq == 0 || p->seq > INT64_MAX)
        return -EINVAL;
    int rc = db_begin(&s->db);
    if (rc == 0)
        rc = store_end(s, add(s, root, p, now_s, &c, &fresh));
    candidates_clear(&c);
    if (rc == 0)
        rc = store_reload(s);
    *added = rc == 0 && fresh;
    return rc;
}

int store_pardon(struct store *s, const uint8_t root[KEY_BYTES], int64_t now_s)
{
    const struct known_member *m = names_root(&s->names, root);
    (void)now_s;
    if (m == NULL)
        return 0;
    int rc = db_begin(&s->db);
    if (rc != 0)
        return rc;
    rc = learn_pardon(s, m);
    if (rc != 0)
        return store_end(s, rc);
    rc = run_int(s, SQL_PROOF_FORGIVE, m->id, 0, 0);
    if (rc == 0)
        rc = run_int(s, SQL_MEMBER_QUARANTINE, m->id, 0, 0);
    if (rc == 0)
        rc = meta_add(&s->db, META_TRUST, 1);
    if (rc == 0 && m->quarantined)
        rc = store_start_rescan(s);
    rc = store_end(s, rc);
    return rc == 0 ? store_reload(s) : rc;
}

int proof_kills(struct store *s, int64_t member, const struct store_batch *b, bool *dead)
{
    *dead = false;
    struct query q = query(&s->db, SQL_PROOF_AT);
    query_int(&q, member);
    query_int(&q, b->epoch);
    if (query_row(&q)) {
        uint64_t seq = (uint64_t)column_int(&q, 0);
        struct bytes lower = column_bytes(&q, 1);
        *dead = b->seq > seq || (b->seq == seq && lower.len == HASH_BYTES && memcmp(b->hash, lower.at, HASH_BYTES) < 0);
    }
    return query_end(&q);
}

/* ---- what is left: bury the dead, take back floors that only they announced, work in again what the living say */

static int bury_some(struct fold *f, struct known_member *m, bool *any)
{
    int64_t mark = 0;
    size_t n = 0, unfolded = 0;
    int rc = meta_number(&f->s->db, META_FOLDED, &mark);
    struct query q = query(&f->s->db, SQL_BATCH_FROZEN);
    query_int(&q, m->id);
    query_int(&q, BURIED_MAX);
    while (rc == 0 && query_row(&q)) {
        int64_t id = column_int(&q, 0);
        unfolded += id > mark;
        rc = fold_bury(f, m, id, column_bytes(&q, 1));
        n++;
    }
    int ended = query_end(&q);
    f->s->batches_n -= unfolded < f->s->batches_n ? unfolded : f->s->batches_n;
    *any = n > 0;
    return rc != 0 ? rc : ended;
}

static int lower_floor(struct fold *f, struct known_member *m)
{
    int64_t epoch = 0, seq = 0;
    if (m->self)
        return 0;
    struct query q = query(&f->s->db, SQL_BATCH_FLOOR);
    query_int(&q, m->id);
    if (query_row(&q)) {
        epoch = column_int(&q, 0);
        seq = column_int(&q, 1);
    }
    int rc = query_end(&q);
    if (rc != 0)
        return rc;
    m->floor_epoch = (uint32_t)epoch;
    m->floor_seq = (uint64_t)seq;
    return run_int(f->s, SQL_MEMBER_FLOOR, m->id, epoch, seq);
}

static int work_in(struct fold *f, struct known_member *m, struct bytes frame)
{
    struct batch b;
    int rc = frames_open(&f->s->frames, &f->s->db, m->id, frame, f->s->policy->federation, &b);
    if (rc != 0)
        return rc == -ENOMEM || rc == -EIO ? rc : 0;
    fold_spend(f, b.opinions_n);
    rc = m->self ? 0 : fold_put_batch(f, m, &b);
    batch_close(&b);
    return rc;
}

/* Again from the beginning after a restart: it changes nothing twice. */
static int refold_some(struct fold *f, struct known_member *m, bool *any)
{
    struct store *s = f->s;
    int64_t mark = 0;
    size_t n = 0;
    int rc = meta_number(&s->db, META_FOLDED, &mark);
    if (s->refold_member != m->id)
        s->refold_at = 0;
    s->refold_member = m->id;
    struct query q = query(&s->db, SQL_BATCH_OF_MEMBER);
    query_int(&q, m->id);
    query_int(&q, s->refold_at);
    query_int(&q, mark);
    query_int(&q, REFOLD_BATCHES);
    while (rc == 0 && query_row(&q)) {
        s->refold_at = column_int(&q, 0);
        rc = work_in(f, m, column_bytes(&q, 1));
        n++;
    }
    int ended = query_end(&q);
    *any = n > 0;
    return rc != 0 ? rc : ended;
}

static int mend(struct fold *f, struct known_member *m)
{
    bool any = false;
    int rc = bury_some(f, m, &any);
    if (rc == 0 && !any && m->refold == 1) {
        rc = lower_floor(f, m);
        m->refold = 2;
        if (rc == 0)
            rc = run_int(f->s, SQL_MEMBER_REFOLD, m->id, 2, 0);
        any = true;
    } else if (rc == 0 && !any) {
        rc = refold_some(f, m, &any);
    }
    f->more |= any;
    if (rc != 0 || any)
        return rc;
    m->refold = 0;
    f->s->refold_member = 0;
    return run_int(f->s, SQL_MEMBER_REFOLD, m->id, 0, 0);
}

int fold_frozen(struct fold *f)
{
    struct names *names = &f->s->names;
    for (size_t i = 0; i < names->members_n; i++) {
        if (names->members[i].refold == 0)
            continue;
        if (f->s->opinions.active || f->rows_left == 0) {
            f->more = true;
            return 0;
        }
        return mend(f, &names->members[i]);
    }
    return 0;
}
