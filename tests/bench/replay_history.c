#include "tests/bench/replay_history.h"

#include "tests/bench/bench.h"

static uint32_t read_number(FILE *f)
{
    uint32_t x;
    if (fread(&x, sizeof x, 1, f) != 1)
        bench_die("history", "ends too early");
    return x;
}

static void *want(size_t n, size_t size)
{
    void *at = calloc(n > 0 ? n : 1, size);
    if (at == NULL)
        bench_die("history", "out of memory");
    return at;
}

static void read_list(struct list *l, FILE *f)
{
    l->n = read_number(f);
    l->none = l->n == NO_LIST;
    if (l->none)
        l->n = 0;
    l->ids = want(l->n, sizeof *l->ids);
    if (fread(l->ids, sizeof *l->ids, l->n, f) != l->n)
        bench_die("history", "ends too early");
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void sort_addresses(struct history *h)
{
    size_t all = 0, n = 0;
    for (size_t i = 0; i < h->feeds_n * h->days_n; i++)
        all += h->lists[i].n;
    h->addresses = want(all, sizeof *h->addresses);
    for (size_t i = 0; i < h->feeds_n * h->days_n; n += h->lists[i++].n)
        memcpy(h->addresses + n, h->lists[i].ids, h->lists[i].n * sizeof *h->addresses);
    qsort(h->addresses, n, sizeof *h->addresses, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || h->addresses[i] != h->addresses[h->addresses_n - 1])
            h->addresses[h->addresses_n++] = h->addresses[i];
}

/* Addresses become places. Both are ascending. */
static void number_list(const struct history *h, struct list *l)
{
    size_t at = 0;
    for (size_t i = 0; i < l->n; i++) {
        while (h->addresses[at] != l->ids[i])
            if (++at == h->addresses_n)
                bench_die("history", "a list is not in order");
        l->ids[i] = (uint32_t)at;
    }
}

void history_read(struct history *h, const char *path)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        bench_die(path, "cannot be read");
    memset(h, 0, sizeof *h);
    h->feeds_n = read_number(f);
    h->days_n = read_number(f);
    if (h->feeds_n == 0 || h->feeds_n > REPLAY_FEEDS_MAX || h->days_n > REPLAY_DAYS_MAX)
        bench_die(path, "has too many feeds or days, or none");
    h->day = want(h->days_n, sizeof *h->day);
    h->family = want(h->feeds_n, sizeof *h->family);
    h->lists = want(h->feeds_n * h->days_n, sizeof *h->lists);
    for (size_t i = 0; i < h->days_n; i++)
        h->day[i] = read_number(f);
    for (size_t i = 0; i < h->feeds_n; i++)
        h->family[i] = read_number(f);
    for (size_t i = 0; i < h->feeds_n * h->days_n; i++)
        read_list(&h->lists[i], f);
    fclose(f);
    sort_addresses(h);
    for (size_t i = 0; i < h->feeds_n * h->days_n; i++)
        number_list(h, &h->lists[i]);
}

void history_clear(struct history *h)
{
    for (size_t i = 0; i < h->feeds_n * h->days_n; i++)
        free(h->lists[i].ids);
    free(h->lists);
    free(h->addresses);
    free(h->family);
    free(h->day);
}

size_t history_begin(const struct history *h, size_t feed)
{
    size_t day = 0;
    while (day + 1 < h->days_n && history_list(h, feed, day)->none)
        day++;
    return day;
}

/* ---- a day */

void scene_create(struct scene *s, const struct history *h)
{
    *s = (struct scene){ .h = h, .today = want(h->addresses_n, 1), .tomorrow = want(h->addresses_n, 1), .others = want(h->addresses_n, 1) };
}

void scene_clear(struct scene *s)
{
    free(s->today);
    free(s->tomorrow);
    free(s->others);
}

static void mark(const struct list *l, uint8_t *at)
{
    for (size_t i = 0; i < l->n; i++)
        at[l->ids[i]]++;
}

void scene_set(struct scene *s, size_t feed, size_t day)
{
    s->feed = feed;
    s->day = day;
    memset(s->today, 0, s->h->addresses_n);
    memset(s->tomorrow, 0, s->h->addresses_n);
    memset(s->others, 0, s->h->addresses_n);
    mark(history_list(s->h, feed, day), s->today);
    mark(history_list(s->h, feed, day + 1), s->tomorrow);
    for (size_t other = 0; other < s->h->feeds_n; other++)
        if (history_peer(s->h, feed, other))
            mark(history_list(s->h, other, day), s->others);
}

void scene_count(const struct scene *s, struct outcome *o)
{
    for (size_t id = 0; id < s->h->addresses_n; id++) {
        bool hit = s->tomorrow[id] > 0, fresh = s->today[id] == 0;
        o->listed_n += hit;
        o->fresh_n += hit && fresh;
        o->own_n += !fresh;
        o->own_hits += hit && !fresh;
        for (size_t r = 0; r < REPLAY_RULES && r < s->others[id]; r++) {
            o->volume.all[r]++;
            o->rule.all[r] += hit;
            o->volume.fresh[r] += fresh;
            o->rule.fresh[r] += hit && fresh;
        }
    }
}

static uint32_t mixture(uint32_t id)
{
    uint32_t x = id * 0x9e3779b1u;
    return x ^ x >> 15;
}

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    uint32_t p = mixture(x->id), q = mixture(y->id);
    return (p > q) - (p < q);
}

void scene_rank(const struct scene *s, const struct hits *volume, struct ranked *all, size_t n, struct hits *to)
{
    uint64_t fresh_n = 0;
    qsort(all, n, sizeof *all, by_score);
    for (size_t i = 0; i < n; i++) {
        bool hit = s->tomorrow[all[i].id] > 0, fresh = s->today[all[i].id] == 0;
        for (size_t r = 0; r < REPLAY_RULES; r++) {
            to->all[r] += hit && i < volume->all[r];
            to->fresh[r] += hit && fresh && fresh_n < volume->fresh[r];
        }
        fresh_n += fresh;
    }
}
