#include "node/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "node/config_check.h"
#include "node/config_parse.h"
#include "node/config_text.h"
#include "proto/name.h"

size_t config_zones_n(const struct config *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->policy->zones_n; i++)
        n += c->policy->zones[i].name[0] != '\0';
    return n;
}

bool config_exposed_text(const struct config *c, char *out, size_t room)
{
    if (c->exposed[0] == '\0')
        return false;
    snprintf(out, room, "%s can be read by every user of this host, and `%s` in it is a secret: give the file to the group of the user that runs hearsayd, "
             "and take it from others (chmod 640)", c->exposed, c->exposed_option);
    return true;
}

const char *config_default_path(void)
{
    const char *path = getenv("HEARSAY_CONF");
    return path != NULL && *path != '\0' ? path : "/etc/hearsay/hearsay.conf";
}

void config_free(struct config **cp)
{
    struct config *c = *cp;
    if (c == NULL)
        return;
    for (size_t i = 0; i < CONFIG_REPORTS_MAX; i++)
        free(c->reports[i].allow);
    for (size_t i = 0; i < c->peers_n; i++)
        free(c->peers[i].categories);
    free(c->peers);
    policy_destroy(&c->policy);
    explicit_bzero(c->secret, sizeof c->secret);
    explicit_bzero(c->sender_key, sizeof c->sender_key);
    explicit_bzero(&c->tools.srs, sizeof c->tools.srs);
    free(c);
    *cp = NULL;
}

/* The file's directory: what its relative paths start from. */
static int set_places(struct config *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (strlen(path) >= sizeof c->file)
        return -ENAMETOOLONG;
    strcpy(c->file, path);
    if (slash == NULL)
        strcpy(c->dir, ".");
    else if (len == 0)
        strcpy(c->dir, "/");
    else
        memcpy(c->dir, path, len);         /* the rest is zero */
    int rc = config_path(c, "peers.conf", c->peers_file);
    return rc == 0 ? config_path(c, "invites", c->invites_file) : rc;
}

static int64_t fallback(const char *section, const char *name)
{
    const struct config_option *o = option_find(section, name);
    int64_t number = 0;
    option_check(o, o->fallback, &number);
    return number;
}

/* What stands when a section is not there. */
static void set_defaults(struct config *c)
{
    c->limits = (struct config_limits){
        .connections = (unsigned)fallback("limits", "connections"),
        .backlog = (unsigned)fallback("limits", "backlog"),
        .lines_per_second = (unsigned)fallback("limits", "lines-per-second"),
        .line_bytes = (unsigned)fallback("limits", "line-bytes"),
        .line_ms = fallback("limits", "line-time"),
        .queue = (unsigned)fallback("limits", "queue"),
    };
    c->quota = (struct config_quota){ .batches = fallback("quota", "batches"), .bytes = fallback("quota", "bytes"), .opinions = fallback("quota", "opinions"),
                                        .subjects = fallback("quota", "subjects") };
    strcpy(c->mesh.publish, option_find("mesh", "publish")->fallback);
    strcpy(c->mesh.repair, option_find("mesh", "repair")->fallback);
    c->mesh.budget_bytes = fallback("mesh", "budget");
    c->mesh.links = (unsigned)fallback("mesh", "links");
    tool_defaults(c);
}

static struct config *config_create(const char *path)
{
    struct config *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->policy = policy_create();
    if (c->policy == NULL || set_places(c, path) != 0) {
        config_free(&c);
        return NULL;
    }
    set_defaults(c);
    return c;
}

/* ---- what the whole file says, once all of it is read */

static int take_path(struct config_load *l, cfg_t *root, const char *name, char out[CONFIG_PATH_MAX])
{
    if (config_path(l->c, option_text(root, name), out) != 0)
        return load_error(l, l->c->file, 0, "the path of %s is too long", name);
    return 0;
}

