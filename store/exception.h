/* store/exception.h: what the operator decided by hand about single subjects: taken off every list for a time (delist), or
 * for good (protect). Local: never told to anybody. What is written is only added to, so that it tells who decided what, when and why. */
#ifndef HEARSAY_STORE_EXCEPTION_H
#define HEARSAY_STORE_EXCEPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/subject.h"

enum exception_kind {
    EXCEPTION_DELIST = 1,              /* no zone lists it until until_s */
    EXCEPTION_PROTECT = 2,             /* no zone lists it */
    EXCEPTION_LIFT = 3                 /* ends whichever of the two is in force */
};
enum {
    EXCEPTION_DAYS_MAX = 3650,                           /* that a delisting may last; what is to be off for longer is protected */
    EXCEPTION_WHO_MAX = 63, EXCEPTION_WHY_MAX = 255,     /* bytes of text */
    EXCEPTIONS_MAX = 10000                               /* in force at a time; one more is refused: protect a network instead */
};

struct exception {
    enum exception_kind kind;
    struct subject subject;
    int64_t time_s;                    /* of the decision */
    int64_t until_s;                   /* EXCEPTION_DELIST only; 0 for the others */
    char who[EXCEPTION_WHO_MAX + 1];
    char why[EXCEPTION_WHY_MAX + 1];   /* may be empty */
};

/* "delist", "protect", "lift"; a constant. */
const char *exception_kind_text(enum exception_kind kind);
/* Whether it is in force at that time, were it the newest about its subject. */
bool exception_holds(const struct exception *e, int64_t now_s);

#endif
