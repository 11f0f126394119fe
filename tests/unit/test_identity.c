/* Keys and signatures: proto/identity.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/identity.h"
#include "tests/unit/scratch.h"

static char dir[] = "/tmp/hearsay-identity-XXXXXX";
static char path[64];

static int make_dir(void **state)
{
    (void)state;
    umask(022);
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/identity.pem", dir);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static char *read_file(void)
{
    static char text[8192];
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void write_file(const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), mode), 0);
    fputs(text, f);
    fclose(f);
}

static struct identity *generate(void)
{
    struct identity *id = NULL;

    assert_int_equal(identity_generate(&id), 0);
    return id;
}

static void assert_same(const struct identity *a, const struct identity *b)
{
    assert_memory_equal(identity_root(a), identity_root(b), KEY_BYTES);
    assert_memory_equal(identity_operational(a), identity_operational(b), KEY_BYTES);
    assert_memory_equal(identity_curve(a), identity_curve(b), KEY_BYTES);
    assert_memory_equal(identity_curve_secret(a), identity_curve_secret(b), KEY_BYTES);
}

static void what_was_saved_is_loaded(void **state)
{
    struct identity *id = generate(), *again = NULL;
    uint8_t signature[SIGNATURE_BYTES];

    (void)state;
    assert_int_equal(identity_save(id, path), 0);
    assert_int_equal(identity_load(path, &again), 0);
    assert_same(id, again);
    assert_true(identity_has_root(again));
    assert_int_equal(identity_sign(again, IDENTITY_ROOT, "x", 1, signature), 0);
    assert_int_equal(signature_verify(identity_root(id), "x", 1, signature), 0);
    identity_destroy(&again);
    identity_destroy(&id);
    assert_null(id);
    identity_destroy(&id);
}

static void a_file_that_cannot_be_written_whole_is_not_left_behind(void **state)
{
    struct identity *id = generate();
    struct rlimit before, small;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int rc = identity_save(id, path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(access(path, F_OK), -1);
    identity_destroy(&id);
}

static void *sign_often(void *shared)
{
    const struct identity *id = shared;
    uint8_t signature[SIGNATURE_BYTES];
    intptr_t bad = 0;

    for (int i = 0; i < 50; i++) {
        if (identity_sign(id, IDENTITY_OPERATIONAL, &i, sizeof i, signature) != 0 ||
            signature_verify(identity_operational(id), &i, sizeof i, signature) != 0)
            bad++;
    }
    return (void *)bad;
}

static void several_threads_can_sign_with_one_handle(void **state)
{
    enum { THREADS = 4 };
    struct identity *id = generate();
    pthread_t threads[THREADS];
    void *bad;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_often, id), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
    identity_destroy(&id);
}

static void two_identities_share_no_key(void **state)
{
    struct identity *a = generate(), *b = generate();

    (void)state;
    assert_memory_not_equal(identity_root(a), identity_root(b), KEY_BYTES);
    assert_memory_not_equal(identity_root(a), identity_operational(a), KEY_BYTES);
    assert_memory_not_equal(identity_curve(a), identity_curve(b), KEY_BYTES);
    identity_destroy(&a);
    identity_destroy(&b);
}

static void a_saved_file_is_for_its_owner_only_whatever_the_umask(void **state)
{
    struct identity *id = generate();
    struct stat st;

    (void)state;
    umask(0777);
    assert_int_equal(identity_save(id, path), 0);
    umask(022);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    identity_destroy(&id);
}

static void a_file_that_is_there_is_never_overwritten(void **state)
{
    struct identity *id = generate();

    (void)state;
    write_file("precious", 0600);
    assert_int_equal(identity_save(id, path), -EEXIST);
    assert_string_equal(read_file(), "precious");
    identity_destroy(&id);
}

static void a_directory_that_is_not_there_is_named_by_the_error(void **state)
{
    struct identity *id = generate();
    char absent[96];

    (void)state;
    snprintf(absent, sizeof absent, "%s/absent/identity.pem", dir);
    assert_int_equal(identity_save(id, absent), -ENOENT);
    assert_int_equal(identity_load(absent, &id), -ENOENT);
    identity_destroy(&id);
}

static void a_file_that_others_can_use_is_refused(void **state)
{
    static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666 };
    struct identity *id = generate(), *again = NULL;

    (void)state;
    assert_int_equal(identity_save(id, path), 0);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(identity_load(path, &again), -EACCES);
        assert_null(again);
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(identity_load(path, &again), 0);
    identity_destroy(&again);
    identity_destroy(&id);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
    struct identity *id = NULL;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(identity_load(path, &id), -EINVAL);       /* and does not wait for a writer */
    assert_int_equal(identity_load(dir, &id), -EINVAL);
    assert_null(id);
}

