/* What is known of a client before it is counted or greylisted. The writer looks itself: its pages are at hand, where a reader would have to fetch them again after
 * each commit. */
#include "store/keys.h"
#include "store/own.h"
#include "store/tool_private.h"

static int look_at_key(struct store *s, const struct subject *key, bool *black, bool *white)
{
    struct query q = query(&s->db, SQL_LISTING_CHECK);
    query_blob(&q, key->key, key->len);
    while (query_row(&q)) {
        int zone = names_zone(&s->names, s->policy, column_int(&q, 0));
        if (zone >= 0)
            *(s->policy->zones[zone].white ? white : black) = true;
    }
    return query_end(&q);
}

/* This member itself saw more good than bad of it, in some category. */
static int saw_good(struct store *s, const struct subject *client, bool *good)
{
    struct own_rows own;
    int rc = own_load(&own, &s->db, client->key, client->len);
    for (size_t i = 0; rc == 0 && i < own.n; i++) {
        struct evidence all = own_all(&own.rows[i].evidence, &own.rows[i].kept, s->policy, names_category_policy(&s->names, own.rows[i].category));
        *good |= opinion_micro(all.black_micro, all.white_micro) < 0;
    }
    return rc;
}

int tool_reputation(struct store *s, const struct subject *client, enum tool_reputation *out)
{
    struct listed_keys k;
    bool black = false, white = store_never_lists(s, client);
    int rc = white ? 0 : saw_good(s, client, &white);
    listed_keys(s->prefixes, client, &k);
    for (size_t i = 0; rc == 0 && !white && i < k.n; i++)
        rc = look_at_key(s, &k.keys[i], &black, &white);
    if (rc == 0)
        *out = white ? TOOL_GOOD : black ? TOOL_BAD : TOOL_UNKNOWN;
    return rc;
}
