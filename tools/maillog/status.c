#include "tools/maillog/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/maillog/state.h"

/* Bytes of the log that are not done; -1 when that cannot be told from outside: the place is in a rotated file, or there is no log. */
static int64_t behind(const struct conf *c, const struct state *s)
{
    struct log_file *f = NULL;
    int64_t left = -1;
    if (log_file_open(c->log, &f) != 0)
        return -1;
    int64_t size = log_file_size(f);
    if (log_file_matches(f, &s->place.print) && size >= (int64_t)s->place.offset)
        left = size - (int64_t)s->place.offset;
    log_file_close(&f);
    return left;
}

static void print_text(const struct conf *c, const struct state *s, int64_t left, int64_t now_s)
{
    printf("log        %s\n", c->log);
    if (left >= 0)
        printf("unread     %" PRId64 " bytes\n", left);
    else
        printf("unread     the rest of a rotated file, and the log\n");
    printf("noted      %" PRId64 " s ago\n", s->saved_s > 0 ? now_s - s->saved_s : -1);
    printf("requests   %" PRIu64 " made, %" PRIu64 " taken, %" PRIu64 " refused by the node\n", s->counts.requests, s->taken, s->refused);
    printf("not made   %" PRIu64 " too old, %" PRIu64 " for nobody, %" PRIu64 " of messages that were not found, %" PRIu64 " that no request can say\n", s->counts.old,
           s->counts.nobody, s->counts.unknown, s->counts.unsayable);
    if (s->dropped > 0)
        printf("dropped    %" PRIu64 " lines longer than %d bytes\n", s->dropped, FOLLOW_LINE_MAX);
}

static int print_json(const struct conf *c, const struct state *s, int64_t left)
{
    json_t *o = state_json(s);
    if (o == NULL)
        return 1;
    json_object_set_new(o, "ok", json_true());
    json_object_set_new(o, "log", json_string(c->log));
    json_object_set_new(o, "unread", left >= 0 ? json_integer(left) : json_null());
    json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(o);
    return 0;
}

static int print_failure(const struct conf *c, int rc, const char *why, bool json)
{
    char text[CONF_PATH_MAX + 320];
    snprintf(text, sizeof text, "%s: %s", c->state, rc == -ENOENT ? "nothing is noted yet: start hearsay-maillog" : why[0] != '\0' ? why : strerror(-rc));
    fprintf(stderr, "hearsay-maillog: %s\n", text);
    json_t *o = json ? json_pack("{s:b, s:s}", "ok", 0, "error", text) : NULL;
    if (o != NULL) {
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(o);
    return 1;
}

int status_print(const struct conf *c, bool json, int64_t now_s)
{
    struct state s;
    char why[256];
    int rc = state_load(c->state, &s, why);
    if (rc != 0)
        return print_failure(c, rc, why, json);
    if (json)
        return print_json(c, &s, behind(c, &s));
    print_text(c, &s, behind(c, &s), now_s);
    return 0;
}
