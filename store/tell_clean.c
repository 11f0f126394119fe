/* Log cleaning: the own log is a row of batches, and what lives in the oldest of them is said again in new ones, so that the floor can rise.
 * Every row of own evidence knows the batch that told it last; the oldest of these is the floor, and costs one look into an index. */
#include <errno.h>

#include "store/tell_private.h"

/* What so many opinions weigh in full batches. */
static int64_t packed_weight(int64_t opinions_n)
{
    return opinions_n + LOG_BATCH_WEIGHT * (opinions_n / CLEAN_BATCH_OPINIONS + 1);
}

/* With what this transaction has added. */
static int kept(struct store *s, enum store_count which, int64_t *n)
{
    int rc = meta_number(&s->db, meta_counts[which], n);
    *n += s->counted[which];
    return rc;
}

static int is_resting(struct telling *t, bool *resting)
{
    int64_t until_s = 0;
    int rc = meta_number(&t->s->db, META_FLOOR_REST, &until_s);
    *resting = t->now_s < until_s;
    return rc;
}

/* A log that was written before weights were kept. */
static int weigh(struct telling *t)
{
    struct store *s = t->s;
    int64_t weight = 0;
    int rc = 0;
    struct query q = query(&s->db, SQL_BATCH_FRAMES);
    query_int(&q, t->self);
    while (rc == 0 && query_row(&q)) {
        struct batch b;
        rc = frames_open(&s->frames, &s->db, t->self, column_bytes(&q, 0), s->policy->federation, &b);
        if (rc == 0) {
            weight += log_weight(&b);
            batch_close(&b);
        } else if (rc != -ENOMEM && rc != -EIO) {
            rc = 0;                    /* counts for nothing, now and when it leaves */
        }
    }
    int ended = query_end(&q);
    if (rc == 0)
        rc = ended;
    if (rc == 0)
        rc = meta_set_number(&s->db, meta_counts[COUNT_LOG_WEIGHT], weight);
    return rc == 0 ? meta_set_number(&s->db, META_UNWEIGHED, 0) : rc;
}

int clean_begin(struct telling *t)
{
    int64_t unweighed = 0;
    int rc = meta_number(&t->s->db, META_UNWEIGHED, &unweighed);
    return rc == 0 && unweighed != 0 ? weigh(t) : rc;
}

/* How far the log is beyond what its living opinions need, in halves of that: above 3 some old ones ride along with every batch, above 4 they get
 * batches of their own. 0: the floor rests, or the log is short anyway. */
static int excess_halves(struct telling *t, int *halves)
{
    int64_t log = 0, told = 0, packed;
    bool resting = true;
    int rc = is_resting(t, &resting);
    if (rc == 0)
        rc = kept(t->s, COUNT_LOG_WEIGHT, &log);
    if (rc == 0)
        rc = kept(t->s, COUNT_TOLD, &told);
    packed = packed_weight(told + t->draft->told_delta);
    log += t->draft->batch.opinions_n > 0 ? log_weight(&t->draft->batch) : 0;
    *halves = 0;
    /* What is dead already counts until a fold has taken it out. */
    if (rc == 0 && !resting && !t->s->floors_raised && log > packed * 3 / 2 + CLEAN_SLACK)
        *halves = log > packed * 2 + CLEAN_SLACK ? 5 : 4;
    return rc;
}

int clean_is_due(struct telling *t, bool *due)
{
    int halves = 0;
    int rc = excess_halves(t, &halves);
    *due = halves > 4;
    return rc;
}

/* Riding along, twice as much old weight as the batch has new: in the time in which the log grows by a quarter of what lives, every old opinion has
 * come by, whatever the order of the dead and the living among them. */
int clean_fill(struct telling *t, enum urgency urgency)
{
    int halves = 0;
    int rc = excess_halves(t, &halves);
    if (rc != 0 || halves == 0)
        return rc;
    int64_t most = halves > 4 ? CLEAN_BATCH_OPINIONS : 2 * log_weight(&t->draft->batch);
    struct query q = query(&t->s->db, SQL_EVIDENCE_OLDEST);
    query_int(&q, urgency > URGENCY_NONE ? URGENCY_GROWN : URGENCY_NOW);     /* what waits is in this batch already */
    query_int(&q, most);
    rc = 1;
    while (rc > 0 && query_row(&q))
        rc = draft_add(t, &q);
    int ended = query_end(&q);
    return rc < 0 ? rc : ended;
}

int clean_floor(struct telling *t, struct batch *b)
{
    const struct known_member *self = names_member(&t->s->names, t->self);
    bool resting = true;
    int rc = is_resting(t, &resting);
    int64_t epoch = self != NULL ? self->floor_epoch : 0, seq = self != NULL ? (int64_t)self->floor_seq : 0;
    if (rc == 0 && !resting) {
        struct query q = query(&t->s->db, SQL_EVIDENCE_FLOOR);
        bool any = query_row(&q);
        int64_t told_epoch = any ? column_int(&q, 0) : b->epoch, told_seq = any ? column_int(&q, 1) : (int64_t)b->seq;
        rc = query_end(&q);
        if (told_epoch > epoch || (told_epoch == epoch && told_seq > seq)) {
            epoch = told_epoch;
            seq = told_seq;
        }
    }
    b->floor_epoch = (uint32_t)epoch;
    b->floor_seq = epoch > 0 ? (uint64_t)seq : 0;
    return rc;
}
