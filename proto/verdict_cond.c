#include "proto/verdict_cond.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum op {
    OP_AND, OP_OR, OP_NOT,                             /* of nodes a and b */
    OP_SCORE, OP_SENDER_SCORE, OP_SPAM, OP_SIZE,       /* numbers */
    OP_STATE, OP_CATEGORY, OP_SPF, OP_GREY,            /* one of a few words: bits */
    OP_CLIENT, OP_HELO, OP_SENDER, OP_RCPT, OP_SENDER_DOMAIN, OP_RCPT_DOMAIN      /* one of a list */
};

enum compare { LESS, AT_MOST, EQUAL, AT_LEAST, MORE };
enum truth { NO, UNKNOWN, YES };

struct node {
    enum op op;
    int a, b;                        /* OP_AND ...: nodes. Lists: the first value and how many */
    enum compare compare;
    int category;                    /* of OP_SCORE; -1: all */
    int64_t number;                  /* thousandths; of OP_SIZE bytes */
    uint64_t bits;
};

struct value {
    struct network network;          /* of OP_CLIENT */
    const char *text;                /* else: in lower case, within `text` below */
};

struct cond {
    struct node nodes[COND_NODES_MAX];
    int nodes_n, root;
    struct value values[COND_NODES_MAX];
    int values_n;
    unsigned needs;
    uint64_t categories;
    char text[2 * COND_TEXT_MAX];
    size_t text_len;
};

/* ---- words */

struct token {
    const char *at;
    size_t len;                      /* 0: the end */
};

