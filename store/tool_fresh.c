/* Rows that were put lately stand in small tables of their own, so that a turn of a few hundred operations, each of another client, writes a few pages. The fold moves them over in the
 * order of their keys, where neighbours share a page. Truth is in both: the newer one counts. */
#include "store/tool_private.h"

static const struct move {
    enum sql move, moved;
} moves[] = {
    { SQL_TARPIT_MOVE, SQL_TARPIT_MOVED },
    { SQL_BOUNCE_MOVE, SQL_BOUNCE_MOVED },
    { SQL_GREY_MOVE, SQL_GREY_MOVED },
    { SQL_SPF_MOVE, SQL_SPF_MOVED },
};

static int run(struct store *s, enum sql which, size_t max)
{
    struct query q = query(&s->db, which);
    query_int(&q, (int64_t)max);
    return query_run(&q);
}

int tool_move_fresh(struct store *s, size_t max, size_t *moved)
{
    *moved = 0;
    for (size_t i = 0; i < sizeof moves / sizeof *moves && s->fresh_n > 0 && *moved < max; i++) {
        size_t left = max - *moved;
        int rc = run(s, moves[i].move, left);
        if (rc == 0)
            rc = run(s, moves[i].moved, left);
        if (rc != 0)
            return rc;
        size_t n = (size_t)sqlite3_changes(s->db.sql);
        *moved += n;
        s->fresh_n -= n < s->fresh_n ? n : s->fresh_n;
    }
    return 0;
}
