/* Introductions in the store: whose word counts by them, from when and until when. */
#include "told_world.h"

#include <errno.h>

#include "proto/introductions.h"

enum { WHO_MAX = 8 };

static struct world w;

struct say { size_t who; uint32_t share_milli; int64_t expires_s; };

/* Members 1 and 2 are trusted directly; 3 and up only by whom introduces them. */
static int begin(void **state)
{
    (void)state;
    world_prepare(&w);
    w.policy->members_n = 2;
    world_open(&w);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_destroy(&w);
    return 0;
}

static int introduce_code(size_t introducer, uint64_t serial, const struct say *says, size_t n)
{
    struct introduction list[WHO_MAX];
    struct introductions l = { .federation = "test", .record_serial = 1, .serial = serial, .time_s = T0, .list = list, .n = n };
    uint8_t *frame = NULL;
    size_t len = 0;
    memcpy(l.introducer, w.records[introducer].root, KEY_BYTES);
    for (size_t i = 0; i < n; i++)
        list[i] = (struct introduction){ { w.frames[says[i].who], w.frame_lens[says[i].who] }, w.records[says[i].who], says[i].share_milli, says[i].expires_s };
    assert_int_equal(introductions_seal(&l, w.ids[introducer], &frame, &len), 0);
    int rc = store_add_introductions(w.store, (struct bytes){ frame, len });
    free(frame);
    return rc;
}

static void introduce(size_t introducer, uint64_t serial, struct say a)
{
    assert_int_equal(introduce_code(introducer, serial, &a, 1), 0);
}

static void fold_at(int64_t now_s)
{
    bool more = true;
    int64_t wake_s = 0;
    while (more)
        assert_int_equal(store_fold(w.store, 1000, now_s, &more, &wake_s), 0);
    assert_true(wake_s > now_s);
}

static void says(size_t who, uint64_t seq, const char *subject)
{
    struct saying s = { subject, WORLD_SAY, 8, 0, T0 };
    struct store_batch b = world_batch_at(&w, who, 1000, seq, 0, T0, &s, 1);
    assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
    free((void *)b.frame.at);
}

static struct reader *open_reader(void)
{
    struct reader *r = NULL;
    char why[STORE_WHY_MAX];
    if (reader_open(w.path, w.policy, &r, why) != 0)
        fail_msg("%s", why);
    return r;
}

static int64_t score_with(struct reader *r, const char *subject, int64_t now_s)
{
    struct subject s = world_subject(subject);
    int64_t milli = 0;
    assert_int_equal(reader_score(r, &s, 0, now_s, &milli), 0);
    return milli;
}

static int64_t score(const char *subject, int64_t now_s)
{
    struct reader *r = open_reader();
    int64_t milli = score_with(r, subject, now_s);
    reader_close(&r);
    return milli;
}

static bool lists(const char *subject)
{
    struct reader *r = open_reader();
    struct subject s = world_subject(subject);
    enum verdict v;
    assert_int_equal(reader_check(r, &s, 0, &v), 0);
    reader_close(&r);
    return v == VERDICT_BLACK;
}

struct seen { size_t n, more_n; struct trusted last; struct record record; };

static int see(void *ctx, const struct trusted *t, const struct record *rec, struct bytes frame)
{
    struct seen *s = ctx;
    assert_true(frame.len > 0);
    s->n++;
    s->more_n += t->tau_micro == MICRO / 2000;             /* a thousandth of a full trust, halved */
    s->last = *t;
    s->record = *rec;
    return 0;
}

static struct seen trusted_now(void)
{
    struct reader *r = open_reader();
    struct seen s = { 0 };
    assert_int_equal(reader_trusted(r, see, &s), 0);
    reader_close(&r);
    return s;
}

static int count_list(void *ctx, struct bytes frame)
{
    assert_true(frame.len > 0);
    ++*(size_t *)ctx;
    return 0;
}

