/* node/mesh: the way of a batch, members, bounds. Repair has a test of its own, test_mesh_repair.c. */
#include "tests/unit/mesh_fixture.h"

/* ---- disk before wire */

static void a_new_batch_is_stored_first_and_relayed_when_it_is(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    hear(1, f);
    const struct mesh_action *a = action(MESH_DO_STORE);
    assert_non_null(a);
    assert_int_equal(a->frame.len, frames[f].len);
    assert_memory_equal(a->frame.at, frames[f].at, frames[f].len);
    assert_true(is_about(a, 1));
    assert_null(action(MESH_DO_PUBLISH));
    stored(f, true);
    a = action(MESH_DO_PUBLISH);
    assert_non_null(a);
    assert_memory_equal(a->frame.at, frames[f].at, frames[f].len);
    assert_int_equal(a->topic[0], 'B');
    assert_memory_equal(a->topic + 1, people[3].record.root, MESH_TOPIC_BYTES - 1);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), 1);
}

static void what_was_on_disk_before_is_not_relayed_again(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    hear(1, f);
    stored(f, false);
    assert_null(action(MESH_DO_PUBLISH));
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), 0);
}

static void a_repeated_batch_changes_nothing(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    hear(1, f);
    hear(2, f);
    assert_null(action(MESH_DO_STORE));
    stored(f, true);
    hear(2, f);
    assert_null(action(MESH_DO_STORE));
    stored(f, true);
    assert_null(action(MESH_DO_PUBLISH));
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_DUPLICATE), 2);
}

static void what_the_store_holds_at_a_start_is_a_duplicate(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    assert_int_equal(mesh_held(mesh, &frames[f].ref), 0);
    assert_int_equal(mesh_held(mesh, &frames[f].ref), 0);
    hear(1, f);
    assert_null(action(MESH_DO_STORE));
    struct store_batch_ref stranger = frames[f].ref;
    stranger.name.origin[0] ^= 1;
    assert_int_equal(mesh_held(mesh, &stranger), -ENOENT);
}

static void an_own_batch_is_published(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 0, .seq = 1 });
    step((struct mesh_event){ .kind = MESH_OWN, .name = &frames[f].name, .bytes = { frames[f].at, frames[f].len } });
    assert_non_null(action(MESH_DO_PUBLISH));
    hear(1, f);
    assert_null(action(MESH_DO_STORE));
    size_t foreign = sign((struct plan){ .author = 0, .seq = 2, .federation = "other" });
    step((struct mesh_event){ .kind = MESH_OWN, .name = &frames[foreign].name, .bytes = { frames[foreign].at, frames[foreign].len } });
    assert_null(action(MESH_DO_PUBLISH));
    assert_non_null(action(MESH_DO_ALERT));
}

/* ---- what is refused */

static void refused(unsigned from, size_t f, enum mesh_count why, bool blamed)
{
    uint64_t before = mesh_counted(mesh, why);
    hear(from, f);
    assert_null(action(MESH_DO_STORE));
    assert_int_equal(mesh_counted(mesh, why), before + 1);
    assert_int_equal(count_actions(MESH_DO_BLAME), blamed);
    if (blamed)
        assert_true(is_about(action(MESH_DO_BLAME), from));
}

static void a_tampered_batch_is_refused_and_does_not_keep_the_true_one_out(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    frames[f].at[frames[f].len - 1] ^= 1;
    refused(1, f, MESH_COUNT_BAD_SIGNATURE, true);
    frames[f].at[frames[f].len - 1] ^= 1;
    hear(1, f);
    assert_non_null(action(MESH_DO_STORE));
}

static void a_batch_of_another_federation_is_refused_and_not_fetched_again(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1, .federation = "other" });
    refused(1, f, MESH_COUNT_FOREIGN, true);
    refused(1, f, MESH_COUNT_DUPLICATE, false);
    have(MESH_ASK, 1, 3, 1, 1, false);
    tick_at(now_ms + 1000);
    assert_false(asked_for_range().any);
}

