/* store/fold.h: private. One fold: what it has taken up and which (subject, category) must be scored again. */
#ifndef HEARSAY_STORE_FOLD_H
#define HEARSAY_STORE_FOLD_H

#include "store/store_private.h"

enum { FOLD_SWEEP_EVERY_S = 3600, FOLD_CENSUS_EVERY_S = 6 * 3600, FOLD_CENSUS_SOON_S = 60 };

struct fold {
    struct store *s;
    int64_t now_s;
    size_t rows_left;              /* that this call may still take up */
    bool learned;                  /* something is to be written to the table of the same name */
    bool more;                     /* there is work that did not fit */
    struct pool pool;
    struct batch *batches;         /* opened ones, kept since keys are borrowed from them */
    size_t batches_n, batches_room;
    struct topic *touched;
    size_t touched_n, touched_room;
    struct networks_block *blocks; /* whose networks must be looked at again */
    size_t blocks_n, blocks_room;
};

/* `key` must live as long as the fold. */
int fold_touch(struct fold *f, const uint8_t *key, size_t len, int category);
/* The same with a copy of the key. */
int fold_touch_copy(struct fold *f, struct bytes key, int64_t category);
/* Takes n of rows_left; more than that is no error. */
void fold_spend(struct fold *f, size_t n);

/* The steps, in this order. Each 0 or a negative errno. */
int fold_journal(struct fold *f);          /* fold_own.c: own reports into evidence */
int fold_batches(struct fold *f);          /* fold_opinions.c: opinions into registers */
int fold_quick(struct fold *f);            /* fold_quick.c: small batches at once, while much waits; a step of fold_batches() */
void fold_quick_begin(struct store *s);
int fold_floors(struct fold *f);           /* fold_floors.c: dead batches out, with what they said */
int fold_exceptions(struct fold *f);       /* exceptions.c: exceptions that were made or ended */
int fold_due(struct fold *f);              /* fold_time.c: keys that time may have changed */
int fold_rescan(struct fold *f);           /* fold_time.c: keys that a new policy may have changed */
int fold_sweep(struct fold *f);            /* fold_time.c: own evidence that says nothing any more */
int64_t fold_sweep_due_s(const struct store *s, int64_t now_s);

int fold_census(struct fold *f);           /* fold_time.c: how many subjects there are; every six hours, or a minute after the last time when an eighth of the rows is other ones */
int64_t fold_census_due_s(const struct store *s);

int fold_frozen(struct fold *f);           /* proof.c: what is dead by a proof of equivocation */
/* fold_floors.c: takes a batch out, with what it still holds in registers. fold_opinions.c: puts all of one into its registers. */
int fold_bury(struct fold *f, const struct known_member *m, int64_t id, struct bytes frame);
int fold_put_batch(struct fold *f, const struct known_member *m, const struct batch *b);

/* fold_self.c: an own batch that this database may not remember to have told. */
int fold_self(struct fold *f, const struct batch *b);

/* fold_clock.c, the first step: what the clock says; begins to set right what another clock left ahead of this one. */
int fold_clock(struct fold *f);
/* Such a pass over all keys is under way. The clock may have been set back behind its beginning meanwhile: then it waits. */
static inline bool fold_mends(const struct fold *f) { return f->s->mend_s != 0 && f->now_s >= f->s->mend_s; }
int fold_mend(struct fold *f, size_t from);    /* the touched keys from there on */
int fold_mended(struct fold *f);               /* it has come to the end */
/* The clock is far from where it was before this opening, and not believed yet: nothing is dropped by it. */
bool fold_clock_leapt(const struct store *s, int64_t now_s);
/* It is, and no peer's newest batch is of its last day, though some have said something: nobody bears it out. */
int fold_clock_contested(struct store *s, int64_t now_s, bool *contested);
int64_t fold_clock_steady_s(const struct store *s);                    /* when it will be, if it goes on */
int64_t fold_clock_due_s(const struct store *s, int64_t now_s);        /* the same where something is to be set right then; else INT64_MAX */

/* fold_networks.c: networks whose listings or innocents have changed. The last step that changes a listing or own evidence must come before it. */
int fold_networks(struct fold *f);
/* Its block is to be looked at again; for what is no address, nothing. `good`: of a white zone, so that a prefix which holds blocks touches them all. */
int fold_touch_network(struct fold *f, const uint8_t *key, size_t len, bool good);

/* In the pass over all that is listed: touches the block once enough of it is. */
int fold_recheck_network(struct fold *f, const uint8_t *key, size_t len);
int fold_networks_stale(struct fold *f);       /* any may be another now: begins that pass */
int fold_networks_checked(struct fold *f);     /* that pass has ended */
/* A listing ended: its zone is told so, unless a network of the same prefix goes on. */
int fold_note_end(struct fold *f, const struct topic *t, int zone, int category);

/* rescore.c: what readers and zones are told of a listing that began or ended. */
int fold_note_change(struct store *s, const struct topic *t, int zone, int category, bool now_listed);
int fold_note_prefix(struct store *s, const struct topic *t);

/* rescore.c: score and listings of one key from its registers. */
int rescore(struct fold *f, const struct topic *t);

#endif