static size_t lists_stored(void)
{
    struct reader *r = open_reader();
    size_t n = 0;
    assert_int_equal(reader_lists(r, NULL, count_list, &n), 0);
    reader_close(&r);
    return n;
}

static void claim_verifies(int64_t now_s)
{
    struct reader *r = open_reader();
    uint64_t problems = 0;
    assert_int_equal(reader_verify(r, now_s, NULL, NULL, NULL, &problems), 0);
    reader_close(&r);
    assert_int_equal(problems, 0);
}

/* ---- */

static void an_introduced_members_word_counts_by_its_part_of_the_trust(void **state)
{
    (void)state;
    says(3, 1, "192.0.2.9");
    fold_at(T0);
    assert_int_equal(score("192.0.2.9", T0), 0);
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    fold_at(T0 + 10);
    struct seen s = trusted_now();
    assert_int_equal(s.n, 1);
    assert_memory_equal(s.last.root, w.records[3].root, KEY_BYTES);
    assert_memory_equal(s.last.group, w.records[1].root, KEY_BYTES);
    assert_int_equal(s.last.tau_micro, 500000);
    assert_string_equal(s.record.name, w.records[3].name);
    assert_int_equal(score("192.0.2.9", T0), 470);         /* 0.5 * 32 / 34 */
    claim_verifies(T0 + 10);
}

/* Else its log would not be fetched, and never caught up with. */
static void while_others_count_for_nothing_yet_introduced_members_are_members(void **state)
{
    (void)state;
    w.policy->catching_up = true;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    says(3, 1, "192.0.2.9");
    fold_at(T0 + 10);
    assert_int_equal(trusted_now().n, 1);
    assert_int_equal(score("192.0.2.9", T0), 0);
    w.policy->catching_up = false;
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 20), 0);
    fold_at(T0 + 30);
    assert_int_equal(score("192.0.2.9", T0), 470);
}

/* ---- rights */

static void take_rights(struct policy_rights of_member_1, int64_t now_s)
{
    w.policy->members[0].rights = of_member_1;
    assert_int_equal(store_set_policy(w.store, w.policy, now_s), 0);
    fold_at(now_s);
    claim_verifies(now_s);
}

static void whom_a_peer_introduces_has_its_rights(void **state)
{
    (void)state;
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    fold_at(T0 + 10);
    says(3, 1, "192.0.2.9");
    fold_at(T0 + 10);
    assert_int_equal(score("192.0.2.9", T0), 470);
    take_rights((struct policy_rights){ .categories = 1 << 1 }, T0 + 20);
    assert_int_equal(score("192.0.2.9", T0), 0);
    take_rights((struct policy_rights){ .max_weight_micro = 200000 }, T0 + 30);
    assert_int_equal(score("192.0.2.9", T0), 200);
    take_rights((struct policy_rights){ .probation_s = 600 }, T0 + 40);
    assert_int_equal(score("192.0.2.9", T0), 0);
    assert_int_equal(trusted_now().n, 1);                  /* a member nevertheless: heard and stored */
    fold_at(T0 + 600);
    assert_int_equal(score("192.0.2.9", T0), 470);
    claim_verifies(T0 + 600);
}

/* A newcomer on probation vouches for everybody: else it could silence whom others vouch for. */
static void one_on_probation_takes_nobody_from_the_group_of_another(void **state)
{
    (void)state;
    introduce(2, 1, (struct say){ 3, 100, T0 + WORLD_DAY });
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    says(3, 1, "192.0.2.9");
    take_rights((struct policy_rights){ .probation_s = RIGHTS_ENDLESS }, T0 + 20);
    assert_memory_equal(trusted_now().last.group, w.records[2].root, KEY_BYTES);
    assert_int_equal(score("192.0.2.9", T0), 47);
    take_rights((struct policy_rights){ .probation_s = 0 }, T0 + 30);
    assert_memory_equal(trusted_now().last.group, w.records[1].root, KEY_BYTES);
}

