/* The sections of the Exim toolbox. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/config_check.h"
#include "node/config_parse.h"
#include "proto/request.h"

/* Of a section that may not be there: then the option's default. */
static int64_t number_of(cfg_t *sec, const char *section, const char *name)
{
    const struct config_option *o = option_find(section, name);
    int64_t number = 0;
    if (sec != NULL)
        return option_number(sec, name);
    option_check(o, o->fallback, &number);
    return number;
}

/* Rounded up: half a second is not "never". */
static int64_t seconds_of(cfg_t *sec, const char *section, const char *name)
{
    return (number_of(sec, section, name) + 999) / 1000;
}

static uint32_t weight_of(cfg_t *sec, const char *section)
{
    return (uint32_t)(number_of(sec, section, "weight") / 1000);
}

static bool share_of(cfg_t *sec, const char *section)
{
    return number_of(sec, section, "share") != 0;
}

static void take_grey(struct policy_grey *g, cfg_t *sec)
{
    *g = (struct policy_grey){
        .retry_s = seconds_of(sec, "grey", "retry"), .window_s = seconds_of(sec, "grey", "window"), .white_s = seconds_of(sec, "grey", "white"),
        .share = share_of(sec, "grey"),
    };
}

static void take_tarpit(struct policy_tarpit *t, cfg_t *sec)
{
    *t = (struct policy_tarpit){.keep_s = seconds_of(sec, "tarpit", "keep"), .weight_milli = weight_of(sec, "tarpit"), .share = share_of(sec, "tarpit")};
}

static void take_bounces(struct policy_bounces *b, cfg_t *sec)
{
    *b = (struct policy_bounces){.keep_s = seconds_of(sec, "bounces", "keep"), .share = share_of(sec, "bounces")};
}

static void take_spf(struct policy_spf *s, cfg_t *sec)
{
    *s = (struct policy_spf){.keep_s = seconds_of(sec, "spf", "keep"), .weight_milli = weight_of(sec, "spf"), .share = share_of(sec, "spf")};
}

static void take_spfcheck(struct config_spf *s, cfg_t *sec)
{
    *s = (struct config_spf){.timeout_ms = number_of(sec, "spf", "timeout"), .workers = (unsigned)number_of(sec, "spf", "workers"), .queue = (unsigned)number_of(sec, "spf", "queue")};
}

static void take_srs(struct config_srs *s, cfg_t *sec)
{
    s->postsrsd = number_of(sec, "srs", "style") == 1;
    s->valid_s = seconds_of(sec, "srs", "valid");
    s->weight_milli = weight_of(sec, "srs");
    s->share = share_of(sec, "srs");
}

void tool_defaults(struct config *c)
{
    take_grey(&c->policy->tools.grey, NULL);
    take_tarpit(&c->policy->tools.tarpit, NULL);
    take_bounces(&c->policy->tools.bounces, NULL);
    take_spf(&c->policy->tools.spf, NULL);
    take_spfcheck(&c->tools.spf, NULL);
    take_srs(&c->tools.srs, NULL);
}

static int read_grey(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct policy_grey *g = &l->c->policy->tools.grey;
    take_grey(g, sec);
    if (g->retry_s >= g->window_s)
        return load_error(l, at->filename, at->line, "grey: retry is not shorter than window; expected a client to have time to try again");
    return 0;
}

/* An address, IPv6 in brackets, and a port. */
static bool is_resolver(const char *text)
{
    char host[CONFIG_RESOLVER_MAX + 1];
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
    uint8_t addr[16];
    long port = 0;
    if (len == 0 || len >= sizeof host)
        return false;
    for (const char *at = colon + 1; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || (port = port * 10 + (*at - '0')) > 65535)
            return false;
    }
    snprintf(host, sizeof host, "%.*s", (int)(bracket ? len - 2 : len), bracket ? text + 1 : text);
    return port > 0 && inet_pton(bracket ? AF_INET6 : AF_INET, host, addr) == 1;
}

static int read_spf(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct config_spf *s = &l->c->tools.spf;
    const char *resolver = option_text(sec, "resolver");
    take_spf(&l->c->policy->tools.spf, sec);
    take_spfcheck(s, sec);
    if (resolver != NULL && !is_resolver(resolver))
        return load_error(l, at->filename, at->line, "spf: resolver is \"%s\"; expected an address and a port such as \"127.0.0.1:53\" or \"[::1]:53\"", resolver);
    snprintf(s->resolver, sizeof s->resolver, "%s", resolver != NULL ? resolver : "");
    return 0;
}

