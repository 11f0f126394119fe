#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/daemon_parts.h"

enum { PROOF_WARN_S = 30 * 86400, PEER_QUIET_WARN_S = 300, BACKLOG_WARN = 200000 };

static json_t *number(uint64_t n) { return json_integer((json_int_t)n); }

static void set(json_t *o, const char *key, uint64_t n) { json_object_set_new(o, key, number(n)); }

static void warn(json_t *warnings, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(json_t *warnings, const char *format, ...)
{
    char text[CONFIG_WHY_MAX + 256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(warnings, json_string(text));
}

static json_t *hex_json(const uint8_t *at, size_t len)
{
    char text[2 * HASH_BYTES + 1];

    return json_string(hex_text(at, len, text));
}

void status_sample(struct daemon *d)
{
    struct store_thread_counts c;
    struct mesh_net *mesh = atomic_load(&d->mesh);
    struct rate_sample *s = &d->rates[d->ticks++ % RATE_SAMPLES];
    struct mesh_net_state m;

    store_thread_counted(d->store, &c);
    s->reports = c.reports_stored;
    s->opinions = 0;
    if (mesh != NULL && mesh_net_state(mesh, &m) == 0) {
        s->opinions = m.counts[MESH_COUNT_MERGED];
        free(m.peers);
    }
}

static json_t *rates_json(const struct daemon *d)
{
    uint64_t n = d->ticks < RATE_SAMPLES ? d->ticks : RATE_SAMPLES;
    const struct rate_sample *last = &d->rates[(d->ticks + RATE_SAMPLES - 1) % RATE_SAMPLES];
    const struct rate_sample *first = &d->rates[n < RATE_SAMPLES ? 0 : d->ticks % RATE_SAMPLES];

    if (n < 2)
        return json_pack("{s:f,s:f}", "reports_1m", 0.0, "batches_1m", 0.0);
    return json_pack("{s:f,s:f}", "reports_1m", (double)(last->reports - first->reports) / (double)(n - 1),
                     "batches_1m", (double)(last->opinions - first->opinions) / (double)(n - 1));
}

static json_t *counts_json(struct daemon *d, json_t *warnings)
{
    json_t *o = json_object();
    struct store_counts c;
    int rc = reader_counts(d->reader, &c);

    if (rc != 0) {
        warn(warnings, "the database cannot be read: %s", strerror(-rc));
        return o;
    }
    set(o, "subjects", c.subjects);
    set(o, "evidence", c.evidence);
    set(o, "opinions", c.opinions);
    set(o, "batches", c.batches);
    set(o, "batch_bytes", c.batch_bytes);
    set(o, "listings", c.listings);
    set(o, "networks", c.networks);
    set(o, "journal", c.journal);
    set(o, "file_bytes", c.file_bytes);
    set(o, "wal_bytes", c.wal_bytes);
    return o;
}

static json_t *reports_json(struct daemon *d, json_t *warnings)
{
    json_t *o = json_object();
    struct report_server_counts c;
    struct store_thread_counts s;

    report_server_counted(d->reports, &c);
    store_thread_counted(d->store, &s);
    set(o, "connections", c.connections);
    set(o, "connections_now", c.connections_now);
    set(o, "lines", c.lines);
    set(o, "errors", c.errors);
    set(o, "refused", c.refused);
    set(o, "timeouts", c.timeouts);
    set(o, "too_long", c.too_long);
    set(o, "paused", c.paused);
    set(o, "stored", s.reports_stored);
    set(o, "failed", s.reports_failed);
    for (unsigned kind = 0; kind < STORE_TROUBLES; kind++) {
        if (s.failing_since_s[kind] != 0)
            warn(warnings, "the database fails (%s): %s", strerror(-s.last_error[kind]), store_trouble_text((enum store_trouble)kind));
    }
    if (s.backlog > BACKLOG_WARN)
        warn(warnings, "%" PRIu64 " reports and opinions wait to be scored: the disk is slower than what comes in", s.backlog);
    return o;
}

/* Who has left may be gone for good. */
static void warn_of_link(const struct daemon *d, const struct mesh_net_peer *p, json_t *warnings)
{
    int64_t now_s = daemon_now_s();

    if (!p->link || p->left)
        return;
    if (!p->connected && now_s - d->started_s > 30)
        warn(warnings, "no connection to %s at %s%s%s%s", p->name, p->endpoint, p->problem[0] != '\0' ? ": " : "", p->problem,
             p->unaware ? "; it has not heard of this member's new keys yet" : "");
    else if (p->connected && p->heard_s != 0 && now_s - p->heard_s > PEER_QUIET_WARN_S)
        warn(warnings, "%s is connected but silent for %" PRId64 " s", p->name, now_s - p->heard_s);
}

static void warn_of_record(const struct mesh_net_peer *p, json_t *warnings)
{
    int64_t now_s = daemon_now_s(), left_s = p->record_expires_s - now_s;

    if (p->left)
        return;
    if (left_s <= 0)
        warn(warnings, "the record of %s has run out: nothing new of it is taken until its operator signs another (hearsay rotate, there)", p->name);
    else if (now_s >= renew_warn_s((int64_t)p->record_serial, p->record_expires_s))
        warn(warnings, "the record of %s runs out in %" PRId64 " days: its operator must sign another (hearsay rotate, there)", p->name, left_s / 86400);
}

static void warn_of_own_record(const struct daemon *d, json_t *warnings)
{
    const struct record *r = &d->record;
    int64_t now_s = daemon_now_s(), days = (r->not_after_s - now_s) / 86400;
    struct record want;

    config_record(d->config, d->identity, &want);
    if (record_is_farewell(r))
        warn(warnings, "this member has left the coalition: others are told nothing; hearsay rotate brings it back");
    else if (renew_is_over(r, now_s))
        warn(warnings, "this member's record has run out: others are told nothing until there is a new one; bring the root key and say hearsay rotate --root FILE");
    else if (!identity_has_root(d->identity) && now_s >= renew_warn_s((int64_t)r->serial, r->not_after_s))
        warn(warnings, "this member's record runs out in %" PRId64 " days, and the root key is offline: bring it and say hearsay rotate --root FILE", days);
    else if (d->renew_failed)
        warn(warnings, "this member's record runs out in %" PRId64 " days and could not be renewed: the log says why", days);
    if (!identity_has_root(d->identity) && (strcmp(r->name, want.name) != 0 || strcmp(r->publish, want.publish) != 0 || strcmp(r->repair, want.repair) != 0))
        warn(warnings, "the configuration says another name or address than this member's record: bring the root key and say hearsay rotate --root FILE");
}

static json_t *peer_json(const struct daemon *d, const struct mesh_net_peer *p, json_t *warnings)
{
    const struct policy_member *member = policy_member(d->config->policy, p->root);
    json_t *o = json_pack("{s:s,s:o,s:s,s:b,s:b,s:s}", "name", p->name, "root", hex_json(p->root, KEY_BYTES), "endpoint", p->endpoint,
                          "link", p->link, "connected", p->connected, "problem", p->problem);

    set(o, "connected_s", (uint64_t)p->connected_s);
    set(o, "heard_s", (uint64_t)p->heard_s);
    set(o, "head", p->head);
    set(o, "epoch", p->epoch);
    set(o, "behind", p->behind);
    set(o, "batches", p->batches);
    set(o, "bad", p->bad);
    set(o, "record_expires_s", (uint64_t)p->record_expires_s);
    json_object_set_new(o, "penalty", json_real(p->penalty));
    set(o, "paused_until_s", (uint64_t)p->paused_until_s);
    set(o, "over_quota", p->over_quota);
    set(o, "over_subjects", p->over_subjects);
    set(o, "throttled", p->throttled);
    json_object_set_new(o, "left", json_boolean(p->left));
    json_object_set_new(o, "unaware", json_boolean(p->unaware));
    json_object_set_new(o, "trust", json_real(member == NULL ? 0 : member->trust_micro / 1e6));
    warn_of_link(d, p, warnings);
    warn_of_record(p, warnings);
    return o;
}

/* held_back: what others say counts for nothing yet. */
static json_t *catching_json(const struct daemon *d, const struct mesh_catching *c)
{
    double share = c->known == 0 ? (double)c->caught_up : (double)c->held / (double)c->known;

    return json_pack("{s:b,s:I,s:I,s:f,s:I}", "held_back", d->config->policy->catching_up, "held", (json_int_t)c->held, "known", (json_int_t)c->known,
                     "share", share, "neighbours", (json_int_t)c->neighbours);
}

/* A configured peer's name, or what an introduced member calls itself. */
static const char *name_of(const struct daemon *d, const struct mesh_net_state *s, const uint8_t root[KEY_BYTES])
{
    const struct policy_member *member = policy_member(d->config->policy, root);

    for (size_t i = 0; member == NULL && i < s->peers_n; i++) {
        if (memcmp(s->peers[i].root, root, KEY_BYTES) == 0)
            return s->peers[i].name;
    }
    return member != NULL ? member->name : "";
}

/* Members that no operator here chose: their troubles are no warnings. */
static json_t *introduced_json(const struct daemon *d, const struct mesh_net_state *s, const struct mesh_net_peer *p)
{
    char fingerprint[FINGERPRINT_MAX];
    const struct trusted *t = &p->trusted;

    return json_pack("{s:s,s:o,s:s,s:f,s:s,s:s,s:i,s:I,s:b,s:I,s:I,s:I,s:I}", "name", p->name, "root", hex_json(p->root, KEY_BYTES), "fingerprint",
                     record_fingerprint(p->root, fingerprint), "trust", t->tau_micro / 1e6, "group", name_of(d, s, t->group), "introducer",
                     name_of(d, s, t->introducer), "hops", (int)t->hops, "until_s", (json_int_t)t->expires_s, "connected", p->connected, "epoch",
                     (json_int_t)p->epoch, "head", (json_int_t)p->head, "behind", (json_int_t)p->behind, "bad", (json_int_t)p->bad);
}

/* Adds "mesh", "peers" and "introduced". left_out: members for whom the store had no room. */
static void mesh_json(struct daemon *d, json_t *root, uint64_t left_out, json_t *warnings)
{
    struct mesh_net *mesh = atomic_load(&d->mesh);
    json_t *peers = json_array(), *introduced = json_array(), *counts = json_object();
    struct mesh_net_state s;

    json_object_set_new(root, "peers", peers);
    json_object_set_new(root, "introduced", introduced);
    if (mesh == NULL || mesh_net_state(mesh, &s) != 0) {
        json_object_set_new(root, "mesh", json_pack("{s:b,s:o}", "settled", 0, "counts", counts));
        json_object_set_new(root, "settled", json_false());
        return;
    }
    for (unsigned c = 0; c < MESH_COUNTS; c++)
        set(counts, mesh_count_text((enum mesh_count)c), s.counts[c] + (c == MESH_COUNT_OVER_MEMBERS ? left_out : 0));
    json_object_set_new(root, "settled", json_boolean(s.settled));
    json_object_set_new(root, "mesh", json_pack("{s:b,s:o,s:I,s:I,s:I,s:o,s:I}", "settled", s.settled, "counts", counts,
        "bytes_in", (json_int_t)s.bytes_in, "bytes_out", (json_int_t)s.bytes_out, "zap_denied", (json_int_t)s.zap_denied, "catching_up", catching_json(d, &s.catching), "throttled", (json_int_t)s.throttled));
    for (size_t i = 0; i < s.peers_n; i++)
        json_array_append_new(s.peers[i].introduced ? introduced : peers,
                              s.peers[i].introduced ? introduced_json(d, &s, &s.peers[i]) : peer_json(d, &s.peers[i], warnings));
    free(s.peers);
}

static json_t *spfcheck_json(struct daemon *d, json_t *warnings)
{
    struct spf_pool_counts c;
    json_t *o = json_object();

    spf_pool_counted(d->spf, &c);
    set(o, "asked", c.asked);
    set(o, "late", c.late);
    set(o, "refused", c.refused);
    set(o, "died", c.died);
    set(o, "helpers", c.helpers);
    if (c.problem[0] != '\0')
        warn(warnings, "spfcheck answers temperror: %s", c.problem);
    return o;
}

static void warn_of_rules(const struct daemon *d, json_t *warnings)
{
    const char *file = d->config->tools.verdict.rules;

    if (file[0] != '\0' && verdict_files_rules(d->verdicts) == NULL)
        warn(warnings, "all verdicts are to deliver: there were no rules at %s when the configuration was read", file);
}

static json_t *zones_json(struct daemon *d, json_t *warnings)
{
    struct zone_thread_state *states = calloc(POLICY_ZONES_MAX, sizeof *states);
    size_t n = states == NULL ? 0 : zone_thread_states(d->zones, states, POLICY_ZONES_MAX);
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        const struct zone_thread_state *z = &states[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:s}", "name", z->name, "file", z->file,
            "listings", (json_int_t)z->listings, "serial", (json_int_t)z->serial, "written_s", (json_int_t)z->written_s,
            "expires_s", (json_int_t)z->expires_s, "writes", (json_int_t)z->writes, "failures", (json_int_t)z->failures, "problem", z->problem));
        if (z->problem[0] != '\0')
            warn(warnings, "zone %s is not written: %s", z->name, z->problem);
    }
    free(states);
    return list;
}

