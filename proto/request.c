#include "proto/request.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/name.h"
#include "proto/tool_request.h"
#include "proto/words.h"

/* What may follow a verb. */
enum {
    TAKES_SUBJECT = 1,
    TAKES_CATEGORY = 2,              /* one word behind the subject */
    KEY_COUNT = 4,
    KEY_CATEGORY = 8,
    KEY_CAUSE = 16,
    KEY_ZONE = 32,
    TAKES_REPORT = TAKES_SUBJECT | TAKES_CATEGORY | KEY_COUNT | KEY_CATEGORY | KEY_CAUSE
};

static const struct verb {
    const char *word;
    unsigned takes;
} verbs[] = {
    [REQUEST_BLACK] = { "black", TAKES_REPORT },
    [REQUEST_WHITE] = { "white", TAKES_REPORT },
    [REQUEST_RETRACT] = { "retract", TAKES_SUBJECT | TAKES_CATEGORY | KEY_CATEGORY },
    [REQUEST_CHECK] = { "check", TAKES_SUBJECT | KEY_ZONE },
    [REQUEST_SCORE] = { "score", TAKES_SUBJECT | TAKES_CATEGORY | KEY_CATEGORY },
    [REQUEST_INFO] = { "info", TAKES_SUBJECT },
    [REQUEST_PING] = { "ping", 0 },
    [REQUEST_STREAM] = { "stream", 0 },
    [REQUEST_TOOL] = { "tool", 0 },  /* never read: it is what all verbs of the tools are here */
};

static const char *const causes[] = {
    [CAUSE_NONE] = "none",           /* never read: it is what a report without a cause has */
    [CAUSE_CONTENT] = "content",
    [CAUSE_TRAP] = "trap",
    [CAUSE_AUTH] = "auth",
    [CAUSE_PROTOCOL] = "protocol",
    [CAUSE_USER] = "user",
    [CAUSE_DNSBL] = "dnsbl",
};

static const size_t causes_n = sizeof causes / sizeof causes[0];

const char *request_verb_text(enum request_verb verb)
{
    return verbs[verb].word;
}

const char *request_cause_text(enum request_cause cause)
{
    return causes[cause];
}

bool category_is_valid(const char *name, size_t len)
{
    if (len == 0 || len > CATEGORY_MAX_BYTES || name[0] < 'a' || name[0] > 'z')
        return false;
    for (size_t i = 1; i < len; i++) {
        if ((name[i] < 'a' || name[i] > 'z') && (name[i] < '0' || name[i] > '9') && name[i] != '-')
            return false;
    }
    return true;
}

static int read_count(const struct reading *r, struct word value, struct request *q)
{
    uint32_t count = 0;

    for (size_t i = 0; i < value.len && count <= REQUEST_COUNT_MAX; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return complain(r, "count must be 1 to 1000, not", value);
        count = count * 10 + (uint32_t)(value.at[i] - '0');
    }
    if (count == 0 || count > REQUEST_COUNT_MAX)
        return complain(r, "count must be 1 to 1000, not", value);
    q->count = count;
    return 0;
}

static int read_category(const struct reading *r, struct word value, struct request *q)
{
    char folded[CATEGORY_MAX_BYTES + 1] = "";

    if (q->category[0] != '\0')
        return complain(r, "a second category", value);
    for (size_t i = 0; i < value.len && i < CATEGORY_MAX_BYTES; i++)
        folded[i] = value.at[i] >= 'A' && value.at[i] <= 'Z' ? (char)(value.at[i] + ('a' - 'A')) : value.at[i];
    if (!category_is_valid(folded, value.len))
        return complain(r, "not a category", value);
    memcpy(q->category, folded, sizeof folded);
    return 0;
}

static int read_cause(const struct reading *r, struct word value, struct request *q)
{
    for (size_t cause = CAUSE_CONTENT; cause < causes_n; cause++) {
        if (word_is(value, causes[cause])) {
            q->cause = (enum request_cause)cause;
            return 0;
        }
    }
    return complain(r, "cause must be content, trap, auth, protocol, user or dnsbl, not", value);
}

