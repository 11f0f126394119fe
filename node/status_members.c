/* What `status` says of members beside their links: how reliable they proved, and whom the circuit breaker silences. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "node/daemon_parts.h"

struct members_status {
    json_t *peers, *warnings;
    int64_t now_s;
};

static json_t *peer_of(const struct members_status *s, const uint8_t root[KEY_BYTES])
{
    char hex[2 * KEY_BYTES + 1];
    size_t i;
    json_t *p;

    hex_text(root, KEY_BYTES, hex);
    json_array_foreach(s->peers, i, p) {
        if (strcmp(json_string_value(json_object_get(p, "root")), hex) == 0)
            return p;
    }
    return NULL;
}

static void warn_of_breaker(const struct members_status *s, const struct member_row *m)
{
    char fingerprint[FINGERPRINT_MAX];
    const char *name = m->name[0] != '\0' ? m->name : record_fingerprint(m->root, fingerprint);
    int64_t hours = (m->breaker_until_s - s->now_s + 3599) / 3600;

    json_array_append_new(s->warnings, json_sprintf("%s was refuted on more than five subjects, and on more than a twentieth of what was judged, within 24 hours: what it says "
                                                    "counts for nothing for %" PRId64 " more hours (circuit breaker); hearsay members shows it, hearsay peer trust %s W ends it",
                                                    name, hours, name));
}

/* Of members that no operator here chose, nobody is warned: their groups bound what they weigh. */
static int add_member(void *ctx, const struct member_row *m)
{
    struct members_status *s = ctx;
    json_t *p = peer_of(s, m->root);

    if (p != NULL) {
        json_object_set_new(p, "reliability", json_real(m->reliability.black_micro / 1e6));
        json_object_set_new(p, "reliability_white", json_real(m->reliability.white_micro / 1e6));
        json_object_set_new(p, "silenced_until_s", json_integer((json_int_t)m->breaker_until_s));
    }
    if (m->configured && m->breaker_until_s != 0)
        warn_of_breaker(s, m);
    return 0;
}

void status_members(struct daemon *d, json_t *o, json_t *warnings)
{
    struct members_status s = { .peers = json_object_get(o, "peers"), .warnings = warnings, .now_s = daemon_now_s() };

    if (reader_members(d->reader, s.now_s, add_member, &s) != 0)
        json_array_append_new(warnings, json_string("what was learned about the members cannot be read"));
}
