/* node/mesh_zap.h: who may connect. ZeroMQ's authentication protocol (RFC 27), answered from memory on the thread that owns the sockets.
 * libzmq asks once for each connection, with the CURVE key that the other side has proved to hold. */
#ifndef HEARSAY_NODE_MESH_ZAP_H
#define HEARSAY_NODE_MESH_ZAP_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bytes.h"

#define ZAP_DOMAIN "hearsay"

/* The REP socket of a context; must be there before anything is bound. NULL with errno. Ended by zmq_close(). */
void *zap_open(void *context);

/* The member whose CURVE key this is: writes its root, or returns false to refuse the connection. */
typedef bool (*zap_lookup)(void *ctx, const uint8_t curve[KEY_BYTES], uint8_t root[KEY_BYTES]);

enum zap_verdict { ZAP_NOTHING, ZAP_ALLOWED, ZAP_DENIED };
/* Answers one request if one waits; an allowed connection gets the hexadecimal root as its User-Id. `address` is of the other side, `root` as looked up. */
enum zap_verdict zap_answer(void *zap, zap_lookup lookup, void *ctx, uint8_t root[KEY_BYTES], char address[64]);

#endif
