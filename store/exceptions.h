/* store/exceptions.h: private. The exceptions in force, as the writer, the readers and the check of both ask for them. */
#ifndef HEARSAY_STORE_EXCEPTIONS_H
#define HEARSAY_STORE_EXCEPTIONS_H

#include "proto/protect.h"
#include "store/db.h"
#include "store/exception.h"

struct exceptions {
    struct protect *networks;          /* and names; NULL before the first load */
    struct subject *senders;           /* hashed: nothing lies within another */
    size_t senders_n, senders_room;
    size_t n;                          /* in force */
    int64_t next_s;                    /* when the next of them ends; INT64_MAX: none does */
};

/* Takes the place of what was there; on failure that stays. */
int exceptions_load(struct exceptions *x, struct db *d, int64_t now_s);
void exceptions_clear(struct exceptions *x);
/* True if the subject, or a prefix or domain that holds it, is excepted, or if it is a prefix that holds one that is. */
bool exceptions_cover(const struct exceptions *x, const struct subject *s);
/* Whether one exception by itself covers the subject. */
bool exception_covers(const struct exception *e, const struct subject *s);
/* Row of SQL_EXCEPTION_EACH or _HOLDING. -EBADMSG: no such row can have been written. */
int exception_of_row(const struct query *q, struct exception *out);

#endif
