#include "store/tool_private.h"

/* Its rows are few: one a reporter that numbers. A reporter that was not heard for longest is forgotten first; what it sends again would count again. */
static int forget_oldest(struct store *s)
{
    struct query q = query(&s->db, SQL_ONCE_TRIM);
    query_int(&q, ONCE_SOURCES_MAX);
    return query_run(&q);
}

int once_take(struct store *s, const struct once *o, int64_t now_s, bool *fresh)
{
    int64_t last = -1;
    *fresh = true;
    if (o->number == 0)
        return 0;
    struct query get = query(&s->db, SQL_ONCE_GET);
    query_blob(&get, o->source, sizeof o->source);
    if (query_row(&get))
        last = column_int(&get, 0);
    int rc = query_end(&get);
    *fresh = last < (int64_t)o->number;
    if (rc != 0 || !*fresh)
        return rc;
    struct query put = query(&s->db, SQL_ONCE_PUT);
    query_blob(&put, o->source, sizeof o->source);
    query_int(&put, (int64_t)o->number);
    query_int(&put, now_s);
    rc = query_run(&put);
    return rc == 0 && last < 0 ? forget_oldest(s) : rc;
}
