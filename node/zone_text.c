#include "node/zone_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "node/zone_out.h"

enum {
    TXT_MAX = 254,               /* rbldnsd cuts there */
    IP4_TEXT = 15, IP6_TEXT = 39,
    HEAD_MAX = 512,
    NEGATIVE_TTL_S = 60          /* how long "not listed" may be believed */
};

/* A zone on its way into a file. */
struct sheet {
    const struct policy *policy;
    const struct config_zone *zone;
    const struct zone_image *image;
    const char *zone_name, *member_name;
    int64_t now_s;
    struct zone_file_stat stat;
    struct zone_digits digits;
    struct zone_out out;
};

/* ---- texts */

static void put_format(struct zone_out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put_format(struct zone_out *o, const char *format, ...)
{
    char line[ZONE_OUT_LINE_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof line - 1) {
        o->rc = o->rc != 0 ? o->rc : -EMSGSIZE;
        return;
    }
    zone_out_text(o, line, (size_t)len);
}

/* A TXT template as it grows: `raw` bytes in the file, `most` bytes once rbldnsd has put the subject in. */
struct template {
    char text[TXT_MAX + 1];
    size_t raw, most, subject;   /* subject: the longest that can stand for "$" */
    bool full;
};

static void template_add(struct template *t, const char *piece, size_t raw, size_t most)
{
    t->full = t->full || t->raw + raw > TXT_MAX || t->most + most > TXT_MAX;
    if (t->full)
        return;
    memcpy(t->text + t->raw, piece, raw);
    t->raw += raw;
    t->most += most;
}

/* How many bytes the character at `c` has: a cut never leaves half of one. */
static size_t character(const char *c)
{
    size_t n = 1;
    while (n < 4 && ((unsigned char)c[0] & 0xc0u) == 0xc0u && ((unsigned char)c[n] & 0xc0u) == 0x80u)
        n++;
    return n;
}

static void template_add_text(struct template *t, const char *text)
{
    for (size_t n; *text != '\0'; text += n) {
        n = character(text);
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            template_add(t, " ", 1, 1);
        else if (*text == '$')
            template_add(t, "$$", 2, 1);
        else
            template_add(t, text, n, n);
    }
}

/* The zone's text with $subject and $categories filled in, as rbldnsd reads it; cut where it would be longer than a TXT can be. */
static void template_make(struct template *t, const char *text, const char *category, size_t subject)
{
    *t = (struct template){ .subject = subject };
    if (*text == '=')
        template_add(t, "=", 1, 0);     /* rbldnsd takes the first one for "no base template" */
    for (size_t n; *text != '\0'; text += n) {
        char piece[5] = { 0 };
        if (strncmp(text, "$subject", n = strlen("$subject")) == 0) {
            template_add(t, "$", 1, subject);
        } else if (strncmp(text, "$categories", n = strlen("$categories")) == 0) {
            template_add_text(t, category);
        } else {
            n = character(text);
            memcpy(piece, text, n);
            template_add_text(t, piece);
        }
    }
    t->text[t->raw] = '\0';
}

/* The longest subject with which nothing of the text is cut. */
static size_t subject_that_fits(const char *text, const char *category)
{
    struct template t;
    size_t low = 0, high = NAME_MAX_BYTES;
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        template_make(&t, text, category, middle);
        if (t.full)
            high = middle - 1;
        else
            low = middle;
    }
    return low;
}

/* ---- the head of the file */

static void put_times(struct sheet *s)
{
    struct zone_out *o = &s->out;
    time_t when = (time_t)(s->now_s - ZONE_SKEW_S);
    struct tm utc;
    if (gmtime_r(&when, &utc) == NULL)
        return;
    put_format(o, "$TIMESTAMP %04d:%02d:%02d:%02d:%02d:%02d +%" PRId64 "s", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
               utc.tm_hour, utc.tm_min, utc.tm_sec, s->zone->expire_s + ZONE_SKEW_S);
}