static int take_paths(struct config_load *l, cfg_t *root)
{
    struct config *c = l->c;
    size_t len;
    if (take_path(l, root, "identity", c->identity) != 0 || take_path(l, root, "database", c->database) != 0 || take_path(l, root, "control", c->control) != 0)
        return -EINVAL;
    if (strlen(c->control) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return load_error(l, c->file, 0, "control: the path %s is too long for a socket; expected at most %zu bytes", c->control,
                          sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    len = strlen(c->identity);
    if (len > 4 && strcmp(c->identity + len - 4, ".pem") == 0)
        len -= 4;
    if (len + sizeof ".card" > sizeof c->card)
        return load_error(l, c->file, 0, "the path of %s is too long", "identity");
    memcpy(c->card, c->identity, len);
    strcpy(c->card + len, ".card");
    return 0;
}

static int take_top(struct config_load *l, cfg_t *root)
{
    struct config *c = l->c;
    const char *name = option_text(root, "name"), *secret = option_text(root, "secret");
    if (name == NULL)
        return load_error(l, c->file, 0, "the name of this member is not set; expected a line such as name = \"mx.a.example\"");
    name_canonical(name, strlen(name), c->name);
    snprintf(c->federation, sizeof c->federation, "%s", option_text(root, "federation"));
    snprintf(c->secret, sizeof c->secret, "%s", secret == NULL ? "" : secret);
    snprintf(c->policy->federation, sizeof c->policy->federation, "%s", c->federation);
    subject_sender_key(c->federation, c->secret, c->sender_key);
    c->log_level = (enum log_level)option_number(root, "log");
    c->policy->ttl_s = option_number(root, "ttl") / 1000;
    c->policy->hold_s = option_number(root, "hold") / 1000;
    return take_paths(l, root);
}

static int default_reports(struct config_load *l)
{
    struct config *c = l->c;
    if (c->reports_n > 0)
        return 0;
    c->reports[0] = (struct config_report){.is_unix = true, .mode = (unsigned)fallback("report", "mode")};
    c->reports[1] = (struct config_report){.host = "127.0.0.1", .port = 4440, .allow_n = 2};
    c->reports_n = 2;
    c->reports[1].allow = calloc(2, sizeof *c->reports[1].allow);
    if (c->reports[1].allow == NULL)
        return -ENOMEM;
    text_network("127.0.0.0/8", &c->reports[1].allow[0]);
    text_network("::1", &c->reports[1].allow[1]);
    if (config_path(c, "run/report.sock", c->reports[0].path) != 0 || strlen(c->reports[0].path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return load_error(l, c->file, 0, "the path %s is too long for a socket; expected a report section with a shorter one", c->reports[0].path);
    return 0;
}

static int default_zone(struct config_load *l)
{
    struct config *c = l->c;
    struct policy_zone *p = &c->policy->zones[0];
    struct config_zone *z = &c->zones[0];
    char name[NAME_MAX_BYTES + 16], file[NAME_MAX_BYTES + 32];
    if (c->policy->zones_n > 0)
        return 0;
    snprintf(name, sizeof name, "bl.%s", c->name);
    if (name_canonical(name, strlen(name), p->name) != 0)
        return load_error(l, c->file, 0, "the name is too long for a zone of its own, bl.NAME; expected a zone section");
    snprintf(file, sizeof file, "zones/%s", p->name);
    if (config_path(c, file, z->file) != 0)
        return load_error(l, c->file, 0, "the path of the default zone's file is too long; expected a zone section");
    p->own = fallback("zone", "own") != 0;
    p->threshold_micro = fallback("zone", "threshold");
    p->networks = fallback("zone", "networks") != 0;
    p->network_addresses = (unsigned)fallback("zone", "network-addresses");
    p->network_floor_ip4 = 24;
    p->network_floor_ip6 = 48;
    z->ttl_s = (unsigned)(fallback("zone", "ttl") / 1000);
    z->expire_s = fallback("zone", "expire") / 1000;
    strcpy(z->text, option_find("zone", "text")->fallback);
    c->policy->zones_n = 1;
    return 0;
}

/* Two zones that one query could mean: rbldnsd would answer from both. */
static int check_sub_zones(struct config_load *l)
{
    const struct policy *p = l->c->policy;
    for (size_t i = 0; i < p->zones_n; i++) {
        const char *dot = strchr(p->zones[i].name, '.');
        char first[CATEGORY_MAX_BYTES + 1];
        if (dot == NULL || (size_t)(dot - p->zones[i].name) >= sizeof first || policy_zone(p, dot + 1) < 0)
            continue;
        snprintf(first, sizeof first, "%.*s", (int)(dot - p->zones[i].name), p->zones[i].name);
        if (policy_category(p, first) >= 0)
            return load_error(l, l->c->file, 0, "zone \"%s\" is the sub-zone that zone \"%s\" has for category \"%s\"; expected another name", p->zones[i].name, dot + 1, first);
    }
    return 0;
}

static int finish_zones(struct config_load *l)
{
    struct config *c = l->c;
    int rc = default_zone(l);
    for (size_t i = 0; rc == 0 && i < c->policy->zones_n; i++) {
        char contact[NAME_MAX_BYTES + 16];
        if (c->zones[i].contact[0] != '\0')
            continue;
        snprintf(contact, sizeof contact, "hostmaster.%s", c->name);
        if (name_canonical(contact, strlen(contact), c->zones[i].contact) != 0)
            strcpy(c->zones[i].contact, c->name);
    }
    if (rc == 0)
        rc = check_sub_zones(l);
    if (rc == 0)
        policy_finish(c->policy);
    c->policy->budget_bytes = c->mesh.budget_bytes;
    return rc;
}

static void default_advertise(struct config *c)
{
    char host[64];
    uint16_t port;
    if (c->mesh.advertise[0] != '\0')
        return;
    text_host_port(c->mesh.publish + strlen("tcp://"), host, sizeof host, &port);
    if (strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 || strspn(host, ":0") == strlen(host))
        strcpy(c->mesh.advertise, c->name);
    else
        strcpy(c->mesh.advertise, host);
}

/* ---- peers become members; they and we are never listed */

/* Addresses, and names below a registered domain: a member that calls itself "com" protects nobody. */
static int protect_host(struct policy *p, const char *host)
{
    char name[NAME_MAX_BYTES + 1];
    if (text_is_address(host))
        return protect_add(p->protect, host);
    if (name_canonical(host, strlen(host), name) != 0 || strchr(name, '.') == NULL || name_is_public_suffix(name))
        return 0;
    return protect_add(p->protect, name);
}

static int protect_endpoint(struct policy *p, const char *endpoint)
{
    char host[ENDPOINT_MAX_BYTES + 1];
    uint16_t port;
    if (strncmp(endpoint, "tcp://", 6) != 0 || text_host_port(endpoint + 6, host, sizeof host, &port) != 0)
        return 0;
    return protect_host(p, host);
}

static int finish_rights(struct config_load *l)
{
    struct config *c = l->c;
    for (size_t i = 0; i < c->peers_n; i++) {
        struct config_peer *p = &c->peers[i];
        for (size_t j = 0; j < p->categories_n; j++) {
            int category = policy_category(c->policy, p->categories[j]);
            if (category < 0)
                return load_error(l, c->file, 0, "peer \"%s\": categories: there is no category \"%s\"; expected one of RFC 7073 (spam, malware, fraud, abusive, "
                                  "invalid-recipients) or of a category section", p->name, p->categories[j]);
            p->rights.categories |= UINT64_C(1) << category;
        }
    }
    return 0;
}

static int add_members(struct config *c)
{
    struct policy *p = c->policy;
    int rc = 0;
    p->members = calloc(c->peers_n + 1, sizeof *p->members);
    if (p->members == NULL)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < c->peers_n; i++) {
        const struct config_peer *peer = &c->peers[i];
        struct policy_member *m = &p->members[p->members_n++];
        memcpy(m->root, peer->record.root, KEY_BYTES);
        strcpy(m->name, peer->name);
        m->trust_micro = peer->trust_micro;
        m->rights = peer->rights;
        rc = protect_host(p, peer->record.name);
        if (rc == 0)
            rc = protect_endpoint(p, peer->record.publish);
        if (rc == 0)
            rc = protect_endpoint(p, peer->record.repair);
    }
    return rc;
}

static int add_protected(struct config_load *l, cfg_t *root)
{
    struct policy *p = l->c->policy;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < cfg_size(root, "protect"); i++)
        rc = protect_add(p->protect, cfg_getnstr(root, "protect", i));
    if (rc == 0)
        rc = finish_rights(l);
    if (rc == 0)
        rc = add_members(l->c);
    if (rc == 0)
        rc = protect_host(p, l->c->name);
    if (rc == 0)
        rc = protect_host(p, l->c->mesh.advertise);
    if (rc == -ENOSPC)
        return load_error(l, l->c->file, 0, "too many protected networks and names; expected at most %d, members included", PROTECT_MAX);
    return rc;
}

static int finish(struct config_load *l, cfg_t *root)
{
    struct config *c = l->c;
    int rc = take_top(l, root);
    if (rc == 0)
        rc = default_reports(l);
    if (rc == 0)
        rc = finish_zones(l);
    if (rc == 0)
        rc = tool_finish(l, root);
    if (rc != 0)
        return rc;
    c->mesh.present = c->mesh.present || c->peers_n > 0;
    default_advertise(c);
    return add_protected(l, root);
}

static int load(struct config_load *l, const char *path)
{
    cfg_t *root;
    int rc = config_parse(l, path, NULL, 0, &root);
    if (rc == 0) {
        rc = finish(l, root);
        cfg_free(root);
    }
    if (rc != 0 && l->why[0] == '\0')
        load_error(l, path, 0, "%s", strerror(-rc));
    return rc == 0 || rc == -ENOENT || rc == -EACCES || rc == -ENOMEM ? rc : -EINVAL;
}

int config_load(const char *path, struct config **out, char *why)
{
    struct config_load l = {.c = config_create(path), .why = why};
    int rc;
    why[0] = '\0';
    if (l.c == NULL) {
        load_error(&l, path, 0, "memory is out, or the path is too long");
        return -ENOMEM;
    }
    config_lock();
    rc = load(&l, path);
    config_unlock();
    if (rc != 0)
        config_free(&l.c);
    else
        *out = l.c;
    return rc;
}

int config_check_text(const char *path, char *text, size_t len, char *why)
{
    struct config_load l = {.c = config_create(path), .why = why};
    cfg_t *root;
    int rc = -ENOMEM;
    why[0] = '\0';
    if (l.c == NULL)
        return rc;
    config_lock();
    rc = config_parse(&l, path, text, len, &root);
    config_unlock();
    if (rc == 0)
        cfg_free(root);
    config_free(&l.c);
    return rc == 0 || rc == -ENOMEM ? rc : -EINVAL;
}

/* ---- the member itself */

static void drop_member(struct policy *p, const uint8_t root[KEY_BYTES])
{
    for (size_t i = 0; i < p->members_n; i++) {
        if (memcmp(p->members[i].root, root, KEY_BYTES) != 0)
            continue;
        memmove(&p->members[i], &p->members[i + 1], (p->members_n - i - 1) * sizeof *p->members);
        p->members_n--;
        return;
    }
}

bool config_set_self(struct config *c, const uint8_t root[KEY_BYTES])
{
    memcpy(c->policy->self, root, KEY_BYTES);
    for (size_t i = 0; i < c->peers_n; i++) {
        if (memcmp(c->peers[i].record.root, root, KEY_BYTES) != 0)
            continue;
        free(c->peers[i].categories);
        memmove(&c->peers[i], &c->peers[i + 1], (c->peers_n - i - 1) * sizeof *c->peers);
        c->peers_n--;
        drop_member(c->policy, root);
        return true;
    }
    return false;
}

static void set_endpoint(char out[ENDPOINT_MAX_BYTES + 1], const char *host, const char *bind)
{
    bool brackets = strchr(host, ':') != NULL;
    snprintf(out, ENDPOINT_MAX_BYTES + 1, "tcp://%s%s%s%s", brackets ? "[" : "", host, brackets ? "]" : "", strrchr(bind, ':'));
}

void config_record(const struct config *c, const struct identity *id, struct record *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->root, identity_root(id), KEY_BYTES);
    memcpy(out->operational, identity_operational(id), KEY_BYTES);
    memcpy(out->curve, identity_curve(id), KEY_BYTES);
    strcpy(out->name, c->name);
    if (!c->mesh.present)
        return;
    set_endpoint(out->publish, c->mesh.advertise, c->mesh.publish);
    set_endpoint(out->repair, c->mesh.advertise, c->mesh.repair);
}