static void a_reader_that_is_open_sees_the_change(void **state)
{
    (void)state;
    struct reader *r = open_reader();
    says(3, 1, "192.0.2.9");
    fold_at(T0);
    assert_int_equal(score_with(r, "192.0.2.9", T0), 0);
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    fold_at(T0 + 10);
    assert_int_equal(score_with(r, "192.0.2.9", T0), 470);
    reader_close(&r);
}

static void a_group_says_no_more_than_its_root_and_counts_once(void **state)
{
    (void)state;
    const struct say both[] = { { 3, 1000, T0 + WORLD_DAY }, { 4, 1000, T0 + WORLD_DAY } };
    assert_int_equal(introduce_code(1, 1, both, 2), 0);
    fold_at(T0 + 10);
    says(4, 1, "192.0.2.9");
    says(2, 1, "192.0.2.9");                               /* another group between: the voices come in no order of groups */
    says(3, 1, "192.0.2.9");
    says(1, 1, "192.0.2.9");
    fold_at(T0 + 20);
    struct reader *r = open_reader();
    struct subject s = world_subject("192.0.2.9");
    struct subject_info info;
    assert_int_equal(reader_info(r, &s, T0, &info), 0);
    reader_close(&r);
    assert_int_equal(info.groups, 2);
    assert_int_equal(info.score_milli, 1000 + 941);        /* 0.94 + 2 * 0.235 is cut to 1; and the other one's 0.94 */
    claim_verifies(T0 + 20);
}

static void an_introduction_ends_by_time_alone(void **state)
{
    (void)state;
    bool more = false;
    int64_t wake_s = 0;
    w.policy->zones[0].threshold_micro = 300000;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    introduce(1, 1, (struct say){ 3, 1000, T0 + 1000 });
    says(3, 1, "192.0.2.9");
    fold_at(T0 + 10);
    assert_true(lists("192.0.2.9"));
    do
        assert_int_equal(store_fold(w.store, 1000, T0 + 20, &more, &wake_s), 0);
    while (more);
    assert_int_equal(wake_s, T0 + 1000);
    fold_at(T0 + 999);
    assert_true(lists("192.0.2.9"));
    fold_at(T0 + 1000);
    assert_false(lists("192.0.2.9"));
    assert_int_equal(trusted_now().n, 0);
    claim_verifies(T0 + 1000);
}

static void the_newest_list_counts_whichever_came_first(void **state)
{
    (void)state;
    introduce(1, 7, (struct say){ 3, 1000, T0 + WORLD_DAY });
    introduce(1, 6, (struct say){ 4, 1000, T0 + WORLD_DAY });
    fold_at(T0 + 10);
    assert_memory_equal(trusted_now().last.root, w.records[3].root, KEY_BYTES);
    assert_int_equal(introduce_code(1, 8, NULL, 0), 0);
    fold_at(T0 + 20);
    assert_int_equal(trusted_now().n, 0);
    introduce(1, 7, (struct say){ 3, 1000, T0 + WORLD_DAY });
    fold_at(T0 + 30);
    assert_int_equal(trusted_now().n, 0);
}

static void trust_by_introduction_survives_a_restart(void **state)
{
    (void)state;
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    introduce(3, 1, (struct say){ 4, 1000, T0 + WORLD_DAY });
    says(4, 1, "192.0.2.9");
    fold_at(T0 + 10);
    assert_int_equal(trusted_now().n, 2);
    world_reopen(&w);
    assert_int_equal(trusted_now().n, 2);
    assert_int_equal(score("192.0.2.9", T0), 235);         /* two hops: a quarter */
}