static int read_srs(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct config_srs *s = &l->c->tools.srs;
    size_t n = cfg_size(sec, "secrets");
    take_srs(s, sec);
    if (n > CONFIG_SECRETS_MAX)
        return load_error(l, at->filename, at->line, "srs: expected at most %d secrets", CONFIG_SECRETS_MAX);
    for (s->secrets_n = 0; s->secrets_n < n; s->secrets_n++)
        snprintf(s->secrets[s->secrets_n], sizeof s->secrets[0], "%s", cfg_getnstr(sec, "secrets", (unsigned)s->secrets_n));
    return 0;
}

static int take_file(struct config_load *l, cfg_t *at, cfg_t *sec, const char *name, char out[CONFIG_PATH_MAX])
{
    if (option_is_set(sec, name) && config_path(l->c, option_text(sec, name), out) != 0)
        return load_error(l, at->filename, at->line, "verdict: the path of %s is too long", name);
    return 0;
}

static int read_verdict(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct config_verdict *v = &l->c->tools.verdict;
    static const char sqlite[] = "sqlite:";
    const char *profiles = option_is_set(sec, "profiles") ? option_text(sec, "profiles") : "";
    int rc = 0;
    v->table = strncmp(profiles, sqlite, strlen(sqlite)) == 0;
    if (v->table)
        profiles += strlen(sqlite);
    if (v->table && profiles[0] == '\0')
        return load_error(l, at->filename, at->line, "verdict: profiles is \"sqlite:\"; expected a file behind it");
    if (profiles[0] != '\0' && config_path(l->c, profiles, v->profiles) != 0)
        rc = load_error(l, at->filename, at->line, "verdict: the path of profiles is too long");
    return rc == 0 ? take_file(l, at, sec, "rules", v->rules) : rc;
}

static int read_note(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct config_tools *t = &l->c->tools;
    struct config_note *n = &t->notes[t->notes_n];
    if (!category_is_valid(sec->title, strlen(sec->title)))
        return section_error(l, at, sec, "expected a name of lower-case letters, digits and '-', at most %d", CATEGORY_MAX_BYTES);
    if (t->notes_n == CONFIG_NOTES_MAX)
        return section_error(l, at, sec, "expected at most %d kinds of notes", CONFIG_NOTES_MAX);
    snprintf(n->kind, sizeof n->kind, "%s", sec->title);
    if (option_is_set(sec, "category"))
        snprintf(n->category, sizeof n->category, "%s", option_text(sec, "category"));
    n->weight_milli = weight_of(sec, "note");
    n->share = share_of(sec, "note");
    t->notes_n++;
    return 0;
}

int tool_section_read(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct policy_tools *t = &l->c->policy->tools;
    if (strcmp(sec->name, "grey") == 0)
        return read_grey(l, at, sec);
    if (strcmp(sec->name, "srs") == 0)
        return read_srs(l, at, sec);
    if (strcmp(sec->name, "verdict") == 0)
        return read_verdict(l, at, sec);
    if (strcmp(sec->name, "note") == 0)
        return read_note(l, at, sec);
    if (strcmp(sec->name, "spf") == 0)
        return read_spf(l, at, sec);
    if (strcmp(sec->name, "tarpit") == 0)
        take_tarpit(&t->tarpit, sec);
    else
        take_bounces(&t->bounces, sec);
    return 0;
}

static int no_category(struct config_load *l, cfg_t *root, const struct config_note *n)
{
    cfg_t *sec = cfg_gettsec(root, "note", n->kind);
    return section_error(l, sec, sec, "there is no category \"%s\"; expected one that is configured", n->category);
}

/* Categories may stand behind the notes that name them. */
int tool_finish(struct config_load *l, cfg_t *root)
{
    struct config_tools *t = &l->c->tools;
    int rc = 0;
    for (size_t i = 0; i < t->notes_n; i++) {
        struct config_note *n = &t->notes[i];
        n->category_index = n->category[0] != '\0' ? policy_category(l->c->policy, n->category) : 0;
        if (n->category_index < 0)
            rc = no_category(l, root, n);
    }
    return rc;
}