static void put_names(struct sheet *s)
{
    const struct config_zone *z = s->zone;
    char contact[NAME_MAX_BYTES + sizeof "hostmaster."];
    unsigned negative_s = z->ttl_s < NEGATIVE_TTL_S ? z->ttl_s : NEGATIVE_TTL_S;
    snprintf(contact, sizeof contact, "%s%s", z->contact[0] != '\0' ? "" : "hostmaster.", z->contact[0] != '\0' ? z->contact : s->member_name);
    for (char *at = contact; *at != '\0'; at++)
        *at = *at == '@' ? '.' : *at;
    put_format(&s->out, "$SOA %u %s %s %" PRIu32 " 600 300 604800 %u", z->ttl_s, z->ns_n > 0 ? z->ns[0] : s->member_name, contact,
               s->stat.serial, negative_s);
    /* Eight names of 253 bytes would not fit into one line; rbldnsd reads the first $NS only. */
    char line[ZONE_OUT_LINE_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < z->ns_n && used + strlen(z->ns[i]) + 32 < sizeof line; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, " %s", z->ns[i]);
    put_format(&s->out, "$NS %u%s%s", z->ttl_s, used > 0 ? line : " ", used > 0 ? "" : s->member_name);
    put_format(&s->out, "$TTL %u", z->ttl_s);
}

/* ---- test entries, RFC 5782 section 5 */

static bool is_test_code(const uint8_t code[4])
{
    return code[0] == 127 && !(code[1] == 0 && code[2] == 0 && code[3] <= 2);
}

/* The address of a category's code, so that a client can see what each value looks like. */
static void put_test_code(struct sheet *s, size_t category)
{
    const struct policy_category *c = &s->policy->categories[category];
    if (!is_test_code(c->code))
        return;
    for (size_t i = 0; i < category; i++)
        if (memcmp(s->policy->categories[i].code, c->code, sizeof c->code) == 0)
            return;
    put_format(&s->out, "%u.%u.%u.%u :%u.%u.%u.%u:Test entry of %.150s for %s, always listed", c->code[0], c->code[1], c->code[2], c->code[3],
               c->code[0], c->code[1], c->code[2], c->code[3], s->zone_name, c->name);
}

static void put_test_sets(struct sheet *s, const char *label, const char *place, const char *code)
{
    static const char *const sets[][2] = { { "ip4set", "127.0.0.2" }, { "ip6trie", "::ffff:7f00:2" }, { "dnset", "test" } };
    const char *dot = *place == '@' ? "" : ".";
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        put_format(&s->out, "$DATASET %s:test-%s %s", sets[i][0], label, place);
        put_format(&s->out, ":%s:Test entry of %.*s%s%.180s, always listed", code, *place == '@' ? 0 : CATEGORY_MAX_BYTES, place, dot, s->zone_name);
        put_format(&s->out, "%s", sets[i][1]);
        for (size_t c = 0; i == 0 && *place == '@' && c < s->policy->categories_n; c++)
            put_test_code(s, c);
    }
}

/* ---- listings */

struct group {
    const struct policy_category *category;
    char code[16];
    const char *places;          /* "@ malware", or "@": a label of one character would be a digit of somebody's IPv6 address */
    char both[CATEGORY_MAX_BYTES + 3];
    struct zone_image_set set;
};

static void put_set_head(struct sheet *s, const struct group *g, const char *type, size_t subject)
{
    struct template t;
    template_make(&t, s->zone->text, g->category->name, subject);
    put_format(&s->out, "$DATASET %s:%s %s", type, g->category->name, g->places);
    put_format(&s->out, ":%s:%s", g->code, t.text);
}

static void put_exclusions(struct sheet *s, int family)
{
    const char *network;
    for (size_t i = 0; (network = protect_network(s->policy->protect, family, i)) != NULL; i++)
        put_format(&s->out, "!%s", network);
}

/* Sorted neighbours share their first two octets: those are kept as text. */
static void put_hosts(struct sheet *s, const uint32_t *hosts, size_t n)
{
    const struct zone_digits *d = &s->digits;
    char head[8] = "";
    size_t head_len = 0;
    uint32_t head_of = 0;
    for (size_t i = 0; i < n; i++) {
        char *at = zone_out_line(&s->out);
        if (head_len == 0 || hosts[i] >> 16 != head_of) {
            head_of = hosts[i] >> 16;
            head_len = (size_t)(zone_put_octet(zone_put_octet(head, d, head_of >> 8), d, head_of & 0xff) - head);
        }
        memcpy(at, head, sizeof head);
        at = zone_put_octet(at + head_len, d, hosts[i] >> 8 & 0xff);
        at = zone_put_octet(at, d, hosts[i] & 0xff);
        at[-1] = '\n';
        zone_out_take(&s->out, at);
    }
    s->stat.listings += n;
}

