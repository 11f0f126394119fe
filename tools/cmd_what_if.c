/* `hearsay what-if`: which listings a change of trust, threshold or quorum would begin or end, before it is made. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/config_check.h"
#include "tools/args.h"
#include "tools/peer.h"
#include "tools/rights.h"
#include "tools/say.h"
#include "tools/what_if.h"

enum { JSON_ROWS_MAX = 100000 };            /* of each kind; the numbers are exact beyond */

struct shower {
    const struct policy *policy;
    json_t *rows[2];                        /* that would end, begin; NULL without --json */
    uint64_t n[2];
    struct supposed_kept kept;
};

/* " of 5" for a network of so many listed addresses, else nothing. */
static const char *of_text(unsigned addresses, char out[NUMBER_TEXT_MAX])
{
    out[0] = '\0';
    if (addresses > 0)
        snprintf(out, NUMBER_TEXT_MAX, " of %u", addresses);
    return out;
}

static int show_one(void *ctx, const struct supposed *s)
{
    struct shower *to = ctx;
    char subject[SUBJECT_TEXT_MAX], score[NUMBER_TEXT_MAX], of[NUMBER_TEXT_MAX];
    const char *zone = to->policy->zones[s->zone].name, *category = to->policy->categories[s->category].name;
    if (zone[0] == '\0')
        return 0;                           /* the default white zone answers `check` and is no zone of its own */
    to->n[s->listed]++;
    subject_text(&s->subject, subject);
    if (to->rows[0] == NULL)
        printf("%c %-40s %s %s %s %u%s\n", s->listed ? '+' : '-', subject, zone, category, s->addresses > 0 ? "-" : thousandths_text(s->score_milli, score),
               s->groups, of_text(s->addresses, of));
    else if (to->n[s->listed] <= JSON_ROWS_MAX)
        json_array_append_new(to->rows[s->listed], json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "subject", subject, "zone", zone, "category", category,
                                                             "score_milli", (json_int_t)s->score_milli, "groups", (json_int_t)s->groups, "addresses", (json_int_t)s->addresses));
    return ferror(stdout) ? -EIO : 0;
}

static int say_numbers(const struct call *call, struct shower *to)
{
    char begin[NUMBER_TEXT_MAX], end[NUMBER_TEXT_MAX], forgotten[NUMBER_TEXT_MAX];
    if (call->json) {
        json_object_set(call->result, "begin", to->rows[true]);
        json_object_set(call->result, "end", to->rows[false]);
        json_object_set_new(call->result, "begin_n", json_integer((json_int_t)to->n[true]));
        json_object_set_new(call->result, "end_n", json_integer((json_int_t)to->n[false]));
        json_object_set_new(call->result, "forgotten_n", json_integer((json_int_t)to->kept.forgotten));
        json_object_set_new(call->result, "more_kept", json_boolean(to->kept.more));
    } else {
        if (to->kept.forgotten > 0)
            printf("%s %s would be forgotten, the oldest, since fewer are kept\n", count_text(to->kept.forgotten, forgotten), to->kept.forgotten == 1 ? "opinion" : "opinions");
        if (to->kept.more)
            printf("more opinions would be kept: what is not here, and would be fetched, is not reckoned with\n");
        printf("%s would begin, %s would end; nothing was changed\n", count_text(to->n[true], begin), count_text(to->n[false], end));
    }
    return to->n[true] + to->n[false] > 0 ? STATUS_DONE : STATUS_NO;
}

int what_if_show(const struct call *call, const struct home *h, const struct policy *supposed)
{
    struct shower to = { .policy = supposed, .rows = { call->json ? json_array() : NULL, call->json ? json_array() : NULL } };
    struct reader *r = NULL;
    int rc = home_reader(h, &r);
    if (rc == 0) {
        int done = reader_set_policy(r, supposed);
        if (done == 0)
            done = reader_what_if(r, &(struct supposing){ .now_s = now_unix_s(), .before = h->config->policy, .subjects_quota = (uint64_t)h->config->quota.subjects },
                                  show_one, &to, &to.kept);
        if (done != 0)
            say_error("%s: %s", h->config->database, home_database_text(done));
        rc = done != 0 ? STATUS_NO : say_numbers(call, &to);
    }
    json_decref(to.rows[0]);
    json_decref(to.rows[1]);
    reader_close(&r);
    return rc;
}