static void without_the_root_key_batches_can_be_signed_and_records_cannot(void **state)
{
    struct identity *id = generate(), *again = NULL;
    uint8_t signature[SIGNATURE_BYTES];

    (void)state;
    assert_int_equal(identity_forget_root(id), 0);
    assert_int_equal(identity_save(id, path), 0);
    assert_non_null(strstr(read_file(), "BEGIN PUBLIC KEY"));
    assert_int_equal(identity_load(path, &again), 0);
    assert_same(id, again);
    assert_false(identity_has_root(again));
    assert_int_equal(identity_sign(again, IDENTITY_ROOT, "x", 1, signature), -ENOKEY);
    assert_int_equal(identity_sign(again, IDENTITY_OPERATIONAL, "x", 1, signature), 0);
    assert_int_equal(signature_verify(identity_operational(id), "x", 1, signature), 0);
    identity_destroy(&again);
    identity_destroy(&id);
}

/* Cuts the n-th PEM block, with the comment before it, out of the text. */
static void cut_block(char *text, int n)
{
    char *start = text, *end = text;

    for (int i = 0; i <= n; i++) {
        start = end;
        end = strstr(start, "-----END");
        assert_non_null(end);
        end = strchr(end, '\n') + 1;
    }
    memmove(start, end, strlen(end) + 1);
}

static void a_file_with_a_block_missing_doubled_or_damaged_is_refused(void **state)
{
    struct identity *id = generate(), *again = NULL;
    char whole[8192], text[16384];

    (void)state;
    assert_int_equal(identity_save(id, path), 0);
    strcpy(whole, read_file());
    for (int n = 0; n < 3; n++) {
        strcpy(text, whole);
        cut_block(text, n);
        write_file(text, 0600);
        assert_int_equal(identity_load(path, &again), -EINVAL);
    }
    snprintf(text, sizeof text, "%s%s", whole, whole);
    write_file(text, 0600);
    assert_int_equal(identity_load(path, &again), -EINVAL);
    for (size_t cut = 0; cut + 30 < strlen(whole); cut += 7) {
        snprintf(text, sizeof text, "%.*s", (int)cut, whole);
        write_file(text, 0600);
        assert_int_equal(identity_load(path, &again), -EINVAL);
    }
    write_file("", 0600);
    assert_int_equal(identity_load(path, &again), -EINVAL);
    assert_null(again);
    identity_destroy(&id);
}

static void new_keys_keep_the_curve_key_before_them_until_it_is_dropped(void **state)
{
    struct identity *id = generate(), *again = NULL;
    uint8_t curve[KEY_BYTES], secret[KEY_BYTES];

    (void)state;
    memcpy(curve, identity_curve(id), KEY_BYTES);
    memcpy(secret, identity_curve_secret(id), KEY_BYTES);
    assert_null(identity_curve_before(id));
    assert_int_equal(identity_new_keys(id), 0);
    assert_memory_not_equal(identity_curve(id), curve, KEY_BYTES);
    assert_int_equal(identity_new_keys(id), 0);                /* the one between was never in use */
    assert_int_equal(identity_set_record(id, (struct bytes){ (const uint8_t *)"record", 6 }), 0);
    assert_int_equal(identity_save(id, path), 0);
    assert_int_equal(identity_load(path, &again), 0);
    assert_same(id, again);
    assert_memory_equal(identity_curve_before(again), curve, KEY_BYTES);
    assert_memory_equal(identity_curve_before_secret(again), secret, KEY_BYTES);
    assert_int_equal(identity_record(again).len, 6);
    identity_drop_before(again);
    assert_int_equal(identity_replace(again, path), 0);
    identity_destroy(&again);
    assert_int_equal(identity_load(path, &again), 0);
    assert_null(identity_curve_before(again));
    assert_int_equal(identity_record(again).len, 6);
    identity_destroy(&again);
    identity_destroy(&id);
}

