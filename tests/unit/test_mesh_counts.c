/* node/mesh: what each bound passes over or forgets is counted by its reason, and by no other. */
#include "tests/unit/mesh_fixture.h"

enum { VERSIONS = 120 };

static uint64_t counted(enum mesh_count c)
{
    return mesh_counted(mesh, c);
}

/* A member of whom nothing is known but its key. */
static void know_stranger(uint32_t number)
{
    struct record r = people[3].record;

    memcpy(r.root, &number, sizeof number);
    memcpy(r.curve, &number, sizeof number);
    assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, false), 0);
}

/* Neighbour 1 says to have the first batch of so many epochs, the lowest first, of each of so many strangers. */
static void claim_epochs(uint32_t strangers, uint32_t epochs)
{
    static struct log_have logs[HAVE_LOGS_MAX];
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs = logs } };

    for (uint32_t n = 0; n < strangers * epochs; n++) {
        struct log_have *log = &logs[m.u.have.logs_n++];
        *log = (struct log_have){ .epoch = EPOCH + n % epochs, .floor = 1, .head = 1, .record_serial = 10 };
        memcpy(log->origin, people[3].record.root, KEY_BYTES);
        memcpy(log->origin, &(uint32_t){ n / epochs }, sizeof(uint32_t));
        if (m.u.have.logs_n < HAVE_LOGS_MAX && n + 1 < strangers * epochs)
            continue;
        now_ms += 100;                 /* not more than it may ask */
        message(MESH_ANSWER, 1, &m);
        m.u.have.logs_n = 0;
    }
}

static void what_one_neighbour_claims_is_bounded_and_the_rest_is_counted(void **state)
{
    const uint32_t each = 32, strangers = MESH_LINK_CLAIMS_MAX / each + 2;

    (void)state;
    for (uint32_t i = 0; i < strangers; i++)
        know_stranger(i);
    claim_epochs(strangers - 2, each);
    assert_int_equal(counted(MESH_COUNT_OVER_CLAIMS), 0);
    claim_epochs(strangers, each);     /* what was claimed before is no more than it was */
    assert_int_equal(counted(MESH_COUNT_OVER_CLAIMS), 2 * each);
    assert_int_equal(counted(MESH_COUNT_OVER_LIMIT), 0);
    link_to(1, false);
    mesh_member_drop(mesh, people[1].record.root);       /* with all that it claimed */
    know(1, true);
    link_to(1, true);
    claim_epochs(2, each);
    assert_int_equal(counted(MESH_COUNT_OVER_CLAIMS), 2 * each);
}

static void of_more_epochs_than_may_be_claimed_the_oldest_are_counted(void **state)
{
    (void)state;
    know_stranger(0);
    claim_epochs(1, 64);
    assert_int_equal(counted(MESH_COUNT_OVER_CLAIMS), 0);
    claim_epochs(1, 64 + 10);
    assert_in_range(counted(MESH_COUNT_OVER_CLAIMS), 10, 10 + 64);       /* who says the old ones again has them refused again */
}

static void members_and_links_beyond_those_that_there_is_room_for_are_refused_and_counted(void **state)
{
    struct record r = people[3].record;

    (void)state;
    for (uint32_t i = 0; i < MESH_LINKS_MAX - 2 + 1; i++) {  /* two have links already */
        memcpy(r.root, &i, sizeof i);
        memcpy(r.curve, &i, sizeof i);
        assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, true), i < MESH_LINKS_MAX - 2 ? 0 : -ENOSPC);
    }
    assert_int_equal(counted(MESH_COUNT_OVER_LINKS), 1);
    for (uint32_t i = MESH_LINKS_MAX - 2; i < MEMBERS_MAX - MEMBERS; i++)
        know_stranger(i);
    assert_int_equal(counted(MESH_COUNT_OVER_MEMBERS), 0);
    memset(r.root, 0xee, KEY_BYTES);
    assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, false), -ENOSPC);
    assert_int_equal(counted(MESH_COUNT_OVER_MEMBERS), 1);
    know_stranger(7);                                        /* one that is known is no more */
    assert_int_equal(counted(MESH_COUNT_OVER_MEMBERS), 1);
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(frames[*(const size_t *)a].name.hash, frames[*(const size_t *)b].name.hash, HASH_BYTES);
}

/* Each has a higher hash than the one before it, so each would replace one of the two. */
static void versions_of_one_number_are_replaced_slowly_and_the_rest_is_counted(void **state)
{
    size_t all[VERSIONS], taken = 0;

    (void)state;
    for (unsigned i = 0; i < VERSIONS; i++)
        all[i] = sign((struct plan){ .author = 3, .seq = 1, .salt = (uint8_t)i });
    qsort(all, VERSIONS, sizeof *all, by_hash);
    for (unsigned i = 0; i < VERSIONS; i++) {
        hear(1, all[i]);
        if (action(MESH_DO_STORE) == NULL)
            continue;
        stored(all[i], true);
        taken++;
    }
    assert_in_range(taken, MESH_VERSIONS_MAX + 1, VERSIONS - 1);
    assert_int_equal(counted(MESH_COUNT_OVER_VERSIONS), VERSIONS - taken);
    assert_int_equal(counted(MESH_COUNT_OVER_LIMIT), 0);
}

static void of_too_many_proofs_the_newest_stay_and_the_rest_is_counted(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= MESH_PROOFS_MAX + 3; i++) {
        const uint8_t first[HASH_BYTES] = { 1 }, second[HASH_BYTES] = { 2 };
        assert_int_equal(mesh_proof(mesh, people[3].record.root, EPOCH + i, 1, first, second), 0);
    }
    assert_int_equal(counted(MESH_COUNT_OVER_PROOFS), 3);
}

static void of_too_many_records_the_newest_stay_and_the_rest_is_counted(void **state)
{
    struct person p = people[3];

    (void)state;
    for (uint64_t i = 1; i <= MESH_KEYS_MAX + 2; i++) {
        p.record.serial = 10 + i;
        seal(&p);
        assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    }
    assert_int_equal(counted(MESH_COUNT_OVER_RECORDS), 3);               /* with the one that was there */
    p.record.serial = 11;                                                /* older than all */
    seal(&p);
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    assert_int_equal(counted(MESH_COUNT_OVER_RECORDS), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_one_neighbour_claims_is_bounded_and_the_rest_is_counted),
        CLAIM(of_more_epochs_than_may_be_claimed_the_oldest_are_counted),
        CLAIM(members_and_links_beyond_those_that_there_is_room_for_are_refused_and_counted),
        CLAIM(versions_of_one_number_are_replaced_slowly_and_the_rest_is_counted),
        CLAIM(of_too_many_proofs_the_newest_stay_and_the_rest_is_counted),
        CLAIM(of_too_many_records_the_newest_stay_and_the_rest_is_counted),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