static void what_is_no_batch_is_refused(void **state)
{
    (void)state;
    step((struct mesh_event){ .kind = MESH_FRAME, .neighbour = people[1].record.root, .bytes = { (const uint8_t *)"hello", 5 } });
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MALFORMED), 1);
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
    step((struct mesh_event){ .kind = MESH_FRAME, .neighbour = people[1].record.root });
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MALFORMED), 2);
}

static void a_strangers_batch_is_ignored_without_blame(void **state)
{
    (void)state;
    mesh_member_drop(mesh, people[3].record.root);
    refused(1, sign((struct plan){ .author = 3, .seq = 1 }), MESH_COUNT_UNKNOWN_ORIGIN, false);
}

static void nothing_is_taken_from_who_is_no_member(void **state)
{
    (void)state;
    uint8_t nobody[KEY_BYTES] = { 1 };
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    step((struct mesh_event){ .kind = MESH_FRAME, .neighbour = nobody, .bytes = { frames[f].at, frames[f].len } });
    assert_int_equal(up.n, 0);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_BAD_MESSAGE), 1);
}

static void what_lies_below_the_floor_is_dead(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 9, .floor_epoch = EPOCH, .floor_seq = 5 });
    hear(1, f);
    stored(f, true);
    refused(1, sign((struct plan){ .author = 3, .seq = 4 }), MESH_COUNT_DEAD, false);
    refused(1, sign((struct plan){ .author = 3, .epoch = EPOCH - 1, .seq = 400 }), MESH_COUNT_DEAD, false);
    hear(1, sign((struct plan){ .author = 3, .seq = 5 }));
    assert_non_null(action(MESH_DO_STORE));
}

static void what_is_older_than_the_ttl_is_dead(void **state)
{
    (void)state;
    refused(1, sign((struct plan){ .author = 3, .seq = 1, .time_s = NOW_S - 31 * 86400 }), MESH_COUNT_DEAD, false);
}

static void held_batches_die_with_time_and_return_when_the_clock_was_wrong(void **state)
{
    (void)state;
    size_t old = sign((struct plan){ .author = 3, .seq = 1, .time_s = NOW_S - 29 * 86400 }), young = sign((struct plan){ .author = 3, .seq = 2 });
    struct mesh_log_state log;
    hear(1, old);
    stored(old, true);
    hear(1, young);
    stored(young, true);
    skew_s = 2 * 86400;
    tick_at(now_ms + 60000);
    assert_int_equal(mesh_log_state(mesh, people[3].record.root, &log), 0);
    assert_int_equal(log.floor, 2);
    refused(1, old, MESH_COUNT_DEAD, false);
    skew_s = 0;
    tick_at(now_ms + 60000);
    hear(1, old);
    assert_non_null(action(MESH_DO_STORE));
}

static void an_epoch_more_than_a_day_ahead_is_ignored(void **state)
{
    (void)state;
    uint32_t minute = (uint32_t)((NOW_S + now_ms / 1000 - INT64_C(1767225600)) / 60);
    refused(1, sign((struct plan){ .author = 3, .epoch = minute + 24 * 60 + 1, .seq = 1 }), MESH_COUNT_FUTURE, false);
    hear(1, sign((struct plan){ .author = 3, .epoch = minute + 24 * 60, .seq = 1 }));
    assert_non_null(action(MESH_DO_STORE));
}

static void a_date_far_ahead_is_kept_counted_and_told_once(void **state)
{
    (void)state;
    hear(1, sign((struct plan){ .author = 3, .seq = 1, .time_s = NOW_S + now_ms / 1000 + MESH_SKEW_S + 1 }));
    assert_non_null(action(MESH_DO_STORE));
    assert_int_equal(count_actions(MESH_DO_ALERT), 1);
    hear(1, sign((struct plan){ .author = 3, .seq = 2, .time_s = NOW_S + now_ms / 1000 + MESH_SKEW_S + 1 }));
    assert_non_null(action(MESH_DO_STORE));
    assert_int_equal(count_actions(MESH_DO_ALERT), 0);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_FUTURE), 2);
}

