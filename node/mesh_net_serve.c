/* Ranges for neighbours, read from the store and sent in slices, so that one that fetches much delays nobody else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_net_private.h"

static size_t jobs_of(const struct mesh_net *n, const uint8_t asker[KEY_BYTES])
{
    size_t count = 0;

    for (size_t i = 0; i < n->jobs_n; i++)
        count += memcmp(n->jobs[i].asker, asker, KEY_BYTES) == 0;
    return count;
}

void serve_add(struct mesh_net *n, const struct net_peer *to, const struct mesh_action *a)
{
    struct serve_job *job;

    if (n->jobs_n == SERVE_JOBS_MAX || jobs_of(n, to->record.root) >= SERVE_PEER_JOBS_MAX)
        return;                        /* not answered: the asker tries another */
    job = &n->jobs[n->jobs_n++];
    *job = (struct serve_job){ .to = to->routing, .id = a->fetch.id, .epoch = a->fetch.epoch, .from = a->fetch.from, .next = a->fetch.to };
    memcpy(job->asker, to->record.root, KEY_BYTES);
    memcpy(job->origin, a->fetch.origin, KEY_BYTES);
    job->progress_ms = n->now_ms;
}

bool serve_is_ready(const struct mesh_net *n)
{
    return n->jobs_n > 0 && n->serve_retry_ms == 0;
}

/* One turn of one job. */
struct slice {
    struct mesh_net *net;
    struct serve_job *job;
    unsigned sent;
    uint64_t last_seq;
    int rc;                            /* why sending stopped: 0 at the end of the range, 1 at the end of the slice */
};

static int send_fetched(struct mesh_net *n, const struct serve_job *job, struct bytes frame, bool last)
{
    struct message msg = { .kind = MESSAGE_FETCHED };
    uint8_t *wire = NULL;
    size_t len = 0;
    int rc;

    msg.u.fetched.id = job->id;
    msg.u.fetched.frame = frame;
    msg.u.fetched.last = last;
    rc = message_encode(&msg, &wire, &len);
    if (rc == 0 && net_answer(n, &job->to, (struct bytes){ wire, len }, &rc))
        rc = 0;
    free(wire);
    return rc;
}

/* All versions of one number go in one slice: the next begins below it. */
static int send_one(void *ctx, const struct store_batch *b)
{
    struct slice *s = ctx;

    if (s->sent >= SERVE_SLICE && b->seq != s->last_seq) {
        s->rc = 1;
        return 1;
    }
    s->rc = send_fetched(s->net, s->job, b->frame, false);
    if (s->rc != 0)
        return 1;
    s->sent++;
    s->last_seq = b->seq;
    s->job->next = b->seq - 1;
    s->job->progress_ms = s->net->now_ms;
    return 0;
}

static void job_end(struct mesh_net *n, struct serve_job *job)
{
    *job = n->jobs[--n->jobs_n];
}

void serve_turn(struct mesh_net *n)
{
    struct serve_job *job;
    struct slice s = { .net = n };

    if (n->jobs_n == 0 || n->now_ms < n->serve_retry_ms)
        return;
    n->serve_retry_ms = 0;
    job = &n->jobs[n->jobs_turn++ % n->jobs_n];
    s.job = job;
    if (job->next >= job->from)
        reader_range(n->reader, job->origin, job->epoch, job->from, job->next, send_one, &s);
    if (s.rc == 0) {
        job->next = job->from - 1;
        s.rc = send_fetched(n, job, (struct bytes){ 0 }, true);
        if (s.rc == 0) {
            job_end(n, job);
            return;
        }
    }
    if (s.rc == -EAGAIN)
        n->serve_retry_ms = n->now_ms + SERVE_RETRY_MS;
    if (s.rc < 0 && (s.rc != -EAGAIN || n->now_ms - job->progress_ms > SERVE_GIVE_UP_MS))
        job_end(n, job);
}
