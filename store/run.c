#include "store/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void run_stop(struct run *r)
{
    r->active = r->loaded = false;
    free(r->order);
    r->order = NULL;
}

void run_start(struct run *r, int64_t last_id, int64_t end_id)
{
    pool_clear(&r->keys);
    r->active = true;
    r->loaded = false;
    r->last_id = last_id;
    r->end_id = end_id;
    r->sources_n = r->n = r->at = 0;
}

void run_clear(struct run *r)
{
    pool_clear(&r->keys);
    free(r->events);
    free(r->said);
    free(r->order);
    memset(r, 0, sizeof *r);
}

static int reserve(struct run *r, void **all, size_t each, size_t n)
{
    if (r->room - r->n >= n)
        return 0;
    size_t room = r->room * 2 + n + 256;
    void *grown = realloc(*all, room * each);
    if (grown == NULL)
        return -ENOMEM;
    *all = grown;
    r->room = room;
    return 0;
}

int run_reserve_events(struct run *r, size_t n)
{
    void *all = r->events;
    int rc = reserve(r, &all, sizeof *r->events, n);
    r->events = all;
    return rc;
}

int run_reserve_said(struct run *r, size_t n)
{
    void *all = r->said;
    int rc = reserve(r, &all, sizeof *r->said, n);
    r->said = all;
    return rc;
}

/* ---- order */

static int compare_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_events(const struct event *x, const struct event *y)
{
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->key, y->key, len);
    if (order == 0)
        order = x->len - y->len;
    return order != 0 ? order : compare_int(x->id, y->id);
}

bool event_same_subject(const struct event *a, const struct event *b)
{
    return a->len == b->len && memcmp(a->key, b->key, a->len) == 0;
}

/* The order of the registers: (epoch, seq, hash), then what is said, so that it is total whatever a liar signs. */
static int compare_age(const struct said *x, const struct said *y)
{
    int order = compare_int(x->epoch, y->epoch);
    if (order == 0)
        order = (x->seq > y->seq) - (x->seq < y->seq);
    if (order == 0)
        order = compare_int(x->hash, y->hash);
    if (order == 0)
        order = compare_int(x->time_s, y->time_s);
    if (order == 0)
        order = x->black - y->black;
    return order != 0 ? order : x->white - y->white;
}

static int compare_said(const struct said *x, const struct said *y)
{
    int order = topic_compare(&x->topic, &y->topic);
    if (order == 0)
        order = compare_int(x->member, y->member);
    return order != 0 ? order : compare_age(x, y);
}

bool said_same_register(const struct said *a, const struct said *b)
{
    return a->member == b->member && topic_equal(&a->topic, &b->topic);
}

static int compare_event_places(const void *a, const void *b, void *run)
{
    const struct run_place *x = a, *y = b;
    const struct run *r = run;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return compare_events(&r->events[x->row], &r->events[y->row]);
}

static int compare_said_places(const void *a, const void *b, void *run)
{
    const struct run_place *x = a, *y = b;
    const struct run *r = run;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return compare_said(&r->said[x->row], &r->said[y->row]);
}

/* Sorts as memcmp() does, the shorter key first: what it lacks counts as zeros. */
static uint64_t prefix_of(const uint8_t *key, size_t len)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < len ? key[i] : 0);
    return prefix;
}

int run_sort(struct run *r)
{
    r->order = malloc((r->n + 1) * sizeof *r->order);
    if (r->order == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < r->n; i++) {
        r->order[i].row = i;
        r->order[i].prefix = r->said != NULL ? prefix_of(r->said[i].topic.key, r->said[i].topic.len)
                                             : prefix_of(r->events[i].key, r->events[i].len);
    }
    qsort_r(r->order, r->n, sizeof *r->order, r->said != NULL ? compare_said_places : compare_event_places, r);
    return 0;
}
