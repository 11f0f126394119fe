#include "node/join_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { SAY_AGAIN_MS = 2000, Z85_BYTES = 41 };

struct joining {
    void *context, *dealer, *monitor;
    uint8_t *wire;
    size_t wire_len;
    bool reached;                                /* a TCP connection was made */
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int join_keypair(uint8_t public_key[KEY_BYTES], uint8_t secret_key[KEY_BYTES])
{
    char public_text[Z85_BYTES], secret_text[Z85_BYTES];
    int rc = zmq_curve_keypair(public_text, secret_text) == 0 && zmq_z85_decode(public_key, public_text) != NULL &&
             zmq_z85_decode(secret_key, secret_text) != NULL ? 0 : -EIO;

    explicit_bzero(secret_text, sizeof secret_text);
    return rc;
}

static int set_keys(void *dealer, const struct invite *invite)
{
    char public_text[Z85_BYTES], secret_text[Z85_BYTES];
    int rc = -EIO;

    if (zmq_z85_encode(secret_text, invite->curve_secret, KEY_BYTES) != NULL && zmq_curve_public(public_text, secret_text) == 0 &&
        zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, public_text, Z85_BYTES) == 0 &&
        zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, secret_text, Z85_BYTES) == 0 &&
        zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, invite->record.curve, KEY_BYTES) == 0)
        rc = 0;
    explicit_bzero(secret_text, sizeof secret_text);
    return rc;
}

static int open_sockets(struct joining *j, const struct invite *invite)
{
    const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    const int zero = 0, one = 1, retry_ms = 500;
    int rc;

    j->context = zmq_ctx_new();
    j->dealer = j->context == NULL ? NULL : zmq_socket(j->context, ZMQ_DEALER);
    if (j->dealer == NULL)
        return -EMFILE;
    zmq_setsockopt(j->dealer, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(j->dealer, ZMQ_IPV6, &one, sizeof one);
    zmq_setsockopt(j->dealer, ZMQ_RECONNECT_IVL, &retry_ms, sizeof retry_ms);
    rc = set_keys(j->dealer, invite);
    if (rc != 0)
        return rc;
    if (zmq_socket_monitor(j->dealer, "inproc://join-monitor", events) != 0)
        return -EMFILE;
    j->monitor = zmq_socket(j->context, ZMQ_PAIR);
    if (j->monitor == NULL || zmq_connect(j->monitor, "inproc://join-monitor") != 0)
        return -EMFILE;
    return zmq_connect(j->dealer, invite->record.repair) == 0 ? 0 : -EINVAL;
}

static void close_sockets(struct joining *j)
{
    if (j->dealer != NULL)
        zmq_socket_monitor(j->dealer, NULL, 0);
    if (j->monitor != NULL)
        zmq_close(j->monitor);
    if (j->dealer != NULL)
        zmq_close(j->dealer);
    if (j->context != NULL)
        zmq_ctx_term(j->context);
    free(j->wire);
}

static int make_wire(struct joining *j, struct bytes own_record)
{
    struct message msg = { .kind = MESSAGE_JOIN };

    msg.u.join.record = own_record;
    return message_encode(&msg, &j->wire, &j->wire_len);
}

/* 0: nothing that ends it. */
static int read_monitor(struct joining *j)
{
    uint8_t head[6];
    uint16_t event;
    char endpoint[ENDPOINT_MAX_BYTES + 1];

    while (zmq_recv(j->monitor, head, sizeof head, ZMQ_DONTWAIT) == (int)sizeof head) {
        zmq_recv(j->monitor, endpoint, sizeof endpoint, 0);
        memcpy(&event, head, sizeof event);
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            return -EACCES;
        if (event != ZMQ_EVENT_CONNECTED)
            return -EPROTO;
        j->reached = true;
    }
    return 0;
}

static void copy_text(char *to, size_t room, struct bytes from)
{
    size_t len = from.len < room ? from.len : room - 1;

    if (len > 0)
        memcpy(to, from.at, len);
    to[len] = '\0';
}

static int take_answer(const struct message *msg, const struct invite *invite, struct joined *out)
{
    copy_text(out->refused, sizeof out->refused, msg->u.joined.refused);
    if (out->refused[0] != '\0')
        return 0;
    if (msg->u.joined.record.len > sizeof out->frame || record_open(msg->u.joined.record, &out->record) != 0 ||
        memcmp(out->record.root, invite->record.root, KEY_BYTES) != 0)
        return -EPROTO;
    memcpy(out->frame, msg->u.joined.record.at, msg->u.joined.record.len);
    out->frame_len = msg->u.joined.record.len;
    copy_text(out->federation, sizeof out->federation, msg->u.joined.federation);
    copy_text(out->secret, sizeof out->secret, msg->u.joined.secret);
    return 0;
}

/* 1: nothing has come yet. */
static int read_dealer(struct joining *j, const struct invite *invite, struct joined *out)
{
    struct message msg = { 0 };
    zmq_msg_t part;
    int rc = 1;

    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, j->dealer, ZMQ_DONTWAIT) >= 0) {
        rc = message_decode((struct bytes){ zmq_msg_data(&part), zmq_msg_size(&part) }, &msg);
        if (rc == 0)
            rc = msg.kind == MESSAGE_JOINED ? take_answer(&msg, invite, out) : 1;
        message_close(&msg);
    }
    zmq_msg_close(&part);
    return rc;
}

static int converse(struct joining *j, const struct invite *invite, int timeout_ms, struct joined *out)
{
    const int64_t end_ms = now_ms() + timeout_ms;
    int64_t say_ms = 0;
    int rc = 1;

    while (rc == 1) {
        zmq_pollitem_t items[] = { { .socket = j->dealer, .events = ZMQ_POLLIN }, { .socket = j->monitor, .events = ZMQ_POLLIN } };
        int64_t now = now_ms();
        if (now >= end_ms)
            return j->reached ? -ETIMEDOUT : -ECONNREFUSED;
        if (now >= say_ms) {                     /* said again, it is answered again: an answer may be lost */
            zmq_send(j->dealer, j->wire, j->wire_len, ZMQ_DONTWAIT);
            say_ms = now + SAY_AGAIN_MS;
        }
        if (zmq_poll(items, 2, 100) < 0 && errno != EINTR)
            return -errno;
        rc = read_monitor(j);
        if (rc == 0)
            rc = read_dealer(j, invite, out);
    }
    return rc;
}

int join_ask(const struct invite *invite, struct bytes own_record, int timeout_ms, struct joined *out)
{
    struct joining j = { 0 };
    int rc = make_wire(&j, own_record);

    memset(out, 0, sizeof *out);
    if (rc == 0)
        rc = open_sockets(&j, invite);
    if (rc == 0)
        rc = converse(&j, invite, timeout_ms, out);
    close_sockets(&j);
    return rc;
}