static void who_is_trusted_no_more_takes_its_group_and_its_list_along(void **state)
{
    (void)state;
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    introduce(3, 1, (struct say){ 4, 1000, T0 + WORLD_DAY });
    says(3, 1, "192.0.2.9");
    fold_at(T0 + 10);
    assert_int_equal(lists_stored(), 2);
    memmove(&w.policy->members[0], &w.policy->members[1], sizeof w.policy->members[0]);
    w.policy->members_n = 1;
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 20), 0);
    fold_at(T0 + 30);
    assert_int_equal(trusted_now().n, 0);
    assert_int_equal(lists_stored(), 0);
    assert_int_equal(score("192.0.2.9", T0), 0);
    claim_verifies(T0 + 30);
}

static void a_purge_forgets_the_list_as_well(void **state)
{
    (void)state;
    uint64_t batches = 0;
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    fold_at(T0 + 10);
    assert_int_equal(store_purge(w.store, w.records[1].root, T0 + 20, &batches), 0);
    fold_at(T0 + 30);
    assert_int_equal(trusted_now().n, 0);
    assert_int_equal(lists_stored(), 0);
}

/* It stood in line behind the purge: the mesh cannot have given the record back yet. */
static void a_batch_that_comes_just_after_its_author_was_purged_can_be_read(void **state)
{
    (void)state;
    uint64_t batches = 0;
    introduce(1, 1, (struct say){ 2, 1000, T0 + WORLD_DAY });
    w.policy->members_n = 1;                               /* `peer remove --purge` of member 2, in its two steps */
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 10), 0);
    assert_int_equal(store_purge(w.store, w.records[2].root, T0 + 10, &batches), 0);
    says(2, 7, "192.0.2.9");
    fold_at(T0 + 20);
    fold_at(T0 + 3600);                                    /* by now it is reckoned that member 1 vouches for it */
    assert_true(score("192.0.2.9", T0 + 3600) > 0);
    claim_verifies(T0 + 3600);
}

static void a_list_that_does_not_verify_is_refused(void **state)
{
    (void)state;
    struct introduction e = { { w.frames[3], w.frame_lens[3] }, w.records[3], 1000, T0 + WORLD_DAY };
    struct introductions l = { .federation = "test", .record_serial = 1, .serial = 1, .time_s = T0, .list = &e, .n = 1 };
    uint8_t *frame = NULL;
    size_t len = 0;
    memcpy(l.introducer, w.records[1].root, KEY_BYTES);
    assert_int_equal(introductions_seal(&l, w.ids[1], &frame, &len), 0);
    frame[len - 1] ^= 1;
    assert_int_equal(store_add_introductions(w.store, (struct bytes){ frame, len }), -EBADMSG);
    free(frame);
    l.record_serial = 2;
    assert_int_equal(introductions_seal(&l, w.ids[1], &frame, &len), 0);
    assert_int_equal(store_add_introductions(w.store, (struct bytes){ frame, len }), -ENOKEY);
    free(frame);
    assert_int_equal(lists_stored(), 0);
}

/* Else it would send ever new ones. */
static void who_introduces_a_slanderer_answers_for_it_and_its_next_one_is_silent(void **state)
{
    (void)state;
    const struct say both[] = { { 3, 1000, T0 + WORLD_DAY }, { 4, 1000, T0 + WORLD_DAY } };
    char victim[32];
    assert_int_equal(introduce_code(1, 1, both, 2), 0);
    fold_at(T0 + 10);
    for (unsigned i = 1; i <= 6; i++) {
        snprintf(victim, sizeof victim, "198.51.100.%u", i);
        says(3, i, victim);
    }
    says(4, 1, "192.0.2.9");
    says(2, 1, "192.0.2.9");
    fold_at(T0 + 20);
    assert_int_equal(score("192.0.2.9", T0), 470 / 2 + 941);
    for (unsigned i = 1; i <= 6; i++) {
        snprintf(victim, sizeof victim, "198.51.100.%u", i);
        world_report(&w, REQUEST_WHITE, victim, 0, 1, T0 + 30);
    }
    fold_at(T0 + 40);
    assert_int_equal(score("192.0.2.9", T0), 941);
    claim_verifies(T0 + 40);
    world_reopen(&w);
    assert_int_equal(score("192.0.2.9", T0), 941);
    claim_verifies(T0 + 40);
}

