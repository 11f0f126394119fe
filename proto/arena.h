/* proto/arena.h: memory for one decoded message, freed at once. protobuf-c allocates each submessage by itself, which costs more than
 * decoding it; here an allocation moves a pointer. Bounded, so that a small frame cannot ask for much. */
#ifndef HEARSAY_PROTO_ARENA_H
#define HEARSAY_PROTO_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* NULL when memory is out. bytes_max: all that it may hand out; what is over it fails. */
struct arena *arena_create(size_t first_bytes, size_t bytes_max);
void arena_destroy(struct arena *a);                       /* takes NULL */

/* Aligned for every type; lives until arena_destroy(). NULL when memory is out or the bound is reached. */
void *arena_alloc(struct arena *a, size_t len);

/* True once an arena_alloc() has failed: tells a lack of memory from a malformed message. */
bool arena_is_exhausted(const struct arena *a);

/* For protobuf-c; valid as long as the arena. */
ProtobufCAllocator *arena_allocator(struct arena *a);

#endif
