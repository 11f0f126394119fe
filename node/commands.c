#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "node/daemon_parts.h"
#include "node/log.h"
#include "node/tools_parts.h"

json_t *commands_error(const char *text)
{
    return json_pack("{s:b,s:s}", "ok", 0, "error", text);
}

/* An export waits for the zone thread, so it runs on a thread of libuv's pool. */
struct export_job {
    uv_work_t work;
    struct daemon *d;
    struct control_request *rq;
    int zone, rc;
    char path[CONFIG_PATH_MAX];
    char why[CONFIG_WHY_MAX];
};

static void export_run(uv_work_t *work)
{
    struct export_job *job = work->data;

    job->rc = zone_thread_export(job->d->zones, job->zone, job->path[0] != '\0' ? job->path : NULL, job->why);
}

static void export_done(uv_work_t *work, int status)
{
    struct export_job *job = work->data;
    int rc = status != 0 ? status : job->rc;

    control_answer(job->rq, rc == 0 ? json_pack("{s:b}", "ok", 1) : commands_error(job->why[0] != '\0' ? job->why : strerror(-rc)));
    free(job);
}

static void do_export(struct daemon *d, const json_t *request, struct control_request *rq)
{
    const char *zone = json_string_value(json_object_get(request, "zone"));
    const char *path = json_string_value(json_object_get(request, "path"));
    struct export_job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        control_answer(rq, commands_error("out of memory"));
        return;
    }
    job->work.data = job;
    job->d = d;
    job->rq = rq;
    job->zone = zone == NULL || zone[0] == '\0' ? -1 : policy_zone(d->config->policy, zone);
    if (path != NULL && strlen(path) < sizeof job->path)
        strcpy(job->path, path);
    if (job->zone < 0) {
        control_answer(rq, commands_error("no such zone; \"hearsay status\" names them"));
        free(job);
    } else if (uv_queue_work(&d->loop, &job->work, export_run, export_done) != 0) {
        control_answer(rq, commands_error("the export could not be started"));
        free(job);
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_read(const char *text, uint8_t *out, size_t len)
{
    if (text == NULL || strlen(text) != 2 * len)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

/* Outlives the request: the mesh must be told whom the store forgot. */
struct purge_job {
    struct control_request *rq;
    uint8_t root[KEY_BYTES];
};

static void do_purge(struct daemon *d, const json_t *request, struct control_request *rq)
{
    struct purge_job *job = calloc(1, sizeof *job);
    int rc = job == NULL ? -ENOMEM : hex_read(json_string_value(json_object_get(request, "member")), job->root, KEY_BYTES);

    if (rc == 0 && memcmp(job->root, identity_root(d->identity), KEY_BYTES) == 0)
        rc = -EPERM;
    if (rc == 0) {
        job->rq = rq;
        rc = store_thread_purge(d->store, job->root, job);
    }
    if (rc == 0)
        return;
    free(job);
    control_answer(rq, commands_error(rc == -EINVAL ? "\"member\" must be a root key, 64 hex digits" :
                                      rc == -EPERM ? "a node does not purge itself" : strerror(-rc)));
}

static int exception_kind(const char *text)
{
    for (int kind = EXCEPTION_DELIST; kind <= EXCEPTION_LIFT; kind++)
        if (text != NULL && strcmp(text, exception_kind_text((enum exception_kind)kind)) == 0)
            return kind;
    return -EINVAL;
}

static int read_text(const json_t *value, char *out, size_t max)
{
    const char *text = json_string_value(value);

    if (text == NULL || strlen(text) > max)
        return -EINVAL;
    strcpy(out, text);
    return 0;
}

static int read_subject(const char *hex, struct subject *out)
{
    uint8_t key[SUBJECT_KEY_MAX];
    size_t len = hex != NULL ? strlen(hex) / 2 : 0;
    int rc = len == 0 || len > sizeof key ? -EINVAL : hex_read(hex, key, len);

    return rc == 0 ? subject_from_key(key, len, out) : rc;
}

static int read_exception(const json_t *request, int64_t now_s, struct exception *out)
{
    int kind = exception_kind(json_string_value(json_object_get(request, "kind")));
    int rc = kind < 0 ? kind : read_subject(json_string_value(json_object_get(request, "subject")), &out->subject);

    if (rc == 0)
        rc = read_text(json_object_get(request, "who"), out->who, EXCEPTION_WHO_MAX);
    if (rc == 0)
        rc = read_text(json_object_get(request, "why"), out->why, EXCEPTION_WHY_MAX);
    if (rc != 0)
        return rc;
    out->kind = (enum exception_kind)kind;
    out->time_s = now_s;
    out->until_s = kind == EXCEPTION_DELIST ? json_integer_value(json_object_get(request, "until_s")) : 0;
    bool sane = out->until_s > now_s && out->until_s - now_s <= INT64_C(86400) * (EXCEPTION_DAYS_MAX + 1);     /* clocks may differ */
    return kind == EXCEPTION_DELIST && !sane ? -EINVAL : 0;
}

static int do_except(struct daemon *d, const json_t *request, struct control_request *rq)
{
    struct exception e;
    char subject[SUBJECT_TEXT_MAX];
    int rc = read_exception(request, daemon_now_s(), &e);

    if (rc == 0)
        rc = store_thread_exception(d->store, &e, rq);
    if (rc == 0)
        log_info("%s %s, decided by %s", exception_kind_text(e.kind), subject_text(&e.subject, subject), e.who);
    return rc;
}

static void do_pardon(struct daemon *d, const json_t *request, struct control_request *rq)
{
    uint8_t root[KEY_BYTES];
    int rc = hex_read(json_string_value(json_object_get(request, "member")), root, KEY_BYTES);

    if (rc == 0)
        rc = store_thread_pardon(d->store, root, rq);
    if (rc != 0)
        control_answer(rq, commands_error(rc == -EINVAL ? "\"member\" must be a root key, 64 hex digits" : strerror(-rc)));
}

/* Before it becomes a peer, so that the mesh finds both records when it does. */
static void do_record(struct daemon *d, const json_t *request, struct control_request *rq)
{
    const char *hex = json_string_value(json_object_get(request, "frame"));
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = hex != NULL ? strlen(hex) / 2 : 0;
    struct record r;
    int rc = len == 0 || len > sizeof frame ? -EINVAL : hex_read(hex, frame, len);

    if (rc == 0)
        rc = record_open((struct bytes){ frame, len }, &r);
    if (rc == 0 && memcmp(r.root, identity_root(d->identity), KEY_BYTES) == 0)
        rc = -EPERM;
    if (rc == 0)
        rc = store_thread_record(d->store, r.root, r.serial, (struct bytes){ frame, len });
    control_answer(rq, rc == 0 ? json_pack("{s:b}", "ok", 1)
                       : commands_error(rc == -EINVAL || rc == -EBADMSG ? "\"frame\" must be a signed record in hex digits"
                                        : rc == -EPERM ? "a node makes its own records" : strerror(-rc)));
}

void commands_handle(void *ctx, const json_t *request, struct control_request *rq)
{
    struct daemon *d = ctx;
    const char *command = json_string_value(json_object_get(request, "command"));
    int rc = 0;

    if (command == NULL)
        control_answer(rq, commands_error("no \"command\""));
    else if (strcmp(command, "status") == 0)
        control_answer(rq, status_answer(d));
    else if (strcmp(command, "reload") == 0)
        reload_begin(d, rq);
    else if (strcmp(command, "export") == 0)
        do_export(d, request, rq);
    else if (strcmp(command, "record") == 0)
        do_record(d, request, rq);
    else if (strcmp(command, "purge") == 0)
        do_purge(d, request, rq);
    else if (strcmp(command, "invites") == 0) {
        join_load_invites(d);
        control_answer(rq, json_pack("{s:b}", "ok", 1));
    } else if (strcmp(command, "pardon") == 0)
        do_pardon(d, request, rq);
    else if (strcmp(command, "rebuild") == 0)
        rc = store_thread_rebuild(d->store, rq);
    else if (strcmp(command, "except") == 0)
        rc = do_except(d, request, rq);
    else if (strcmp(command, "tool-clear") == 0)
        rc = tools_clear(d, request, rq);
    else
        control_answer(rq, commands_error("unknown command; this node may be older than the hearsay command that asked"));
    if (rc != 0)
        control_answer(rq, commands_error(strerror(-rc)));
}

static json_t *work_answer(const struct result *r)
{
    return r->rc == 0 ? json_pack("{s:b,s:I}", "ok", 1, "batches", (json_int_t)r->n) : commands_error(strerror(-r->rc));
}

void commands_worked(struct daemon *d, const struct result *r)
{
    struct mesh_net *mesh = atomic_load(&d->mesh);
    struct purge_job *purge = r->token;

    switch (r->work) {
    case STORE_WORK_POLICY:
        reload_end(d, r->token, r->rc);
        break;
    case STORE_WORK_PURGE:
        if (r->rc == 0 && mesh != NULL)
            mesh_net_purged(mesh, purge->root);
        control_answer(purge->rq, work_answer(r));
        free(purge);
        break;
    case STORE_WORK_PARDON:
    case STORE_WORK_REBUILD:
        control_answer(r->token, work_answer(r));
        break;
    case STORE_WORK_CLEAR:
        control_answer(r->token, r->rc == 0 ? json_pack("{s:b,s:I}", "ok", 1, "cleared", (json_int_t)r->n) : commands_error(strerror(-r->rc)));
        break;
    case STORE_WORK_EXCEPTION:
        control_answer(r->token, r->rc == -EOVERFLOW ? commands_error("too many subjects are delisted or protected one by one: protect a network, or lift some") :
                                                       work_answer(r));
        break;
    }
}