static void why_names_the_group_and_who_introduced(void **state)
{
    (void)state;
    struct subject s = world_subject("192.0.2.9");
    struct why why;
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    introduce(3, 1, (struct say){ 4, 1000, T0 + WORLD_DAY });
    says(4, 1, "192.0.2.9");
    fold_at(T0 + 10);
    struct reader *r = open_reader();
    assert_int_equal(reader_why(r, &s, T0, &why), 0);
    reader_close(&r);
    assert_int_equal(why.opinions_n, 1);
    assert_true(why.opinions[0].introduced);
    assert_string_equal(why.opinions[0].name, "mx.e.example");
    assert_string_equal(why.opinions[0].group, "mx.b.example");
    assert_string_equal(why.opinions[0].introducer, "mx.d.example");
    assert_int_equal(why.opinions[0].trust_micro, 250000);
    assert_int_equal(why.opinions[0].signature, 1);
    why_clear(&why);
}

/* ---- another coalition */

static void another_coalition_is_told_all_anew_and_told_nothing_of_the_last(void **state)
{
    static const uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t first = 0, second = 0;
    (void)state;
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0, &first), 0);
    world_report(&w, REQUEST_BLACK, "192.0.2.1", 0, 1, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.2", 0, 1, T0);
    introduce(1, 1, (struct say){ 3, 1000, T0 + WORLD_DAY });
    says(1, 1, "192.0.2.9");
    fold_at(T0 + 10);
    assert_int_equal(world_told(&w, "test", T0 + 100), 2);
    assert_int_equal(world_told(&w, "test", T0 + 100), 0);
    assert_false(store_took_log_anew(w.store));
    strcpy(w.policy->federation, "street");
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 20), 0);
    assert_true(store_took_log_anew(w.store));
    assert_false(store_took_log_anew(w.store));
    fold_at(T0 + 30);
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0 + 40, &second), 0);
    assert_true(second > first);
    assert_int_equal(world_told(&w, "street", T0 + 100), 2);
    assert_int_equal(score("192.0.2.9", T0), 0);
    assert_int_equal(lists_stored(), 0);
    assert_true(lists("192.0.2.1"));                       /* what it saw itself stays */
    claim_verifies(T0 + 110);
    world_reopen(&w);
    assert_false(store_took_log_anew(w.store));
    claim_verifies(T0 + 110);
}

/* ---- too many */

enum { CROWD_SPONSORS = 34, CROWD = CROWD_SPONSORS * INTRODUCTIONS_MAX };

struct someone { struct identity *id; struct record record; uint8_t frame[RECORD_FRAME_MAX]; size_t len; };

static void someone_make(struct someone *p, unsigned number)
{
    p->id = test_identity(number);
    identity_into_record(p->id, &p->record);
    snprintf(p->record.name, sizeof p->record.name, "mx%u.example", number);
    p->record.serial = 1;
    p->record.not_after_s = T0 + 90 * WORLD_DAY;
    p->len = sizeof p->frame;
    assert_int_equal(record_seal(&p->record, p->id, p->frame, &p->len), 0);
}

/* A sponsor that this member trusts vouches for 128 strangers, who are others each time. */
static void crowd_of(struct someone *sponsor, uint64_t serial)
{
    static unsigned met = WORLD_MEMBERS + CROWD_SPONSORS;
    static struct someone strangers[INTRODUCTIONS_MAX];
    static struct introduction list[INTRODUCTIONS_MAX];
    struct introductions l = { .federation = "test", .record_serial = 1, .serial = serial, .time_s = T0, .list = list, .n = INTRODUCTIONS_MAX };
    uint8_t *frame = NULL;
    size_t len = 0;
    for (unsigned i = 0; i < INTRODUCTIONS_MAX; i++) {
        someone_make(&strangers[i], met++);
        list[i] = (struct introduction){ { strangers[i].frame, strangers[i].len }, strangers[i].record, 1, T0 + WORLD_DAY };
    }
    memcpy(l.introducer, sponsor->record.root, KEY_BYTES);
    assert_int_equal(introductions_seal(&l, sponsor->id, &frame, &len), 0);
    assert_int_equal(store_add_introductions(w.store, (struct bytes){ frame, len }), 0);
    free(frame);
    for (unsigned i = 0; i < INTRODUCTIONS_MAX; i++)
        identity_destroy(&strangers[i].id);
}

