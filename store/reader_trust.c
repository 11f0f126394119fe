#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/introductions.h"
#include "store/reader_private.h"

int reader_record(struct reader *r, int64_t member, struct record *rec, uint8_t *frame, size_t *len)
{
    int found = -ENOENT;
    struct query q = query(&r->db, SQL_RECORD_EACH);
    query_int(&q, member);
    while (found != 0 && query_row(&q)) {
        struct bytes at = column_bytes(&q, 0);
        if (at.len > RECORD_FRAME_MAX || record_open(at, rec) != 0)
            continue;
        found = 0;
        if (frame == NULL)
            continue;
        memcpy(frame, at.at, at.len);
        *len = at.len;
    }
    int rc = query_end(&q);
    return rc != 0 ? rc : found;
}

int reader_lists(struct reader *r, const uint8_t *introducer, int (*each)(void *ctx, struct bytes frame), void *ctx)
{
    int stop = 0, rc = reader_begin(r);
    if (rc != 0)
        return rc;
    struct query q = query(&r->db, introducer != NULL ? SQL_INTRODUCTIONS_GET : SQL_INTRODUCTIONS_EACH);
    if (introducer != NULL)
        query_blob(&q, introducer, KEY_BYTES);
    while (stop == 0 && query_row(&q))
        stop = each(ctx, column_bytes(&q, 1));
    rc = reader_end(r, query_end(&q));
    return rc != 0 ? rc : stop;
}

int reader_probation(struct reader *r, const uint8_t root[KEY_BYTES], int64_t *end_s)
{
    const struct policy_member *configured = policy_member(r->policy, root);
    const struct known_member *m = names_root(&r->names, root);
    if (configured == NULL)
        return -ENOENT;
    *end_s = rights_probation_end(&configured->rights, m != NULL ? m->peer_s : 0);
    return 0;
}

static bool link_from(const struct query *q, struct trust_link *l)
{
    struct bytes introducer = column_bytes(q, 0), introduced = column_bytes(q, 1);
    if (introducer.len != KEY_BYTES || introduced.len != KEY_BYTES)
        return false;
    memcpy(l->introducer, introducer.at, KEY_BYTES);
    memcpy(l->introduced, introduced.at, KEY_BYTES);
    l->share_milli = (uint32_t)column_int(q, 2);
    l->expires_s = column_int(q, 3);
    return true;
}

int reader_links(struct reader *r, struct trust_link **out, size_t *n)
{
    size_t room = 0;
    int rc = 0;
    struct query q = query(&r->db, SQL_INTRODUCTION_EACH);
    *out = NULL;
    *n = 0;
    while (rc == 0 && query_row(&q)) {
        if (*n == room) {
            room = room * 2 + 64;
            struct trust_link *grown = realloc(*out, room * sizeof *grown);
            rc = grown != NULL ? 0 : -ENOMEM;
            *out = grown != NULL ? grown : *out;
        }
        if (rc == 0 && link_from(&q, &(*out)[*n]))
            ++*n;
    }
    int ended = query_end(&q);
    rc = rc != 0 ? rc : ended;
    if (rc != 0) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

int reader_introductions(struct reader *r, int (*each)(void *ctx, const struct trust_link *l, struct bytes record), void *ctx)
{
    int stop = 0, rc = reader_begin(r);
    if (rc != 0)
        return rc;
    struct trust_link l;
    struct query q = query(&r->db, SQL_INTRODUCTION_EACH);
    while (stop == 0 && query_row(&q))
        if (link_from(&q, &l))
            stop = each(ctx, &l, column_bytes(&q, 4));
    rc = reader_end(r, query_end(&q));
    return rc != 0 ? rc : stop;
}

static int each_trusted(struct reader *r, int (*each)(void *ctx, const struct trusted *t, const struct record *rec, struct bytes frame), void *ctx)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->names.trusted_n; i++) {
        const struct trusted *t = &r->names.trusted[i];
        const struct known_member *m = names_root(&r->names, t->root);
        const struct policy_member *sponsor = policy_member(r->policy, t->group);
        uint8_t frame[RECORD_FRAME_MAX];
        struct record rec;
        size_t len = 0;
        if (m == NULL || sponsor == NULL || sponsor->trust_micro == 0)
            continue;              /* this policy does not trust its group. While it is held back, it counts for nothing, and is a member nevertheless */
        rc = reader_record(r, m->id, &rec, frame, &len);
        if (rc == 0)
            rc = each(ctx, t, &rec, (struct bytes){ frame, len });
        else if (rc == -ENOENT)
            rc = 0;
    }
    return rc;
}

int reader_trusted(struct reader *r, int (*each)(void *ctx, const struct trusted *t, const struct record *rec, struct bytes frame), void *ctx)
{
    int rc = reader_begin(r);
    if (rc != 0)
        return rc;
    rc = names_load(&r->names, &r->db, r->policy);
    if (rc == 0)
        rc = each_trusted(r, each, ctx);
    return reader_end(r, rc);
}