static void a_batch_dated_after_its_record_is_not_taken(void **state)
{
    (void)state;
    struct person p = people[3];
    p.record.serial = 11;
    p.record.not_after_s = NOW_S - 86400;
    seal(&p);
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    refused(1, sign((struct plan){ .author = 3, .seq = 1, .serial = 11 }), MESH_COUNT_RECORD_ENDED, false);
}

/* ---- equivocation */

/* Indices of signed batches of one number, the highest hash first. */
static void sort_by_hash(size_t *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            if (memcmp(frames[all[j]].name.hash, frames[all[i]].name.hash, HASH_BYTES) > 0) {
                size_t swap = all[i];
                all[i] = all[j];
                all[j] = swap;
            }
        }
    }
}

static void versions_of(uint64_t seq, size_t out[4])
{
    for (uint8_t i = 0; i < 4; i++)
        out[i] = sign((struct plan){ .author = 3, .seq = seq, .salt = (uint8_t)(seq * 10 + i) });
    sort_by_hash(out, 4);
}

static void hear_and_store(unsigned from, size_t frame)
{
    hear(from, frame);
    assert_non_null(action(MESH_DO_STORE));
    stored(frame, true);
}

static bool is_kept(size_t frame)
{
    hear(1, frame);
    return mesh_counted(mesh, MESH_COUNT_DUPLICATE) > 0 && action(MESH_DO_STORE) == NULL;
}

static void two_batches_with_one_number_are_both_kept_and_told_once(void **state)
{
    (void)state;
    size_t v[4], above = sign((struct plan){ .author = 3, .seq = 2, .salt = 4 });
    versions_of(1, v);
    hear_and_store(1, v[0]);
    hear(2, v[1]);
    assert_null(action(MESH_DO_BLAME));
    stored(v[1], true);
    assert_non_null(action(MESH_DO_PUBLISH));
    assert_memory_equal(action(MESH_DO_ALERT)->origin, people[3].record.root, KEY_BYTES);
    assert_int_equal(action(MESH_DO_PROOF)->batch.name.seq, 1);
    refused(1, v[2], MESH_COUNT_DUPLICATE, false);   /* lower than both: nothing to be verified for */
    refused(1, above, MESH_COUNT_FROZEN, false);
    size_t next = sign((struct plan){ .author = 3, .epoch = EPOCH + 1, .seq = 1, .salt = 5 });
    hear_and_store(1, next);                         /* a new epoch heals it */
}

static void of_many_versions_the_two_highest_hashes_stay_in_whatever_order_they_came(void **state)
{
    static const size_t orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 }, { 1, 3, 0, 2 } };
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        size_t v[4];
        versions_of(1, v);
        mesh_destroy(&mesh);
        begin(NULL);
        for (size_t j = 0; j < 4; j++) {
            hear(1, v[orders[i][j]]);
            if (action(MESH_DO_STORE) != NULL)
                stored(v[orders[i][j]], true);
        }
        assert_true(is_kept(v[0]) && is_kept(v[1]));
        struct mesh_log_state log;
        assert_int_equal(mesh_log_state(mesh, people[3].record.root, &log), 0);
        assert_int_equal(log.head, 1);
    }
}

static void what_was_merged_above_an_equivocated_number_dies_and_its_floor_with_it(void **state)
{
    (void)state;
    size_t v[4], low = sign((struct plan){ .author = 3, .seq = 4, .salt = 90 });
    size_t high = sign((struct plan){ .author = 3, .seq = 10, .salt = 91, .floor_epoch = EPOCH, .floor_seq = 8 });
    struct mesh_log_state log;
    versions_of(9, v);
    hear_and_store(1, low);
    hear_and_store(1, v[0]);
    hear_and_store(1, high);                         /* its floor kills number 4 */
    refused(1, low, MESH_COUNT_DEAD, false);
    hear_and_store(2, v[1]);
    assert_int_equal(mesh_log_state(mesh, people[3].record.root, &log), 0);
    assert_int_equal(log.head, 9);
    refused(1, high, MESH_COUNT_FROZEN, false);
    hear(1, low);
    assert_non_null(action(MESH_DO_STORE));          /* it lives again */
}

