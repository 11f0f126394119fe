#include "proto/verdict_rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/request.h"

_Static_assert((int)PROFILE_NAME_MAX == (int)CATEGORY_MAX_BYTES, "one form of names");

struct rule {
    unsigned number;
    enum verdict_action action;
    char location[RULE_LOCATION_MAX + 1];
    uint64_t profiles;               /* bits; 0: every profile */
    struct cond *when;               /* NULL: always */
};

struct verdict_rules {
    struct rule rules[RULES_MAX];    /* by number */
    size_t rules_n;
    char profiles[RULE_PROFILES_MAX][PROFILE_NAME_MAX + 1];
    size_t profiles_n;
    unsigned needs;
    uint64_t categories;
};

static const char *const actions[] = { [VERDICT_DELIVER] = "deliver", [VERDICT_ALTERNATE] = "alternate", [VERDICT_DROP] = "drop" };

/* ---- words of the file */

enum token { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_SIGN, TOKEN_BAD };

struct reading {
    const char *at, *end;
    unsigned line;
    enum token token;
    char word[COND_TEXT_MAX + 1];    /* of a word, a text, or the one sign */
    size_t word_len;
    unsigned word_line;
    struct verdict_rules *r;
    cond_category *category;
    void *ctx;
    struct rules_fault *fault;
};