int what_if_trust(const struct call *call, const struct home *h, struct policy *supposed, const char *name, const char *trust)
{
    const struct config_peer *peer = home_peer(h->config, name);
    int rc = peer_check_trust(call, trust, "trust");
    if (rc != 0)
        return rc;
    if (peer == NULL) {
        say_error("there is no peer %s: see `hearsay peer list`", name);
        return STATUS_USAGE;
    }
    for (size_t i = 0; i < supposed->members_n; i++)
        if (memcmp(supposed->members[i].root, peer->record.root, KEY_BYTES) == 0)
            supposed->members[i].trust_micro = (uint32_t)(strtod(trust, NULL) * MICRO + 0.5);
    return 0;
}

static int suppose_threshold(const struct call *call, struct policy_zone *z, const char *text)
{
    int64_t micro;
    if (option_check(option_find("zone", "threshold"), text, &micro) != 0)
        return args_wrong(call, "threshold %s: a number from 0.001 to 1000", text);
    z->threshold_micro = micro;
    return 0;
}

static int suppose_quorum(const struct call *call, struct policy_zone *z, const char *text)
{
    int64_t quorum;
    if (option_check(option_find("zone", "quorum"), text, &quorum) != 0)
        return args_wrong(call, "quorum %s: a number from 1 to 1000, or 0 for an automatic one", text);
    z->quorum = (unsigned)quorum;
    return 0;
}

static struct policy_member *supposed_member(const struct home *h, struct policy *p, const char *name)
{
    const struct config_peer *peer = home_peer(h->config, name);
    for (size_t i = 0; peer != NULL && i < p->members_n; i++)
        if (memcmp(p->members[i].root, peer->record.root, KEY_BYTES) == 0)
            return &p->members[i];
    say_error("there is no peer %s: see `hearsay peer list`", name);
    return NULL;
}

static int take_switch(const struct call *call, const char *what, const char *text, bool *on, bool *off)
{
    *on = strcmp(text, "on") == 0;
    *off = strcmp(text, "off") == 0;
    return *on || *off ? 0 : args_wrong(call, "%s %s: on or off", what, text);
}

/* -1: no right is called so. */
static int suppose_right(const struct call *call, const struct home *h, struct policy *p, char *const words[3])
{
    struct rights_said said = { .categories = NULL };
    int rc = 0;
    if (strcmp(words[0], "categories") == 0)
        said.categories = words[2];
    else if (strcmp(words[0], "max-weight") == 0)
        said.max_weight = words[2];
    else if (strcmp(words[0], "max-subjects") == 0)
        said.max_subjects = words[2];
    else if (strcmp(words[0], "probation") == 0)
        said.probation = words[2];
    else if (strcmp(words[0], "black-only") == 0)
        rc = take_switch(call, words[0], words[2], &said.black_only, &said.no_black_only);
    else if (strcmp(words[0], "prefixes") == 0)
        rc = take_switch(call, words[0], words[2], &said.prefixes, &said.no_prefixes);
    else
        return -1;
    struct policy_member *m = rc == 0 ? supposed_member(h, p, words[1]) : NULL;
    return m != NULL ? rights_take(call, p, &said, now_unix_s(), &m->rights) : STATUS_USAGE;
}

/* One change: what, of whom, how much. */
static int suppose(const struct call *call, const struct home *h, struct policy *p, char *const words[3])
{
    int zone, rc;
    if (strcmp(words[0], "trust") == 0)
        return what_if_trust(call, h, p, words[1], words[2]);
    int right = suppose_right(call, h, p, words);
    if (right >= 0)
        return right;
    bool threshold = strcmp(words[0], "threshold") == 0;
    if (!threshold && strcmp(words[0], "quorum") != 0)
        return args_wrong(call, "%s: trust, threshold, quorum, or a right (probation, categories, black-only, prefixes, max-weight, max-subjects) was expected", words[0]);
    rc = home_zone(h, words[1], &zone);
    return rc != 0 ? rc : (threshold ? suppose_threshold : suppose_quorum)(call, &p->zones[zone], words[2]);
}

int cmd_what_if(struct call *call)
{
    struct home h = { 0 };
    struct policy *supposed = NULL;
    int rc = args_take(call, NULL, 0, 3, 3 * 64);
    if (rc == 0 && call->argc % 3 != 0)
        rc = args_wrong(call, "three words were expected for each change");
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0 && (supposed = policy_copy(h.config->policy)) == NULL) {
        say_error("out of memory");
        rc = STATUS_NO;
    }
    for (int i = 0; rc == 0 && i < call->argc; i += 3)
        rc = suppose(call, &h, supposed, call->argv + i);
    if (rc == 0)
        rc = what_if_show(call, &h, supposed);
    policy_destroy(&supposed);
    home_close(&h);
    return rc;
}
