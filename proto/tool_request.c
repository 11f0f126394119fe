#include "proto/tool_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/words.h"

enum { NUMBER_DIGITS_MAX = 15 };

/* What is read into, beside the words. */
struct filling {
    struct reading r;
    struct tool_request *q;
    size_t used;                     /* of q->text */
};

/* ---- values */

/* The words of a line are shorter than the line, and between two of them is a blank: with a NUL for each they fit. */
static const char *keep(struct filling *f, struct word w)
{
    char *at = f->q->text + f->used;

    memcpy(at, w.at, w.len);
    at[w.len] = '\0';
    f->used += w.len + 1;
    return at;
}

static int read_ip(struct filling *f, struct word w)
{
    struct tool_request *q = f->q;

    if (memchr(w.at, '/', w.len) != NULL || network_parse(w.at, w.len, &q->client) != 0)
        return complain(&f->r, "not an address", w);
    subject_of_address(&q->client, &q->subject);
    return 0;
}

/* Exim's null sender is empty; people write it with its brackets. */
static struct word without_null_path(struct word w)
{
    return w.len == 2 && memcmp(w.at, "<>", 2) == 0 ? (struct word){ w.at, 0 } : w;
}

static int read_sender(struct filling *f, struct word w)
{
    f->q->sender = keep(f, without_null_path(w));
    return 0;
}

static int read_address(struct filling *f, struct word w)
{
    f->q->address = keep(f, without_null_path(w));
    return 0;
}

static int read_rcpt(struct filling *f, struct word w)
{
    if (w.len == 0)
        return complain_plainly(&f->r, "the recipient is empty");
    f->q->rcpt = keep(f, w);
    return 0;
}

static int read_user(struct filling *f, struct word w)
{
    if (w.len == 0)
        return complain_plainly(&f->r, "the user is empty");
    f->q->user = keep(f, w);
    return 0;
}

static int read_domain(struct filling *f, struct word w)
{
    f->q->domain = keep(f, w);
    return 0;
}

static int read_helo(struct filling *f, struct word w)
{
    f->q->helo = keep(f, w);
    return 0;
}

static int read_message(struct filling *f, struct word w)
{
    if (w.len == 0)
        return complain_plainly(&f->r, "the message's name is empty");
    f->q->message = keep(f, w);
    return 0;
}

static int read_kind(struct filling *f, struct word w)
{
    char folded[CATEGORY_MAX_BYTES + 1] = "";

    for (size_t i = 0; i < w.len && i < CATEGORY_MAX_BYTES; i++)
        folded[i] = w.at[i] >= 'A' && w.at[i] <= 'Z' ? (char)(w.at[i] + ('a' - 'A')) : w.at[i];
    if (!category_is_valid(folded, w.len))
        return complain(&f->r, "not a kind of note", w);
    f->q->kind = keep(f, (struct word){ folded, w.len });
    return 0;
}

static int read_note(struct filling *f, struct word w)
{
    if (w.len > 0)
        f->q->note = keep(f, w);
    return 0;
}

static int read_result(struct filling *f, struct word w)
{
    if (!spf_result_find(w.at, w.len, &f->q->spf))
        return complain(&f->r, "the result must be pass, fail, softfail, none, neutral, permerror, temperror or invalid, not", w);
    return 0;
}

/* Digits only, at most NUMBER_DIGITS_MAX of them: nothing here overflows. */
static bool read_digits(struct word w, int64_t *out)
{
    int64_t number = 0;

    if (w.len == 0 || w.len > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < w.len; i++) {
        if (w.at[i] < '0' || w.at[i] > '9')
            return false;
        number = number * 10 + (w.at[i] - '0');
    }
    *out = number;
    return true;
}

static int read_count(struct filling *f, struct word w)
{
    int64_t count;

    if (!read_digits(w, &count) || count < 1 || count > REQUEST_COUNT_MAX)
        return complain(&f->r, "count must be 1 to 1000, not", w);
    f->q->count = (uint32_t)count;
    return 0;
}

static int read_size(struct filling *f, struct word w)
{
    return read_digits(w, &f->q->size_bytes) ? 0 : complain(&f->r, "size must be a number of bytes, not", w);
}