static void a_lower_number_takes_the_place_of_a_frozen_one(void **state)
{
    (void)state;
    size_t a[4], b[4];
    struct mesh_log_state log;
    versions_of(9, a);
    versions_of(3, b);
    hear_and_store(1, a[0]);
    hear_and_store(1, a[1]);
    hear_and_store(1, b[2]);
    hear_and_store(1, b[3]);
    assert_int_equal(action(MESH_DO_PROOF)->batch.name.seq, 3);
    assert_int_equal(mesh_log_state(mesh, people[3].record.root, &log), 0);
    assert_int_equal(log.head, 3);
    refused(1, a[0], MESH_COUNT_FROZEN, false);
}

static void a_proof_below_the_floor_is_asked_for_and_kept(void **state)
{
    (void)state;
    size_t v[4], high = sign((struct plan){ .author = 3, .seq = 10, .salt = 91, .floor_epoch = EPOCH, .floor_seq = 8 });
    struct log_have log = { .epoch = EPOCH, .frozen = 5 };
    struct message m = { .kind = MESSAGE_HAVE };
    versions_of(5, v);
    hear_and_store(1, high);
    memcpy(log.origin, people[3].record.root, KEY_BYTES);
    memcpy(log.frozen_hash, frames[v[0]].name.hash, HEAD_HASH_BYTES);
    memcpy(log.frozen_hash + HEAD_HASH_BYTES, frames[v[1]].name.hash, HEAD_HASH_BYTES);
    m.u.have.logs = &log;
    m.u.have.logs_n = 1;
    message(MESH_ASK, 2, &m);
    struct asked a = asked_for_range();
    assert_true(a.any && a.who == 2 && a.from == 5 && a.to == 5);
    fetched(2, a.id, (long)v[0], false);
    assert_null(action(MESH_DO_PROOF));
    fetched(2, a.id, (long)v[1], true);
    const struct mesh_action *proof = action(MESH_DO_PROOF);
    assert_non_null(proof);
    assert_int_equal(proof->frame.len + proof->second.len, frames[v[0]].len + frames[v[1]].len);
    assert_non_null(action(MESH_DO_ALERT));
    refused(1, high, MESH_COUNT_FROZEN, false);
    message(MESH_ASK, 2, &m);
    assert_false(asked_for_range().any);             /* it is known now */
}

static void who_speaks_of_a_proof_that_it_does_not_have_is_not_believed_for_a_while(void **state)
{
    (void)state;
    struct log_have log = { .epoch = EPOCH, .frozen = 5 };
    struct message m = { .kind = MESSAGE_HAVE };
    unsigned asked = 0;
    memcpy(log.origin, people[3].record.root, KEY_BYTES);
    memset(log.frozen_hash, 7, FROZEN_HASH_BYTES);
    m.u.have.logs = &log;
    m.u.have.logs_n = 1;
    for (int i = 0; i < 60; i++) {
        tick_at(now_ms + 5000);
        message(MESH_ASK, 2, &m);
        struct asked a = asked_for_range();
        if (!a.any)
            continue;
        asked++;
        fetched(2, a.id, -1, true);
    }
    assert_in_range(asked, 1, 4);
    assert_null(action(MESH_DO_PROOF));
}

static void a_proof_from_the_store_is_in_force_from_the_start(void **state)
{
    (void)state;
    size_t v[4], above = sign((struct plan){ .author = 3, .seq = 6, .salt = 99 });
    versions_of(5, v);
    assert_int_equal(mesh_proof(mesh, people[3].record.root, EPOCH, 5, frames[v[0]].name.hash, frames[v[1]].name.hash), 0);
    assert_int_equal(mesh_held(mesh, &frames[above].ref), 0);
    refused(1, above, MESH_COUNT_FROZEN, false);
    assert_null(action(MESH_DO_ALERT));
}

/* ---- members */

