#include "store/introduce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/introductions.h"

/* ---- lists */

static int run_root(struct store *s, enum sql which, const uint8_t root[KEY_BYTES])
{
    struct query q = query(&s->db, which);
    query_blob(&q, root, KEY_BYTES);
    return query_run(&q);
}

int introduce_forget(struct store *s, const uint8_t introducer[KEY_BYTES])
{
    int rc = run_root(s, SQL_INTRODUCTIONS_DROP, introducer);
    s->trust_stale = true;
    return rc == 0 ? run_root(s, SQL_INTRODUCTION_CLEAR, introducer) : rc;
}

static int is_newer(struct store *s, const struct introductions *list, bool *newer)
{
    struct query q = query(&s->db, SQL_INTRODUCTIONS_GET);
    query_blob(&q, list->introducer, KEY_BYTES);
    *newer = true;
    if (query_row(&q)) {
        struct bytes stamp = column_bytes(&q, 0);
        *newer = stamp.len != STAMP_BYTES || memcmp(list->stamp, stamp.at, STAMP_BYTES) > 0;
    }
    return query_end(&q);
}

static int put_entry(struct store *s, const uint8_t introducer[KEY_BYTES], const struct introduction *e)
{
    struct query q = query(&s->db, SQL_INTRODUCTION_ADD);
    query_blob(&q, introducer, KEY_BYTES);
    query_blob(&q, e->record.root, KEY_BYTES);
    query_int(&q, e->share_milli);
    query_int(&q, e->expires_s);
    query_blob(&q, e->frame.at, e->frame.len);
    return query_run(&q);
}

static int put_list(struct store *s, const struct introductions *list, struct bytes frame)
{
    struct query q = query(&s->db, SQL_INTRODUCTIONS_PUT);
    query_blob(&q, list->introducer, KEY_BYTES);
    query_blob(&q, list->stamp, STAMP_BYTES);
    query_blob(&q, frame.at, frame.len);
    int rc = query_run(&q);
    if (rc == 0)
        rc = run_root(s, SQL_INTRODUCTION_CLEAR, list->introducer);
    for (size_t i = 0; rc == 0 && i < list->n; i++)
        rc = put_entry(s, list->introducer, &list->list[i]);
    return rc;
}

static int put_if_newer(struct store *s, const struct introductions *list, struct bytes frame)
{
    bool newer = false;
    int rc = db_begin(&s->db);
    if (rc == 0)
        rc = is_newer(s, list, &newer);
    if (rc == 0 && newer)
        rc = put_list(s, list, frame);
    rc = store_end(s, rc);
    if (rc == 0 && newer) {
        s->trust_stale = true;
        s->lists_version++;
    }
    return rc;
}

int store_add_introductions(struct store *s, struct bytes frame)
{
    struct introductions_name name;
    struct introductions list;
    uint8_t operational[KEY_BYTES];
    int rc = introductions_peek(frame, &name);
    const struct known_member *m = rc == 0 ? names_root(&s->names, name.introducer) : NULL;
    if (rc == 0)
        rc = m != NULL ? frames_key(&s->frames, &s->db, m->id, name.record_serial, operational) : -ENOKEY;
    if (rc == 0)
        rc = introductions_open(frame, operational, s->policy->federation, &list);
    if (rc != 0)
        return rc;
    rc = put_if_newer(s, &list, frame);
    introductions_close(&list);
    return rc;
}

/* ---- who has trust */

static int count_links(struct store *s, size_t *n)
{
    struct query q = query(&s->db, SQL_INTRODUCTION_COUNT);
    *n = query_row(&q) ? (size_t)column_int(&q, 0) : 0;
    return query_end(&q);
}