static void keys_that_were_left_are_kept_newest_first_and_up_to_a_bound(void **state)
{
    struct identity *id = generate(), *again = NULL;
    const struct curve_left *left;
    uint8_t curve[IDENTITY_LEFT_MAX + 1][KEY_BYTES], secret[KEY_BYTES];

    (void)state;
    identity_leave_before(id, 1);                              /* there is none */
    assert_int_equal(identity_left(id, &left), 0);
    for (int i = 0; i <= IDENTITY_LEFT_MAX; i++) {
        memcpy(curve[i], identity_curve(id), KEY_BYTES);
        memcpy(secret, identity_curve_secret(id), KEY_BYTES);
        assert_int_equal(identity_new_keys(id), 0);
        identity_leave_before(id, INT64_C(1800000000) + i);
    }
    assert_null(identity_curve_before(id));
    assert_int_equal(identity_new_keys(id), 0);
    assert_int_equal(identity_set_record(id, (struct bytes){ (const uint8_t *)"record", 6 }), 0);
    assert_int_equal(identity_save(id, path), 0);
    assert_int_equal(identity_load(path, &again), 0);
    assert_same(id, again);
    assert_int_equal(identity_record(again).len, 6);
    assert_non_null(identity_curve_before(again));
    assert_int_equal(identity_left(again, &left), IDENTITY_LEFT_MAX);
    assert_memory_equal(left[0].secret, secret, KEY_BYTES);
    for (int i = 0; i < IDENTITY_LEFT_MAX; i++) {
        assert_memory_equal(left[i].public_half, curve[IDENTITY_LEFT_MAX - i], KEY_BYTES);
        assert_int_equal(left[i].left_s, INT64_C(1800000000) + IDENTITY_LEFT_MAX - i);
    }
    assert_false(identity_end_left(again, INT64_C(1800000000) + IDENTITY_LEFT_MAX));
    assert_true(identity_end_left(again, INT64_C(1800000000) + IDENTITY_LEFT_S + 1));
    assert_int_equal(identity_left(again, &left), IDENTITY_LEFT_MAX - 1);
    assert_memory_equal(left[0].secret, secret, KEY_BYTES);
    assert_true(identity_end_left(again, INT64_C(1700000000)));          /* so all were left now, by this clock */
    assert_int_equal(identity_left(again, &left), IDENTITY_LEFT_MAX - 1);
    assert_int_equal(left[IDENTITY_LEFT_MAX - 2].left_s, INT64_C(1700000000));
    identity_forget_left(again);
    assert_int_equal(identity_left(again, &left), 0);
    identity_destroy(&again);
    identity_destroy(&id);
}

static void a_root_key_that_was_brought_signs_and_is_not_saved(void **state)
{
    struct identity *id = generate(), *node = NULL, *other = generate();
    uint8_t signature[SIGNATURE_BYTES];
    char root[96], absent[96];

    (void)state;
    snprintf(root, sizeof root, "%s/root.pem", dir);
    snprintf(absent, sizeof absent, "%s/absent/root.pem", dir);
    assert_int_equal(identity_save_root(id, root), 0);
    assert_int_equal(identity_save_root(id, root), -EEXIST);
    assert_int_equal(identity_forget_root(id), 0);
    assert_int_equal(identity_save_root(id, path), -ENOKEY);
    assert_int_equal(identity_save(id, path), 0);
    assert_int_equal(identity_load(path, &node), 0);
    assert_int_equal(identity_bring_root(node, path), -EINVAL);        /* the public half only */
    assert_int_equal(identity_bring_root(node, absent), -ENOENT);
    assert_int_equal(identity_bring_root(other, root), -EXDEV);
    assert_true(identity_has_root(other));
    assert_int_equal(identity_bring_root(node, root), 0);
    assert_int_equal(identity_sign(node, IDENTITY_ROOT, "x", 1, signature), 0);
    assert_int_equal(signature_verify(identity_root(id), "x", 1, signature), 0);
    assert_int_equal(identity_replace(node, path), 0);
    identity_destroy(&node);
    assert_int_equal(identity_load(path, &node), 0);
    assert_false(identity_has_root(node));
    assert_int_equal(chmod(root, 0640), 0);
    assert_int_equal(identity_bring_root(node, root), -EACCES);
    unlink(root);
    identity_destroy(&node);
    identity_destroy(&other);
    identity_destroy(&id);
}