static void put_nets4(struct sheet *s, const struct zone_image_prefix *nets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *at = zone_put_ip4(zone_out_line(&s->out), &s->digits, (uint32_t)nets[i].addr);
        zone_out_take(&s->out, zone_put_bits(at - 1, &s->digits, nets[i].bits));
    }
    s->stat.listings += n;
}

static void put_nets6(struct sheet *s, const struct zone_image_prefix *nets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *at = zone_put_ip6(zone_out_line(&s->out), nets[i].addr);
        zone_out_take(&s->out, zone_put_bits(at, &s->digits, nets[i].bits));
    }
    s->stat.listings += n;
}

/* A name is looked up as it is asked, so "1.0.0.127", or 32 hexadecimal digits, listed as a *name* would list that address. No real name ends in
 * a number or in a label of one character. What is not of a host name's letters could be a command in the file. */
static bool name_is_safe(const char *name, size_t len)
{
    bool letter = false, dot = false;     /* without a dot: "invalid", a sub-zone */
    size_t label = 0;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        if (c == '.' && label > 0) {
            label = 0;
            letter = false;
            dot = true;
            continue;
        }
        bool alpha = c >= 'a' && c <= 'z';
        if (!alpha && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
        letter = letter || alpha;
        label++;
    }
    return dot && letter && label >= 2 && len <= NAME_MAX_BYTES;
}

static void put_name(struct sheet *s, const struct group *g, const char *name, size_t len, size_t fits)
{
    struct template t;
    if (len <= fits) {
        zone_out_text(&s->out, name, len);
        return;
    }
    template_make(&t, s->zone->text, g->category->name, len);
    put_format(&s->out, "%s :%s:%s", name, g->code, t.text);
}

static void put_names_of(struct sheet *s, const struct group *g)
{
    size_t fits = subject_that_fits(s->zone->text, g->category->name);
    put_set_head(s, g, "dnset", fits);
    for (size_t i = 0; i < g->set.names_n; i++) {
        const char *name = g->set.names[i];
        size_t len = strlen(name);
        if (name_is_safe(name, len)) {
            put_name(s, g, name, len, fits);
            s->stat.listings++;
        } else {
            s->stat.skipped++;
        }
    }
}

static void put_category(struct sheet *s, size_t category)
{
    struct group g = { .category = &s->policy->categories[category], .set = zone_image_set(s->image, (int)category) };
    const uint8_t *code = g.category->code;
    bool sub_zone = strlen(g.category->name) >= 2;
    snprintf(g.code, sizeof g.code, "%u.%u.%u.%u", code[0], code[1], code[2], code[3]);
    snprintf(g.both, sizeof g.both, "@ %s", g.category->name);
    g.places = sub_zone ? g.both : "@";
    if (sub_zone)
        put_test_sets(s, g.category->name, g.category->name, g.code);
    put_set_head(s, &g, "ip4set", IP4_TEXT);
    put_exclusions(s, 4);
    put_nets4(s, g.set.nets4, g.set.nets4_n);
    put_hosts(s, g.set.hosts, g.set.hosts_n);
    put_set_head(s, &g, "ip6trie", IP6_TEXT);
    put_exclusions(s, 6);       /* before the listings: of two equal prefixes the first wins */
    put_nets6(s, g.set.nets6, g.set.nets6_n);
    put_names_of(s, &g);
}

/* ---- the file */

/* Every number has its full width, so that the line is as long before the numbers are known as after. */
static size_t head_line(const struct sheet *s, char line[HEAD_MAX])
{
    const struct zone_out *o = &s->out;
    int len = snprintf(line, HEAD_MAX, "# hearsay zone %s serial %010" PRIu32 " listings %012" PRIu64 " lines %012" PRIu64 " bytes %014" PRIu64
                       " checksum %016" PRIx64 " written %011" PRId64 " expires %011" PRId64 "\n", s->zone_name, s->stat.serial, s->stat.listings,
                       o->lines, o->sum.bytes, zone_sum_end(&o->sum), s->stat.written_s, s->stat.expires_s);
    return len > 0 && len < HEAD_MAX ? (size_t)len : 0;
}

