/* tests/identities.h: identities from numbers, so that a test has the same keys in every run, and the same faults. What cannot be made ends the process. */
#ifndef HEARSAY_TESTS_IDENTITIES_H
#define HEARSAY_TESTS_IDENTITIES_H

#include <stdint.h>

#include "proto/identity.h"
#include "proto/record.h"

enum { IDENTITY_KEYS = 3, IDENTITY_INDEX_MAX = UINT16_MAX };

/* From the secrets of its root, operational and CURVE keys. As all here, it is the caller's, ended by identity_destroy(). */
struct identity *identity_from_secrets(const uint8_t secrets[IDENTITY_KEYS][KEY_BYTES]);

/* One for each index (up to IDENTITY_INDEX_MAX) and seed. X25519 does not look at the lowest three bits of a secret, where the index has its upper byte:
 * with one seed, the CURVE keys of 0 and of 256 are the same. The simulation's are those of seed 0, and stay what they are: its own seeds name a course. */
struct identity *identity_of(uint64_t seed, unsigned index);

struct identity *test_identity(unsigned index);        /* of the seed in tests/seed.h: another one gives other keys, and so another order of the members */

/* That of PROTOCOL.md's example frames. Its secrets are 32 bytes of 01 (root), of 02 (operational) and of 03 (CURVE), so that any other implementation can make it too. */
struct identity *fixed_identity(void);

/* The public keys into the record, and nothing else. */
void identity_into_record(const struct identity *id, struct record *r);

#endif