static void each_pair_is_subscribed_once_and_oneself_never(void **state)
{
    (void)state;
    know(1, true);
    know(2, true);
    know(3, false);
    tick_at(now_ms);
    assert_int_equal(count_actions(MESH_DO_SUBSCRIBE), 6);
    assert_int_equal(count_actions(MESH_DO_ALLOW), 4);
    for (size_t i = 0; i < up.n; i++) {
        if (up.actions[i].kind == MESH_DO_SUBSCRIBE)
            assert_memory_not_equal(up.actions[i].origin, people[0].record.root, KEY_BYTES);
    }
    know(2, true);
    link_to(1, true);
    assert_int_equal(count_actions(MESH_DO_SUBSCRIBE), 0);
    know(2, false);
    tick_at(now_ms);
    assert_int_equal(count_actions(MESH_DO_UNSUBSCRIBE), 3);
}

static void a_dropped_member_is_forgotten(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    struct mesh_log_state log;
    hear(1, f);
    mesh_member_drop(mesh, people[3].record.root);
    tick_at(now_ms);
    assert_int_equal(count_actions(MESH_DO_UNSUBSCRIBE), 2);
    assert_int_equal(count_actions(MESH_DO_FORBID), 1);
    stored(f, true);
    assert_null(action(MESH_DO_PUBLISH));
    assert_int_equal(mesh_log_state(mesh, people[3].record.root, &log), -ENOENT);
    know(3, false);
    hear(1, f);
    assert_non_null(action(MESH_DO_STORE));
    mesh_member_drop(mesh, people[0].record.root);
    assert_int_equal(mesh_log_state(mesh, people[0].record.root, &log), 0);
}

/* ---- bounds */

static void at_most_so_many_batches_wait_for_the_disk(void **state)
{
    (void)state;
    const uint64_t share = MESH_INFLIGHT_MAX / MESH_INFLIGHT_SHARE;
    for (uint64_t i = 0; i < share; i++)
        hear(1, sign((struct plan){ .author = 3, .seq = i + 1 }));
    size_t f = sign((struct plan){ .author = 3, .seq = share + 1 });
    refused(1, f, MESH_COUNT_DROPPED_BUSY, false);
    stored(0, true);
    hear(1, f);
    assert_non_null(action(MESH_DO_STORE));
}

static void a_neighbour_that_floods_leaves_room_for_others(void **state)
{
    (void)state;
    const uint64_t share = MESH_INFLIGHT_MAX / MESH_INFLIGHT_SHARE;
    for (uint64_t i = 0; i < share; i++)
        hear(1, sign((struct plan){ .author = 3, .seq = i + 1 }));
    size_t f = sign((struct plan){ .author = 3, .seq = share + 1 });
    refused(1, f, MESH_COUNT_DROPPED_BUSY, false);
    hear(2, f);
    assert_non_null(action(MESH_DO_STORE));
}

static void what_the_disk_never_answers_is_given_up(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    hear(1, f);
    tick_at(now_ms + 2 * MESH_STORE_TIMEOUT_MS);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_STORE_FAILED), 1);
    hear(1, f);
    assert_non_null(action(MESH_DO_STORE));
}

static void of_too_many_live_batches_the_newest_stay(void **state)
{
    (void)state;
    struct mesh_log_state log;
    struct store_batch_ref ref = frames[sign((struct plan){ .author = 3, .seq = 1 })].ref;
    for (uint64_t i = 1; i <= MESH_HELD_MAX + 10; i++) {
        ref.name.seq = i;
        memcpy(ref.name.hash, &i, sizeof i);
        assert_int_equal(mesh_held(mesh, &ref), 0);
    }
    assert_int_equal(mesh_log_state(mesh, people[3].record.root, &log), 0);
    assert_int_equal(log.floor, 11);
    assert_int_equal(log.head, MESH_HELD_MAX + 10);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_OVER_BATCHES), 10);
}

static void of_too_many_epochs_the_newest_stay(void **state)
{
    (void)state;
    struct store_batch_ref ref = frames[sign((struct plan){ .author = 3, .seq = 1 })].ref;
    for (uint32_t i = 1; i <= MESH_EPOCHS_MAX + 1; i++) {
        ref.name.epoch = i;
        memcpy(ref.name.hash, &i, sizeof i);
        assert_int_equal(mesh_held(mesh, &ref), 0);
    }
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_OVER_EPOCHS), 1);
    refused(1, sign((struct plan){ .author = 3, .epoch = 1, .seq = 7 }), MESH_COUNT_DEAD, false);
    hear(1, sign((struct plan){ .author = 3, .epoch = 2, .seq = 7 }));
    assert_non_null(action(MESH_DO_STORE));
}