struct parsing {
    struct cond *c;
    const char *at, *end;
    struct token next;
    cond_category *category;
    void *ctx;
    int depth;
    char *why;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t token_len(const char *at, const char *end)
{
    size_t len = 0;
    if (at == end)
        return 0;
    if (end - at >= 2 && memcmp(at, "<>", 2) == 0)
        return 2;                    /* the null sender */
    if (strchr("(),=", *at) != NULL)
        return 1;
    if (*at == '<' || *at == '>')
        return end - at >= 2 && at[1] == '=' ? 2 : 1;
    while (at + len < end && !is_blank(at[len]) && strchr("(),=<>", at[len]) == NULL)
        len++;
    return len;
}

static void advance(struct parsing *p)
{
    p->at += p->next.len;
    while (p->at < p->end && is_blank(*p->at))
        p->at++;
    p->next = (struct token){ p->at, token_len(p->at, p->end) };
}

static bool token_is(struct token t, const char *text)
{
    return t.len == strlen(text) && strncasecmp(t.at, text, t.len) == 0;
}

static bool take(struct parsing *p, const char *text)
{
    if (!token_is(p->next, text))
        return false;
    advance(p);
    return true;
}

/* "expected WHAT, not "..."": the word is shown as far as it is printable and not long. */
static int expected(const struct parsing *p, const char *what)
{
    char shown[40];
    size_t n = 0;
    for (size_t i = 0; i < p->next.len && n < sizeof shown - 1; i++)
        shown[n++] = p->next.at[i] >= ' ' && p->next.at[i] <= '~' ? p->next.at[i] : '?';
    shown[n] = '\0';
    if (p->next.len == 0)
        snprintf(p->why, COND_WHY_MAX, "expected %s, not its end", what);
    else
        snprintf(p->why, COND_WHY_MAX, "expected %s, not \"%s\"", what, shown);
    return -EINVAL;
}

static int too_long(const struct parsing *p)
{
    snprintf(p->why, COND_WHY_MAX, "too long or too deep; expected at most %d tests and values, and %d brackets within each other", COND_NODES_MAX, COND_DEPTH_MAX);
    return -EINVAL;
}

static int add_node(struct parsing *p, const struct node *n)
{
    if (p->c->nodes_n == COND_NODES_MAX)
        return too_long(p);
    p->c->nodes[p->c->nodes_n] = *n;
    return p->c->nodes_n++;
}

/* ---- numbers */

static bool read_decimal(struct token t, int64_t *milli)
{
    bool minus = t.len > 0 && t.at[0] == '-';
    int64_t value = 0, unit = 1000;
    size_t i = minus ? 1 : 0;
    bool digits = false, point = false;
    for (; i < t.len; i++) {
        if (t.at[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (t.at[i] < '0' || t.at[i] > '9' || value > INT64_C(1000000000000))
            return false;
        digits = true;
        if (!point)
            value = value * 10 + (t.at[i] - '0') * 1000;
        else if (unit > 1)
            value += (t.at[i] - '0') * (unit /= 10);
    }
    *milli = minus ? -value : value;
    return digits;
}

static bool read_size(struct token t, int64_t *bytes)
{
    static const struct { const char *word; int64_t unit; } units[] = { { "GB", 1000000000 }, { "MB", 1000000 }, { "kB", 1000 }, { "B", 1 }, { "", 1 } };
    int64_t value = 0;
    size_t i = 0;
    for (; i < t.len && t.at[i] >= '0' && t.at[i] <= '9' && value < INT64_C(1000000000); i++)
        value = value * 10 + (t.at[i] - '0');
    for (size_t u = 0; i > 0 && u < sizeof units / sizeof *units; u++) {
        if (token_is((struct token){ t.at + i, t.len - i }, units[u].word)) {
            if (value > INT64_MAX / units[u].unit)
                return false;
            *bytes = value * units[u].unit;
            return true;
        }
    }
    return false;
}

static bool take_compare(struct parsing *p, enum compare *out)
{
    static const char *const signs[] = { [LESS] = "<", [AT_MOST] = "<=", [EQUAL] = "=", [AT_LEAST] = ">=", [MORE] = ">" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (take(p, signs[i])) {
            *out = (enum compare)i;
            return true;
        }
    }
    return false;
}

/* ---- values of `is` */

static const char *keep_lower(struct parsing *p)
{
    struct cond *c = p->c;
    char *at = c->text + c->text_len;
    if (p->next.len + 1 > sizeof c->text - c->text_len)
        return NULL;
    for (size_t i = 0; i < p->next.len; i++)
        at[i] = p->next.at[i] >= 'A' && p->next.at[i] <= 'Z' ? (char)(p->next.at[i] + ('a' - 'A')) : p->next.at[i];
    at[p->next.len] = '\0';
    c->text_len += p->next.len + 1;
    return at;
}

/* The bit of a word among the few that a test knows; 0: none. */
static uint64_t word_bit(struct parsing *p, enum op op)
{
    static const char *const states[] = { "unknown", "black", "white" }, *const greys[] = { "new", "waiting", "white" };
    char name[CATEGORY_MAX_BYTES + 1];
    enum spf_result spf;
    int category;
    for (unsigned i = 0; i < 3; i++) {
        if ((op == OP_STATE && token_is(p->next, states[i])) || (op == OP_GREY && token_is(p->next, greys[i])))
            return UINT64_C(1) << i;
    }
    if (op == OP_SPF && spf_result_find(p->next.at, p->next.len, &spf))
        return UINT64_C(1) << spf;
    if (op != OP_CATEGORY || p->next.len >= sizeof name)
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)p->next.len, p->next.at);
    category = p->category(p->ctx, name);
    return category >= 0 && category < COND_CATEGORIES_MAX ? UINT64_C(1) << category : 0;
}

static int add_value(struct parsing *p, struct node *n)
{
    struct value *v = &p->c->values[p->c->values_n];
    if (p->c->values_n == COND_NODES_MAX)
        return too_long(p);
    if (n->op == OP_CLIENT)
        return network_parse(p->next.at, p->next.len, &v->network) == 0 ? (p->c->values_n++, n->b++, 0) : expected(p, "an address or a network");
    if (p->next.len == 0 || strchr("(),=<>", p->next.at[0]) != NULL) {
        if (n->op != OP_SENDER || !token_is(p->next, "<>"))
            return expected(p, n->op == OP_SENDER ? "an address, *@DOMAIN or <>" : n->op == OP_RCPT ? "an address or *@DOMAIN" : "a name or *.NAME");
        p->next.len = 0;             /* kept as an empty text */
        v->text = keep_lower(p);
        p->next.len = 2;
    } else {
        v->text = keep_lower(p);
    }
    if (v->text == NULL)
        return too_long(p);
    p->c->values_n++;
    n->b++;
    return 0;
}

static const char *words_of(enum op op)
{
    switch (op) {
    case OP_STATE: return "black, white or unknown";
    case OP_CATEGORY: return "a category that is configured";
    case OP_SPF: return "pass, fail, softfail, none, neutral, permerror, temperror or invalid";
    default: return "new, waiting or white";
    }
}

static int read_values(struct parsing *p, struct node *n)
{
    n->a = p->c->values_n;
    do {
        uint64_t bit = n->op <= OP_GREY ? word_bit(p, n->op) : 0;
        int rc = n->op > OP_GREY ? add_value(p, n) : bit == 0 ? expected(p, words_of(n->op)) : 0;
        if (rc != 0)
            return rc;
        n->bits |= bit;
        advance(p);
    } while (take(p, ","));
    return 0;
}

/* ---- tests */

static const struct variable {
    const char *word;
    enum op op;
    unsigned needs;
} variables[] = {
    { "score", OP_SCORE, COND_NEEDS_CLIENT },
    { "sender-score", OP_SENDER_SCORE, COND_NEEDS_SENDER_SCORE },
    { "spam", OP_SPAM, 0 },
    { "size", OP_SIZE, 0 },
    { "state", OP_STATE, COND_NEEDS_CLIENT },
    { "category", OP_CATEGORY, COND_NEEDS_CLIENT },
    { "spf", OP_SPF, 0 },
    { "grey", OP_GREY, COND_NEEDS_GREY },
    { "client", OP_CLIENT, 0 },
    { "helo", OP_HELO, 0 },
    { "sender", OP_SENDER, 0 },
    { "rcpt", OP_RCPT, 0 },
    { "sender-domain", OP_SENDER_DOMAIN, 0 },
    { "rcpt-domain", OP_RCPT_DOMAIN, 0 },
};

static const struct variable *find_variable(struct token t)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (token_is(t, variables[i].word))
            return &variables[i];
    }
    return NULL;
}

