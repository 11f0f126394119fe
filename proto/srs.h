/* proto/srs.h: sender rewriting, so that SPF does not break when a message is forwarded. Pure: the day is an argument.
 *
 *   SRS0=HASH=TT=domain=local@forwarder           the sender local@domain, first hop
 *   SRS1=HASH=first.hop==HASH=TT=domain=local@forwarder    SRS0=HASH=TT=domain=local@first.hop, any later hop
 *
 * TT is the day modulo 1024 in two digits of base 32. Two kinds of hashes are in use, and both are read:
 *   exim      4 hexadecimal digits of HMAC-MD5 over the lower-cased address that comes back      ${srs_encode}, ${if inbound_srs}
 *   postsrsd  4 digits of base 64 of HMAC-SHA1 over the lower-cased TT, domain and local part    libsrs2, postsrsd
 * Both survive a host on the way that folds case. Of SRS1 Exim knows nothing: its hash is of its kind, over SRS0=...@first.hop.
 * Sources: src/expand.c of Exim 4.96; srs2.c of postsrsd 1.10; RFC 5321 section 4.5.3.1. */
#ifndef HEARSAY_PROTO_SRS_H
#define HEARSAY_PROTO_SRS_H

#include <stddef.h>
#include <stdint.h>

enum {
    SRS_ADDRESS_MAX = 254,           /* of what is made: a path of RFC 5321 without its brackets. The local part may pass 64 bytes: it always did with SRS */
    SRS_INPUT_MAX = 510,             /* of what is read: others are less strict */
    SRS_SECRETS_MAX = 8,
    SRS_SECRET_MAX = 255,
    SRS_VALID_DAYS_MAX = 500         /* stamps repeat every 1024 days */
};

enum srs_style { SRS_EXIM, SRS_POSTSRSD };

/* All zero: no secrets, so nothing can be signed or read. */
struct srs {
    enum srs_style style;                                   /* of what is made; both are read */
    unsigned valid_days;
    size_t secrets_n;
    char secrets[SRS_SECRETS_MAX][SRS_SECRET_MAX + 1];      /* the first one signs, all are tried on what is read; none is empty */
};

/* Rewrites a sender for a message that `domain` forwards. SRS0 and SRS1 become SRS1 with the first hop kept; what only looks like SRS0 is an
 * ordinary address. An address of `domain` itself is rewritten, too, as Exim does. An empty sender (no bytes, or <>) stays empty.
 * day: days since 1970-01-01 UTC. On failure *out is as it was and *why, a constant, is the text behind "error: ".
 * 0; -EINVAL not an address or not a domain; -ENAMETOOLONG; -ENOKEY no secrets. */
int srs_forward(const struct srs *s, const char *addr, size_t addr_len, const char *domain, size_t domain_len, int64_t day,
                char out[SRS_ADDRESS_MAX + 1], const char **why);

/* The address that a bounce to `addr` is meant for: of SRS0 the original sender, of SRS1 the SRS0 address at the first hop. Its case is that
 * of `addr`. Errors as above, and -EACCES the hash is of none of our secrets; -ESTALE the hash fits and is too old, or of the future (one day of it
 * is taken: clocks differ). Which secret or style fitted is not told. */
int srs_reverse(const struct srs *s, const char *addr, size_t addr_len, int64_t day, char out[SRS_INPUT_MAX + 1], const char **why);

#endif
