/* store/reader_tools.h: read-only questions about the state of the Exim toolbox. */
#ifndef HEARSAY_STORE_READER_TOOLS_H
#define HEARSAY_STORE_READER_TOOLS_H

#include "store/reader.h"
#include "store/tool.h"
#include "store/tool_fold.h"

int reader_tarpit_count(struct reader *r, const struct subject *client, int64_t now_s, uint64_t *n);
/* `user` folded. Bounces of the last hour and of the last 24 hours. */
int reader_bounces(struct reader *r, const char *user, int64_t now_s, uint64_t *hour, uint64_t *day);

/* What was decided; *found false: nothing yet. */
int reader_verdict(struct reader *r, const uint8_t key[VERDICT_KEY_BYTES], int64_t now_s, char verdict[VERDICT_TEXT_MAX], int64_t *time_s, bool *found);
/* How the greylist knows them, looked at only: network as fold_client(), sender and rcpt folded. */
enum grey_state { GREY_STATE_NEW, GREY_STATE_WAITING, GREY_STATE_WHITE };
int reader_grey(struct reader *r, const struct subject *network, const char *sender, const char *rcpt, int64_t now_s, enum grey_state *out);

/* ---- all of it, in key order, what is past its end left out. A callback returns non-zero to stop, which is then returned. */
struct tarpit_row { struct subject client; uint64_t count; int64_t first_s, last_s, until_s; };
int reader_each_tarpit(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct tarpit_row *row), void *ctx);

struct bounce_row { char user[TOOL_FOLDED_MAX]; uint64_t hour, day; int64_t last_s, until_s; };
int reader_each_bounce(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct bounce_row *row), void *ctx);

struct grey_row {
    struct subject network, client;          /* client: the address that tried last */
    char sender[TOOL_FOLDED_MAX], rcpt[TOOL_FOLDED_MAX];
    int64_t first_s, passed_s, last_s, until_s;          /* passed_s 0: it waits */
};
int reader_each_grey(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct grey_row *row), void *ctx);

struct grey_client_row { struct subject network; uint64_t passed, abandoned; int64_t last_s, until_s; };
int reader_each_grey_client(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct grey_client_row *row), void *ctx);

struct spf_row { struct subject client, domain; int64_t until_s; };
int reader_each_spf(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct spf_row *row), void *ctx);

#endif
