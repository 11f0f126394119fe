#include "tools/maillog/sieve.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Hunts for what all rules need to know come first. */
enum { MISSES_MIN = 16, MISS_BYTES = 32 };      /* so many bytes a miss, at least, or memmem() is used */
enum { HUNT_ARRIVAL, HUNT_COMPLETED, HUNT_RULES, HUNTS_MAX = HUNT_RULES + RULES_MAX };

/* Where a text comes next: the line that holds it is a candidate. */
struct hunt {
    const char *literal;
    size_t len;
    size_t pivot;               /* where its rarest byte is */
    const char *next;           /* NULL: nowhere any more */
};

struct sieve {
    struct rule *rules[RULES_MAX];
    size_t rules_n;
    struct hunt hunts[HUNTS_MAX];
    size_t hunts_n;
    struct messages *messages;
    const char *const *domains;
    struct sieve_handlers handlers;
    struct sieve_counts counts;
    struct stamp_cache stamps;
    int64_t last_time_s, now_s;
    bool learning;              /* only who sent which message; no request */
    char missed[LINE_ID_LONG];  /* the message that was looked for last, in vain: it may fail for a thousand recipients */
    size_t missed_len;
};

/* How often a byte comes in Exim's log, roughly. */
static int commonness(char c)
{
    if (c == ' ')
        return 5;
    if (c >= 'a' && c <= 'z')
        return 4;
    if ((c >= '0' && c <= '9') || strchr(".:-=@_[]()/\"", c) != NULL)
        return 3;
    return c >= 'A' && c <= 'Z' ? 2 : 1;
}

static void add_hunt(struct sieve *s, const char *literal)
{
    struct hunt *h = &s->hunts[s->hunts_n++];
    *h = (struct hunt){ .literal = literal, .len = strlen(literal) };
    for (size_t i = 1; i < h->len; i++)
        if (commonness(literal[i]) < commonness(literal[h->pivot]))
            h->pivot = i;
}

struct sieve *sieve_create(struct rule *const *rules, size_t rules_n, size_t messages_max, const char *const *domains, const struct sieve_handlers *h)
{
    struct sieve *s = calloc(1, sizeof *s);
    struct messages *m = messages_create(messages_max);
    if (s == NULL || m == NULL || rules_n > RULES_MAX) {
        free(s);
        messages_destroy(&m);
        return NULL;
    }
    s->messages = m;
    s->domains = domains;
    s->handlers = *h;
    s->rules_n = rules_n;
    add_hunt(s, " <= ");
    add_hunt(s, " Completed");
    for (size_t i = 0; i < rules_n; i++) {
        s->rules[i] = rules[i];
        add_hunt(s, rule_literal(rules[i]));
    }
    return s;
}

void sieve_destroy(struct sieve **s)
{
    if (*s == NULL)
        return;
    for (size_t i = 0; i < (*s)->rules_n; i++)
        rule_destroy(&(*s)->rules[i]);
    messages_destroy(&(*s)->messages);
    free(*s);
    *s = NULL;
}

const struct sieve_counts *sieve_counted(const struct sieve *s)
{
    return &s->counts;
}

size_t sieve_messages(const struct sieve *s)
{
    return messages_count(s->messages);
}

int64_t sieve_last_time_s(const struct sieve *s)
{
    return s->last_time_s;
}

int64_t sieve_window_s(const struct sieve *s)
{
    int64_t most = 0;
    for (size_t i = 0; i < s->rules_n; i++)
        if (rule_window_s(s->rules[i]) > most)
            most = rule_window_s(s->rules[i]);
    return most;
}

/* ---- who sent it */

static bool is_domain(struct text sender, const char *domain)
{
    const char *at = memrchr(sender.at, '@', sender.len);
    if (at == NULL)
        return false;
    size_t len = (size_t)(sender.at + sender.len - at - 1);
    return len == strlen(domain) && strncasecmp(at + 1, domain, len) == 0;
}

struct text arrival_user(const struct arrival *a, const char *const *domains)
{
    static const struct text nobody = { "", 0 };
    if (a->sender.len == 0)
        return nobody;
    if (a->user.len > 0)
        return a->user;
    if (domains == NULL || domains[0] == NULL)
        return a->sender;
    for (; *domains != NULL; domains++)
        if (is_domain(a->sender, *domains))
            return a->sender;
    return nobody;
}

/* A message that is completed has no more failures to come: those that wait for days are not pushed out by those that are done. */
static void note_message(struct sieve *s, const struct line *l)
{
    struct arrival a;
    if (l->kind == LINE_ARRIVAL && arrival_read(l->rest, &a) == 0)
        messages_put(s->messages, l->id, arrival_user(&a, s->domains));
    else if (l->kind == LINE_COMPLETED)
        messages_forget(s->messages, l->id);
}

/* False: not known anywhere. */
static bool find_user(struct sieve *s, struct text id, uint64_t line_at, char room[MESSAGES_USER_MAX], struct text *user)
{
    size_t len;
    if (messages_get(s->messages, id, user))
        return true;
    if (id.len == 0 || (id.len == s->missed_len && memcmp(id.at, s->missed, id.len) == 0))
        return false;
    if (!s->handlers.find(s->handlers.ctx, id, line_at, room, &len)) {
        memcpy(s->missed, id.at, id.len);
        s->missed_len = id.len;
        return false;
    }
    *user = (struct text){ room, len };
    messages_put(s->messages, id, *user);
    return true;
}

