#include "node/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "node/daemon_parts.h"
#include "node/log.h"
#include "node/tools_parts.h"

enum { INTRODUCE_EVERY_S = 600, STOP_GRACE_MS = 2000, RESULTS_PER_PUT = 256, DESCRIPTORS_LEAST = 4096, DESCRIPTORS_MOST = 65536 };

int64_t daemon_now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec;
}

int64_t daemon_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- what the store thread says; on its thread */

static void put_results(struct daemon *d, const struct result *r, size_t n)
{
    /* Cannot be full: no more reports are under way than the mailbox has places, with room left for works. */
    if (mailbox_put_many(d->results, r, n) != 0)
        log_error("internal: results of the store thread were lost");
}

/* Many at a time: the main thread then wakes once for them, not for each. */
static void on_reported(void *ctx, const struct reported *those, size_t n, int rc)
{
    struct result run[RESULTS_PER_PUT];

    while (n > 0) {
        size_t m = n < RESULTS_PER_PUT ? n : RESULTS_PER_PUT;
        for (size_t i = 0; i < m; i++)
            run[i] = (struct result){ .kind = RESULT_REPORT, .ticket = those[i].ticket, .tool = those[i].tool, .rc = rc };
        put_results(ctx, run, m);
        those += m;
        n -= m;
    }
}

static void on_batch_stored(void *ctx, const struct batch_name *name, int rc, bool fresh)
{
    struct daemon *d = ctx;
    struct mesh_net *mesh = atomic_load(&d->mesh);

    if (mesh != NULL)
        mesh_net_stored(mesh, name, rc != 0 ? rc : fresh ? 0 : -EEXIST);
}

static void on_own(void *ctx, const struct batch_name *name, uint8_t *frame, size_t len)
{
    struct daemon *d = ctx;
    struct mesh_net *mesh = atomic_load(&d->mesh);

    if (mesh != NULL)
        mesh_net_own(mesh, name, frame, len);
    else
        free(frame);
}

static void on_changes(void *ctx, const struct listing_change *changes, size_t n)
{
    struct daemon *d = ctx;

    zone_thread_changes(d->zones, changes, n);
}

static void on_worked(void *ctx, enum store_work work, void *token, int rc, uint64_t n)
{
    if (work == STORE_WORK_POLICY && rc == 0)
        reload_policy_in_force(ctx);
    put_results(ctx, &(struct result){ .kind = RESULT_WORK, .work = work, .token = token, .rc = rc, .n = n }, 1);
}

/* A list that could not be stored is forgotten, and fetched again; one of this member's own that others had may not be what the configuration says. */
static void on_introductions(void *ctx, const uint8_t introducer[KEY_BYTES], struct bytes frame, int rc)
{
    struct daemon *d = ctx;
    struct mesh_net *mesh = atomic_load(&d->mesh);
    bool own = memcmp(introducer, d->self, KEY_BYTES) == 0;

    if (rc != 0)
        log_warning("a list of introductions could not be stored: %s", strerror(-rc));
    if (mesh != NULL && (rc != 0 || own) && mesh_net_introductions(mesh, introducer, rc != 0 ? (struct bytes){ NULL, 0 } : frame) != 0)
        log_error("mesh: out of memory; introductions are told after the next restart");
    if (rc == 0 && own)
        put_results(d, &(struct result){ .kind = RESULT_INTRODUCTIONS }, 1);
}

static void on_trusted(void *ctx)
{
    struct daemon *d = ctx;
    struct mesh_net *mesh = atomic_load(&d->mesh);

    if (mesh != NULL)
        mesh_net_trusted(mesh);
}

/* ---- what the mesh thread says; on its thread */

static int on_mesh_store(void *ctx, struct store_batch *name, uint8_t *frame)
{
    struct daemon *d = ctx;

    return store_thread_batch(d->store, name, frame);
}

