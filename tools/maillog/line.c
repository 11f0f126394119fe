#include "tools/maillog/line.h"

#include <errno.h>
#include <string.h>

/* ---- the id */

static int digit62(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'z' ? c - 'a' + 36 : -1;
}

static bool are_digits62(const char *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (digit62(at[i]) < 0)
            return false;
    return true;
}

/* Six digits, a dash, `middle` digits, a dash, `last` digits, and then the end or a blank. */
static bool has_id(const char *at, size_t len, size_t middle, size_t last)
{
    size_t all = 6 + 1 + middle + 1 + last;
    return len >= all && (len == all || at[all] == ' ') && at[6] == '-' && at[7 + middle] == '-' && are_digits62(at, 6) &&
           are_digits62(at + 7, middle) && are_digits62(at + 8 + middle, last);
}

size_t id_length(const char *at, size_t len)
{
    if (has_id(at, len, 6, 2))
        return LINE_ID_SHORT;
    return has_id(at, len, 11, 4) ? LINE_ID_LONG : 0;
}

int64_t id_time_s(struct text id)
{
    int64_t time_s = 0;
    for (size_t i = 0; i < 6 && i < id.len; i++)
        time_s = time_s * 62 + digit62(id.at[i]);
    return time_s;
}

/* ---- the line */

static void skip(struct text *t, size_t n)
{
    t->at += n;
    t->len -= n;
}

static bool begins(struct text t, const char *with)
{
    size_t n = strlen(with);
    return t.len >= n && memcmp(t.at, with, n) == 0;
}

/* "[1234] ", which log_selector +pid puts behind the time. */
static void skip_pid(struct text *t)
{
    size_t n = 1;
    if (t->len == 0 || t->at[0] != '[')
        return;
    while (n < t->len && t->at[n] >= '0' && t->at[n] <= '9')
        n++;
    if (n > 1 && n + 1 < t->len && t->at[n] == ']' && t->at[n + 1] == ' ')
        skip(t, n + 2);
}

static enum line_kind kind_of(struct text *rest)
{
    if (begins(*rest, "<= ") || begins(*rest, "(= ")) {
        skip(rest, 3);
        return LINE_ARRIVAL;
    }
    if (begins(*rest, "** ")) {
        skip(rest, 3);
        return LINE_FAILURE;
    }
    return begins(*rest, "Completed") ? LINE_COMPLETED : LINE_OTHER;
}

int line_read(const char *at, size_t len, struct stamp_cache *c, struct line *out)
{
    size_t used;
    int64_t time_s = stamp_read(c, at, len, &used);
    if (time_s < 0 || used >= len || at[used] != ' ')
        return -EINVAL;
    struct line l = { .time_s = time_s, .body = { at + used + 1, len - used - 1 } };
    skip_pid(&l.body);
    l.rest = l.body;
    l.id = (struct text){ l.body.at, id_length(l.body.at, l.body.len) };
    if (l.id.len > 0) {
        skip(&l.rest, l.id.len);
        if (l.rest.len > 0)
            skip(&l.rest, 1);
        l.kind = kind_of(&l.rest);
    }
    *out = l;
    return 0;
}

/* ---- arrivals */

/* How long the first word is. A local part in quotes may hold blanks and whatever else its sender likes. */
static size_t address_length(struct text t)
{
    size_t i = 0;
    bool quoted = false;
    for (; i < t.len && (quoted || t.at[i] != ' '); i++) {
        if (t.at[i] == '\\' && quoted && i + 1 < t.len)
            i++;
        else if (t.at[i] == '"')
            quoted = !quoted;
    }
    return i;
}

/* Behind the field: "X=word", `DN="words"`, "H=name (helo) [addr]:port". */
static size_t field_length(struct text t)
{
    size_t i = 0;
    while (i < t.len && t.at[i] != ' ' && t.at[i] != '=' && t.at[i] != '"')
        i++;
    if (i + 1 < t.len && t.at[i] == '=' && t.at[i + 1] == '"') {
        for (i += 2; i < t.len && t.at[i] != '"'; i++)
            if (t.at[i] == '\\')
                i++;
    } else if (begins(t, "H=")) {
        /* The address is last; a HELO in front of it can be anything in parentheses without a blank. */
        while (i + 1 < t.len && !(t.at[i] == '[' && (t.at[i - 1] == ' ' || t.at[i - 1] == '=')))
            i++;
    }
    while (i < t.len && t.at[i] != ' ')
        i++;
    return i < t.len ? i : t.len;
}

/* "login:user", or with +smtp_mailauth "login:user:sender". */
static struct text user_of(struct text value)
{
    const char *end = value.at + value.len, *user = memchr(value.at, ':', value.len);
    if (user == NULL)
        return (struct text){ "", 0 };
    user++;
    const char *more = memchr(user, ':', (size_t)(end - user));
    return (struct text){ user, (size_t)((more != NULL ? more : end) - user) };
}

/* Exim writes A= in front of S=; what a stranger chose, id= and T=, comes after. */
static struct text find_user(struct text t)
{
    while (t.len > 0 && !begins(t, "S=")) {
        size_t n = field_length(t);
        if (begins(t, "A="))
            return user_of((struct text){ t.at + 2, n - 2 });
        skip(&t, n);
        while (t.len > 0 && t.at[0] == ' ')
            skip(&t, 1);
    }
    return (struct text){ "", 0 };
}

int arrival_read(struct text rest, struct arrival *out)
{
    size_t n = address_length(rest);
    if (n == 0)
        return -EINVAL;
    struct arrival a = { .sender = { rest.at, n } };
    if (n == 2 && memcmp(rest.at, "<>", 2) == 0)
        a.sender.len = 0;
    skip(&rest, n);
    while (rest.len > 0 && rest.at[0] == ' ')
        skip(&rest, 1);
    a.user = find_user(rest);
    *out = a;
    return 0;
}
