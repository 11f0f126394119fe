#define PCRE2_CODE_UNIT_WIDTH 8
#include "tools/maillog/rule.h"

#include <errno.h>
#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS_MAX = 32,
    MATCH_LIMIT = 200000,       /* steps of one match: a pattern that explodes on some line costs a millisecond or so and does not match */
    HEAP_LIMIT_KB = 4096,
    GROUP_TEXT = -1, GROUP_USER = -2
};

/* A piece of the request: text, a group of the pattern, or the user. */
struct part {
    int group;                  /* its number; or one of GROUP_* */
    struct text text;           /* GROUP_TEXT: points into the rule's copy */
};

struct rule {
    char name[RULE_NAME_MAX + 1];
    char literal[RULE_LITERAL_MAX + 1];
    char *request;
    int64_t window_s;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    struct part parts[PARTS_MAX];
    size_t parts_n;
    bool needs_user;
    struct text body;           /* of the last match */
};

static int wrong(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int wrong(char *why, const char *format, ...)
{
    va_list more;
    va_start(more, format);
    vsnprintf(why, RULE_WHY_MAX, format, more);
    va_end(more);
    return -EINVAL;
}

static int compile(struct rule *r, const char *pattern, char *why)
{
    int error;
    size_t where;
    unsigned char text[160] = "";
    r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                            &error, &where, NULL);
    if (r->code == NULL) {
        pcre2_get_error_message(error, text, sizeof text);
        return wrong(why, "rule \"%s\": pattern: %s, at its byte %zu", r->name, (const char *)text, where + 1);
    }
    r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
    r->context = pcre2_match_context_create(NULL);
    if (r->match == NULL || r->context == NULL)
        return -ENOMEM;
    pcre2_set_match_limit(r->context, MATCH_LIMIT);
    pcre2_set_heap_limit(r->context, HEAP_LIMIT_KB);
    return 0;
}

static int add_part(struct rule *r, int group, const char *at, size_t len, char *why)
{
    if (r->parts_n == PARTS_MAX)
        return wrong(why, "rule \"%s\": request: more than %d parts", r->name, PARTS_MAX);
    r->parts[r->parts_n++] = (struct part){ group, { at, len } };
    return 0;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* What stands at `at`, behind the dollar: "name" or "{name}". *after: behind it. */
static int add_variable(struct rule *r, const char *at, const char **after, char *why)
{
    bool braces = *at == '{';
    const char *name = at + braces, *end = name;
    char word[64];
    while (is_name(*end))
        end++;
    size_t len = (size_t)(end - name);
    if (len == 0 || len >= sizeof word || (braces && *end != '}'))
        return wrong(why, "rule \"%s\": request: \"$%.20s\" names no group; write $$ for a dollar", r->name, at);
    memcpy(word, name, len);
    word[len] = '\0';
    *after = end + braces;
    int group = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)word);
    if (group > 0)
        return add_part(r, group, NULL, 0, why);
    if (strcmp(word, "user") != 0)
        return wrong(why, "rule \"%s\": request: the pattern has no group (?<%s>...)", r->name, word);
    r->needs_user = true;
    return add_part(r, GROUP_USER, NULL, 0, why);
}

static int parse_request(struct rule *r, char *why)
{
    const char *at = r->request;
    int rc = 0;
    while (rc == 0 && *at != '\0') {
        size_t n = strcspn(at, "$");
        if (n > 0) {
            rc = add_part(r, GROUP_TEXT, at, n, why);
            at += n;
        } else if (at[1] == '$') {
            rc = add_part(r, GROUP_TEXT, at, 1, why);
            at += 2;
        } else {
            rc = add_variable(r, at + 1, &at, why);
        }
    }
    return rc;
}