static void on_mesh_record(void *ctx, const struct record *rec, struct bytes frame)
{
    struct daemon *d = ctx;

    if (store_thread_record(d->store, rec->root, rec->serial, frame) != 0)
        log_warning("mesh: the record of %s could not be stored now; it will be asked for again", rec->name);
}

static void on_mesh_introductions(void *ctx, const uint8_t introducer[KEY_BYTES], struct bytes frame)
{
    struct daemon *d = ctx;

    if (store_thread_introductions(d->store, introducer, frame) != 0)
        log_warning("mesh: a list of introductions could not be stored now; it is fetched again after the next restart");
}

static void on_mesh_join(void *ctx, const struct join_request *rq)
{
    struct daemon *d = ctx;
    struct join_request *copy = malloc(sizeof *copy);

    if (copy == NULL)
        return;                          /* it asks again */
    *copy = *rq;
    if (mailbox_put(d->results, &(struct result){ .kind = RESULT_JOIN, .token = copy }) != 0)
        free(copy);
}

/* Own batches may be told as soon as both are so: neighbours were asked, and `mesh` is there to take them. Whoever comes second says so. */
static void pass_settled(struct daemon *d)
{
    uint64_t above = atomic_load(&d->mesh) == NULL ? 0 : atomic_exchange(&d->settled_above, 0);

    if (above != 0)
        store_thread_settled(d->store, (uint32_t)(above - 1));
}

static void on_mesh_settled(void *ctx, uint32_t above)
{
    struct daemon *d = ctx;

    atomic_store(&d->settled_above, (uint64_t)above + 1);
    pass_settled(d);
}

static void on_mesh_bound(void *ctx, const uint8_t origin[KEY_BYTES], uint32_t epoch, uint64_t seq)
{
    struct daemon *d = ctx;

    if (store_thread_bound(d->store, origin, epoch, seq) != 0)
        log_warning("mesh: a bound could not be noted now; it is after the next start");
}

static void on_mesh_proof(void *ctx, const uint8_t origin[KEY_BYTES], const struct store_proof *p)
{
    struct daemon *d = ctx;

    if (store_thread_proof(d->store, origin, p) != 0)
        log_warning("mesh: a proof could not be stored now; it will be found again");
}

static void on_keys_in_use(void *ctx, enum net_keys what)
{
    put_results(ctx, &(struct result){ .kind = RESULT_KEYS, .n = what }, 1);
}

static void on_mesh_caught_up(void *ctx)
{
    put_results(ctx, &(struct result){ .kind = RESULT_CAUGHT_UP }, 1);
}

/* ---- the main thread's own events */

/* A reload that is under way has handed the store a policy by which others do not count yet: that comes first. */
void daemon_caught_up(struct daemon *d)
{
    d->caught_up_due = d->next != NULL;
    if (d->caught_up_due)
        return;
    d->config->policy->catching_up = false;
    if (store_thread_caught_up(d->store, d->config->policy) != 0)
        log_error("mesh: caught up, but too much waits for the disk: what other members say counts after a reload or a restart");
}

static void take_results(uv_poll_t *handle, int status, int events)
{
    struct daemon *d = handle->data;
    size_t n;
    struct result *r = mailbox_take(d->results, &n);

    (void)status;
    (void)events;
    for (size_t i = 0; i < n; i++) {
        if (r[i].kind == RESULT_REPORT) {
            d->reports_waiting--;
            if (r[i].tool != NULL)
                tools_done(d, &r[i]);
            else
                report_server_answer(d->reports, r[i].ticket, r[i].rc == 0 ? "ok" : daemon_storage_error(r[i].rc));
        } else if (r[i].kind == RESULT_JOIN) {
            join_take(d, r[i].token);
            free(r[i].token);
        } else if (r[i].kind == RESULT_INTRODUCTIONS) {
            introduce_refresh(d);
        } else if (r[i].kind == RESULT_KEYS) {
            renew_keys(d, (enum net_keys)r[i].n);
        } else if (r[i].kind == RESULT_CAUGHT_UP) {
            daemon_caught_up(d);
        } else {
            commands_worked(d, &r[i]);
        }
    }
    if (d->reports_paused && d->reports_waiting < d->config->limits.queue / 2) {
        d->reports_paused = false;
        report_server_resume(d->reports);
    }
}

