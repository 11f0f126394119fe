/* What the sections of the file become. Each is taken over when its closing brace is read, so that an error names that line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "node/config_parse.h"
#include "node/config_text.h"
#include "proto/introductions.h"
#include "proto/name.h"
#include "proto/request.h"

int config_path(const struct config *c, const char *text, char out[CONFIG_PATH_MAX])
{
    bool as_it_is = text[0] == '/' || strcmp(c->dir, ".") == 0;
    int n = snprintf(out, CONFIG_PATH_MAX, "%s%s%s", as_it_is ? "" : c->dir, as_it_is ? "" : "/", text);
    return n >= 0 && n < CONFIG_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static size_t copy_text(char *to, size_t room, const char *from)
{
    size_t len = strlen(from);
    if (len >= room)
        len = room - 1;
    memcpy(to, from, len);
    to[len] = '\0';
    return len;
}

/* ---- report */

static int read_unix(struct config_load *l, cfg_t *at, cfg_t *sec, struct config_report *r)
{
    const char *group = option_text(sec, "group");
    if (option_is_set(sec, "allow"))
        return section_error(l, at, sec, "%s", "allow is for tcp; expected mode and group");
    r->is_unix = true;
    r->mode = (unsigned)option_number(sec, "mode");
    r->group_required = group != NULL;
    snprintf(r->place, sizeof r->place, "%s:%d: ", at->filename, at->line);
    if (group != NULL)
        copy_text(r->group, sizeof r->group, group);
    if (sec->title[strlen("unix:")] == '\0' || config_path(l->c, sec->title + strlen("unix:"), r->path) != 0)
        return section_error(l, at, sec, "%s", "no path; expected one such as \"unix:run/report.sock\"");
    if (strlen(r->path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return section_error(l, at, sec, "the path %s is too long for a socket; expected at most %zu bytes", r->path, sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    return 0;
}

static int read_allow(cfg_t *sec, struct config_report *r)
{
    static const char *const loopback[] = {"127.0.0.0/8", "::1"};
    bool set = option_is_set(sec, "allow");
    size_t n = set ? cfg_size(sec, "allow") : 2;
    r->allow = calloc(n + 1, sizeof *r->allow);
    if (r->allow == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        text_network(set ? cfg_getnstr(sec, "allow", (unsigned)i) : loopback[i], &r->allow[r->allow_n++]);
    return 0;
}

static int read_tcp(struct config_load *l, cfg_t *at, cfg_t *sec, struct config_report *r)
{
    if (option_is_set(sec, "mode") || option_is_set(sec, "group"))
        return section_error(l, at, sec, "%s", "mode and group are for unix sockets; expected allow");
    if (text_host_port(sec->title + strlen("tcp:"), r->host, sizeof r->host, &r->port) != 0 || !text_is_address(r->host) || r->port == 0)
        return section_error(l, at, sec, "%s", "expected an address and a port such as \"tcp:127.0.0.1:4440\" or \"tcp:[::1]:4440\"");
    if (cfg_size(sec, "allow") > CONFIG_NETWORKS_MAX)
        return section_error(l, at, sec, "expected at most %d networks in allow", CONFIG_NETWORKS_MAX);
    return read_allow(sec, r);
}

static bool same_report(const struct config_report *a, const struct config_report *b)
{
    if (a->is_unix != b->is_unix)
        return false;
    return a->is_unix ? strcmp(a->path, b->path) == 0 : a->port == b->port && strcmp(a->host, b->host) == 0;
}

static int read_report(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct config *c = l->c;
    struct config_report *r = &c->reports[c->reports_n];
    int rc;
    if (c->reports_n == CONFIG_REPORTS_MAX)
        return section_error(l, at, sec, "expected at most %d report sections", CONFIG_REPORTS_MAX);
    if (strncmp(sec->title, "unix:", 5) == 0)
        rc = read_unix(l, at, sec, r);
    else if (strncmp(sec->title, "tcp:", 4) == 0)
        rc = read_tcp(l, at, sec, r);
    else
        rc = section_error(l, at, sec, "%s", "expected \"unix:PATH\" or \"tcp:ADDRESS:PORT\"");
    c->reports_n++;                    /* also a failed one, so that config_free() finds its list */
    for (size_t i = 0; rc == 0 && i + 1 < c->reports_n; i++)
        if (same_report(r, &c->reports[i]))
            rc = section_error(l, at, sec, "%s", "this address is there already; expected each one once");
    return rc;
}

/* ---- limits and mesh */

static int read_limits(struct config_load *l, cfg_t *sec)
{
    l->c->limits = (struct config_limits){
        .connections = (unsigned)option_number(sec, "connections"),
        .backlog = (unsigned)option_number(sec, "backlog"),
        .lines_per_second = (unsigned)option_number(sec, "lines-per-second"),
        .line_bytes = (unsigned)option_number(sec, "line-bytes"),
        .line_ms = option_number(sec, "line-time"),
        .queue = (unsigned)option_number(sec, "queue"),
    };
    return 0;
}

static int read_quota(struct config_load *l, cfg_t *sec)
{
    l->c->quota = (struct config_quota){ .batches = option_number(sec, "batches"), .bytes = option_number(sec, "bytes"), .opinions = option_number(sec, "opinions"),
                                           .subjects = option_number(sec, "subjects") };
    return 0;
}

static int read_mesh(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct config_mesh *m = &l->c->mesh;
    const char *advertise = option_text(sec, "advertise");
    m->present = true;
    m->budget_bytes = option_number(sec, "budget");
    m->links = (unsigned)option_number(sec, "links");
    copy_text(m->publish, sizeof m->publish, option_text(sec, "publish"));
    copy_text(m->repair, sizeof m->repair, option_text(sec, "repair"));
    if (advertise != NULL && (text_is_address(advertise) || name_canonical(advertise, strlen(advertise), m->advertise) != 0))
        copy_text(m->advertise, sizeof m->advertise, advertise);
    if (strcmp(m->publish, m->repair) == 0)
        return load_error(l, at->filename, at->line, "mesh: publish and repair are the same endpoint %s; expected two", m->publish);
    return 0;
}

/* ---- peers */

static int add_peer(struct config *c, const struct config_peer *p)
{
    struct config_peer *peers = c->peers;
    if ((c->peers_n & (c->peers_n - 1)) == 0) {        /* room is the next power of two */
        peers = realloc(peers, (c->peers_n == 0 ? 1 : 2 * c->peers_n) * sizeof *peers);
        if (peers == NULL)
            return -ENOMEM;
        c->peers = peers;
    }
    peers[c->peers_n++] = *p;
    return 0;
}

static int read_card(const char *card, struct config_peer *p)
{
    p->frame_len = sizeof p->frame;
    if (card_decode(card, p->frame, &p->frame_len) != 0)
        return -EINVAL;
    return record_open((struct bytes){p->frame, p->frame_len}, &p->record);
}

static int check_peer(struct config_load *l, cfg_t *at, cfg_t *sec, const struct config_peer *p)
{
    if (l->c->peers_n == MEMBERS_MAX)
        return section_error(l, at, sec, "expected at most %d peers", MEMBERS_MAX);
    size_t introduced_n = p->introduce_milli > 0;
    for (size_t i = 0; i < l->c->peers_n; i++)
        introduced_n += l->c->peers[i].introduce_milli > 0;
    if (introduced_n > INTRODUCTIONS_MAX)
        return section_error(l, at, sec, "expected at most %d peers with introduce above 0", INTRODUCTIONS_MAX);
    for (size_t i = 0; i < l->c->peers_n; i++) {
        const struct config_peer *other = &l->c->peers[i];
        if (strcmp(other->name, p->name) == 0)
            return section_error(l, at, sec, "%s", "a peer of this name is there already; expected each one once");
        if (memcmp(other->record.root, p->record.root, KEY_BYTES) == 0)
            return section_error(l, at, sec, "this card has the key of peer \"%s\"; expected one peer for each member", other->name);
        if (memcmp(other->record.curve, p->record.curve, KEY_BYTES) == 0)
            return section_error(l, at, sec, "this card has the CURVE key of peer \"%s\": one of the two is not what it says", other->name);
    }
    return 0;
}

/* Which categories there are is known when all is read: resolved by rights_finish(). */
static int read_rights(cfg_t *sec, struct config_peer *p)
{
    int64_t max_micro = option_number(sec, "max-weight");
    p->rights.black_only = option_number(sec, "black-only") != 0;
    p->rights.no_prefixes = option_number(sec, "prefixes") == 0;
    p->rights.max_subjects = p->subjects_max = (uint32_t)option_number(sec, "max-subjects");
    p->rights.max_weight_micro = max_micro < MICRO ? (uint32_t)max_micro : 0;
    if (text_probation(option_text(sec, "probation"), &p->rights.probation_s, &p->rights.probation_until_s) != 0)
        return -EINVAL;
    p->categories_n = option_is_set(sec, "categories") ? cfg_size(sec, "categories") : 0;
    p->categories = p->categories_n > 0 ? calloc(p->categories_n, sizeof *p->categories) : NULL;
    if (p->categories_n > 0 && p->categories == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < p->categories_n; i++)
        copy_text(p->categories[i], sizeof p->categories[i], cfg_getnstr(sec, "categories", i));
    return 0;
}

static int read_peer(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    const char *card = option_text(sec, "card");
    int64_t introduce_micro = option_number(sec, "introduce");
    struct config_peer p = {
        .link = option_number(sec, "link") == 1, .choose = option_number(sec, "link") == 2, .trust_micro = (uint32_t)option_number(sec, "trust"),
        .introduce_milli = (uint32_t)((introduce_micro + 999) / 1000), .introduce_until_s = option_number(sec, "introduce-until"),
    };
    int rc;
    if (name_canonical(sec->title, strlen(sec->title), p.name) != 0)
        return section_error(l, at, sec, "%s", "expected a host name such as \"mx.b.example\"");
    if (card == NULL || read_card(card, &p) != 0)
        return section_error(l, at, sec, "%s", "no card; expected card = \"hearsay1:...\", as `hearsay card` prints it at that member");
    if (option_is_set(sec, "categories") && (cfg_size(sec, "categories") == 0 || cfg_size(sec, "categories") > POLICY_CATEGORIES_MAX))
        return section_error(l, at, sec, "expected 1 to %d categories; trust = 0 believes it in none", POLICY_CATEGORIES_MAX);
    rc = check_peer(l, at, sec, &p);
    if (rc == 0)
        rc = read_rights(sec, &p);
    if (rc == 0)
        rc = add_peer(l->c, &p);
    if (rc != 0)
        free(p.categories);
    return rc;
}

/* ---- categories */

static struct policy_category *find_category(struct policy *p, const char *name)
{
    int i = policy_category(p, name);
    return i >= 0 ? &p->categories[i] : NULL;
}

/* Each category is a sub-zone of every zone: these would take the place of what RFC 5782 section 5 has every list answer. */
static bool is_test_entry(const char *name)
{
    return strcmp(name, "test") == 0 || strcmp(name, "invalid") == 0;
}

static int read_category(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    struct policy *p = l->c->policy;
    struct policy_category *c = find_category(p, sec->title);
    uint32_t code = (uint32_t)option_number(sec, "code");
    if (!category_is_valid(sec->title, strlen(sec->title)))
        return section_error(l, at, sec, "expected a name of lower-case letters, digits and '-', at most %d", CATEGORY_MAX_BYTES);
    if (is_test_entry(sec->title))
        return section_error(l, at, sec, "%s", "expected another name: test and invalid are the test entries of every zone (RFC 5782)");
    if (c == NULL && p->categories_n == POLICY_CATEGORIES_MAX)
        return section_error(l, at, sec, "expected at most %d categories", POLICY_CATEGORIES_MAX);
    if (c == NULL && code == 0)
        return section_error(l, at, sec, "%s", "no code; expected code = \"127.0.0.N\" for a category of one's own");
    if (c == NULL)
        c = &p->categories[p->categories_n++];
    copy_text(c->name, sizeof c->name, sec->title);
    c->half_life_s = option_number(sec, "half-life") / 1000;
    c->weight_milli = (uint32_t)(option_number(sec, "weight") / 1000);
    for (int i = 0; code != 0 && i < 4; i++)
        c->code[i] = (uint8_t)(code >> (24 - 8 * i));
    return 0;
}

/* ---- zones */

static int read_names(struct config_load *l, cfg_t *at, cfg_t *sec, struct config_zone *z)
{
    z->ns_n = cfg_size(sec, "ns");
    if (z->ns_n > CONFIG_NS_MAX)
        return section_error(l, at, sec, "expected at most %d name servers in ns", CONFIG_NS_MAX);
    for (size_t i = 0; i < z->ns_n; i++) {
        const char *ns = cfg_getnstr(sec, "ns", (unsigned)i);
        name_canonical(ns, strlen(ns), z->ns[i]);
    }
    if (option_is_set(sec, "contact"))
        name_canonical(option_text(sec, "contact"), strlen(option_text(sec, "contact")), z->contact);
    return 0;
}

static int check_zone(struct config_load *l, cfg_t *at, cfg_t *sec, size_t own)
{
    for (size_t i = 0; i < own; i++) {
        if (strcmp(l->c->policy->zones[i].name, l->c->policy->zones[own].name) == 0)
            return section_error(l, at, sec, "%s", "this zone is there already; expected each one once");
        if (strcmp(l->c->zones[i].file, l->c->zones[own].file) == 0)
            return section_error(l, at, sec, "the file is that of zone \"%s\"; expected one for each zone", l->c->policy->zones[i].name);
    }
    return 0;
}

static int read_floors(struct config_load *l, cfg_t *at, cfg_t *sec, struct policy_zone *p)
{
    p->network_floor_ip4 = 24;
    p->network_floor_ip6 = 48;
    for (unsigned i = 0; i < cfg_size(sec, "network-floor"); i++) {
        const char *text = cfg_getnstr(sec, "network-floor", i);
        int bits = text[0] == '/' && strspn(text + 1, "0123456789") == 2 && text[3] == '\0' ? (text[1] - '0') * 10 + text[2] - '0' : 0;
        if (bits >= 24 && bits <= 31)
            p->network_floor_ip4 = (uint8_t)bits;
        else if (bits >= 48 && bits <= 63)
            p->network_floor_ip6 = (uint8_t)bits;
        else
            return section_error(l, at, sec, "network-floor \"%s\"; expected \"/24\" to \"/31\" for IPv4, or \"/48\" to \"/63\" for IPv6", text);
    }
    return 0;
}

static int read_networks(struct config_load *l, cfg_t *at, cfg_t *sec, struct policy_zone *p)
{
    p->networks = option_number(sec, "networks") != 0 && !p->white;
    p->network_addresses = (unsigned)option_number(sec, "network-addresses");
    p->network_groups = (unsigned)option_number(sec, "network-groups");
    if (p->network_groups == 1)
        return section_error(l, at, sec, "%s", "network-groups = 1; expected 0 or at least 2: one group alone never lists a network");
    return read_floors(l, at, sec, p);
}

static int read_zone(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    size_t i = l->c->policy->zones_n;
    struct policy_zone *p = &l->c->policy->zones[i];
    struct config_zone *z = &l->c->zones[i];
    char file[NAME_MAX_BYTES + 16];
    int rc;
    if (i == POLICY_ZONES_MAX)
        return section_error(l, at, sec, "expected at most %d zones", POLICY_ZONES_MAX);
    if (name_canonical(sec->title, strlen(sec->title), p->name) != 0)
        return section_error(l, at, sec, "%s", "expected a domain name such as \"bl.a.example\"");
    p->white = option_number(sec, "lists") == 1;
    p->own = option_number(sec, "own") != 0;
    p->threshold_micro = option_number(sec, "threshold");
    p->quorum = (unsigned)option_number(sec, "quorum");
    z->ttl_s = (unsigned)(option_number(sec, "ttl") / 1000);
    z->expire_s = option_number(sec, "expire") / 1000;
    copy_text(z->text, sizeof z->text, option_text(sec, "text"));
    snprintf(file, sizeof file, "zones/%s", p->name);
    rc = config_path(l->c, option_is_set(sec, "file") ? option_text(sec, "file") : file, z->file);
    if (rc != 0)
        return section_error(l, at, sec, "%s", "the path of its file is too long");
    rc = read_names(l, at, sec, z);
    if (rc == 0)
        rc = read_networks(l, at, sec, p);
    if (rc == 0)
        rc = check_zone(l, at, sec, i);
    l->c->policy->zones_n++;
    return rc;
}

int section_read(struct config_load *l, cfg_t *at, cfg_t *sec)
{
    if (strcmp(sec->name, "report") == 0)
        return read_report(l, at, sec);
    if (strcmp(sec->name, "limits") == 0)
        return read_limits(l, sec);
    if (strcmp(sec->name, "quota") == 0)
        return read_quota(l, sec);
    if (strcmp(sec->name, "mesh") == 0)
        return read_mesh(l, at, sec);
    if (strcmp(sec->name, "peer") == 0)
        return read_peer(l, at, sec);
    if (strcmp(sec->name, "category") == 0)
        return read_category(l, at, sec);
    return strcmp(sec->name, "zone") == 0 ? read_zone(l, at, sec) : tool_section_read(l, at, sec);
}