struct proof_warnings {
    const struct daemon *d;
    json_t *warnings, *peers;
    uint64_t n;
};

static const char *member_text(const struct daemon *d, const uint8_t root[KEY_BYTES], char fingerprint[FINGERPRINT_MAX])
{
    const struct policy_member *m = policy_member(d->config->policy, root);

    if (memcmp(root, identity_root(d->identity), KEY_BYTES) == 0)
        return "this member";
    return m != NULL ? m->name : record_fingerprint(root, fingerprint);
}

static void mark_quarantined(json_t *peers, const uint8_t root[KEY_BYTES])
{
    char hex[2 * KEY_BYTES + 1];
    size_t i;
    json_t *p;

    hex_text(root, KEY_BYTES, hex);
    json_array_foreach(peers, i, p) {
        if (strcmp(json_string_value(json_object_get(p, "root")), hex) == 0)
            json_object_set_new(p, "quarantined", json_true());
    }
}

/* The oldest first: so of a member in quarantine the last one speaks. */
static int warn_of_proof(void *ctx, const struct proof_row *p)
{
    struct proof_warnings *w = ctx;
    char fingerprint[FINGERPRINT_MAX];
    const char *name = member_text(w->d, p->root, fingerprint);

    w->n++;
    if (p->quarantined)
        mark_quarantined(w->peers, p->root);
    if (p->forgiven || daemon_now_s() - p->found_s > PROOF_WARN_S)
        return 0;
    if (p->quarantined)
        warn(w->warnings, "%s signed two different batches with one number again (%" PRIu32 "/%" PRIu64 "): it is in quarantine and weighs nothing; hearsay proofs shows it, "
             "hearsay peer trust %s W ends it", name, p->epoch, p->seq, name);
    else
        warn(w->warnings, "%s signed two different batches with one number (%" PRIu32 "/%" PRIu64 "): a restored backup, or malice; see hearsay proofs; a second one within 30 days is "
             "quarantine; hearsay peer trust %s W forgives it", name, p->epoch, p->seq, name);
    return 0;
}

