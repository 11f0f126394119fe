#include "store/rights.h"

#include "proto/subject.h"

enum { IP4_KEY_BYTES = 6, IP6_KEY_BYTES = 10, IP4_HOST_BITS = 32, IP6_HOST_BITS = 64 };      /* a host counts as its /64; the last byte of a key is the length */

bool rights_narrow(const struct policy_rights *r)
{
    return r->categories != 0 || r->black_only || r->no_prefixes || r->max_weight_micro != 0 || r->probation_s != 0 || r->probation_until_s != 0;
}

static bool is_prefix(const uint8_t *key, size_t len)
{
    return (len == IP4_KEY_BYTES && key[0] == SUBJECT_IP4 && key[len - 1] < IP4_HOST_BITS) ||
           (len == IP6_KEY_BYTES && key[0] == SUBJECT_IP6 && key[len - 1] < IP6_HOST_BITS);
}

enum rights_bar rights_bar(const struct policy_rights *r, int category, const uint8_t *key, size_t key_len, const struct evidence *told)
{
    if (r->categories != 0 && (category < 0 || (r->categories >> category & 1) == 0))
        return RIGHTS_CATEGORY;
    if (r->no_prefixes && is_prefix(key, key_len))
        return RIGHTS_PREFIX;
    return r->black_only && told->black_micro < SCORE_KAPPA_WHITE * told->white_micro ? RIGHTS_WHITE : RIGHTS_HEARD;
}

uint32_t rights_cap(const struct policy_rights *r, uint32_t trust_micro)
{
    return r->max_weight_micro != 0 && r->max_weight_micro < trust_micro ? r->max_weight_micro : trust_micro;
}

int64_t rights_probation_end(const struct policy_rights *r, int64_t peer_s)
{
    int64_t end_s = r->probation_until_s;
    if (r->probation_s == 0)
        return end_s;
    if (r->probation_s == RIGHTS_ENDLESS || peer_s == 0)
        return INT64_MAX;
    return peer_s + r->probation_s > end_s ? peer_s + r->probation_s : end_s;
}