static void on_second(uv_timer_t *timer)
{
    struct daemon *d = timer->data;

    status_sample(d);
    if (d->ticks % INTRODUCE_EVERY_S == 0)
        introduce_refresh(d);
    renew_tick(d);
    sd_notify(0, "WATCHDOG=1");
}

static void on_reports_gone(void *ctx)
{
    struct daemon *d = ctx;

    uv_stop(&d->loop);
}

static void on_stop_signal(uv_signal_t *handle, int signum)
{
    struct daemon *d = handle->data;

    if (d->stopping) {
        log_warning("%s again: stopping is under way", signum == SIGINT ? "SIGINT" : "SIGTERM");
        return;
    }
    log_info("%s: stopping; what was answered ok is on disk", signum == SIGINT ? "SIGINT" : "SIGTERM");
    sd_notify(0, "STOPPING=1");
    d->stopping = true;
    spf_pool_stop(d->spf);                 /* what waits for the DNS is answered now */
    report_server_stop(d->reports, STOP_GRACE_MS, on_reports_gone, d);
}

static void on_reload_signal(uv_signal_t *handle, int signum)
{
    (void)signum;
    reload_begin(handle->data, NULL);
}

static int start_loop(struct daemon *d)
{
    int rc = uv_loop_init(&d->loop);

    if (rc != 0)
        return rc;
    d->loop_made = true;
    d->on_term.data = d->on_int.data = d->on_hup.data = d->second.data = d->on_result.data = d;
    uv_signal_init(&d->loop, &d->on_term);
    uv_signal_init(&d->loop, &d->on_int);
    uv_signal_init(&d->loop, &d->on_hup);
    uv_timer_init(&d->loop, &d->second);
    rc = uv_poll_init(&d->loop, &d->on_result, mailbox_fd(d->results));
    if (rc == 0)
        rc = uv_poll_start(&d->on_result, UV_READABLE, take_results);
    if (rc == 0)
        rc = uv_signal_start(&d->on_term, on_stop_signal, SIGTERM);
    if (rc == 0)
        rc = uv_signal_start(&d->on_int, on_stop_signal, SIGINT);
    if (rc == 0)
        rc = uv_signal_start(&d->on_hup, on_reload_signal, SIGHUP);
    if (rc == 0)
        rc = uv_timer_start(&d->second, on_second, 1000, 1000);
    return rc;
}

int daemon_start_mesh(struct daemon *d, const struct config *c, char *why)
{
    const struct mesh_net_handlers h = { .ctx = d, .store = on_mesh_store, .record = on_mesh_record, .introductions = on_mesh_introductions, .join = on_mesh_join,
                                         .settled = on_mesh_settled, .caught_up = on_mesh_caught_up, .keys_in_use = on_keys_in_use, .proof = on_mesh_proof, .bound = on_mesh_bound };
    struct mesh_net *mesh = NULL;

    if (!c->mesh.present || atomic_load(&d->mesh) != NULL)
        return 0;
    int rc = mesh_net_start(c, d->identity, (struct bytes){ d->record_frame, d->record_len }, &h, &mesh, why);
    if (rc != 0)
        return rc;
    atomic_store(&d->mesh, mesh);
    mesh_net_trusted(mesh);              /* what changed while it was being loaded */
    join_load_invites(d);
    pass_settled(d);
    return 0;
}

/* A first start makes the keys. With a database there, a lost key is no first start: the operator must know. */
static int make_identity(const struct config *c)
{
    struct identity *id = NULL;
    int rc;

    if (access(c->database, F_OK) == 0)
        return -ENOENT;
    rc = identity_generate(&id);
    if (rc == 0)
        rc = identity_save(id, c->identity);
    identity_destroy(&id);
    if (rc == 0)
        log_info("first start: made new keys in %s; keep a copy of that file in a safe place", c->identity);
    return rc;
}

