#include "node/mesh_zap.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "proto/identity.h"

/* Frames of a request, RFC 27: version, id, domain, address, identity, mechanism, then the key. */
enum { FRAME_VERSION, FRAME_ID, FRAME_DOMAIN, FRAME_ADDRESS, FRAME_IDENTITY, FRAME_MECHANISM, FRAME_KEY, FRAMES, FRAME_BYTES_MAX = 256 };

struct frame {
    char at[FRAME_BYTES_MAX];
    size_t len;
};

void *zap_open(void *context)
{
    void *zap = zmq_socket(context, ZMQ_REP);
    int linger = 0;

    if (zap == NULL)
        return NULL;
    zmq_setsockopt(zap, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_bind(zap, "inproc://zeromq.zap.01") == 0)
        return zap;
    zmq_close(zap);
    return NULL;
}

static bool has_more(void *zap)
{
    int more = 0;
    size_t len = sizeof more;

    return zmq_getsockopt(zap, ZMQ_RCVMORE, &more, &len) == 0 && more != 0;
}

/* How many frames came; what is beyond FRAMES is read and dropped. -1: nothing waits. */
static int receive(void *zap, struct frame frames[FRAMES])
{
    int n = 0;

    do {
        struct frame extra;
        struct frame *f = n < FRAMES ? &frames[n] : &extra;
        int len = zmq_recv(zap, f->at, sizeof f->at, n == 0 ? ZMQ_DONTWAIT : 0);
        if (len < 0)
            return n == 0 ? -1 : n;
        f->len = (size_t)len < sizeof f->at ? (size_t)len : sizeof f->at;
        n++;
    } while (has_more(zap));
    return n;
}

static bool is_text(const struct frame *f, const char *text)
{
    return f->len == strlen(text) && memcmp(f->at, text, f->len) == 0;
}

static void answer(void *zap, const struct frame *id, enum zap_verdict verdict, const uint8_t root[KEY_BYTES])
{
    char user[2 * KEY_BYTES + 2] = "+";
    bool allowed = verdict != ZAP_DENIED;

    hex_text(root, KEY_BYTES, user + 1);
    const char *name = !allowed ? "" : verdict == ZAP_INVITED ? user : user + 1;
    zmq_send(zap, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(zap, id->at, id->len, ZMQ_SNDMORE);
    zmq_send(zap, allowed ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(zap, allowed ? "OK" : "not a member", allowed ? 2 : 12, ZMQ_SNDMORE);
    zmq_send(zap, name, strlen(name), ZMQ_SNDMORE);
    zmq_send(zap, "", 0, 0);
}

enum zap_verdict zap_answer(void *zap, zap_lookup lookup, void *ctx, uint8_t root[KEY_BYTES], char address[64])
{
    struct frame frames[FRAMES] = { 0 };
    int n = receive(zap, frames);
    bool repair = n == FRAMES && is_text(&frames[FRAME_DOMAIN], ZAP_DOMAIN_REPAIR);
    enum zap_verdict verdict = ZAP_DENIED;

    if (n < 0)
        return ZAP_NOTHING;
    memset(root, 0, KEY_BYTES);
    if (n == FRAMES && is_text(&frames[FRAME_VERSION], "1.0") && (repair || is_text(&frames[FRAME_DOMAIN], ZAP_DOMAIN))
        && is_text(&frames[FRAME_MECHANISM], "CURVE") && frames[FRAME_KEY].len == KEY_BYTES)
        verdict = lookup(ctx, (const uint8_t *)frames[FRAME_KEY].at, repair, root);
    snprintf(address, 64, "%.*s", n > FRAME_ADDRESS ? (int)frames[FRAME_ADDRESS].len : 0, frames[FRAME_ADDRESS].at);
    answer(zap, &frames[FRAME_ID], verdict, root);
    return verdict;
}