static int read_category(struct parsing *p, struct node *n)
{
    uint64_t bit;
    if (!take(p, "("))
        return 0;
    bit = word_bit(p, OP_CATEGORY);
    if (bit == 0)
        return expected(p, words_of(OP_CATEGORY));
    n->category = __builtin_ctzll(bit);
    p->c->categories |= bit;
    advance(p);
    return take(p, ")") ? 0 : expected(p, "a closing bracket");
}

static int read_number(struct parsing *p, struct node *n)
{
    int rc = n->op == OP_SCORE ? read_category(p, n) : 0;
    if (rc != 0)
        return rc;
    if (!take_compare(p, &n->compare))
        return expected(p, "<, <=, =, >= or >");
    if (n->op == OP_SIZE ? !read_size(p->next, &n->number) : !read_decimal(p->next, &n->number))
        return expected(p, n->op == OP_SIZE ? "a size such as 1MB" : "a number such as 1.5");
    advance(p);
    return 0;
}

static int read_test(struct parsing *p)
{
    const struct variable *v = find_variable(p->next);
    struct node n = { .category = -1 };
    int rc;
    if (v == NULL)
        return expected(p, "a test such as score >= 1");
    n.op = v->op;
    p->c->needs |= v->needs;
    advance(p);
    if (n.op <= OP_SIZE)
        rc = read_number(p, &n);
    else
        rc = take(p, "is") ? read_values(p, &n) : expected(p, "is");
    return rc == 0 ? add_node(p, &n) : rc;
}

static int read_or(struct parsing *p);

static int read_unary(struct parsing *p)
{
    int inner;
    if (++p->depth > COND_DEPTH_MAX)
        return too_long(p);
    if (take(p, "not")) {
        inner = read_unary(p);
        inner = inner < 0 ? inner : add_node(p, &(struct node){ .op = OP_NOT, .a = inner });
    } else if (take(p, "(")) {
        inner = read_or(p);
        if (inner >= 0 && !take(p, ")"))
            inner = expected(p, "a closing bracket");
    } else {
        inner = read_test(p);
    }
    p->depth--;
    return inner;
}

static int read_and(struct parsing *p)
{
    int left = read_unary(p);
    while (left >= 0 && take(p, "and")) {
        int right = read_unary(p);
        left = right < 0 ? right : add_node(p, &(struct node){ .op = OP_AND, .a = left, .b = right });
    }
    return left;
}

static int read_or(struct parsing *p)
{
    int left = read_and(p);
    while (left >= 0 && take(p, "or")) {
        int right = read_and(p);
        left = right < 0 ? right : add_node(p, &(struct node){ .op = OP_OR, .a = left, .b = right });
    }
    return left;
}

