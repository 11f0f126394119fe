/* `hearsay why`: every opinion behind a score, and the rule that lists it or not. Reads the database; the node may be down. */
#include <errno.h>
#include <string.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"
#include "tools/why_text.h"

/* The prefix that is one bit wider; false for what is no address or is as wide as any may be. */
static bool wider(const struct subject *s, struct subject *out)
{
    uint8_t key[SUBJECT_KEY_MAX];
    if (subject_kind(s) != SUBJECT_IP4 && subject_kind(s) != SUBJECT_IP6)
        return false;
    memcpy(key, s->key, s->len);
    uint8_t *bits = &key[s->len - 1];
    if (*bits == 0)
        return false;
    *bits = (uint8_t)(*bits - 1);
    key[1 + *bits / 8] = (uint8_t)(key[1 + *bits / 8] & ~(0x80 >> *bits % 8));
    return subject_from_key(key, s->len, out) == 0;
}

static bool any_listed(const struct why *w)
{
    for (size_t i = 0; i < w->rules_n; i++)
        if (w->rules[i].listed)
            return true;
    return false;
}

/* `check` answers by a listed prefix as well: the narrowest one that is listed itself. `w` is for why_clear() when `out` names one. */
static void find_holder(struct reader *r, const struct subject *s, int64_t now_s, char out[SUBJECT_TEXT_MAX], struct why *w)
{
    struct subject at = *s, next;
    for (; wider(&at, &next); at = next) {
        struct why here = { 0 };
        if (reader_why(r, &next, now_s, &here) != 0)
            return;
        if (any_listed(&here)) {
            subject_text(&next, out);
            *w = here;
            return;
        }
        why_clear(&here);
    }
}

static int answer(const struct call *call, const struct home *h, struct reader *r, const struct subject *s)
{
    struct why w = { 0 }, of_holder = { 0 };
    struct why_answer a = { .home = h, .why = &w, .holder_why = &of_holder, .now_s = now_unix_s() };
    subject_text(s, a.subject);
    int rc = reader_why(r, s, a.now_s, &w);
    if (rc == 0)
        rc = reader_check(r, s, -1, &a.verdict);
    if (rc != 0) {
        say_error("%s: %s", h->config->database, home_database_text(rc));
        why_clear(&w);
        return STATUS_USAGE;
    }
    if (a.verdict != VERDICT_UNKNOWN && !any_listed(&w))
        find_holder(r, s, a.now_s, a.holder, &of_holder);
    if (call->json)
        say_json(why_json(&a), STATUS_DONE);
    else
        why_say(&a);
    why_clear(&of_holder);
    why_clear(&w);
    return a.verdict == VERDICT_UNKNOWN ? STATUS_NO : STATUS_DONE;
}

int cmd_why(struct call *call)
{
    struct home h = { 0 };
    struct reader *r = NULL;
    struct subject s;
    int rc = args_take(call, NULL, 0, 1, 1);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = home_subject(&h, call->argv[0], &s);
    if (rc == 0)
        rc = home_reader(&h, &r);
    if (rc == 0)
        rc = answer(call, &h, r, &s);
    reader_close(&r);
    home_close(&h);
    return rc;
}
