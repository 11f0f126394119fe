/* `hearsay peer rights`: what a peer may do beside its trust. */
#include <errno.h>
#include <string.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/peer.h"
#include "tools/rights.h"
#include "tools/say.h"
#include "tools/what_if.h"

/* When the probation of a configured peer ends, for the database that knows since when it is one; 0: it is on none. */
int64_t peer_probation_end(const struct home *h, const struct config_peer *p)
{
    struct reader *r = NULL;
    int64_t end_s = 0;
    char why[STORE_WHY_MAX];
    if (p->rights.probation_s == 0 && p->rights.probation_until_s == 0)
        return 0;
    if (reader_open(h->config->database, h->config->policy, &r, why) != 0 || reader_probation(r, p->record.root, &end_s) != 0)
        end_s = rights_probation_end(&p->rights, 0);
    reader_close(&r);
    return end_s > now_unix_s() ? end_s : 0;
}

static int show(const struct call *call, const struct home *h, const struct config_peer *p)
{
    char text[RIGHTS_TEXT_MAX];
    int64_t end_s = peer_probation_end(h, p);
    if (call->json)
        return say_json(json_pack("{s:b, s:s, s:o}", "ok", 1, "peer", p->name, "rights", rights_json(h->config->policy, &p->rights, end_s)), STATUS_DONE);
    printf("%s: %s\n", p->name, rights_text(h->config->policy, &p->rights, end_s, text));
    return STATUS_DONE;
}

static int suppose(const struct call *call, const struct home *h, const struct config_peer *p, const struct policy_rights *rights)
{
    struct policy *supposed = policy_copy(h->config->policy);
    int rc = STATUS_NO;
    for (size_t i = 0; supposed != NULL && i < supposed->members_n; i++)
        if (memcmp(supposed->members[i].root, p->record.root, KEY_BYTES) == 0)
            supposed->members[i].rights = *rights;
    if (supposed != NULL)
        rc = what_if_show(call, h, supposed);
    policy_destroy(&supposed);
    return rc;
}

static bool same_rights(const struct policy_rights *a, const struct policy_rights *b)
{
    return a->categories == b->categories && a->black_only == b->black_only && a->no_prefixes == b->no_prefixes && a->max_weight_micro == b->max_weight_micro &&
           a->max_subjects == b->max_subjects && a->probation_s == b->probation_s && a->probation_until_s == b->probation_until_s;
}

/* What stands in a way that the edit does not know ("+=", the same twice) must not be taken for done. */
static int check_rights(const struct call *call, const char *file, const char *name, const struct policy_rights *wanted)
{
    struct config *c = NULL;
    char why[CONFIG_WHY_MAX] = "";
    int rc = 0;
    if (config_load(call->config_path, &c, why) != 0)
        return 0;                               /* peer_finish_edit() says so */
    const struct config_peer *p = home_peer(c, name);
    if (p != NULL && !same_rights(&p->rights, wanted)) {
        say_error("%s was edited, but its rights of %s are others than these: something in that block says so in another way; edit it by hand", file, name);
        rc = STATUS_USAGE;
    }
    config_free(&c);
    return rc;
}

static int change(const struct call *call, const struct home *h, const struct config_peer *p, const struct rights_said *said, const struct policy_rights *rights)
{
    struct rights_lines lines;
    char text[RIGHTS_TEXT_MAX];
    int64_t end_s = rights->probation_s == RIGHTS_ENDLESS ? INT64_MAX : rights->probation_until_s;
    rights_lines(h->config->policy, said, rights, &lines);
    int rc = peers_file_set(h->config->peers_file, p->name, lines.values, lines.n);
    if (rc != 0)
        return peer_edit_failed(h, rc, p->name);
    rc = check_rights(call, h->config->peers_file, p->name, rights);
    if (rc != 0)
        return rc;
    if (call->json) {
        json_object_set_new(call->result, "peer", say_json_text(p->name));
        json_object_set_new(call->result, "rights", rights_json(h->config->policy, rights, end_s));
    }
    say_text(call, "Rights of %s, and of whom it introduced: %s.\n", p->name, rights_text(h->config->policy, rights, end_s, text));
    return peer_finish_edit(call, h, p->name, true);
}

static int rights(const struct call *call, const struct home *h, const struct rights_said *said, bool dry)
{
    const struct config_peer *p = home_peer(h->config, call->argv[0]);
    if (p == NULL) {
        say_error("there is no peer %s: see `hearsay peer list`", call->argv[0]);
        return STATUS_NO;
    }
    if (!rights_any(said))
        return dry ? args_wrong(call, "--dry-run: say which right would change") : show(call, h, p);
    struct policy_rights changed = p->rights;
    int rc = rights_take(call, h->config->policy, said, now_unix_s(), &changed);
    if (rc != 0)
        return rc;
    return dry ? suppose(call, h, p, &changed) : change(call, h, p, said, &changed);
}

int peer_rights(struct call *call)
{
    bool dry = false;
    struct rights_said said = { .categories = NULL };
    struct arg_option options[RIGHTS_OPTIONS + 1];
    struct home h = { 0 };
    rights_options(&said, options);
    options[RIGHTS_OPTIONS] = (struct arg_option){ .name = "--dry-run", .flag = &dry };
    int rc = args_take(call, options, RIGHTS_OPTIONS + 1, 1, 3);
    if (rc == 0 && call->argc > 1)
        rc = args_wrong(call, "%s: a right is said as an option: " RIGHTS_FORMS, call->argv[1]);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = rights(call, &h, &said, dry);
    home_close(&h);
    return rc;
}