/* "5.3", "-1", "+12.25": what scanners write. Digits beyond the thousandths are cut off. */
static int read_score(struct filling *f, struct word w)
{
    struct word whole = w, part = { w.at, 0 };
    bool negative = w.len > 0 && w.at[0] == '-';
    const char *dot;
    int64_t milli = 0, fraction = 0;

    if (w.len > 0 && (w.at[0] == '-' || w.at[0] == '+'))
        whole = (struct word){ w.at + 1, w.len - 1 };
    dot = memchr(whole.at, '.', whole.len);
    if (dot != NULL) {
        part = (struct word){ dot + 1, whole.len - (size_t)(dot + 1 - whole.at) };
        whole.len = (size_t)(dot - whole.at);
    }
    if (!read_digits(whole, &milli) || milli > 1000000 || (dot != NULL && !read_digits(part, &fraction)))
        return complain(&f->r, "score must be a number such as 5.3, not", w);
    for (size_t digits = part.len; digits > 3; digits--)
        fraction /= 10;
    for (size_t digits = part.len; digits < 3; digits++)
        fraction *= 10;
    milli = milli * 1000 + fraction;
    f->q->score_milli = negative ? -milli : milli;
    f->q->has_score = true;
    return 0;
}

/* ---- what each verb takes */

typedef int read_value(struct filling *f, struct word w);

enum { FIELDS_MAX = 3 };

static const struct field {
    const char *name;                /* as REPORTS.md calls it */
    read_value *read;
} ip = { "IP", read_ip }, sender = { "SENDER", read_sender }, rcpt = { "RCPT", read_rcpt }, user = { "USER", read_user }, address = { "ADDRESS", read_address },
  domain = { "DOMAIN", read_domain }, result = { "RESULT", read_result }, helo = { "HELO", read_helo }, message = { "MESSAGE", read_message },
  kind = { "KIND", read_kind };

enum { KEY_COUNT = 1, KEY_IP = 2, KEY_FACTS = 4 };
enum rest { REST_PAIRS, REST_IS_LAST_FIELD, REST_IS_NOTE };

/* Exim's variables are empty when they are not known: such a fact is not said. */
static const struct key {
    const char *word;
    unsigned of;
    bool empty_is_unsaid;
    read_value *read;
} keys[] = {
    { "count", KEY_COUNT, false, read_count },
    { "ip", KEY_IP | KEY_FACTS, true, read_ip },
    { "helo", KEY_FACTS, false, read_helo },
    { "sender", KEY_FACTS, false, read_sender },
    { "spf", KEY_FACTS, true, read_result },
    { "size", KEY_FACTS, true, read_size },
    { "score", KEY_FACTS, true, read_score },
};
enum { KEYS = sizeof keys / sizeof *keys };

/* Whatever a client may write stands last, and takes the rest of the line where nothing follows. */
static const struct shape {
    const char *word;
    const struct field *fields[FIELDS_MAX];
    unsigned keys;
    enum rest rest;
    bool looks;
    const char *harmless;
} shapes[TOOL_VERBS] = {
    [TOOL_TARPIT] = { .word = "tarpit", .fields = { &ip }, .harmless = "0" },
    [TOOL_COUNT] = { .word = "count", .fields = { &ip }, .looks = true, .harmless = "0" },
    [TOOL_GREY] = { .word = "grey", .fields = { &ip, &sender, &rcpt }, .rest = REST_IS_LAST_FIELD, .harmless = "false" },
    [TOOL_BOUNCE] = { .word = "bounce", .fields = { &user }, .keys = KEY_COUNT },
    [TOOL_BOUNCES] = { .word = "bounces", .fields = { &user }, .looks = true, .harmless = "0:0" },
    [TOOL_SPF] = { .word = "spf", .fields = { &ip, &domain, &result } },
    [TOOL_SPFCHECK] = { .word = "spfcheck", .fields = { &ip, &helo, &sender }, .harmless = "temperror" },
    [TOOL_SRS_FORWARD] = { .word = "srs-forward", .fields = { &address, &domain } },
    [TOOL_SRS_REVERSE] = { .word = "srs-reverse", .fields = { &address }, .keys = KEY_IP },
    [TOOL_VERDICT] = { .word = "verdict", .fields = { &message, &rcpt }, .keys = KEY_FACTS, .harmless = "deliver;;" },
    [TOOL_VERDICT_TAG] = { .word = "verdict-tag", .fields = { &message, &rcpt }, .keys = KEY_FACTS },
    [TOOL_NOTE] = { .word = "note", .fields = { &ip, &kind }, .rest = REST_IS_NOTE },
};

bool tool_verb_find(const char *word, size_t len, enum tool_verb *out)
{
    for (size_t verb = 0; verb < TOOL_VERBS; verb++) {
        if (word_is((struct word){ word, len }, shapes[verb].word)) {
            *out = (enum tool_verb)verb;
            return true;
        }
    }
    return false;
}