/* ---- lines */

/* False: there is no request to make. */
static bool build(struct sieve *s, const struct rule *r, const struct line *l, uint64_t line_at, char out[RULE_REQUEST_MAX + 1], size_t *len)
{
    char room[MESSAGES_USER_MAX];
    struct text user = { "", 0 };
    if (s->now_s - l->time_s > rule_window_s(r)) {
        s->counts.old++;
        return false;
    }
    if (rule_needs_user(r)) {
        if (!find_user(s, l->id, line_at, room, &user)) {
            s->counts.unknown++;
            return false;
        }
        if (user.len == 0) {
            s->counts.nobody++;
            return false;
        }
    }
    if (rule_request(r, user, out, len) == RULE_DONE)
        return true;
    s->counts.unsayable++;
    return false;
}

/* The rule with this index for one line. */
static void do_rule(struct sieve *s, size_t i, const struct line *l, uint64_t line_at)
{
    char text[RULE_REQUEST_MAX + 1];
    struct sieve_request q = { .line = text, .rule = s->rules[i], .number = line_at + i, .line_at = line_at };
    if (!rule_match(s->rules[i], l->body))
        return;
    s->counts.matched++;
    if (!build(s, s->rules[i], l, line_at, text, &q.len))
        return;
    q.age_s = s->now_s > l->time_s ? s->now_s - l->time_s : 0;
    s->counts.requests++;
    s->handlers.request(s->handlers.ctx, &q);
}

/* `due`: by index, which hunts have their text in this line. */
static void do_line(struct sieve *s, const char *at, size_t len, const bool due[HUNTS_MAX], uint64_t line_at)
{
    struct line l;
    if (line_read(at, len, &s->stamps, &l) != 0)
        return;
    if (l.time_s > s->last_time_s)
        s->last_time_s = l.time_s;
    if (due[HUNT_ARRIVAL] || due[HUNT_COMPLETED])
        note_message(s, &l);
    for (size_t i = 0; i < s->rules_n && !s->learning; i++)
        if (due[HUNT_RULES + i])
            do_rule(s, i, &l, line_at);
}

/* ---- the hunt */

/* memchr() for the rarest byte is several times as fast as memmem(), where that byte is rare indeed. */
static void hunt_on(struct hunt *h, const char *from, const char *end)
{
    const char *at = from;
    size_t misses = 0;
    h->next = NULL;
    while (at < end && (size_t)(end - at) >= h->len) {
        const char *hit = memchr(at + h->pivot, h->literal[h->pivot], (size_t)(end - at) - h->len + 1);
        if (hit == NULL)
            return;
        at = hit - h->pivot;
        if (memcmp(at, h->literal, h->len) == 0) {
            h->next = at;
            return;
        }
        at++;
        if (++misses >= MISSES_MIN && (size_t)(at - from) < misses * MISS_BYTES) {
            h->next = memmem(at, (size_t)(end - at), h->literal, h->len);
            return;
        }
    }
}

static const char *nearest(const struct sieve *s)
{
    const char *at = NULL;
    for (size_t i = 0; i < s->hunts_n; i++)
        if (s->hunts[i].next != NULL && (at == NULL || s->hunts[i].next < at))
            at = s->hunts[i].next;
    return at;
}

/* True if the line before line_end may make a request. */
static bool mark_due(const struct sieve *s, const char *line_end, bool due[HUNTS_MAX])
{
    bool any = false;
    for (size_t i = 0; i < s->hunts_n; i++) {
        due[i] = s->hunts[i].next != NULL && s->hunts[i].next < line_end;
        any |= due[i] && i >= HUNT_RULES;
    }
    return any;
}

size_t sieve_block(struct sieve *s, const char *at, size_t len, uint64_t at_place, int64_t now_s)
{
    const char *end = at + len, *from = at, *hit;
    bool due[HUNTS_MAX];
    s->now_s = now_s;
    for (size_t i = 0; i < s->hunts_n; i++)
        hunt_on(&s->hunts[i], at, end);
    while ((hit = nearest(s)) != NULL) {
        const char *before = memrchr(from, '\n', (size_t)(hit - from));
        const char *line = before != NULL ? before + 1 : from, *line_end = memchr(hit, '\n', (size_t)(end - hit));
        if (line_end == NULL)
            line_end = end;
        if (mark_due(s, line_end, due) && !s->learning && !s->handlers.has_room(s->handlers.ctx))
            return (size_t)(line - at);
        do_line(s, line, (size_t)(line_end - line), due, at_place + (uint64_t)(line - at));
        from = line_end < end ? line_end + 1 : end;
        for (size_t i = 0; i < s->hunts_n; i++)
            if (due[i])
                hunt_on(&s->hunts[i], from, end);
    }
    return len;
}

void sieve_learn(struct sieve *s, const char *at, size_t len)
{
    int64_t last_time_s = s->last_time_s;
    s->learning = true;
    sieve_block(s, at, len, 0, s->now_s);
    s->learning = false;
    s->last_time_s = last_time_s;
}
