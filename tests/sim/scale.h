/* tests/sim/scale.h: what the files of sim_scale share.
 *
 *   scale.c          windows of virtual time, one size after the other
 *   scale_voice.c    what members say
 *   scale_spread.c   how it spreads, and what that costs
 *   scale_apart.c    the reunion with a third that was away
 *   scale_table.c    what is printed
 */
#ifndef HEARSAY_TESTS_SIM_SCALE_H
#define HEARSAY_TESTS_SIM_SCALE_H

#include "sim.h"
#include "store/tell_pace.h"

enum { DAY_MS = 86400 * 1000, AFTER_MS = 15000 };

struct scale {
    struct tell_pace pace;
    unsigned alive;
    uint64_t opinions, batches;                /* said in the window */
    bool silent, watching;
};
extern struct scale scale;

struct figures {
    double sent_mean, sent_worst, received_mean, received_worst, haves, repair;  /* bytes a second and node */
    double opinions, batches, copies;          /* a second; per batch and node */
    int64_t half_ms, most_ms, most_worst_ms, all_ms, all_worst_ms;
    unsigned unheard;                          /* batches that not all had at the end */
};

struct reunion {
    int64_t away_ms, took_ms;
    uint64_t batches, repair_bytes;            /* missed by all together; sent by all */
    double per_batch, worst;                   /* bytes for each batch that one node lacked; bytes a second of the busiest */
};

/* All of one size. */
struct row {
    unsigned members;
    double links;
    int64_t window_ms;
    struct figures usual, died;
    struct reunion back;
};

/* ---- scale_voice.c */
double voice_uniform(struct world *w);
void voice_start(struct world *w);
void voice_load(struct world *w, const struct event *ev);        /* EVENT_LOAD */
size_t voice_sign(struct world *w, struct node *n, unsigned opinions);       /* its next batch, on its own disk; index into the registry */

/* ---- scale_spread.c */
void spread_watch(struct world *w, size_t batch, bool urgent);   /* it is told now */
void spread_held(struct world *w, size_t batch);
void spread_forget(void);                                        /* what was told up to now is not watched any more */
void spread_free(void);
double per_second(uint64_t bytes, int64_t ms);
void figure_bytes(const struct world *w, int64_t ms, struct figures *f);
void figure_times(const struct world *w, struct figures *f);

/* ---- scale_apart.c */
void reunite(struct world *w, double batches_per_ms, int64_t away_ms, struct reunion *r);

/* ---- scale_table.c */
void print_head(int64_t budget);
void print_row(const struct row *r, const char *what, const struct figures *f);
void print_reunion(const struct row *r);
void print_json(const struct row *rows, size_t n, int64_t budget);

#endif
