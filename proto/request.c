#include "proto/request.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/name.h"

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
    [REQUEST_RETRACT] = { "retract", TAKES_SUBJECT | TAKES_CATEGORY },
    [REQUEST_CHECK] = { "check", TAKES_SUBJECT | KEY_ZONE },
    [REQUEST_SCORE] = { "score", TAKES_SUBJECT | TAKES_CATEGORY },
    [REQUEST_INFO] = { "info", TAKES_SUBJECT },
    [REQUEST_PING] = { "ping", 0 },
    [REQUEST_STREAM] = { "stream", 0 },
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

static const size_t verbs_n = sizeof verbs / sizeof verbs[0];
static const size_t causes_n = sizeof causes / sizeof causes[0];

struct word {
    const char *at;
    size_t len;
};

/* The line as it is read: what is left of it, where quoted words are unfolded, and where a complaint goes. */
struct reading {
    const char *at, *end;
    char unquoted[REQUEST_LINE_MAX];
    size_t unquoted_len;
    char *reason;
};

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

/* A stranger's word for a log line and for Exim: printable ASCII, in quotes, of bounded length. */
static char *printable(struct word w, char out[REQUEST_REASON_MAX])
{
    enum { SHOWN_MAX = 72 };
    static const char hex[] = "0123456789abcdef";
    char *at = out;
    size_t i;

    *at++ = '"';
    for (i = 0; i < w.len && at - out < SHOWN_MAX; i++) {
        unsigned char c = (unsigned char)w.at[i];
        if (c > ' ' && c <= '~' && c != '"' && c != '\\') {
            *at++ = (char)c;
        } else {
            *at++ = '\\';
            *at++ = 'x';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        }
    }
    strcpy(at, i < w.len ? "...\"" : "\"");
    return out;
}

static int complain(const struct reading *r, const char *what, struct word w)
{
    char shown[REQUEST_REASON_MAX];

    snprintf(r->reason, REQUEST_REASON_MAX, "%s %s", what, printable(w, shown));
    return -EINVAL;
}

static int complain_plainly(const struct reading *r, const char *what)
{
    snprintf(r->reason, REQUEST_REASON_MAX, "%s", what);
    return -EINVAL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Behind the closing quote of what `at` opens; NULL if there is none. */
static const char *skip_quoted(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\' && at + 1 < end)
            at++;
    }
    return NULL;
}

/* A word that is quoted as a whole, as Exim's ${quote:...} does it, means what is within. */
static void unquote(struct reading *r, struct word *w)
{
    char *start = r->unquoted + r->unquoted_len, *to = start;
    const char *last = w->at + w->len - 1;

    for (const char *from = w->at + 1; from < last; from++) {
        if (*from == '\\')
            from++;
        *to++ = *from;
    }
    *w = (struct word){ start, (size_t)(to - start) };
    r->unquoted_len += w->len;
}

/* 1 and the next word, 0 at the end of the line, -EINVAL for a quote that is left open. A quote at the start of a word holds blanks, since
 * Exim hands over "a b"@example.org as it is. */
static int next_word(struct reading *r, struct word *out)
{
    const char *start, *quoted_end = NULL;

    while (r->at < r->end && is_blank(*r->at))
        r->at++;
    if (r->at == r->end)
        return 0;
    start = r->at;
    if (*start == '"') {
        quoted_end = skip_quoted(start, r->end);
        if (quoted_end == NULL)
            return complain(r, "quote left open in", (struct word){ start, (size_t)(r->end - start) });
        r->at = quoted_end;
    }
    while (r->at < r->end && !is_blank(*r->at))
        r->at++;
    *out = (struct word){ start, (size_t)(r->at - start) };
    if (r->at == quoted_end)
        unquote(r, out);
    return 1;
}

static bool word_is(struct word w, const char *text)
{
    return w.len == strlen(text) && strncasecmp(w.at, text, w.len) == 0;
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
    int rc = next_word(r, &w);

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

    for (bool first = true; (rc = next_word(r, &w)) == 1; first = false) {
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
    struct word w;
    int rc = next_word(r, &w);

    if (rc == 0)
        return complain_plainly(r, "empty request");
    if (rc < 0)
        return rc;
    for (size_t verb = 0; verb < verbs_n; verb++) {
        if (word_is(w, verbs[verb].word)) {
            q->verb = (enum request_verb)verb;
            return 0;
        }
    }
    return complain(r, "unknown request", w);
}

/* UTF-8 passes; what could end a line early, or colour a terminal, does not. */
static int check_line(const struct reading *r)
{
    if (r->end - r->at > REQUEST_LINE_MAX)
        return complain_plainly(r, "line too long");
    for (const char *at = r->at; at < r->end; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return complain(r, "control character in the line:", (struct word){ at, 1 });
    }
    return 0;
}

int request_parse(const char *line, size_t len, const uint8_t sender_key[HASH_BYTES],
                  struct request *out, char reason[REQUEST_REASON_MAX])
{
    struct request q = { .count = 1 };
    struct reading r;                /* not cleared as a whole: its buffer is as long as the longest line */
    int rc;

    r.at = line;
    r.end = line + len;
    r.unquoted_len = 0;
    r.reason = reason;
    rc = check_line(&r);
    if (rc == 0)
        rc = read_verb(&r, &q);
    if (rc == 0 && (verbs[q.verb].takes & TAKES_SUBJECT) != 0)
        rc = read_subject(&r, sender_key, &q);
    if (rc == 0)
        rc = read_rest(&r, verbs[q.verb].takes, &q);
    if (rc == 0)
        *out = q;
    return rc;
}
