/* What zones list within a prefix that somebody asks for. */
#include <errno.h>
#include <string.h>

#include "store/networks.h"
#include "store/reader_private.h"

struct looking {
    struct reader *r;
    struct networks_prefix prefix;
    struct networks_range range;
    struct why *why;
    unsigned rows_n;
    uint8_t last[SUBJECT_KEY_MAX];         /* a subject has a row for each zone and category */
    size_t last_len;
};

static int put(struct why_inside *in, struct bytes key, bool same, int zone)
{
    uint64_t bit = zone < 64 ? UINT64_C(1) << zone : 0;
    in->n += !same;
    if (in->n > WHY_INSIDE_MAX)
        return 0;
    if (!same) {
        in->zones[in->first_n] = 0;
        if (subject_from_key(key.at, key.len, &in->first[in->first_n++]) != 0)
            return -EBADMSG;
    }
    in->zones[in->first_n - 1] |= bit;
    return 0;
}

static int put_row(struct looking *l, const struct query *q)
{
    struct bytes key = column_bytes(q, 0);
    int zone = names_zone(&l->r->names, l->r->policy, column_int(q, 2));
    if (key.len != l->range.len || key.at[key.len - 1] <= l->prefix.bits || zone < 0 || l->r->policy->zones[zone].name[0] == '\0')
        return 0;
    bool same = key.len == l->last_len && memcmp(key.at, l->last, key.len) == 0;
    memcpy(l->last, key.at, key.len);
    l->last_len = key.len;
    bool host = key.at[key.len - 1] == networks_host_bits(key.at[0]);
    return put(host ? &l->why->addresses : &l->why->prefixes, key, same, zone);
}

static int look(struct looking *l)
{
    int rc = 0;
    struct query q = query(&l->r->db, SQL_LISTED_INSIDE);
    query_blob(&q, l->range.low, l->range.len);
    query_blob(&q, l->range.high, l->range.len);
    query_int(&q, WHY_INSIDE_ROWS_MAX + 1);
    while (rc == 0 && !l->why->inside_cut && query_row(&q)) {
        l->why->inside_cut = ++l->rows_n > WHY_INSIDE_ROWS_MAX;
        rc = l->why->inside_cut ? 0 : put_row(l, &q);
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

int reader_why_inside(struct reader *r, const struct subject *s, struct why *w)
{
    struct looking l = { .r = r, .why = w };
    uint8_t kind = s->key[0];
    if ((kind != SUBJECT_IP4 && kind != SUBJECT_IP6) || s->key[s->len - 1] >= networks_host_bits(kind))
        return 0;
    l.prefix = networks_prefix_of(s->key, s->len);
    l.range = networks_range_of(kind, &l.prefix);
    return look(&l);
}