static int read_zone(const struct reading *r, struct word value, struct request *q)
{
    return name_canonical(value.at, value.len, q->zone) == 0 ? 0 : complain(r, "not a zone", value);
}

static const struct key {
    const char *word;
    unsigned bit;
    int (*read)(const struct reading *r, struct word value, struct request *q);
} keys[] = {
    { "count", KEY_COUNT, read_count },
    { "category", KEY_CATEGORY, read_category },
    { "cause", KEY_CAUSE, read_cause },
    { "zone", KEY_ZONE, read_zone },
};

static const struct key *find_key(struct word name)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (word_is(name, keys[i].word))
            return &keys[i];
    }
    return NULL;
}

/* One key=value. `seen` collects the keys of this line. */
static int read_pair(const struct reading *r, struct word w, unsigned takes, unsigned *seen, struct request *q)
{
    const char *equals = memchr(w.at, '=', w.len);
    struct word name, value;
    const struct key *key;

    if (equals == NULL)
        return complain(r, "unexpected word", w);
    name = (struct word){ w.at, (size_t)(equals - w.at) };
    value = (struct word){ equals + 1, w.len - name.len - 1 };
    key = find_key(name);
    if (key == NULL || (takes & key->bit) == 0)
        return complain(r, "unknown key", name);
    if ((*seen & key->bit) != 0)
        return complain(r, "given twice:", name);
    *seen |= key->bit;
    return key->read(r, value, q);
}

static int read_subject(struct reading *r, const uint8_t sender_key[HASH_BYTES], struct request *q)
{
    struct word w;
    const char *why;
    int rc = words_next(r, &w);

    if (rc == 0) {
        snprintf(r->reason, REQUEST_REASON_MAX, "%s needs a subject", request_verb_text(q->verb));
        return -EINVAL;
    }
    if (rc < 0)
        return rc;
    rc = subject_parse(w.at, w.len, sender_key, &q->subject, &why);
    if (rc == -EINVAL)
        return complain(r, why, w);
    if (rc != 0)
        complain_plainly(r, why);
    return rc;
}

static int read_rest(struct reading *r, unsigned takes, struct request *q)
{
    unsigned seen = 0;
    struct word w;
    int rc;

    for (bool first = true; (rc = words_next(r, &w)) == 1; first = false) {
        if (first && (takes & TAKES_CATEGORY) != 0 && memchr(w.at, '=', w.len) == NULL)
            rc = read_category(r, w, q);
        else
            rc = read_pair(r, w, takes, &seen, q);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static int read_verb(struct reading *r, struct request *q)
{
    enum tool_verb tool;
    struct word w;
    int rc = words_next(r, &w);

    if (rc == 0)
        return complain_plainly(r, "empty request");
    if (rc < 0)
        return rc;
    for (size_t verb = 0; verb < REQUEST_TOOL; verb++) {
        if (word_is(w, verbs[verb].word)) {
            q->verb = (enum request_verb)verb;
            return 0;
        }
    }
    if (!tool_verb_find(w.at, w.len, &tool))
        return complain(r, "unknown request", w);
    q->verb = REQUEST_TOOL;
    return 0;
}

int request_parse(const char *line, size_t len, const uint8_t sender_key[HASH_BYTES],
                  struct request *out, char reason[REQUEST_REASON_MAX])
{
    struct request q = { .count = 1 };
    struct reading r;                /* not cleared as a whole: its buffer is as long as the longest line */
    int rc;

    rc = words_begin(&r, line, len, reason);
    if (rc == 0)
        rc = read_verb(&r, &q);
    if (rc == 0 && (verbs[q.verb].takes & TAKES_SUBJECT) != 0)
        rc = read_subject(&r, sender_key, &q);
    if (rc == 0 && q.verb != REQUEST_TOOL)
        rc = read_rest(&r, verbs[q.verb].takes, &q);
    if (rc == 0)
        *out = q;
    return rc;
}