bool tool_verb_begins(const char *line, size_t len, enum tool_verb *out)
{
    struct word w = word_first(line, line + len);
    return tool_verb_find(w.at, w.len, out);
}

const char *tool_verb_text(enum tool_verb verb)
{
    return shapes[verb].word;
}

bool tool_verb_looks(enum tool_verb verb)
{
    return shapes[verb].looks;
}

const char *tool_harmless(enum tool_verb verb)
{
    return shapes[verb].harmless;
}

static const char *const results[] = {
    [SPF_NOT_SAID] = "",
    [SPF_PASS] = "pass",
    [SPF_FAIL] = "fail",
    [SPF_SOFTFAIL] = "softfail",
    [SPF_NONE] = "none",
    [SPF_NEUTRAL] = "neutral",
    [SPF_PERMERROR] = "permerror",
    [SPF_TEMPERROR] = "temperror",
    [SPF_INVALID] = "invalid",
};

const char *spf_result_text(enum spf_result which)
{
    return results[which];
}

bool spf_result_find(const char *word, size_t len, enum spf_result *out)
{
    struct word w = { word, len };

    if (word_is(w, "(invalid)")) {
        *out = SPF_INVALID;
        return true;
    }
    for (size_t i = SPF_PASS; i <= SPF_INVALID; i++) {
        if (word_is(w, results[i])) {
            *out = (enum spf_result)i;
            return true;
        }
    }
    return false;
}

/* ---- a line */

static int complain_missing(struct filling *f, const struct field *field)
{
    snprintf(f->r.reason, REQUEST_REASON_MAX, "%s needs %s", tool_verb_text(f->q->verb), field->name);
    return -EINVAL;
}

static int read_fields(struct filling *f, const struct shape *s)
{
    for (size_t i = 0; i < FIELDS_MAX && s->fields[i] != NULL; i++) {
        bool last = i + 1 == FIELDS_MAX || s->fields[i + 1] == NULL;
        struct word w;
        int rc = 1;

        if (last && s->rest == REST_IS_LAST_FIELD) {
            w = words_rest(&f->r);
            rc = w.len > 0;
        } else {
            rc = words_next(&f->r, &w);
        }
        if (rc == 0)
            return complain_missing(f, s->fields[i]);
        if (rc > 0)
            rc = s->fields[i]->read(f, w);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_pair(struct filling *f, unsigned takes, unsigned *seen, struct word key, struct word value)
{
    if (key.len == 0)
        return complain(&f->r, "unexpected word", value);
    for (size_t i = 0; i < KEYS; i++) {
        if ((keys[i].of & takes) == 0 || !word_is(key, keys[i].word))
            continue;
        if ((*seen & 1u << i) != 0)
            return complain(&f->r, "given twice:", key);
        *seen |= 1u << i;
        return value.len == 0 && keys[i].empty_is_unsaid ? 0 : keys[i].read(f, value);
    }
    return complain(&f->r, "unknown key", key);
}

static int read_pairs(struct filling *f, unsigned takes)
{
    struct word key, value;
    unsigned seen = 0;
    int rc;

    while ((rc = words_next_pair(&f->r, &key, &value)) == 1) {
        rc = read_pair(f, takes, &seen, key, value);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static int read_verb(struct filling *f)
{
    struct word w;
    int rc = words_next(&f->r, &w);

    if (rc <= 0)
        return rc == 0 ? complain_plainly(&f->r, "empty request") : rc;
    return tool_verb_find(w.at, w.len, &f->q->verb) ? 0 : complain(&f->r, "unknown request", w);
}

static void clear(struct tool_request *q)
{
    *q = (struct tool_request){ .verb = q->verb, .count = 1, .size_bytes = -1 };
}

int tool_request_parse(const char *line, size_t len, struct tool_request *out, char reason[REQUEST_REASON_MAX])
{
    struct filling f;                /* not cleared as a whole, as `r` is long */
    const struct shape *s;
    int rc = words_begin(&f.r, line, len, reason);

    f.q = out;
    f.used = 0;
    out->verb = TOOL_TARPIT;
    clear(out);
    if (rc == 0)
        rc = read_verb(&f);
    if (rc != 0)
        return rc;
    s = &shapes[out->verb];
    rc = read_fields(&f, s);
    if (rc == 0 && s->rest == REST_IS_NOTE)
        rc = read_note(&f, words_rest(&f.r));
    else if (rc == 0)
        rc = read_pairs(&f, s->keys);
    if (rc != 0)
        clear(out);
    return rc;
}
