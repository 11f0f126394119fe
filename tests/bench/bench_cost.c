/* What an opinion costs where no machine is needed to wait for: to verify, on the wire, and in memory.
 * Usage: bench_cost [--quick] */
#include <malloc.h>
#include <openssl/evp.h>

#include "node/mesh.h"
#include "proto/batch.h"
#include "proto/identity.h"
#include "proto/message.h"
#include "proto/record.h"
#include "proto/subject.h"
#include "tests/bench/bench.h"
#include "tests/wire.h"

enum { NOW = 1795188000, REPEATS_FULL = 2000, REPEATS_QUICK = 20, OPINIONS_MAX = 2048, MEMORY_BATCHES_FULL = 4000, MEMORY_BATCHES_QUICK = 200, MEMORY_OPINIONS = 250 };

struct frame { uint8_t *at; size_t len; };

static struct identity *id;

static struct frame seal(uint64_t seq, size_t n)
{
    static uint8_t keys[OPINIONS_MAX][6];
    static struct opinion opinions[OPINIONS_MAX];
    static char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    struct batch b = { .federation = "bench", .epoch = 1, .seq = seq, .floor_epoch = 1, .floor_seq = 1, .record_serial = 1, .time_s = NOW, .categories_n = 1,
                       .opinions_n = n, .categories = categories, .opinions = opinions };
    struct frame f = { NULL, 0 };
    memcpy(b.origin, identity_root(id), KEY_BYTES);
    memset(b.previous, 7, HASH_BYTES);
    for (size_t i = 0; i < n; i++) {
        uint32_t a = bench_address((uint32_t)(seq * n + i));
        keys[i][0] = SUBJECT_IP4;
        for (int k = 0; k < 4; k++)
            keys[i][1 + k] = (uint8_t)(a >> (24 - 8 * k));
        keys[i][5] = 32;
        opinions[i] = (struct opinion){ .key = keys[i], .key_len = 6, .black = 5, .time_s = NOW - NOW % OPINION_TIME_STEP_S };
    }
    int rc = batch_seal(&b, id, &f.at, &f.len);
    if (rc != 0)
        bench_die("batch_seal", strerror(-rc));
    return f;
}

/* ---- to verify: batch_open(), form and rules included, against a bare EVP_DigestVerify() of the same bytes */

static double open_many(const struct frame *f, int n)
{
    double began_s = bench_now_s();
    for (int i = 0; i < n; i++) {
        struct batch b;
        if (batch_open((struct bytes){ f->at, f->len }, identity_operational(id), "bench", &b) != 0)
            bench_die("batch_open", "failed");
        batch_close(&b);
    }
    return bench_now_s() - began_s;
}

static double verify_many(const struct frame *f, int n)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, identity_operational(id), KEY_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    double began_s = bench_now_s();
    for (int i = 0; i < n; i++) {
        if (EVP_MD_CTX_reset(ctx) != 1 || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1 ||
            EVP_DigestVerify(ctx, f->at + f->len - SIGNATURE_BYTES, SIGNATURE_BYTES, f->at, f->len - SIGNATURE_BYTES) != 1)
            bench_die("EVP_DigestVerify", "failed");
    }
    double seconds = bench_now_s() - began_s;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return seconds;
}

static void verify(size_t opinions_n, int repeats)
{
    struct frame f = seal(1, opinions_n);
    struct bench_rounds r = { .n = 0 };
    char name[64];
    for (; r.n < 7; r.n++) {
        r.limit_s[r.n] = verify_many(&f, repeats);
        r.ours_s[r.n] = open_many(&f, repeats);
    }
    snprintf(name, sizeof name, "verify.%zu", opinions_n);
    bench_say(name, &r, (double)repeats * (double)opinions_n, "opinions/s", 0.8);
    free(f.at);
}

/* ---- on the wire: a frame with its topic, under CURVE and ZMTP, in TCP over IPv4, as the simulation counts it; against the bare key and two steps, 8 bytes an opinion */

static void say_bytes(const char *name, double value, double limit, double aim)
{
    printf("{\"name\": \"%s\", \"value\": %.3f, \"unit\": \"bytes\", \"limit\": %.3f, \"ratio\": %.4f, \"aim\": %.2f, \"rounds\": 1}\n", name, value, limit, limit / value, aim);
    fflush(stdout);
}

static void wire(size_t opinions_n, double aim)
{
    struct frame f = seal(1, opinions_n);
    char name[64];
    snprintf(name, sizeof name, "wire.%zu", opinions_n);
    say_bytes(name, (double)wire_bytes(MESH_TOPIC_BYTES + f.len) / (double)opinions_n, 8, aim);
    free(f.at);
}

/* ---- in memory: what the mesh core keeps for a million opinions of another member, in batches of 250 and of one each, against 32 bytes a batch: number, time and half a hash */

static size_t heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void memory(const char *name, size_t batches_n, size_t opinions_n)
{
    struct mesh_config c = { .federation = "bench", .seed = 1, .ttl_s = 30 * 86400 };
    struct record rec = { .name = "peer.bench.example", .serial = 1, .not_after_s = NOW + 86400 };
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    struct mesh *m = NULL;
    memcpy(rec.root, identity_root(id), KEY_BYTES);
    memcpy(rec.operational, identity_operational(id), KEY_BYTES);
    memcpy(rec.curve, identity_curve(id), KEY_BYTES);
    c.self[0] = 1;
    if (record_seal(&rec, id, frame, &len) != 0 || mesh_create(&c, &m) != 0 || mesh_member_set(m, &rec, (struct bytes){ frame, len }, false) != 0)
        bench_die("mesh", "cannot be made");
    size_t before = heap_bytes();
    for (uint64_t seq = 1; seq <= batches_n; seq++) {
        struct store_batch_ref ref = { .name = { .epoch = 1, .seq = seq }, .time_s = NOW };
        memcpy(ref.name.origin, rec.root, KEY_BYTES);
        for (size_t i = 0; i < HASH_BYTES; i++)
            ref.name.hash[i] = (uint8_t)(seq >> (8 * (i % 8)));
        if (mesh_held(m, &ref) != 0)
            bench_die("mesh_held", "failed");
    }
    double used = (double)(heap_bytes() - before), opinions = (double)batches_n * (double)opinions_n;
    say_bytes(name, used / opinions * 1e6, (double)batches_n * 32 / opinions * 1e6, 0.3);
    mesh_destroy(&m);
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    static const size_t sizes[] = { 1, 16, 64, 256, 2048 };
    if (identity_generate(&id) != 0)
        bench_die("identity", "no randomness");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        verify(sizes[i], (quick ? REPEATS_QUICK : REPEATS_FULL) / (sizes[i] > 256 ? 4 : 1));
    wire(1, 0.02);
    wire(64, 0.35);
    wire(256, 0.4);
    wire(2048, 0.4);
    memory("memory.core.million", quick ? MEMORY_BATCHES_QUICK : MEMORY_BATCHES_FULL, MEMORY_OPINIONS);
    memory("memory.core.singles", quick ? MEMORY_BATCHES_QUICK : MEMORY_BATCHES_FULL, 1);
    identity_destroy(&id);
    return 0;
}
