/* node/config_text.h: numbers, times, sizes and addresses as they stand in a configuration. No locale, no octal surprises: a number is decimal digits. */
#ifndef HEARSAY_NODE_CONFIG_TEXT_H
#define HEARSAY_NODE_CONFIG_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "node/config.h"

/* Each returns 0, or -EINVAL and leaves *out as it was. Numbers too large for the type are -EINVAL as well. */
int text_number(const char *text, int64_t *out);             /* "-1", "300" */
int text_decimal(const char *text, int64_t *micro);          /* "0.8", "1", "-.5": in millionths; at most six digits after the point */
int text_octal(const char *text, int64_t *out);              /* "0660" */
int text_bool(const char *text, bool *out);                  /* true yes on, false no off, in any case */

/* "0.0.0.0:4441", "[::1]:4441", "mx.a.example:4441": splits at the last colon; brackets are dropped. `host` has `room` bytes. */
int text_host_port(const char *text, char *host, size_t room, uint16_t *port);
/* "192.0.2.0/24", "::1": an address or a prefix; host bits are cleared. */
int text_network(const char *text, struct config_network *out);
/* An IPv4 or IPv6 address and nothing else. */
bool text_is_address(const char *text);
/* "2027-02-23T10:00:00Z", or "2027-02-23" for its first second; "never" is 0. From 1970 to 9999. */
int text_time(const char *text, int64_t *unix_s);
/* "10d": so long, in *for_s; "true" is RIGHTS_ENDLESS, "false" 0; or a time as above, in *until_s, but not "never". */
int text_probation(const char *text, int64_t *for_s, int64_t *until_s);
/* "127.0.0.4": four numbers without leading zeros. */
int text_code(const char *text, uint8_t out[4]);

#endif
