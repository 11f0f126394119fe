/* `hearsay list`: current listings, one a line. Reads the database; the node may be down. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { SUBJECT_WIDTH = 40, CATEGORY_WIDTH = 18 };     /* any address and prefix fits; a longer name moves its own line */

struct lister {
    struct reader *reader;
    const struct policy *policy;
    bool json;
    int zone_width;                 /* of the longest name of a zone */
    uint64_t n;
};

/* "2026-11-20", "2026-11-20T14:02", "2026-11-20T14:02:03Z", with a blank for the T as well; all in UTC. */
static bool parse_date(const char *text, int64_t *unix_s)
{
    static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S" };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = { 0 };
        const char *end = strptime(text, forms[i], &tm);
        if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0))
            continue;
        *unix_s = timegm(&tm);
        return true;
    }
    return false;
}

/* "1h" ago, seconds since 1970, or a date. */
static int parse_since(const struct call *call, const char *text, int64_t *unix_s)
{
    char *end;
    int64_t ms;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
        *unix_s = number;
    else if (config_duration(text, &ms) == 0)
        *unix_s = now_unix_s() - ms / 1000;
    else if (!parse_date(text, unix_s))
        return args_wrong(call, "--since %s: a span such as 1h, seconds since 1970, or a date such as 2026-11-20T14:02 (UTC)", text);
    return 0;
}

/* A network has no score of its own, and ends with its addresses. */
static int complete_network(const struct lister *to, struct listing *l, char score[NUMBER_TEXT_MAX], char end[NUMBER_TEXT_MAX])
{
    end[0] = '\0';
    if (!l->network)
        return 0;
    strcpy(score, "-");
    snprintf(end, NUMBER_TEXT_MAX, " of %u", l->addresses);
    return reader_network_until(to->reader, &l->subject, l->zone, l->category, &l->until_s);
}

static int list_one(void *ctx, const struct listing *listing)
{
    struct lister *to = ctx;
    struct listing copy = *listing, *l = &copy;
    char subject[SUBJECT_TEXT_MAX], score[NUMBER_TEXT_MAX], since[TIME_TEXT_MAX], until[TIME_TEXT_MAX], end[NUMBER_TEXT_MAX];
    const char *zone = to->policy->zones[l->zone].name, *category = to->policy->categories[l->category].name;
    subject_text(&l->subject, subject);
    thousandths_text(l->score_milli, score);
    if (zone[0] == '\0')
        return 0;                           /* the default white zone answers `check` and is no zone of its own */
    int rc = complete_network(to, l, score, end);
    if (rc != 0)
        return rc;
    to->n++;
    if (!to->json) {
        printf("%-*s %-*s %-*s %7s %6u %-20s %s%s\n", SUBJECT_WIDTH, subject, to->zone_width, zone, CATEGORY_WIDTH, category, score,
               l->groups, stamp_text(l->since_s, since), stamp_text(l->until_s, until), end);
        return ferror(stdout) ? -EIO : 0;
    }
    json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "subject", subject, "zone", zone, "category", category, "score_milli",
                            (json_int_t)l->score_milli, "groups", (json_int_t)l->groups, "since_s", (json_int_t)l->since_s, "until_s",
                            (json_int_t)l->until_s);
    if (l->network)
        json_object_update_new(row, json_pack("{s:b, s:I, s:I}", "network", 1, "addresses", (json_int_t)l->addresses, "innocents", (json_int_t)l->innocents));
    char *text = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
    json_decref(row);
    if (text == NULL)
        return -ENOMEM;
    printf("%s%s", to->n > 1 ? ",\n" : "", text);
    free(text);
    return ferror(stdout) ? -EIO : 0;
}

static int zone_width(const struct policy *p)
{
    size_t most = 4;                        /* of the heading */
    for (size_t i = 0; i < p->zones_n; i++)
        if (strlen(p->zones[i].name) > most)
            most = strlen(p->zones[i].name);
    return (int)most;
}

/* What was listed so far is printed already: an error can only come after it. */
static int end_json(const struct home *h, int rc)
{
    if (rc == 0) {
        puts("]}");
        return STATUS_DONE;
    }
    say_error("%s: %s", h->config->database, home_database_text(rc));
    json_t *error = say_json_text(say_kept_errors());
    char *text = json_dumps(error, JSON_ENCODE_ANY);
    json_decref(error);
    printf("],\"ok\":false,\"error\":%s}\n", text != NULL ? text : "\"out of memory\"");
    free(text);
    return STATUS_NO;
}

static int list_all(const struct call *call, const struct home *h, struct reader *r, int zone, int64_t since_s)
{
    struct lister to = { .reader = r, .policy = h->config->policy, .json = call->json, .zone_width = zone_width(h->config->policy) };
    if (call->json) {
        say_json_begin();
        printf("{\"listings\":[");
    } else if (isatty(STDOUT_FILENO)) {
        printf("%s%-*s %-*s %-*s %7s %6s %-20s %s%s\n", say_colour(stdout, SAY_BOLD), SUBJECT_WIDTH, "SUBJECT", to.zone_width, "ZONE", CATEGORY_WIDTH,
               "CATEGORY", "SCORE", "GROUPS", "SINCE", "UNTIL ABOUT", say_colour(stdout, SAY_PLAIN));
    }
    int rc = reader_list(r, zone, since_s, list_one, &to);
    if (call->json)
        return end_json(h, rc);
    if (rc == 0 && to.n == 0 && isatty(STDOUT_FILENO))
        puts("Nothing is listed.");
    if (rc == 0)
        return STATUS_DONE;
    say_error("%s: %s", h->config->database, home_database_text(rc));
    return STATUS_NO;
}

int cmd_list(struct call *call)
{
    const char *zone_name = NULL, *since = NULL;
    const struct arg_option options[] = { { .name = "--zone", .value = &zone_name }, { .name = "--since", .value = &since } };
    struct home h = { 0 };
    struct reader *r = NULL;
    int64_t since_s = 0;
    int zone = -1, rc = args_take(call, options, 2, 0, 0);
    if (rc == 0 && since != NULL)
        rc = parse_since(call, since, &since_s);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0 && zone_name != NULL)
        rc = home_zone(&h, zone_name, &zone);
    if (rc == 0)
        rc = home_reader(&h, &r);
    if (rc == 0)
        rc = list_all(call, &h, r, zone, since_s);
    reader_close(&r);
    home_close(&h);
    return rc;
}
