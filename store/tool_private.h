/* store/tool_private.h: private. What the tools share; all within a transaction of the writer. */
#ifndef HEARSAY_STORE_TOOL_PRIVATE_H
#define HEARSAY_STORE_TOOL_PRIVATE_H

#include "store/store_private.h"
#include "store/tool.h"
#include "store/tool_window.h"

/* A row comes or goes: keeps the counts. tool_room() takes out the row that would die first if the table is full; before a new one is put. */
int tool_room(struct store *s, enum tool_table t);
void tool_counted(struct store *s, enum tool_table t, int64_t rows);

int tool_load_counts(struct store *s);

/* tool_fresh.c: moves up to `max` of the rows that were put lately to where they stay. */
int tool_move_fresh(struct store *s, size_t max, size_t *moved);

/* What is known of a client. GOOD: a white zone lists it, this member itself saw more good than bad of it, or it is never listed: such a one is not counted and not
 * greylisted. BAD: a black zone lists it. */
enum tool_reputation { TOOL_UNKNOWN, TOOL_GOOD, TOOL_BAD };

/* So many events of this weight against the subject, into the journal. Nothing for weight 0. What is never listed must not come here. */
int tool_evidence(struct store *s, const struct subject *subject, int category, uint32_t weight_milli, bool kept, uint32_t count, int64_t now_s);
int tool_category(const struct store *s, const char *name);      /* index into the policy's; the first if there is none of that name */

/* What is never listed is GOOD. */
int tool_reputation(struct store *s, const struct subject *client, enum tool_reputation *out);

int tool_tarpit(struct store *s, struct tool_op *op, int64_t now_s);
int tool_bounce(struct store *s, struct tool_op *op, int64_t now_s);
int tool_grey(struct store *s, struct tool_op *op, int64_t now_s);
int tool_spf(struct store *s, struct tool_op *op, int64_t now_s);
int tool_verdict(struct store *s, struct tool_op *op, int64_t now_s);
/* For the reader, too. A damaged one is not found. */
int tool_verdict_find(struct db *d, const uint8_t key[VERDICT_KEY_BYTES], int64_t now_s, char verdict[VERDICT_TEXT_MAX], int64_t *time_s, bool *found);
/* What is reported of an address is said of the domains that passed SPF from it, too. */
int tool_spf_share(struct store *s, const struct store_report *r, int64_t now_s);

/* once.c: whether this request counts: its number is above all that its source sent before, and is noted now. Always so without a number. */
enum { ONCE_SOURCES_MAX = 1024 };
int once_take(struct store *s, const struct once *o, int64_t now_s, bool *fresh);

/* truth.c */
int store_put_report(struct store *s, const struct store_report *r, int64_t now_s);

/* Takes out rows that are past their end, up to rows_max of each table; *more: there are others. Abandoned triplets may be evidence. */
int tool_sweep(struct store *s, size_t rows_max, int64_t now_s, bool *more);
int tool_grey_drop_first(struct store *s);
int tool_grey_sweep(struct store *s, size_t rows_max, int64_t now_s, bool *more);

#endif
