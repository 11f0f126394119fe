/* node/mesh_zap.h: who may connect. ZeroMQ's authentication protocol (RFC 27), answered from memory on the thread that owns the sockets.
 * libzmq asks once for each connection, with the CURVE key that the other side has proved to hold. */
#ifndef HEARSAY_NODE_MESH_ZAP_H
#define HEARSAY_NODE_MESH_ZAP_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bytes.h"

/* Of the XPUB, and of the ROUTER: an invite opens the second only. */
#define ZAP_DOMAIN "hearsay"
#define ZAP_DOMAIN_REPAIR "hearsay-repair"

/* The REP socket of a context; must be there before anything is bound. NULL with errno. Ended by zmq_close(). */
void *zap_open(void *context);

enum zap_verdict { ZAP_NOTHING, ZAP_ALLOWED, ZAP_INVITED, ZAP_DENIED };
/* Whose CURVE key this is: a member's (its root in `id`), an invite's (the key itself), or nobody's. */
typedef enum zap_verdict (*zap_lookup)(void *ctx, const uint8_t curve[KEY_BYTES], bool repair, uint8_t id[KEY_BYTES]);

/* Answers one request if one waits. The User-Id of a member's connection is its root in hexadecimal; of an invited one "+" and the key. `address` is of the other side, `root` as
 * looked up. */
enum zap_verdict zap_answer(void *zap, zap_lookup lookup, void *ctx, uint8_t root[KEY_BYTES], char address[64]);

#endif