static void of_too_many_the_least_trusted_are_left_out_and_configured_ones_never(void **state)
{
    static struct someone sponsors[CROWD_SPONSORS];
    struct policy_member *members = calloc(CROWD_SPONSORS + 2, sizeof *members);
    (void)state;
    assert_non_null(members);
    memcpy(members, w.policy->members, 2 * sizeof *members);
    free(w.policy->members);
    w.policy->members = members;
    for (unsigned i = 0; i < CROWD_SPONSORS; i++) {
        struct policy_member *m = &members[w.policy->members_n++];
        someone_make(&sponsors[i], WORLD_MEMBERS + i);
        memcpy(m->root, sponsors[i].record.root, KEY_BYTES);
        m->trust_micro = i < CROWD_SPONSORS / 2 ? MICRO : MICRO / 2;
    }
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    for (unsigned i = 0; i < CROWD_SPONSORS; i++) {
        assert_int_equal(store_add_record(w.store, sponsors[i].record.root, 1, (struct bytes){ sponsors[i].frame, sponsors[i].len }), 0);
        crowd_of(&sponsors[i], 1);
    }
    fold_at(T0 + 10);
    assert_int_equal(trusted_now().n, MEMBERS_MAX - 1 - w.policy->members_n);
    assert_int_equal(trusted_now().more_n, CROWD / 2);
    assert_int_equal(store_left_out(w.store), CROWD - (MEMBERS_MAX - 1 - w.policy->members_n));
    crowd_of(&sponsors[0], 2);                             /* 128 others in their place: strangers make room */
    fold_at(T0 + 20);
    assert_int_equal(trusted_now().n, MEMBERS_MAX - 1 - w.policy->members_n);
    w.policy->members_n = 2;                               /* and all of them go */
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 30), 0);
    fold_at(T0 + 40);
    assert_int_equal(trusted_now().n, 0);
    assert_int_equal(store_left_out(w.store), 0);
    for (unsigned i = 0; i < CROWD_SPONSORS; i++)
        identity_destroy(&sponsors[i].id);
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CLAIM(an_introduced_members_word_counts_by_its_part_of_the_trust),
        CLAIM(while_others_count_for_nothing_yet_introduced_members_are_members),
        CLAIM(whom_a_peer_introduces_has_its_rights),
        CLAIM(one_on_probation_takes_nobody_from_the_group_of_another),
        CLAIM(a_reader_that_is_open_sees_the_change),
        CLAIM(a_group_says_no_more_than_its_root_and_counts_once),
        CLAIM(an_introduction_ends_by_time_alone),
        CLAIM(the_newest_list_counts_whichever_came_first),
        CLAIM(trust_by_introduction_survives_a_restart),
        CLAIM(who_is_trusted_no_more_takes_its_group_and_its_list_along),
        CLAIM(a_purge_forgets_the_list_as_well),
        CLAIM(a_batch_that_comes_just_after_its_author_was_purged_can_be_read),
        CLAIM(a_list_that_does_not_verify_is_refused),
        CLAIM(who_introduces_a_slanderer_answers_for_it_and_its_next_one_is_silent),
        CLAIM(why_names_the_group_and_who_introduced),
        CLAIM(of_too_many_the_least_trusted_are_left_out_and_configured_ones_never),
        CLAIM(another_coalition_is_told_all_anew_and_told_nothing_of_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