static int load_links(struct store *s, struct trust_link **out, size_t *n)
{
    size_t room = 0;
    int rc = count_links(s, &room);
    *out = rc == 0 ? calloc(room + 1, sizeof **out) : NULL;
    *n = 0;
    if (*out == NULL)
        return rc != 0 ? rc : -ENOMEM;
    struct query q = query(&s->db, SQL_INTRODUCTION_EACH);
    while (*n < room && query_row(&q)) {
        struct bytes introducer = column_bytes(&q, 0), introduced = column_bytes(&q, 1);
        struct trust_link *l = &(*out)[*n];
        if (introducer.len != KEY_BYTES || introduced.len != KEY_BYTES)
            continue;
        memcpy(l->introducer, introducer.at, KEY_BYTES);
        memcpy(l->introduced, introduced.at, KEY_BYTES);
        l->share_milli = (uint32_t)column_int(&q, 2);
        l->expires_s = column_int(&q, 3);
        (*n)++;
    }
    return query_end(&q);
}

static bool same_trust(const struct names *n, const struct trusted *table, size_t table_n)
{
    if (n->trusted_n != table_n)
        return false;
    for (size_t i = 0; i < table_n; i++) {
        const struct trusted *a = &n->trusted[i], *b = &table[i];
        if (memcmp(a->root, b->root, KEY_BYTES) != 0 || memcmp(a->group, b->group, KEY_BYTES) != 0 ||
            memcmp(a->introducer, b->introducer, KEY_BYTES) != 0 || a->tau_micro != b->tau_micro || a->hops != b->hops || a->expires_s != b->expires_s)
            return false;
    }
    return true;
}

static int write_trust(struct store *s, const struct trusted *table, size_t n)
{
    struct query clear = query(&s->db, SQL_TRUSTED_CLEAR);
    int rc = query_run(&clear);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct query q = query(&s->db, SQL_TRUSTED_ADD);
        query_blob(&q, table[i].root, KEY_BYTES);
        query_blob(&q, table[i].group, KEY_BYTES);
        query_blob(&q, table[i].introducer, KEY_BYTES);
        query_int(&q, table[i].tau_micro);
        query_int(&q, table[i].hops);
        query_int(&q, table[i].expires_s);
        rc = query_run(&q);
    }
    return rc == 0 ? meta_add(&s->db, META_TRUST, 1) : rc;
}

/* ---- making them known */

static bool is_wanted(const struct names *n, const struct known_member *m)
{
    return m->self || m->policy >= 0 || names_trusted(n, m->root) != NULL;
}

static size_t count_new(const struct store *s)
{
    size_t wanted = 0;
    for (size_t i = 0; i < s->names.members_n; i++)
        wanted += !s->names.members[i].forgotten && is_wanted(&s->names, &s->names.members[i]);
    return 1 + s->policy->members_n + s->names.trusted_n - wanted;
}

/* What nobody stands for any more goes first: this is rare, and its opinions count for nothing. */
static int make_room(struct store *s)
{
    int rc = 0;
    if (names_living(&s->names) + count_new(s) <= MEMBERS_MAX)
        return 0;
    for (size_t i = 0; rc == 0 && i < s->names.members_n; i++) {
        struct known_member *m = &s->names.members[i];
        uint64_t batches_n = 0;
        if (m->forgotten || is_wanted(&s->names, m))
            continue;
        rc = store_forget(s, m->id, &batches_n);
        m->forgotten = true;
        m->trust_micro = m->group_trust_micro = 0;
    }
    return rc;
}

static int add_record(struct store *s, int64_t member, const struct trusted *t)
{
    struct record rec;
    struct query from = query(&s->db, SQL_INTRODUCTION_RECORD);
    query_blob(&from, t->introducer, KEY_BYTES);
    query_blob(&from, t->root, KEY_BYTES);
    int rc = 0;
    if (query_row(&from) && record_open(column_bytes(&from, 0), &rec) == 0)
        rc = store_put_record(s, member, rec.serial, column_bytes(&from, 0));
    int ended = query_end(&from);
    return rc != 0 ? rc : ended;
}

int introduce_records(struct store *s, int64_t member, const uint8_t root[KEY_BYTES])
{
    struct record rec;
    struct query from = query(&s->db, SQL_INTRODUCTION_RECORDS);
    query_blob(&from, root, KEY_BYTES);
    int rc = 0;
    while (rc == 0 && query_row(&from)) {
        if (record_open(column_bytes(&from, 0), &rec) == 0)
            rc = store_put_record(s, member, rec.serial, column_bytes(&from, 0));
    }
    int ended = query_end(&from);
    return rc != 0 ? rc : ended;
}