static int check_texts(struct rule *r, const char *literal, const char *request, char *why)
{
    if (strlen(literal) == 0 || strlen(literal) > RULE_LITERAL_MAX || strchr(literal, '\n') != NULL)
        return wrong(why, "rule \"%s\": literal: 1 to %d bytes that every such line holds, without a newline", r->name, RULE_LITERAL_MAX);
    if (strlen(request) == 0 || strlen(request) > RULE_REQUEST_MAX / 2)
        return wrong(why, "rule \"%s\": request: a line for the report socket, such as \"bounce $user\"", r->name);
    for (const char *c = request; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return wrong(why, "rule \"%s\": request: a control character in it", r->name);
    return 0;
}

int rule_create(const char *name, const char *literal, const char *pattern, const char *request, int64_t window_s, struct rule **out, char *why)
{
    struct rule *r = calloc(1, sizeof *r);
    if (r == NULL)
        return -ENOMEM;
    snprintf(r->name, sizeof r->name, "%s", name);
    r->window_s = window_s;
    int rc = check_texts(r, literal, request, why);
    if (rc == 0) {
        strcpy(r->literal, literal);
        r->request = strdup(request);
        rc = r->request == NULL ? -ENOMEM : compile(r, pattern, why);
    }
    if (rc == 0)
        rc = parse_request(r, why);
    if (rc == -ENOMEM)
        snprintf(why, RULE_WHY_MAX, "out of memory");
    if (rc == 0)
        *out = r;
    else
        rule_destroy(&r);
    return rc;
}

void rule_destroy(struct rule **r)
{
    if (*r == NULL)
        return;
    pcre2_match_context_free((*r)->context);
    pcre2_match_data_free((*r)->match);
    pcre2_code_free((*r)->code);
    free((*r)->request);
    free(*r);
    *r = NULL;
}

const char *rule_name(const struct rule *r)
{
    return r->name;
}

const char *rule_literal(const struct rule *r)
{
    return r->literal;
}

int64_t rule_window_s(const struct rule *r)
{
    return r->window_s;
}

bool rule_needs_user(const struct rule *r)
{
    return r->needs_user;
}

bool rule_match(struct rule *r, struct text body)
{
    if (body.len > RULE_LINE_MAX)
        body.len = RULE_LINE_MAX;
    r->body = body;
    return pcre2_match(r->code, (PCRE2_SPTR)body.at, body.len, 0, 0, r->match, r->context) > 0;
}

/* ---- the request */

struct room {
    char *out;
    size_t len;
    bool unsayable;
};

static void put(struct room *o, const char *at, size_t len)
{
    if (len > RULE_REQUEST_MAX - o->len) {
        o->unsayable = true;
        return;
    }
    memcpy(o->out + o->len, at, len);
    o->len += len;
}

/* Bytes that mean nothing else within a word of a request. */
static bool is_plain(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_name(at[i]) && strchr("@.+-_/:[]", at[i]) == NULL && (unsigned char)at[i] < 0x80)
            return false;
    return len > 0;
}

static void put_value(struct room *o, struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.at[i] < ' ' || value.at[i] == 0x7f)
            o->unsayable = true;
    if (is_plain(value.at, value.len)) {
        put(o, value.at, value.len);
        return;
    }
    put(o, "\"", 1);
    for (size_t i = 0; i < value.len && !o->unsayable; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\')
            put(o, "\\", 1);
        put(o, value.at + i, 1);
    }
    put(o, "\"", 1);
}

/* A group that took no part in the match is empty. */
static struct text group_text(const struct rule *r, int group)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);
    PCRE2_SIZE from = at[2 * group], to = at[2 * group + 1];
    if ((uint32_t)group >= pcre2_get_ovector_count(r->match) || from == PCRE2_UNSET || to < from)
        return (struct text){ "", 0 };
    return (struct text){ r->body.at + from, to - from };
}

enum rule_result rule_request(const struct rule *r, struct text user, char out[RULE_REQUEST_MAX + 1], size_t *len)
{
    struct room o = { .out = out };
    for (size_t i = 0; i < r->parts_n; i++) {
        const struct part *p = &r->parts[i];
        if (p->group == GROUP_TEXT)
            put(&o, p->text.at, p->text.len);
        else
            put_value(&o, p->group == GROUP_USER ? user : group_text(r, p->group));
    }
    if (o.unsayable)
        return RULE_UNSAYABLE;
    out[o.len] = '\0';
    *len = o.len;
    return RULE_DONE;
}

/* ---- what Exim writes by itself */

/* "H=name (helo) [addr]:port", of which only the address can be relied on: the first that is in brackets behind a blank or "=". */
#define HOST "(?:H=)?(?:\\S* )?(?:\\(\\S*\\) )?\\[(?<ip>[0-9a-fA-F.:]+)\\]"

const struct rule_default rule_defaults[] = {
    { "bounce", " ** ", "^\\S+ \\*\\* ", "bounce $user", "24h", "a delivery that failed, counted for who sent the message" },
    { "tarpit", " rejected RCPT ",
      "^" HOST ".*?(?<!temporarily) rejected RCPT <?[^>]*>?: (?:Unrouteable address|Unknown user|[Uu]ser unknown|[Nn]o such user|relay not permitted)",
      "tarpit $ip", "4h", "an unknown recipient, or one of a foreign domain" },
    { "login", " authenticator failed for ", "^\\S+ authenticator failed for " HOST "\\S*: 535 ",
      "black $ip abusive cause=auth", "4h", "a failed login; list your own users' networks under `protect` first" },
    { "malware", " rejected after DATA: ", "^\\S+ " HOST ".*? rejected after DATA: .*(?:malware|virus|Virus)",
      "black $ip malware cause=content", "24h", "a message that was refused for the malware in it, if the refusal says so" },
    { NULL, NULL, NULL, NULL, NULL, NULL }
};

const struct rule_default *rule_default_find(const char *name)
{
    for (const struct rule_default *d = rule_defaults; d->name != NULL; d++)
        if (strcmp(d->name, name) == 0)
            return d;
    return NULL;
}
