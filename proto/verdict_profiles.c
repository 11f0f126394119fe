#include "proto/verdict_profiles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    const char *key, *profile;       /* within `text` */
    unsigned line;
};

struct verdict_profiles {
    char *text;                      /* keys and names, each ended by NUL */
    size_t text_len;
    struct entry *entries;           /* by key, then by line */
    size_t entries_n, entries_room;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

struct line {
    const char *at, *end;
    unsigned number;
};

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* Text and NUL; the room for it is as long as the file and twice as many lines. */
static char *keep(struct verdict_profiles *p, const char *at, size_t len)
{
    char *to = p->text + p->text_len;
    for (size_t i = 0; i < len; i++)
        to[i] = lower(at[i]);
    to[len] = '\0';
    p->text_len += len + 1;
    return to;
}

/* The key of a line, without its quotes; what follows it is left in l->at. False: there is none. */
static bool take_key(struct line *l, const char **key, size_t *len)
{
    bool quoted = l->at < l->end && *l->at == '"';
    const char *start = quoted ? l->at + 1 : l->at, *at = start;
    if (quoted) {
        at = memchr(start, '"', (size_t)(l->end - start));
        if (at == NULL)
            return false;
        l->at = at + 1;
    } else {
        while (at < l->end && !is_blank(*at) && *at != ':')
            at++;
        l->at = at;
    }
    *key = start;
    *len = (size_t)(at - start);
    while (l->at < l->end && is_blank(*l->at))
        l->at++;
    if (l->at < l->end && *l->at == ':')
        l->at++;
    return *len > 0 && *len <= PROFILE_KEY_MAX && memchr(start, '\0', *len) == NULL;
}

static bool take_name(struct line *l, const char **name, size_t *len)
{
    char folded[PROFILE_NAME_MAX];
    while (l->at < l->end && is_blank(*l->at))
        l->at++;
    while (l->end > l->at && is_blank(l->end[-1]))
        l->end--;
    *name = l->at;
    *len = (size_t)(l->end - l->at);
    for (size_t i = 0; i < *len && i < sizeof folded; i++)
        folded[i] = lower(l->at[i]);
    return *len <= sizeof folded && profile_name_is_valid(folded, *len);
}

static int add(struct verdict_profiles *p, const struct line *l, const char *key, size_t key_len, const char *name, size_t name_len)
{
    struct entry *entries = p->entries;
    char *kept;
    if (p->entries_n == PROFILES_MAX)
        return -E2BIG;
    if (p->entries_n == p->entries_room) {
        size_t room = p->entries_room == 0 ? 64 : 2 * p->entries_room;
        entries = realloc(entries, room * sizeof *entries);
        if (entries == NULL)
            return -ENOMEM;
        p->entries = entries;
        p->entries_room = room;
    }
    if (key[0] == '@') {             /* @domain is *@domain */
        kept = keep(p, "*", 1);
        p->text_len--;
        keep(p, key, key_len);
    } else {
        kept = keep(p, key, key_len);
    }
    entries[p->entries_n++] = (struct entry){ kept, keep(p, name, name_len), l->number };
    return 0;
}

static void note_bad(size_t *bad, struct rules_fault *first, unsigned line, const char *what)
{
    if ((*bad)++ == 0) {
        first->line = line;
        snprintf(first->text, sizeof first->text, "%s; expected ADDRESS: PROFILE, *@DOMAIN: PROFILE or *: PROFILE", what);
    }
}

static int read_line(struct verdict_profiles *p, struct line l, size_t *bad, struct rules_fault *first)
{
    const char *key, *name;
    size_t key_len, name_len;
    if (l.at == l.end || *l.at == '#')
        return 0;
    if (is_blank(*l.at)) {
        while (l.at < l.end && is_blank(*l.at))
            l.at++;
        if (l.at < l.end && *l.at != '#')
            note_bad(bad, first, l.number, "a line that begins with a blank goes on with the one before, and a profile is one word");
        return 0;
    }
    if (!take_key(&l, &key, &key_len))
        note_bad(bad, first, l.number, "there is no address");
    else if (!take_name(&l, &name, &name_len))
        note_bad(bad, first, l.number, "there is no profile's name of letters, digits and '-'");
    else
        return add(p, &l, key, key_len, name, name_len);
    return 0;
}

static int read_lines(struct verdict_profiles *p, const char *text, size_t len, size_t *bad, struct rules_fault *first)
{
    const char *end = text + len;
    unsigned number = 0;
    int rc = 0;
    while (rc == 0 && text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        struct line l = { text, newline != NULL ? newline : end, ++number };
        text = newline != NULL ? newline + 1 : end;
        if (l.end > l.at && l.end[-1] == '\r')
            l.end--;
        rc = read_line(p, l, bad, first);
    }
    return rc;
}

int verdict_profiles_parse(const char *text, size_t len, struct verdict_profiles **out, size_t *bad, struct rules_fault *first)
{
    struct verdict_profiles *p;
    int rc = 0;
    size_t marked = rules_mark_bytes(text, len);
    *bad = 0;
    if (len > PROFILES_TEXT_MAX)
        return -E2BIG;
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    /* A line "@d:p" of 4 bytes and its newline becomes "*@d", "p" with a NUL each: never longer than the line and 2 bytes. */
    p->text = malloc(2 * len + 8);
    if (p->text == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = read_lines(p, text + marked, len - marked, bad, first);
    if (rc != 0) {
        verdict_profiles_destroy(&p);
        return rc;
    }
    if (p->entries_n > 0)
        qsort(p->entries, p->entries_n, sizeof *p->entries, by_key);
    *out = p;
    return 0;
}

void verdict_profiles_destroy(struct verdict_profiles **pp)
{
    struct verdict_profiles *p = *pp;
    if (p == NULL)
        return;
    free(p->text);
    free(p->entries);
    free(p);
    *pp = NULL;
}

size_t verdict_profiles_count(const struct verdict_profiles *p)
{
    return p->entries_n;
}

int profile_keys(const char *rcpt, char keys[3][PROFILE_KEY_MAX + 1])
{
    const char *at = strrchr(rcpt, '@');
    size_t len = strlen(rcpt);
    int n = 0;
    if (len >= PROFILE_KEY_MAX)
        return -1;
    for (size_t i = 0; i <= len; i++)
        keys[0][i] = lower(rcpt[i]);
    n++;
    if (at != NULL) {
        keys[1][0] = '*';
        strcpy(keys[1] + 1, keys[0] + (at - rcpt));
        n++;
    }
    strcpy(keys[n++], "*");
    return n;
}

static const char *find_key(const struct verdict_profiles *p, const char *key)
{
    size_t low = 0, high = p->entries_n;          /* the first that is not less */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(p->entries[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->entries_n && strcmp(p->entries[low].key, key) == 0 ? p->entries[low].profile : NULL;
}

const char *verdict_profiles_find(const struct verdict_profiles *p, const char *rcpt)
{
    char keys[3][PROFILE_KEY_MAX + 1];
    int n = profile_keys(rcpt, keys);
    for (int i = 0; i < n; i++) {
        const char *profile = find_key(p, keys[i]);
        if (profile != NULL)
            return strcmp(profile, "none") == 0 ? NULL : profile;
    }
    return NULL;
}
