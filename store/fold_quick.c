/* The quick lane. A run reads ahead and sorts as much as a flood brings, and what comes behind it, or amid it, would wait until all of it is worked in. So small batches are
 * put into their registers at once, whoever's they are, while much waits. The run that comes to them later puts them there again, which changes nothing. Of one member
 * no more than QUICK_MEMBER_MAX opinions overtake in the time of a run: who floods with small batches keeps nobody out. */
#include "store/fold.h"

#include <errno.h>

enum {
    QUICK_FRAME_MAX = 1536,        /* bytes: some sixty opinions, more than first words come together */
    QUICK_ROWS = 256,              /* looked at in one fold */
    QUICK_OPINIONS = 128,          /* worked in in one fold */
    QUICK_MEMBER_MAX = 512,
    QUICK_WAITING = 16             /* with no more batches waiting than so a run is as quick */
};

void fold_quick_begin(struct store *s)
{
    for (size_t i = 0; i < s->names.members_n; i++)
        s->names.members[i].quick_n = 0;
}

/* What cannot be opened is counted by the run. */
static int put(struct fold *f, struct known_member *m, struct bytes frame, size_t *n)
{
    struct batch b;
    int rc = frames_open(&f->s->frames, &f->s->db, m->id, frame, f->s->policy->federation, &b);
    if (rc != 0)
        return rc == -ENOMEM || rc == -EIO ? rc : 0;
    m->quick_n += (uint32_t)b.opinions_n + 1;
    *n += b.opinions_n + 1;
    rc = fold_put_batch(f, m, &b);
    batch_close(&b);
    return rc;
}

static int put_some(struct fold *f, size_t *n)
{
    struct store *s = f->s;
    int rc = 0;
    struct query q = query(&s->db, SQL_BATCH_SMALL);
    query_int(&q, s->quick_at);
    query_int(&q, QUICK_FRAME_MAX);
    query_int(&q, QUICK_ROWS);
    while (rc == 0 && *n < QUICK_OPINIONS && query_row(&q)) {
        struct known_member *m = names_member(&s->names, column_int(&q, 1));
        struct bytes frame = column_bytes(&q, 2);
        s->quick_at = column_int(&q, 0);
        if (frame.len > 0 && m != NULL && !m->forgotten && !m->self && m->quick_n < QUICK_MEMBER_MAX)
            rc = put(f, m, frame, n);
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

int fold_quick(struct fold *f)
{
    struct store *s = f->s;
    int64_t mark = 0;
    size_t n = 0;
    s->overtook = false;
    if (!s->opinions.active && s->batches_n <= QUICK_WAITING)
        return 0;
    int rc = meta_number(&s->db, META_FOLDED, &mark);
    if (rc != 0)
        return rc;
    s->quick_at = s->quick_at > mark ? s->quick_at : mark;
    rc = put_some(f, &n);
    s->overtook = n > 0;
    fold_spend(f, n);
    return rc;
}
