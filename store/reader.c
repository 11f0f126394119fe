#include "store/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/reader_private.h"
#include "store/store_private.h"

int reader_open(const char *path, const struct policy *p, struct reader **out, char *why)
{
    struct reader *r = calloc(1, sizeof *r);
    why[0] = '\0';
    if (r == NULL || (r->path = strdup(path)) == NULL) {
        free(r);
        snprintf(why, STORE_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    int rc = db_open_reader(&r->db, path, why);
    if (rc == 0) {
        rc = reader_set_policy(r, p);
        if (rc != 0)
            db_explain(&r->db, path, rc, why);
    }
    if (rc != 0) {
        reader_close(&r);
        return rc;
    }
    *out = r;
    return 0;
}

int reader_set_policy(struct reader *r, const struct policy *p)
{
    struct policy *copy = policy_copy(p);
    if (copy == NULL)
        return -ENOMEM;
    policy_destroy(&r->policy);
    r->policy = copy;
    return names_load(&r->names, &r->db, r->policy);
}

void reader_close(struct reader **r)
{
    struct reader *gone = *r;
    if (gone == NULL)
        return;
    db_close(&gone->db);
    policy_destroy(&gone->policy);
    names_clear(&gone->names);
    voices_clear(&gone->voices);
    exceptions_clear(&gone->exceptions);
    free(gone->path);
    free(gone);
    *r = NULL;
}

/* Zones and categories of the policy are registered by the writer; a reader may be told of them first. */
static bool names_complete(const struct reader *r)
{
    for (size_t i = 0; i < r->policy->zones_n; i++)
        if (r->names.zone_ids[i] == 0)
            return false;
    for (size_t i = 0; i < r->policy->categories_n; i++)
        if (r->names.category_ids[i] == 0)
            return false;
    return true;
}

int reader_begin(struct reader *r)
{
    struct query q = query(&r->db, SQL_BEGIN_READ);
    int rc = query_run(&q);
    if (rc == 0 && !names_complete(r))
        rc = names_load(&r->names, &r->db, r->policy);
    return rc == 0 ? 0 : reader_end(r, rc);
}

int reader_end(struct reader *r, int rc)
{
    struct query q = query(&r->db, SQL_COMMIT);
    int ended = query_run(&q);
    return rc != 0 ? rc : ended;
}

/* ---- check */

int reader_keys(struct reader *r, const struct subject *s, struct listed_keys *out)
{
    int64_t prefixes = 0;
    int rc = meta_number(&r->db, META_PREFIXES, &prefixes);
    if (rc == 0)
        listed_keys(prefixes, s, out);
    return rc;
}

/* What one key adds to the zones that were found so far. */
static int check_key(struct reader *r, const struct subject *s, int zone, bool *black, bool *white)
{
    int kind = subject_kind(s);
    bool prefix = (kind == SUBJECT_IP4 || kind == SUBJECT_IP6) && s->key[s->len - 1u] < networks_host_bits((uint8_t)kind);
    struct query q = query(&r->db, prefix ? SQL_PREFIX_CHECK : SQL_LISTING_CHECK);
    query_blob(&q, s->key, s->len);
    while (query_row(&q)) {
        int found = names_zone(&r->names, r->policy, column_int(&q, 0));
        if (found < 0 || (zone >= 0 && found != zone))
            continue;
        *(r->policy->zones[found].white ? white : black) = true;
    }
    return query_end(&q);
}

static int check_all(struct reader *r, const struct subject *s, int zone, bool *black, bool *white)
{
    struct listed_keys k;
    int rc = reader_keys(r, s, &k);
    for (size_t i = 0; rc == 0 && i < k.n; i++)
        rc = check_key(r, &k.keys[i], zone, black, white);
    return rc;
}

int reader_check(struct reader *r, const struct subject *s, int zone, enum verdict *out)
{
    bool black = false, white = false;
    int rc = reader_begin(r);
    if (rc == 0)
        rc = reader_end(r, check_all(r, s, zone, &black, &white));
    if (rc == 0)
        *out = black ? VERDICT_BLACK : white ? VERDICT_WHITE : VERDICT_UNKNOWN;
    return rc;
}

/* ---- score */

/* Who has trust may have changed since the names were read. */
static int refresh_trust(struct reader *r)
{
    int64_t version = 0;
    int rc = meta_number(&r->db, META_TRUST, &version);
    return rc == 0 && version != r->names.trust_version ? names_load(&r->names, &r->db, r->policy) : rc;
}

/* A member that the writer came to know after the names were read: read them again. */
int reader_voices(struct reader *r, const struct subject *s, int category)
{
    struct topic t = { .key = s->key, .len = s->len, .category = (uint16_t)r->names.category_ids[category] };
    int rc = refresh_trust(r);
    if (rc == 0)
        rc = voices_load(&r->voices, &r->db, &r->names, r->policy, &t);
    if (rc != 0 || !r->voices.stranger)
        return rc;
    rc = names_load(&r->names, &r->db, r->policy);
    return rc == 0 ? voices_load(&r->voices, &r->db, &r->names, r->policy, &t) : rc;
}

static int64_t absolute(int64_t x)
{
    return x < 0 ? -x : x;
}

int reader_score(struct reader *r, const struct subject *s, int category, int64_t now_s, int64_t *milli)
{
    struct score score;
    int64_t most = 0;
    int rc = reader_begin(r);
    if (rc != 0)
        return rc;
    size_t from = category < 0 ? 0 : (size_t)category;
    size_t to = category < 0 ? r->policy->categories_n : from + 1;
    for (size_t i = from; rc == 0 && i < to; i++) {
        rc = reader_voices(r, s, (int)i);
        if (rc != 0)
            break;
        score = voices_score(&r->voices, r->policy, (int)i, now_s);
        if (absolute(score.micro) > absolute(most))
            most = score.micro;
    }
    rc = reader_end(r, rc);
    if (rc == 0)
        *milli = most / 1000;
    return rc;
}

int reader_said(struct reader *r, const struct subject *s, bool *said)
{
    bool found = false;
    struct query q = query(&r->db, SQL_EVIDENCE_OF_SUBJECT);
    query_blob(&q, s->key, s->len);
    while (query_row(&q))
        found |= column_int(&q, 1) != 0 || column_int(&q, 2) != 0 || column_int(&q, 10) != 0 || column_int(&q, 11) != 0;     /* black, white, and of both what is kept */
    int rc = query_end(&q);
    if (rc == 0)
        *said = found;
    return rc;
}