static int has_record(struct store *s, int64_t member, bool *has)
{
    struct query q = query(&s->db, SQL_RECORD_EACH);
    query_int(&q, member);
    *has = query_row(&q);
    return query_end(&q);
}

static int register_trusted(struct store *s)
{
    int rc = make_room(s);
    for (size_t i = 0; rc == 0 && i < s->names.trusted_n; i++) {
        const struct trusted *t = &s->names.trusted[i];
        int64_t id = 0;
        bool known = false;
        rc = names_add_member(&s->names, &s->db, s->policy, t->root, &id);
        if (rc == 0)
            rc = has_record(s, id, &known);
        if (rc == 0 && !known)
            rc = add_record(s, id, t);
    }
    return rc;
}

/* Lists of those who are strangers now. */
static int drop_strangers(struct store *s)
{
    uint8_t (*gone)[KEY_BYTES] = calloc(MEMBERS_MAX, sizeof *gone);
    size_t n = 0;
    if (gone == NULL)
        return -ENOMEM;
    struct query q = query(&s->db, SQL_INTRODUCTIONS_EACH);
    while (n < MEMBERS_MAX && query_row(&q)) {
        struct bytes root = column_bytes(&q, 0);
        if (root.len == KEY_BYTES && memcmp(root.at, s->policy->self, KEY_BYTES) != 0 && policy_member(s->policy, root.at) == NULL &&
            names_trusted(&s->names, root.at) == NULL)
            memcpy(gone[n++], root.at, KEY_BYTES);
    }
    int rc = query_end(&q);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = introduce_forget(s, gone[i]);
    free(gone);
    return rc;
}

/* ---- */

static int take_table(struct store *s, struct trusted *table, size_t n)
{
    if (same_trust(&s->names, table, n)) {
        free(table);
        return 0;
    }
    int rc = write_trust(s, table, n);
    names_set_trusted(&s->names, s->policy, table, n);
    s->trust_version++;
    return rc == 0 ? drop_strangers(s) : rc;
}

int introduce_derive(struct store *s, int64_t now_s)
{
    struct trust_link *links = NULL;
    struct trusted *table = NULL;
    size_t links_n = 0, n = 0, left_out = 0, direct = s->policy->members_n + 1, most = direct < MEMBERS_MAX ? MEMBERS_MAX - direct : 0;
    int64_t next_s = INT64_MAX;
    int rc = load_links(s, &links, &links_n);
    if (rc == 0)
        rc = trust_table(s->policy, links, links_n, most, now_s, &table, &n, &left_out, &next_s);
    free(links);
    if (rc == 0)
        rc = take_table(s, table, n);
    if (rc == 0)
        rc = register_trusted(s);
    if (rc != 0)
        return rc;
    s->left_out_n = left_out;
    s->trust_stale = false;
    s->trust_pause_s = TRUST_EVERY_S + (int64_t)(links_n / TRUST_LINKS_PER_S);
    s->trust_at_s = now_s;
    s->trust_next_s = next_s;
    return 0;
}

int64_t introduce_due_s(const struct store *s)
{
    int64_t stale_s = s->trust_at_s + (s->rescan ? TRUST_RESCAN_S : s->trust_pause_s);
    return s->trust_stale && stale_s < s->trust_next_s ? stale_s : s->trust_next_s;
}

/* A clock that was set back proves nothing about what has expired. */
int introduce_derive_if_due(struct store *s, int64_t now_s)
{
    if (now_s < introduce_due_s(s) && !(s->trust_stale && now_s < s->trust_at_s))
        return 0;
    int rc = introduce_derive(s, now_s);
    return rc == 0 ? store_compare_digest(s) : rc;
}

size_t store_left_out(const struct store *s)
{
    return s->left_out_n;
}

void store_trusted(const struct store *s, uint64_t *trust, uint64_t *lists)
{
    *trust = s->trust_version;
    *lists = s->lists_version;
}