void daemon_set_self(const struct daemon *d, struct config *c)
{
    if (config_set_self(c, d->self))
        log_info("one of the peers is this member itself, and is passed over");
}

static int load_identity(struct daemon *d, char *why)
{
    const char *path = d->config->identity;
    int rc = identity_load(path, &d->identity);

    if (rc == -ENOENT && (rc = make_identity(d->config)) == 0)
        rc = identity_load(path, &d->identity);
    if (rc == -ENOENT)
        snprintf(why, CONFIG_WHY_MAX, "%s is not there, but the database %s is: put the key file back from a copy, or move the database away to start as a new member",
                 path, d->config->database);
    else if (rc == -EPERM)
        snprintf(why, CONFIG_WHY_MAX, "%s cannot be read by this user: it must belong to the user that the node runs as (chown), mode 0600", path);
    else if (rc == -EACCES)
        snprintf(why, CONFIG_WHY_MAX, "%s can be read by others than its owner: it must have mode 0600 (chmod 600), and think whether somebody has a copy", path);
    else if (rc != 0)
        snprintf(why, CONFIG_WHY_MAX, "%s is not an identity file (%s): put the key file back from a copy", path, strerror(-rc));
    if (rc == 0) {
        memcpy(d->self, identity_root(d->identity), KEY_BYTES);
        daemon_set_self(d, d->config);
    }
    return rc;
}

static int open_store(struct daemon *d, char *why)
{
    const struct store_thread_handlers h = {
        .ctx = d, .reported = on_reported, .batch_stored = on_batch_stored,
        .own = on_own, .introductions = on_introductions, .trusted = on_trusted, .changes = on_changes, .worked = on_worked,
    };
    char nonce_path[CONFIG_PATH_MAX + 8];

    snprintf(nonce_path, sizeof nonce_path, "%s-nonce", d->config->database);
    const struct store_thread_options o = {
        .database = d->config->database, .nonce_path = nonce_path, .policy = d->config->policy, .identity = d->identity,
        .record_serial = renew_serial(d), .queue_max = d->config->limits.queue,
    };
    int rc = store_thread_open(&o, &h, &d->store, why);
    if (rc == 0)
        rc = store_thread_record(d->store, d->record.root, d->record.serial, (struct bytes){ d->record_frame, d->record_len });
    for (size_t i = 0; rc == 0 && i < d->config->peers_n; i++) {
        const struct config_peer *peer = &d->config->peers[i];
        rc = store_thread_record(d->store, peer->record.root, peer->record.serial, (struct bytes){ peer->frame, peer->frame_len });
    }
    return rc;
}

/* Each part finds those that it talks to ready; the sockets that others see come last. */
static int start_parts(struct daemon *d, char *why)
{
    const struct report_handlers h = { .ctx = d, .read = requests_read, .change = requests_change, .tool = tools_request };
    int rc = load_identity(d, why);

    if (rc == 0)
        rc = daemon_make_record(d, d->config, why);
    if (rc == 0)
        rc = open_store(d, why);
    if (rc == 0)
        rc = reader_open(d->config->database, d->config->policy, &d->reader, why);
    if (rc == 0)
        rc = zone_thread_start(d->config, &d->zones, why);
    if (rc == 0)
        rc = daemon_start_mesh(d, d->config, why);
    if (rc == 0)
        rc = store_thread_run(d->store);
    if (rc == 0)
        rc = start_loop(d);
    if (rc == 0)
        rc = tools_spf_start(d);
    if (rc == 0)
        rc = tools_verdict_start(d, why);
    if (rc == 0)
        rc = report_server_start(&d->loop, d->config, &h, &d->reports, why);
    if (rc == 0)
        rc = control_start(&d->loop, d->config->control, commands_handle, d, &d->control, why);
    return rc;
}

