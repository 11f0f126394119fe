#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "node/config_fixed.h"
#include "node/daemon_parts.h"
#include "node/log.h"
#include "node/tools_parts.h"

/* The order of a reload: the file is read and checked here; the store takes the policy on its thread and, before it folds on, hands the zones the new
 * configuration; then the rest follows here. So a zone's number always means the same on both sides of a change. */

static void refuse(struct daemon *d, struct control_request *rq, const char *why)
{
    log_error("reload: %s; the configuration before stays in force", why);
    config_free(&d->next);
    verdict_rules_destroy(&d->next_rules);
    join_reload_done(d, false);
    if (rq != NULL)
        control_answer(rq, commands_error(why));
}

/* A node that started without its file of rules goes on so, until it is there. One that has rules keeps them: an editor may be replacing the file. */
static int load_rules(struct daemon *d, char *why)
{
    int rc = verdict_rules_load(d->next, &d->next_rules, why);

    if (rc != -ENOENT || verdict_files_rules(d->verdicts) != NULL)
        return rc;
    log_warning("verdict: %s", why);
    why[0] = '\0';
    return 0;
}

void reload_begin(struct daemon *d, struct control_request *rq)
{
    char why[CONFIG_WHY_MAX] = "", fixed[CONFIG_FIXED_TEXT_MAX];
    int rc;

    if (d->next != NULL || d->stopping) {
        d->reload_again = rq == NULL;
        if (rq != NULL)
            control_answer(rq, commands_error(d->stopping ? "the node is stopping" : "a reload is under way; try again"));
        return;
    }
    log_info("reload: reading %s", d->config->file);
    join_reload_begun(d);
    rc = config_load(d->config->file, &d->next, why);
    if (rc != 0) {
        refuse(d, rq, why);
        return;
    }
    rc = load_rules(d, why);
    if (rc != 0) {
        refuse(d, rq, why);
        return;
    }
    daemon_set_self(d, d->next);
    d->next->policy->catching_up = d->config->policy->catching_up;
    if (config_keep_fixed(d->config, d->next, fixed))
        log_warning("reload: changes at a restart only: %s", fixed);
    rc = renew_reload(d, d->next, why);
    for (size_t i = 0; rc == 0 && i < d->next->peers_n; i++) {
        const struct config_peer *peer = &d->next->peers[i];
        rc = store_thread_record(d->store, peer->record.root, peer->record.serial, (struct bytes){ peer->frame, peer->frame_len });
    }
    if (rc == 0)
        rc = store_thread_policy(d->store, d->next->policy, rq);
    if (rc != 0)
        refuse(d, rq, why[0] != '\0' ? why : "too much is waiting for the disk; try again");
}

void reload_policy_in_force(struct daemon *d)
{
    int rc = zone_thread_reload(d->zones, d->next);

    if (rc != 0)
        log_error("reload: the zones keep their configuration: %s", strerror(-rc));
}

static void put_in_force(struct daemon *d, struct control_request *rq, int rc)
{
    char why[CONFIG_WHY_MAX] = "";
    struct mesh_net *mesh = atomic_load(&d->mesh);

    if (rc != 0) {
        snprintf(why, sizeof why, "the database did not take it: %s", strerror(-rc));
        refuse(d, rq, why);
        return;
    }
    rc = reader_set_policy(d->reader, d->next->policy);
    if (rc == 0)
        rc = report_server_reload(d->reports, d->next, why);
    if (rc == 0)
        rc = mesh != NULL ? mesh_net_reload(mesh, d->next) : daemon_start_mesh(d, d->next, why);
    config_free(&d->config);
    d->config = d->next;
    d->next = NULL;
    log_set_level(d->config->log_level);
    tools_spf_reload(d);
    verdict_files_reload(d->verdicts, d->config, d->next_rules);
    d->next_rules = NULL;
    introduce_refresh(d);
    join_reload_done(d, rc == 0);
    if (rc != 0) {
        log_error("reload: not all of it is in force: %s", why[0] != '\0' ? why : strerror(-rc));
        if (rq != NULL)
            control_answer(rq, commands_error(why[0] != '\0' ? why : strerror(-rc)));
        return;
    }
    daemon_warn_of_secret(d->config);
    log_info("reload: done, %zu peers, %zu zones", d->config->peers_n, config_zones_n(d->config));
    if (rq != NULL)
        control_answer(rq, json_pack("{s:b}", "ok", 1));
}

void reload_end(struct daemon *d, struct control_request *rq, int rc)
{
    put_in_force(d, rq, rc);
    if (d->caught_up_due)
        daemon_caught_up(d);
    if (d->reload_again) {
        d->reload_again = false;
        reload_begin(d, NULL);
    }
}