static void proofs_json(struct daemon *d, json_t *o, json_t *warnings)
{
    struct proof_warnings w = { .d = d, .warnings = warnings, .peers = json_object_get(o, "peers") };

    if (reader_proofs(d->reader, warn_of_proof, &w) != 0)
        warn(warnings, "the proofs of equivocation cannot be read");
    set(o, "proofs", w.n);
}

json_t *status_answer(struct daemon *d)
{
    char fingerprint[FINGERPRINT_MAX];
    json_t *warnings = json_array();
    struct store_thread_counts s;
    uint32_t epoch = 0;
    uint64_t seq = 0;
    json_t *o = json_pack("{s:b,s:s,s:s,s:s,s:s,s:o}", "ok", 1, "name", d->config->name, "federation", d->config->federation,
                          "version", HEARSAY_VERSION, "fingerprint", record_fingerprint(identity_root(d->identity), fingerprint),
                          "root", hex_json(identity_root(d->identity), KEY_BYTES));

    reader_head(d->reader, &epoch, &seq);
    store_thread_counted(d->store, &s);
    set(o, "uptime_s", (uint64_t)(daemon_now_ms() - d->started_ms) / 1000);
    set(o, "epoch", epoch);
    set(o, "seq", seq);
    set(o, "backlog", s.backlog);
    set(o, "told", s.told);
    set(o, "record_expires_s", (uint64_t)d->record.not_after_s);
    json_object_set_new(o, "rates", rates_json(d));
    json_object_set_new(o, "counts", counts_json(d, warnings));
    json_object_set_new(o, "reports", reports_json(d, warnings));
    json_object_set_new(o, "spfcheck", spfcheck_json(d, warnings));
    warn_of_rules(d, warnings);
    mesh_json(d, o, s.left_out, warnings);
    json_object_set_new(o, "zones", zones_json(d, warnings));
    json_object_set_new(o, "left", json_boolean(record_is_farewell(&d->record)));
    json_object_set_new(o, "root_offline", json_boolean(!identity_has_root(d->identity)));
    warn_of_own_record(d, warnings);
    if (s.clock_contested)
        warn(warnings, "the clock is more than a day ahead of when this node ran before, and no peer bears it out: other members are told nothing until one does, for an hour");
    proofs_json(d, o, warnings);
    status_members(d, o, warnings);
    if (d->introduce_failed != 0)
        warn(warnings, "this member's introductions cannot be signed: %s", d->introduce_failed == -EMSGSIZE ? "too many with long records; introduce fewer" : strerror(-d->introduce_failed));
    json_object_set_new(o, "healthy", json_boolean(json_array_size(warnings) == 0));
    json_object_set_new(o, "warnings", warnings);
    return o;
}