static void a_damaged_record_block_is_refused(void **state)
{
    struct identity *id = generate(), *again = NULL;
    char whole[8192];

    (void)state;
    assert_int_equal(identity_set_record(id, (struct bytes){ (const uint8_t *)"some record", 11 }), 0);
    assert_int_equal(identity_save(id, path), 0);
    strcpy(whole, read_file());
    *strstr(whole, "-----END HEARSAY") = '\0';
    write_file(whole, 0600);
    assert_int_equal(identity_load(path, &again), -EINVAL);
    assert_null(again);
    identity_destroy(&id);
}

static void an_encrypted_key_is_refused_without_asking_for_a_password(void **state)
{
    static const char encrypted[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgAAAAAAAAAAAICCAAw\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    struct identity *id = NULL;

    (void)state;
    write_file(encrypted, 0600);
    assert_int_equal(identity_load(path, &id), -EINVAL);
}

static void a_signature_holds_for_these_bytes_and_this_key_only(void **state)
{
    struct identity *id = generate(), *other = generate();
    uint8_t signature[SIGNATURE_BYTES];
    char text[] = "what was said";
    const size_t len = sizeof text - 1;

    (void)state;
    assert_int_equal(identity_sign(id, IDENTITY_OPERATIONAL, text, len, signature), 0);
    assert_int_equal(signature_verify(identity_operational(id), text, len, signature), 0);
    assert_int_equal(signature_verify(identity_root(id), text, len, signature), -EBADMSG);
    assert_int_equal(signature_verify(identity_operational(other), text, len, signature), -EBADMSG);
    assert_int_equal(signature_verify(identity_operational(id), text, len - 1, signature), -EBADMSG);
    for (size_t i = 0; i < SIGNATURE_BYTES; i++) {
        signature[i] ^= 1;
        assert_int_equal(signature_verify(identity_operational(id), text, len, signature), -EBADMSG);
        signature[i] ^= 1;
    }
    text[3] ^= 1;
    assert_int_equal(signature_verify(identity_operational(id), text, len, signature), -EBADMSG);
    identity_destroy(&id);
    identity_destroy(&other);
}

/* RFC 8032, section 7.1, test 2. */
static void the_published_ed25519_vector_verifies(void **state)
{
    static const uint8_t key[KEY_BYTES] = {
        0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
        0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c };
    static const uint8_t signature[SIGNATURE_BYTES] = {
        0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40,
        0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda,
        0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c,
        0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00 };

    (void)state;
    assert_int_equal(signature_verify(key, "\x72", 1, signature), 0);
}

static void the_published_sha256_vector_comes_out(void **state)
{
    uint8_t hash[HASH_BYTES];
    char text[2 * HASH_BYTES + 1];

    (void)state;
    hash_sha256("abc", 3, hash);
    assert_string_equal(hex_text(hash, sizeof hash, text), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_was_saved_is_loaded, remove_file),
        cmocka_unit_test_teardown(a_file_that_cannot_be_written_whole_is_not_left_behind, remove_file),
        cmocka_unit_test(several_threads_can_sign_with_one_handle),
        cmocka_unit_test(two_identities_share_no_key),
        cmocka_unit_test_teardown(a_saved_file_is_for_its_owner_only_whatever_the_umask, remove_file),
        cmocka_unit_test_teardown(a_file_that_is_there_is_never_overwritten, remove_file),
        cmocka_unit_test(a_directory_that_is_not_there_is_named_by_the_error),
        cmocka_unit_test_teardown(a_file_that_others_can_use_is_refused, remove_file),
        cmocka_unit_test_teardown(what_is_no_file_is_refused_at_once, remove_file),
        cmocka_unit_test_teardown(without_the_root_key_batches_can_be_signed_and_records_cannot, remove_file),
        cmocka_unit_test_teardown(a_file_with_a_block_missing_doubled_or_damaged_is_refused, remove_file),
        cmocka_unit_test_teardown(new_keys_keep_the_curve_key_before_them_until_it_is_dropped, remove_file),
        cmocka_unit_test_teardown(keys_that_were_left_are_kept_newest_first_and_up_to_a_bound, remove_file),
        cmocka_unit_test_teardown(a_root_key_that_was_brought_signs_and_is_not_saved, remove_file),
        cmocka_unit_test_teardown(a_damaged_record_block_is_refused, remove_file),
        cmocka_unit_test_teardown(an_encrypted_key_is_refused_without_asking_for_a_password, remove_file),
        cmocka_unit_test(a_signature_holds_for_these_bytes_and_this_key_only),
        cmocka_unit_test(the_published_ed25519_vector_verifies),
        cmocka_unit_test(the_published_sha256_vector_comes_out),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