static void links_are_bounded(void **state)
{
    (void)state;
    struct record r = people[1].record;
    for (int i = 0; i < MESH_LINKS_MAX; i++) {
        r.root[0] = (uint8_t)i;
        assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, true), 0);
    }
    r.root[0] = MESH_LINKS_MAX;
    assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, true), -ENOSPC);
    assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, false), 0);
}

static bool manual_has(const char *word)
{
    char line[512];
    bool found = false;
    FILE *f = fopen(SOURCE_DIR "/tools/man/hearsay.1", "r");

    assert_non_null(f);
    while (!found && fgets(line, sizeof line, f) != NULL) {
        for (char *rest = line, *got; line[0] == '.' && (got = strsep(&rest, " ,\n")) != NULL;)
            found = found || strcmp(got, word) == 0;
    }
    fclose(f);
    return found;
}

static void every_count_has_a_name_of_its_own_that_the_manual_explains(void **state)
{
    (void)state;
    for (int i = 0; i < MESH_COUNTS; i++) {
        const char *name = mesh_count_text((enum mesh_count)i);
        assert_non_null(name);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, mesh_count_text((enum mesh_count)j));
        if (!manual_has(name))
            fail_msg("hearsay(1) does not know %s", name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_new_batch_is_stored_first_and_relayed_when_it_is),
        CLAIM(what_was_on_disk_before_is_not_relayed_again),
        CLAIM(a_repeated_batch_changes_nothing),
        CLAIM(what_the_store_holds_at_a_start_is_a_duplicate),
        CLAIM(an_own_batch_is_published),
        CLAIM(a_tampered_batch_is_refused_and_does_not_keep_the_true_one_out),
        CLAIM(a_batch_of_another_federation_is_refused_and_not_fetched_again),
        CLAIM(what_is_no_batch_is_refused),
        CLAIM(a_strangers_batch_is_ignored_without_blame),
        CLAIM(nothing_is_taken_from_who_is_no_member),
        CLAIM(what_lies_below_the_floor_is_dead),
        CLAIM(what_is_older_than_the_ttl_is_dead),
        CLAIM(held_batches_die_with_time_and_return_when_the_clock_was_wrong),
        CLAIM(an_epoch_more_than_a_day_ahead_is_ignored),
        CLAIM(a_date_far_ahead_is_kept_counted_and_told_once),
        CLAIM(a_batch_dated_after_its_record_is_not_taken),
        CLAIM(two_batches_with_one_number_are_both_kept_and_told_once),
        CLAIM(of_many_versions_the_two_highest_hashes_stay_in_whatever_order_they_came),
        CLAIM(what_was_merged_above_an_equivocated_number_dies_and_its_floor_with_it),
        CLAIM(a_lower_number_takes_the_place_of_a_frozen_one),
        CLAIM(a_proof_below_the_floor_is_asked_for_and_kept),
        CLAIM(who_speaks_of_a_proof_that_it_does_not_have_is_not_believed_for_a_while),
        CLAIM(a_proof_from_the_store_is_in_force_from_the_start),
        CLAIM_ALONE(each_pair_is_subscribed_once_and_oneself_never),
        CLAIM(a_dropped_member_is_forgotten),
        CLAIM(at_most_so_many_batches_wait_for_the_disk),
        CLAIM(a_neighbour_that_floods_leaves_room_for_others),
        CLAIM(what_the_disk_never_answers_is_given_up),
        CLAIM(of_too_many_live_batches_the_newest_stay),
        CLAIM(of_too_many_epochs_the_newest_stay),
        CLAIM_ALONE(links_are_bounded),
        CLAIM_ALONE(every_count_has_a_name_of_its_own_that_the_manual_explains),
    };
    return cmocka_run_group_tests_name("mesh", tests, people_make, people_free);
}
