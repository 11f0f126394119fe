/* A hostile neighbour, with a valid key: it sends as fast as it is read, and says nothing that it could be blamed for.
 *   SUB      valid batches of its own, large and small, new and repeated
 *   ROUTER   as many requests as are answered, each for all that there is
 * Usage: bench_flood IDENTITY OWN-CARD TARGET-CARD FEDERATION [REQUESTS-A-SECOND]. Beyond 200 of them it is cut off. It runs until it is ended; its card names the endpoints that it binds.
 * With a number of its own, what it did not ask while a busy machine kept it waiting is made up for. */
#include <sys/resource.h>
#include <unistd.h>
#include <errno.h>
#include <zmq.h>

#include "proto/batch.h"
#include "proto/message.h"
#include "proto/record.h"
#include "proto/subject.h"
#include "tests/bench/bench.h"

enum { LARGE = 64, SMALL = 4096, OPINIONS_LARGE = 2400, ASKS_PER_S = 190, ASKS_AT_ONCE_MAX = 10000 };

struct frame { uint8_t *at; size_t len; };

static struct identity *id;
static struct record own, target;
static struct frame large[LARGE], small[SMALL];
static const char *federation;

static struct frame seal_batch(uint64_t seq, size_t opinions_n)
{
    static uint8_t keys[OPINIONS_LARGE][6];
    static struct opinion opinions[OPINIONS_LARGE];
    static char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    int64_t now_s = (int64_t)time(NULL);
    struct batch b = { .epoch = (uint32_t)((now_s - 1767225600) / 60), .seq = seq, .record_serial = own.serial, .time_s = now_s, .categories_n = 1,
                       .opinions_n = opinions_n, .categories = categories, .opinions = opinions };
    struct frame f = { NULL, 0 };
    snprintf(b.federation, sizeof b.federation, "%s", federation);
    memcpy(b.origin, own.root, KEY_BYTES);
    for (size_t i = 0; i < opinions_n; i++) {
        uint32_t a = bench_address((uint32_t)(seq * OPINIONS_LARGE + i));
        keys[i][0] = SUBJECT_IP4;
        for (int k = 0; k < 4; k++)
            keys[i][1 + k] = (uint8_t)(a >> (24 - 8 * k));
        keys[i][5] = 32;
        opinions[i] = (struct opinion){ .key = keys[i], .key_len = 6, .black = 5, .time_s = now_s - now_s % OPINION_TIME_STEP_S };
    }
    int rc = batch_seal(&b, id, &f.at, &f.len);
    if (rc != 0)
        bench_die("batch_seal", strerror(-rc));
    return f;
}

static void open_card(const char *card, struct record *out)
{
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    if (card_decode(card, frame, &len) != 0 || record_open((struct bytes){ frame, len }, out) != 0)
        bench_die("card", "is none");
}

static void set(void *socket, int option, int value)
{
    zmq_setsockopt(socket, option, &value, sizeof value);
}

static void *serve(void *context, int kind, const char *endpoint)
{
    void *socket = zmq_socket(context, kind);
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_SNDHWM, 64);
    set(socket, ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, identity_curve_secret(id), KEY_BYTES);
    if (zmq_bind(socket, endpoint) != 0)
        bench_die(endpoint, zmq_strerror(errno));
    return socket;
}

static void *ask(void *context, bool insists)
{
    void *socket = zmq_socket(context, ZMQ_DEALER);
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_SNDHWM, insists ? ASKS_AT_ONCE_MAX : 16);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, target.curve, KEY_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, identity_curve(id), KEY_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, identity_curve_secret(id), KEY_BYTES);
    if (zmq_connect(socket, target.repair) != 0)
        bench_die(target.repair, zmq_strerror(errno));
    return socket;
}

static void publish(void *xpub, const struct frame *f)
{
    zmq_msg_t msg;
    if (zmq_msg_init_size(&msg, 1 + ORIGIN_SHORT_BYTES + f->len) != 0)
        return;
    uint8_t *at = zmq_msg_data(&msg);
    at[0] = 'B';
    memcpy(at + 1, own.root, ORIGIN_SHORT_BYTES);
    memcpy(at + 1 + ORIGIN_SHORT_BYTES, f->at, f->len);
    zmq_msg_send(&msg, xpub, ZMQ_DONTWAIT);
    zmq_msg_close(&msg);
}

static void drain(void *socket)
{
    char buffer[1 << 17];
    while (zmq_recv(socket, buffer, sizeof buffer, ZMQ_DONTWAIT) >= 0) {
    }
}

int main(int argc, char **argv)
{
    uint8_t *have = NULL;
    size_t have_len = 0;
    struct message m = { .kind = MESSAGE_HAVE };
    if (argc < 5)
        bench_die("usage", "bench_flood IDENTITY OWN-CARD TARGET-CARD FEDERATION [REQUESTS-A-SECOND]");
    federation = argv[4];
    if (identity_load(argv[1], &id) != 0)
        bench_die(argv[1], "cannot be read");
    open_card(argv[2], &own);
    open_card(argv[3], &target);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = seal_batch(i + 1, OPINIONS_LARGE);
    for (size_t i = 0; i < SMALL; i++)
        small[i] = seal_batch(LARGE + i + 1, 1);
    m.u.have.full = m.u.have.answer_wanted = true;
    if (message_encode(&m, &have, &have_len) != 0)
        bench_die("message_encode", "failed");
    void *context = zmq_ctx_new(), *xpub = serve(context, ZMQ_XPUB, own.publish), *router = serve(context, ZMQ_ROUTER, own.repair), *dealer = ask(context, argc > 5);
    setpriority(PRIO_PROCESS, 0, 19);          /* what it sends is to be felt, not what it computes */
    puts("ready");
    fflush(stdout);
    double last_s = bench_now_s(), asks_s = argc > 5 ? atof(argv[5]) : ASKS_PER_S;
    for (uint64_t i = 0;; i++) {
        publish(xpub, &large[i % LARGE]);
        publish(xpub, &small[i % SMALL]);
        double due = (bench_now_s() - last_s) * asks_s, n = argc > 5 ? due : 1;
        if (due >= 1) {
            for (unsigned k = 0; k < n && k < ASKS_AT_ONCE_MAX; k++)
                zmq_send(dealer, have, have_len, ZMQ_DONTWAIT);
            last_s = bench_now_s();
        }
        drain(xpub);
        drain(router);
        drain(dealer);
        if (i % 4 == 0)
            usleep(1000);
    }
}
