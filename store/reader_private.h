/* store/reader_private.h: private. What the files of the reader share. */
#ifndef HEARSAY_STORE_READER_PRIVATE_H
#define HEARSAY_STORE_READER_PRIVATE_H

#include "store/db.h"
#include "store/exceptions.h"
#include "store/frames.h"
#include "store/keys.h"
#include "store/names.h"
#include "store/networks.h"
#include "store/reader.h"
#include "store/voices.h"

struct reader {
    struct db db;
    char *path;
    struct policy *policy;
    struct names names;
    struct frames frames;
    struct voices voices;
    struct exceptions exceptions;          /* as last loaded by reader_exceptions_at() */
};

/* A read transaction: all questions in between see one state of the database, and the names fit it. */
int reader_begin(struct reader *r);
int reader_end(struct reader *r, int rc);
/* Within a transaction, since the lengths in use are read. */
int reader_keys(struct reader *r, const struct subject *s, struct listed_keys *out);
/* The newest record of a member. -ENOENT: none is stored. `frame` may be NULL, else RECORD_FRAME_MAX bytes. */
int reader_record(struct reader *r, int64_t member, struct record *rec, uint8_t *frame, size_t *len);
/* Fills r->voices with what is said of the subject in a category of the policy. */
int reader_voices(struct reader *r, const struct subject *s, int category);

/* Networks: a block that was read into n->area, and how what is stored of it differs from what its listings ask for; `each` is called for what is in either. */
struct reader_networks {
    struct networks_area area;
    struct networks_list stored;
};
struct networks_change {
    int zone, category;                    /* policy indices */
    struct subject subject;
    const struct networks_stored *was;     /* NULL: not stored */
    const struct networks_found *now;      /* NULL: not asked for */
};
int reader_networks_compare(struct reader *r, struct reader_networks *n, int (*each)(void *ctx, const struct networks_change *c), void *ctx);
void reader_networks_clear(struct reader_networks *n);
/* The listed addresses of a network of which two groups say so, by address; `range` is that of its prefix, borrowed until the query ends. */
struct query reader_network_hosts(struct reader *r, const struct subject *s, const struct networks_range *range, int zone, int category, int64_t most);
int reader_why_networks(struct reader *r, const struct subject *s, struct why *w);
int reader_why_inside(struct reader *r, const struct subject *s, struct why *w);

/* All that is introduced, as trust_table() takes it; the caller's to free(). Within a transaction. */
int reader_links(struct reader *r, struct trust_link **out, size_t *n);

/* Loads the exceptions in force; within a transaction. */
int reader_exceptions_at(struct reader *r, int64_t now_s);
/* Whether the writer has checked all listings against the exceptions in force at now_s. */
int reader_exceptions_checked(struct reader *r, int64_t now_s, bool *checked);
bool reader_never_lists(const struct reader *r, const struct subject *s);

#endif