int cond_parse(const char *text, size_t len, cond_category *category, void *ctx, struct cond **out, char why[COND_WHY_MAX])
{
    struct parsing p = { .at = text, .end = text + len, .next = { text, 0 }, .category = category, .ctx = ctx, .why = why };
    int rc;
    if (len > COND_TEXT_MAX || memchr(text, '\0', len) != NULL)
        return too_long(&p);
    p.c = calloc(1, sizeof *p.c);
    if (p.c == NULL)
        return -ENOMEM;
    advance(&p);
    rc = read_or(&p);
    if (rc >= 0 && p.next.len > 0)
        rc = expected(&p, "and, or, or the end");
    if (rc < 0) {
        cond_destroy(&p.c);
        return rc;
    }
    p.c->root = rc;
    *out = p.c;
    return 0;
}

void cond_destroy(struct cond **c)
{
    free(*c);
    *c = NULL;
}

unsigned cond_needs(const struct cond *c)
{
    return c->needs;
}

uint64_t cond_categories(const struct cond *c)
{
    return c->categories;
}

/* ---- what it says of a message */

static enum truth truth_of(bool known, bool so)
{
    return !known ? UNKNOWN : so ? YES : NO;
}

static enum truth compare(const struct node *n, bool known, int64_t number)
{
    switch (n->compare) {
    case LESS: return truth_of(known, number < n->number);
    case AT_MOST: return truth_of(known, number <= n->number);
    case EQUAL: return truth_of(known, number == n->number);
    case AT_LEAST: return truth_of(known, number >= n->number);
    case MORE: return truth_of(known, number > n->number);
    }
    return UNKNOWN;
}

/* "name", "*.name" for all below it, "*@domain", "*". */
static bool matches(const char *pattern, const char *text)
{
    size_t text_len = strlen(text), tail_len = strlen(pattern);
    if (pattern[0] != '*')
        return strcmp(pattern, text) == 0;
    return text_len >= tail_len - 1 + (tail_len > 1) && strcmp(text + text_len - (tail_len - 1), pattern + 1) == 0;
}

static enum truth matches_any(const struct cond *c, const struct node *n, const char *text)
{
    for (int i = n->a; text != NULL && i < n->a + n->b; i++) {
        if (matches(c->values[i].text, text))
            return YES;
    }
    return truth_of(text != NULL, false);
}

static enum truth client_is_in(const struct cond *c, const struct node *n, const struct network *client)
{
    for (int i = n->a; client->family != 0 && i < n->a + n->b; i++) {
        if (network_within(client, &c->values[i].network))
            return YES;
    }
    return truth_of(client->family != 0, false);
}

static enum truth bit_of(const struct node *n, bool known, unsigned bit)
{
    return truth_of(known, (n->bits >> bit & 1) != 0);
}

static enum truth truth_at(const struct cond *c, int at, const struct cond_facts *f)
{
    const struct node *n = &c->nodes[at];
    enum truth a, b;
    switch (n->op) {
    case OP_AND:
        a = truth_at(c, n->a, f);
        b = a == NO ? NO : truth_at(c, n->b, f);
        return a < b ? a : b;
    case OP_OR:
        a = truth_at(c, n->a, f);
        b = a == YES ? YES : truth_at(c, n->b, f);
        return a > b ? a : b;
    case OP_NOT: return (enum truth)(YES - truth_at(c, n->a, f));
    case OP_SCORE: return compare(n, f->has_reputation, n->category < 0 ? f->score_milli : f->category_milli[n->category]);
    case OP_SENDER_SCORE: return compare(n, f->has_sender_score, f->sender_score_milli);
    case OP_SPAM: return compare(n, f->has_spam, f->spam_milli);
    case OP_SIZE: return compare(n, f->size_bytes >= 0, f->size_bytes);
    case OP_STATE: return bit_of(n, f->has_reputation, f->state);
    case OP_CATEGORY: return truth_of(f->has_reputation, (f->categories & n->bits) != 0);
    case OP_SPF: return bit_of(n, f->spf != SPF_NOT_SAID, f->spf);
    case OP_GREY: return bit_of(n, f->has_grey, f->grey);
    case OP_CLIENT: return client_is_in(c, n, &f->client);
    case OP_HELO: return matches_any(c, n, f->helo);
    case OP_SENDER: return matches_any(c, n, f->sender);
    case OP_RCPT: return matches_any(c, n, f->rcpt);
    case OP_SENDER_DOMAIN: return matches_any(c, n, f->sender_domain);
    case OP_RCPT_DOMAIN: return matches_any(c, n, f->rcpt_domain);
    }
    return UNKNOWN;
}

bool cond_holds(const struct cond *c, const struct cond_facts *f)
{
    return truth_at(c, c->root, f) == YES;
}
