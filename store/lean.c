#include "store/lean.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t clamped(int64_t sum_micro, int64_t cap_micro)
{
    return sum_micro < -(cap_micro / 2) ? -(cap_micro / 2) : sum_micro > cap_micro ? cap_micro : sum_micro;
}

static int64_t sum_group(struct lean *l, const struct voice *voices, size_t from, size_t to, int64_t half_life_s, int64_t ttl_s, int64_t now_s)
{
    int64_t sum_micro = 0, heads_micro = 0;
    for (size_t i = from; i < to; i++) {
        struct evidence now = evidence_at(voices[i].evidence, half_life_s, ttl_s, now_s);
        int64_t v_micro = opinion_micro(now.black_micro, now.white_micro);
        l->parts[i].said_micro = (int64_t)voices[i].weight_micro * v_micro / MICRO;
        l->parts[i].head_micro = (int64_t)voices[i].say_micro * v_micro / MICRO;
        sum_micro += l->parts[i].said_micro;
        heads_micro += l->parts[i].head_micro;
    }
    for (size_t i = from; i < to; i++) {
        l->parts[i].sum_micro = sum_micro;
        l->parts[i].heads_micro = heads_micro;
    }
    return clamped(sum_micro, voices[from].trust_micro);
}

int lean_load(struct lean *l, const struct voice *voices, size_t n, const struct evidence *own, int64_t half_life_s, int64_t ttl_s, int64_t now_s)
{
    if (n > l->room) {
        struct lean_part *parts = realloc(l->parts, n * sizeof *parts);
        struct voice *others = realloc(l->others, n * sizeof *others);
        l->parts = parts != NULL ? parts : l->parts;
        l->others = others != NULL ? others : l->others;
        if (parts == NULL || others == NULL)
            return -ENOMEM;
        l->room = n;
    }
    l->n = n;
    l->own = own;
    l->half_life_s = half_life_s;
    l->ttl_s = ttl_s;
    l->now_s = now_s;
    l->whole = score_of(voices, n, own, half_life_s, ttl_s, now_s);
    l->veto = l->whole.veto;
    l->sum_micro = l->whole.own_micro;
    memset(l->says_n, 0, sizeof l->says_n);
    l->says_n[SCORE_BIT_OWN] = l->whole.own_micro >= SCORE_G_MIN_MICRO;
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && voices[to].group == voices[from].group;)
            to++;
        l->sum_micro += sum_group(l, voices, from, to, half_life_s, ttl_s, now_s);
        l->says_n[voices[from].bit] += clamped(l->parts[from].heads_micro, voices[from].trust_micro) >= SCORE_G_MIN_MICRO;
    }
    return 0;
}

static struct score made_anew(struct lean *l, const struct voice *voices, size_t at)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (i != at)
            l->others[n++] = voices[i];
    return score_of(l->others, n, l->own, l->half_life_s, l->ttl_s, l->now_s);
}

struct score lean_without(struct lean *l, const struct voice *voices, size_t at)
{
    if (l->whole.contested)
        return made_anew(l, voices, at);
    struct score s = l->whole;
    const struct lean_part *p = &l->parts[at];
    int64_t cap_micro = voices[at].trust_micro, with_micro = clamped(p->sum_micro, cap_micro), without_micro = clamped(p->sum_micro - p->said_micro, cap_micro);
    int64_t heads_with_micro = clamped(p->heads_micro, cap_micro), heads_micro = clamped(p->heads_micro - p->head_micro, cap_micro);
    unsigned bit = voices[at].bit, says_n = l->says_n[bit] - (heads_with_micro >= SCORE_G_MIN_MICRO) + (heads_micro >= SCORE_G_MIN_MICRO);
    s.micro = l->sum_micro - with_micro + without_micro;
    s.said_by = (s.said_by & ~(UINT64_C(1) << bit)) | (uint64_t)(says_n > 0) << bit;
    s.groups = s.groups - (heads_with_micro >= SCORE_G_MIN_MICRO) + (heads_micro >= SCORE_G_MIN_MICRO);
    s.groups_white = s.groups_white - (heads_with_micro <= -SCORE_G_MIN_MICRO) + (heads_micro <= -SCORE_G_MIN_MICRO);
    if (l->veto && s.micro > 0)
        s.micro = 0;
    return s;
}

void lean_clear(struct lean *l)
{
    free(l->parts);
    free(l->others);
    *l = (struct lean){ .parts = NULL };
}