static int fault(struct reading *in, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fault(struct reading *in, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(in->fault->text, sizeof in->fault->text, format, args);
    va_end(args);
    in->fault->line = in->word_line;
    return -EINVAL;
}

/* "expected WHAT, not ...": a word of the file is shown as printable ASCII. */
static int expected(struct reading *in, const char *what)
{
    char shown[33];
    size_t n = 0;
    if (in->token == TOKEN_BAD)
        return fault(in, "%s", in->word);
    for (; n < sizeof shown - 1 && n < in->word_len; n++)
        shown[n] = in->word[n] >= ' ' && in->word[n] <= '~' ? in->word[n] : '?';
    shown[n] = '\0';
    return fault(in, "expected %s, not %s%s%s", what, in->token == TOKEN_END ? "the end of the file" : "\"", in->token == TOKEN_END ? "" : shown,
                 in->token == TOKEN_END ? "" : "\"");
}

static void skip_blanks(struct reading *in)
{
    for (; in->at < in->end; in->at++) {
        if (*in->at == '\n')
            in->line++;
        else if (*in->at == '#')
            while (in->at + 1 < in->end && in->at[1] != '\n')
                in->at++;
        else if (*in->at != ' ' && *in->at != '\t' && *in->at != '\r')
            return;
    }
}

static void bad(struct reading *in, const char *why)
{
    in->token = TOKEN_BAD;
    in->word_len = (size_t)snprintf(in->word, sizeof in->word, "%s", why);
}

static void read_text(struct reading *in)
{
    for (in->at++; in->at < in->end && *in->at != '"'; in->at++) {
        if (*in->at == '\\' && in->at + 1 < in->end)
            in->at++;
        if (*in->at == '\n')
            in->line++;
        if (*in->at == '\0' || in->word_len == COND_TEXT_MAX) {
            bad(in, *in->at == '\0' ? "there is a NUL in the file" : "this text is too long; expected at most 2000 bytes");
            return;
        }
        in->word[in->word_len++] = *in->at;
    }
    if (in->at == in->end) {
        bad(in, "this quote is left open");
        return;
    }
    in->at++;
    in->token = TOKEN_TEXT;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static void advance(struct reading *in)
{
    skip_blanks(in);
    in->word_len = 0;
    in->word_line = in->line;
    if (in->at == in->end) {
        in->token = TOKEN_END;
    } else if (*in->at == '"') {
        read_text(in);
    } else if (is_word(*in->at)) {
        in->token = TOKEN_WORD;
        while (in->at < in->end && is_word(*in->at) && in->word_len < COND_TEXT_MAX)
            in->word[in->word_len++] = *in->at++;
    } else {
        in->token = TOKEN_SIGN;
        in->word[in->word_len++] = *in->at++;
    }
    in->word[in->word_len] = '\0';
}

static bool is_sign(const struct reading *in, char sign)
{
    return in->token == TOKEN_SIGN && in->word[0] == sign;
}

static bool is_value(const struct reading *in)
{
    return in->token == TOKEN_TEXT || in->token == TOKEN_WORD;
}

/* ---- what a rule says */

bool profile_name_is_valid(const char *name, size_t len)
{
    return category_is_valid(name, len);
}

static int find_profile(const struct verdict_rules *r, const char *name)
{
    for (size_t i = 0; i < r->profiles_n; i++) {
        if (strcmp(r->profiles[i], name) == 0)
            return (int)i;
    }
    return -1;
}

static int take_profile(struct reading *in, struct rule *rule)
{
    struct verdict_rules *r = in->r;
    int i = find_profile(r, in->word);
    if (!profile_name_is_valid(in->word, in->word_len) || strcmp(in->word, "none") == 0)
        return expected(in, "a profile's name of lower-case letters, digits and '-', and not none");
    if (i < 0 && r->profiles_n == RULE_PROFILES_MAX)
        return fault(in, "expected at most %d profiles", RULE_PROFILES_MAX);
    if (i < 0) {
        i = (int)r->profiles_n++;
        memcpy(r->profiles[i], in->word, in->word_len + 1);
    }
    rule->profiles |= UINT64_C(1) << i;
    return 0;
}

/* { "one", "two" }, or a single one without braces. */
static int read_profiles(struct reading *in, struct rule *rule)
{
    bool braces = is_sign(in, '{');
    int rc;
    if (braces)
        advance(in);
    while (is_value(in)) {
        rc = take_profile(in, rule);
        if (rc != 0)
            return rc;
        advance(in);
        if (!braces)
            return 0;
        if (!is_sign(in, ','))
            break;
        advance(in);
    }
    if (rule->profiles == 0)
        return expected(in, "a profile's name");
    if (!is_sign(in, '}'))
        return expected(in, "a closing brace");
    advance(in);
    return 0;
}

static int read_when(struct reading *in, struct rule *rule)
{
    char why[COND_WHY_MAX];
    int rc;
    if (in->token != TOKEN_TEXT)
        return expected(in, "a condition in quotes");
    rc = cond_parse(in->word, in->word_len, in->category, in->ctx, &rule->when, why);
    if (rc == -EINVAL)
        return fault(in, "rule %u: when: %s", rule->number, why);
    advance(in);
    return rc;
}

static int read_action(struct reading *in, struct rule *rule)
{
    for (size_t i = 0; is_value(in) && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(in->word, actions[i]) == 0) {
            rule->action = (enum verdict_action)i;
            advance(in);
            return 0;
        }
    }
    return expected(in, "deliver, alternate or drop");
}

/* It comes to stand between semicolons, and in a header line. */
static int read_location(struct reading *in, struct rule *rule)
{
    bool good = is_value(in) && in->word_len > 0 && in->word_len <= RULE_LOCATION_MAX;
    for (size_t i = 0; good && i < in->word_len; i++)
        good = in->word[i] >= ' ' && in->word[i] <= '~' && in->word[i] != ';';
    if (!good)
        return expected(in, "a location of 1 to 128 printable characters without a semicolon");
    memcpy(rule->location, in->word, in->word_len + 1);
    advance(in);
    return 0;
}

static const struct option {
    const char *name;
    int (*read)(struct reading *in, struct rule *rule);
} options[] = { { "when", read_when }, { "profiles", read_profiles }, { "action", read_action }, { "location", read_location } };

enum { OPTIONS = sizeof options / sizeof *options, WHEN = 0, PROFILES = 1, ACTION = 2, LOCATION = 3 };

static int find_option(const struct reading *in)
{
    for (int i = 0; in->token == TOKEN_WORD && i < OPTIONS; i++) {
        if (strcmp(in->word, options[i].name) == 0)
            return i;
    }
    return -1;
}

static int read_option(struct reading *in, struct rule *rule, unsigned *seen)
{
    int i = find_option(in);
    if (i < 0)
        return expected(in, "when, profiles, action, location or a closing brace");
    if ((*seen & 1u << i) != 0)
        return fault(in, "rule %u: %s is set twice; expected it once", rule->number, options[i].name);
    *seen |= 1u << i;
    advance(in);
    if (!is_sign(in, '='))
        return expected(in, "=");
    advance(in);
    return options[i].read(in, rule);
}

static int read_number(struct reading *in, struct rule *rule)
{
    unsigned number = 0;
    size_t i = 0;
    for (; is_value(in) && i < in->word_len && i < 6 && in->word[i] >= '0' && in->word[i] <= '9'; i++)
        number = number * 10 + (unsigned)(in->word[i] - '0');
    if (i == 0 || i != in->word_len || number < 1 || number > RULE_NUMBER_MAX)
        return expected(in, "a number from 1 to 99999");
    for (size_t j = 0; j < in->r->rules_n; j++) {
        if (in->r->rules[j].number == number)
            return fault(in, "rule %u is there already; expected each number once", number);
    }
    rule->number = number;
    advance(in);
    return 0;
}

static int check_rule(struct reading *in, const struct rule *rule, unsigned seen)
{
    if ((seen & 1u << ACTION) == 0)
        return fault(in, "rule %u has no action; expected deliver, alternate or drop", rule->number);
    if (rule->action == VERDICT_ALTERNATE && (seen & 1u << LOCATION) == 0)
        return fault(in, "rule %u has no location; expected one, as its action is alternate", rule->number);
    if (rule->action != VERDICT_ALTERNATE && (seen & 1u << LOCATION) != 0)
        return fault(in, "rule %u has a location; expected one only where the action is alternate", rule->number);
    return 0;
}

static int read_rule(struct reading *in)
{
    struct rule *rule = &in->r->rules[in->r->rules_n];
    unsigned seen = 0;
    int rc;
    if (in->token != TOKEN_WORD || strcmp(in->word, "rule") != 0)
        return expected(in, "rule NUMBER { ... }");
    if (in->r->rules_n == RULES_MAX)
        return fault(in, "expected at most %d rules", RULES_MAX);
    advance(in);
    rc = read_number(in, rule);
    if (rc != 0)
        return rc;
    in->r->rules_n++;                /* its condition is to be freed from now on */
    if (!is_sign(in, '{'))
        return expected(in, "an opening brace");
    advance(in);
    while (rc == 0 && !is_sign(in, '}'))
        rc = read_option(in, rule, &seen);
    if (rc == 0)
        rc = check_rule(in, rule, seen);
    if (rc == 0)
        advance(in);
    return rc;
}

static int by_number(const void *a, const void *b)
{
    const struct rule *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

size_t rules_mark_bytes(const char *text, size_t len)
{
    static const char mark[] = { '\xef', '\xbb', '\xbf' };
    return len >= sizeof mark && memcmp(text, mark, sizeof mark) == 0 ? sizeof mark : 0;
}

int verdict_rules_parse(const char *text, size_t len, cond_category *category, void *ctx, struct verdict_rules **out, struct rules_fault *said)
{
    struct reading *in = calloc(1, sizeof *in);
    struct verdict_rules *r = calloc(1, sizeof *r);
    int rc = in == NULL || r == NULL ? -ENOMEM : 0;
    if (rc == 0) {
        *in = (struct reading){ .at = text + rules_mark_bytes(text, len), .end = text + len, .line = 1, .word_line = 1, .r = r, .category = category, .ctx = ctx, .fault = said };
        if (len > RULES_TEXT_MAX)
            rc = fault(in, "the file is too long; expected at most %d bytes", RULES_TEXT_MAX);
        else
            advance(in);
    }
    while (rc == 0 && in->token != TOKEN_END)
        rc = read_rule(in);
    free(in);
    if (rc != 0) {
        verdict_rules_destroy(&r);
        return rc;
    }
    qsort(r->rules, r->rules_n, sizeof *r->rules, by_number);
    for (size_t i = 0; i < r->rules_n; i++) {
        r->needs |= r->rules[i].when != NULL ? cond_needs(r->rules[i].when) : 0;
        r->categories |= r->rules[i].when != NULL ? cond_categories(r->rules[i].when) : 0;
    }
    *out = r;
    return 0;
}

void verdict_rules_destroy(struct verdict_rules **rp)
{
    struct verdict_rules *r = *rp;
    for (size_t i = 0; r != NULL && i < r->rules_n; i++)
        cond_destroy(&r->rules[i].when);
    free(r);
    *rp = NULL;
}

size_t verdict_rules_count(const struct verdict_rules *r)
{
    return r->rules_n;
}

unsigned verdict_rules_needs(const struct verdict_rules *r)
{
    return r->needs;
}

uint64_t verdict_rules_categories(const struct verdict_rules *r)
{
    return r->categories;
}

/* ---- the verdict */

char *verdict_judge(const struct verdict_rules *r, const char *profile, const struct cond_facts *f, char out[VERDICT_TEXT_MAX])
{
    const struct rule *first = NULL;
    char named[VERDICT_RULES_NAMED_MAX * 6 + 1] = "";
    size_t len = 0;
    int own = find_profile(r, profile), named_n = 0;
    for (size_t i = 0; i < r->rules_n; i++) {
        const struct rule *rule = &r->rules[i];
        if (rule->profiles != 0 && (own < 0 || (rule->profiles >> own & 1) == 0))
            continue;
        if (rule->when != NULL && !cond_holds(rule->when, f))
            continue;
        if (first == NULL)
            first = rule;
        if (named_n++ < VERDICT_RULES_NAMED_MAX)
            len += (size_t)snprintf(named + len, sizeof named - len, "%s%u", len > 0 ? "," : "", rule->number);
    }
    if (first == NULL)
        strcpy(out, VERDICT_NOTHING);
    else
        snprintf(out, VERDICT_TEXT_MAX, "%s;%s;%s", actions[first->action], named, first->location);
    return out;
}