/* Lets the loop run out of its handles, so that nothing of it is left to call back. */
static void end_loop(struct daemon *d)
{
    if (d->reports != NULL && !d->stopping) {      /* a start that got stuck after it */
        report_server_stop(d->reports, 0, on_reports_gone, d);
        uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    uv_close((uv_handle_t *)&d->on_term, NULL);
    uv_close((uv_handle_t *)&d->on_int, NULL);
    uv_close((uv_handle_t *)&d->on_hup, NULL);
    uv_close((uv_handle_t *)&d->second, NULL);
    uv_close((uv_handle_t *)&d->on_result, NULL);
    if (d->spf != NULL)
        spf_pool_stop(d->spf);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
}

static void drop_result(void *item)
{
    struct result *r = item;

    free(r->tool);
    if (r->kind == RESULT_JOIN)
        free(r->token);
}

/* The reverse of start_parts(), also of a start that got stuck half way. */
static void stop_parts(struct daemon *d)
{
    struct mesh_net *mesh = atomic_load(&d->mesh);

    control_stop(&d->control);
    if (d->store != NULL)
        store_thread_stop(d->store);
    mesh_net_stop(&mesh);
    zone_thread_stop(&d->zones);
    if (d->loop_made)
        end_loop(d);
    spf_pool_destroy(&d->spf);
    verdict_files_close(&d->verdicts);
    report_server_destroy(&d->reports);
    store_thread_destroy(&d->store);
    reader_close(&d->reader);
    mailbox_destroy(&d->results, drop_result);
    free(d->joins);
    identity_destroy(&d->identity);
    verdict_rules_destroy(&d->next_rules);
    config_free(&d->next);
    config_free(&d->config);
}

/* Whoever can reach the mesh ports holds a descriptor for each connection, until the handshake fails: reports and zone files must not run out of them. No limit is high
 * enough for that, since one host opens thousands a second; a low one is reached by less. */
static void raise_descriptors(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    if (r.rlim_cur < r.rlim_max && r.rlim_cur < DESCRIPTORS_MOST) {
        rlim_t had = r.rlim_cur;
        r.rlim_cur = r.rlim_max < DESCRIPTORS_MOST ? r.rlim_max : DESCRIPTORS_MOST;
        if (setrlimit(RLIMIT_NOFILE, &r) != 0)
            r.rlim_cur = had;
    }
    if (r.rlim_cur < DESCRIPTORS_LEAST)
        log_warning("this process may open %llu files only, and as many connections to the mesh ports, from anybody who can reach them, stop reports and zone files: raise "
                    "LimitNOFILE= in the unit, or ulimit -n, to %d, and let the firewall limit connections (SECURITY.md)", (unsigned long long)r.rlim_cur, DESCRIPTORS_MOST);
}

void daemon_warn_of_secret(const struct config *c)
{
    char text[CONFIG_WHY_MAX];

    if (config_exposed_text(c, text, sizeof text))
        log_warning("%s", text);
}

int daemon_run(struct config *c)
{
    struct daemon d = { .config = c, .started_s = daemon_now_s(), .started_ms = daemon_now_ms() };
    char why[CONFIG_WHY_MAX] = "";
    int rc = -ENOMEM;

    raise_descriptors();
    daemon_warn_of_secret(c);
    d.results = mailbox_create(sizeof(struct result), c->limits.queue + 1024);
    if (d.results != NULL)
        rc = start_parts(&d, why);
    if (rc != 0) {
        log_error("cannot start: %s", why[0] != '\0' ? why : strerror(-rc));
        d.exit_status = 1;
    } else {
        log_info("%s is ready, federation %s", c->name, c->federation);
        sd_notify(0, "READY=1");
        introduce_refresh(&d);
        uv_run(&d.loop, UV_RUN_DEFAULT);
    }
    stop_parts(&d);
    if (rc == 0)
        log_info("stopped");
    return d.exit_status;
}
