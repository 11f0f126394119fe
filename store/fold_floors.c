#include "store/fold.h"

#include <errno.h>

enum { DEAD_BATCHES_MAX = 16 };        /* taken out in one fold, of each member */

static int drop_register(struct fold *f, const struct topic *t, int64_t member, const struct batch *b)
{
    struct query q = query(&f->s->db, SQL_OPINION_DROP);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, member);
    query_int(&q, b->epoch);
    query_int(&q, (int64_t)b->seq);
    query_int(&q, frames_hash_prefix(b->hash));
    int rc = query_run(&q);
    if (rc != 0 || sqlite3_changes(f->s->db.sql) == 0)
        return rc;
    f->s->counted[COUNT_OPINIONS]--;
    return fold_touch_copy(f, (struct bytes){ t->key, t->len }, t->category);
}

/* The registers that still hold what the dead batch said go with it: what lives is what the live batches say. */
static int drop_registers(struct fold *f, int64_t member, const struct batch *b)
{
    for (size_t i = 0; i < b->opinions_n; i++) {
        const struct opinion *o = &b->opinions[i];
        int id = o->category < b->categories_n ? names_category(&f->s->names, b->categories[o->category]) : 0;
        struct topic t = { .key = o->key, .len = o->key_len, .category = (uint16_t)id };
        int rc = id != 0 ? drop_register(f, &t, member, b) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int drop_batch(struct fold *f, int64_t id, size_t bytes)
{
    f->s->counted[COUNT_BATCHES]--;
    f->s->counted[COUNT_BATCH_BYTES] -= (int64_t)bytes;
    struct query q = query(&f->s->db, SQL_BATCH_DROP);
    query_int(&q, id);
    return query_run(&q);
}

int fold_bury(struct fold *f, const struct known_member *m, int64_t id, struct bytes frame)
{
    struct batch b;
    int rc = frames_open(&f->s->frames, &f->s->db, m->id, frame, f->s->policy->federation, &b);
    if (rc == -ENOMEM || rc == -EIO)
        return rc;
    if (rc == 0) {
        f->s->counted[COUNT_LOG_WEIGHT] -= m->self ? log_weight(&b) : 0;
        rc = m->self ? 0 : drop_registers(f, m->id, &b);
        fold_spend(f, b.opinions_n);
        batch_close(&b);
    } else {
        rc = 0;
    }
    return rc == 0 ? drop_batch(f, id, frame.len) : rc;
}

static int bury_of(struct fold *f, const struct known_member *m)
{
    int64_t mark = 0;
    size_t n = 0, unfolded = 0;
    bool own_bound = m->bound_epoch > m->floor_epoch || (m->bound_epoch == m->floor_epoch && m->bound_seq > m->floor_seq);
    int rc = meta_number(&f->s->db, META_FOLDED, &mark);
    struct query q = query(&f->s->db, SQL_BATCH_DEAD);
    query_int(&q, m->id);
    query_int(&q, own_bound ? m->bound_epoch : m->floor_epoch);
    query_int(&q, (int64_t)(own_bound ? m->bound_seq : m->floor_seq));
    query_int(&q, DEAD_BATCHES_MAX);
    while (rc == 0 && query_row(&q)) {
        int64_t id = column_int(&q, 0);
        unfolded += id > mark;
        rc = fold_bury(f, m, id, column_bytes(&q, 5));
        n++;
    }
    int ended = query_end(&q);
    f->s->batches_n -= unfolded < f->s->batches_n ? unfolded : f->s->batches_n;
    if (n == DEAD_BATCHES_MAX)
        f->s->floors_raised = f->more = true;
    return rc != 0 ? rc : ended;
}

int fold_floors(struct fold *f)
{
    struct names *names = &f->s->names;
    /* While a run is under way, what a batch said may still come into its registers after the batch has left. */
    if (!f->s->floors_raised || f->rows_left == 0 || f->s->opinions.active) {
        f->more |= f->s->floors_raised;
        return 0;
    }
    f->s->floors_raised = false;
    for (size_t i = 0; i < names->members_n; i++) {
        int rc = bury_of(f, &names->members[i]);
        if (rc != 0) {
            f->s->floors_raised = true;
            return rc;
        }
    }
    return 0;
}