static int compose(struct sheet *s, int fd)
{
    struct zone_out *o = &s->out;
    char head[HEAD_MAX];
    o->fd = fd;
    o->buffer = malloc(ZONE_OUT_BYTES + ZONE_OUT_LINE_MAX);
    if (o->buffer == NULL)
        return -ENOMEM;
    zone_sum_init(&o->sum);
    zone_digits_init(&s->digits);
    if (lseek(fd, (off_t)head_line(s, head), SEEK_SET) < 0)
        o->rc = -errno;
    put_times(s);
    put_names(s);
    put_test_sets(s, "zone", "@", "127.0.0.2");
    for (size_t c = 0; c < s->policy->categories_n; c++)
        put_category(s, c);
    put_format(o, "# end of %s", s->zone_name);
    zone_out_flush(o, o->used);
    free(o->buffer);
    o->buffer = NULL;
    size_t head_len = head_line(s, head);
    if (o->rc == 0)
        o->rc = zone_out_write(fd, head, head_len, 0);
    s->stat.bytes = head_len + o->sum.bytes;
    return o->rc;
}

int zone_text_write(const struct zone_text *t, int fd, struct zone_file_stat *stat)
{
    struct sheet s = { .policy = t->policy, .zone = t->zone, .image = t->image, .zone_name = t->policy->zones[t->index].name,
                       .member_name = t->member_name, .now_s = t->now_s, .stat = *stat };
    int rc = compose(&s, fd);
    if (rc == 0)
        *stat = s.stat;
    return rc;
}

/* ---- reading it again */

int zone_text_read(int fd, char *at, size_t room, off_t offset, size_t *len)
{
    *len = 0;
    while (*len < room) {
        ssize_t n = pread(fd, at + *len, room - *len, offset + (off_t)*len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        *len += (size_t)n;
    }
    return 0;
}

/* Sums all that follows the first line. */
static int read_sum(int fd, size_t head_len, struct zone_sum *sum)
{
    size_t len = ZONE_OUT_BYTES;
    off_t offset = (off_t)head_len;
    int rc = 0;
    char *buffer = malloc(ZONE_OUT_BYTES);
    if (buffer == NULL)
        return -ENOMEM;
    zone_sum_init(sum);
    while (rc == 0 && len == ZONE_OUT_BYTES) {
        rc = zone_text_read(fd, buffer, ZONE_OUT_BYTES, offset, &len);
        if (rc == 0)
            zone_sum_add(sum, buffer, len);
        offset += (off_t)len;
    }
    free(buffer);
    return rc;
}

int zone_text_head(int fd, struct zone_text_head *h)
{
    char line[HEAD_MAX + 1];
    size_t len;
    int rc = zone_text_read(fd, line, HEAD_MAX, 0, &len);
    if (rc != 0)
        return rc;
    line[len] = '\0';
    const char *end = strchr(line, '\n');
    if (end == NULL || sscanf(line, "# hearsay zone %*253s serial %" SCNu32 " listings %" SCNu64 " lines %" SCNu64 " bytes %" SCNu64
                              " checksum %" SCNx64 " written %" SCNd64 " expires %" SCNd64, &h->stat.serial, &h->stat.listings, &h->lines,
                              &h->bytes, &h->checksum, &h->stat.written_s, &h->stat.expires_s) != 7)
        return -EINVAL;
    h->len = (size_t)(end - line) + 1;
    return 0;
}

int zone_text_verify(int fd)
{
    struct zone_text_head h = { 0 };
    struct zone_sum sum;
    int rc = zone_text_head(fd, &h);
    if (rc == 0)
        rc = read_sum(fd, h.len, &sum);
    if (rc != 0)
        return rc;
    return sum.lines == h.lines && sum.bytes == h.bytes && zone_sum_end(&sum) == h.checksum ? 0 : -EBADMSG;
}
