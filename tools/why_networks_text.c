#include "tools/why_networks_text.h"

#include <string.h>

#include "tools/say.h"

static const struct why *holder_of(const struct why_answer *a)
{
    return a->holder[0] != '\0' ? a->holder_why : a->why;
}

static const char *network_text_of(const struct why_answer *a)
{
    return a->holder[0] != '\0' ? a->holder : a->subject;
}

static const char *plural(unsigned n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

/* Innocent ones are counted in the whole /24 or /48: none of them is within the network. */
static void say_innocents(const struct why_answer *a, const struct why_network *n)
{
    bool ip6 = strchr(network_text_of(a), ':') != NULL;
    printf("; %u innocent %s", n->innocents, plural(n->innocents, "neighbour", "neighbours"));
    if (n->innocents > 0)
        printf(" in its %s %s left out", ip6 ? "/48" : "/24", plural(n->innocents, "is", "are"));
}

static void say_addresses(const struct why_network *n)
{
    char text[SUBJECT_TEXT_MAX];
    printf("Its listed addresses:");
    for (size_t i = 0; i < n->first_n; i++)
        printf("%s %s", i > 0 ? "," : "", subject_text(&n->first[i], text));
    printf("%s\n", n->addresses > n->first_n ? ", ..." : "");
}

bool why_say_networks(const struct why_answer *a)
{
    const struct policy *p = a->home->config->policy;
    const struct why *by = holder_of(a);
    char since[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    for (size_t i = 0; i < by->networks_n; i++) {
        const struct why_network *n = &by->networks[i];
        printf("%s%s is listed in %s%s since %s (%s)", say_colour(stdout, SAY_RED), a->subject, p->zones[n->zone].name, say_colour(stdout, SAY_PLAIN),
               time_text(n->since_s, since), p->categories[n->category].name);
        if (a->holder[0] != '\0')
            printf(": its network %s is listed", a->holder);
        printf(" because %u %s of it, said by %u %s, are listed", n->addresses, plural(n->addresses, "address", "addresses"), n->groups,
               plural(n->groups, "group", "groups"));
        say_innocents(a, n);
        printf(". Falls off about %s.\n", time_text(n->until_s, until));
        say_addresses(n);
    }
    return by->networks_n > 0;
}

json_t *why_networks_json(const struct why_answer *a)
{
    const struct policy *p = a->home->config->policy;
    const struct why *by = holder_of(a);
    json_t *all = json_array();
    char text[SUBJECT_TEXT_MAX];
    for (size_t i = 0; i < by->networks_n; i++) {
        const struct why_network *n = &by->networks[i];
        json_t *first = json_array();
        for (size_t k = 0; k < n->first_n; k++)
            json_array_append_new(first, json_string(subject_text(&n->first[k], text)));
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "network", network_text_of(a), "zone", p->zones[n->zone].name, "category",
                                             p->categories[n->category].name, "addresses", (json_int_t)n->addresses, "groups", (json_int_t)n->groups, "innocents",
                                             (json_int_t)n->innocents, "since_s", (json_int_t)n->since_s, "until_s", (json_int_t)n->until_s, "first_addresses", first));
    }
    return all;
}

/* ---- what is listed within it */

bool why_has_inside(const struct why_answer *a)
{
    return a->why->prefixes.n + a->why->addresses.n > 0;
}

static bool only_white(const struct why_answer *a, uint64_t zones)
{
    const struct policy *p = a->home->config->policy;
    for (size_t i = 0; i < p->zones_n && i < 64; i++)
        if ((zones & UINT64_C(1) << i) != 0 && !p->zones[i].white)
            return false;
    return zones != 0;
}

static void say_some(const struct why_answer *a, const struct why_inside *in, const char *one, const char *many)
{
    char text[SUBJECT_TEXT_MAX], number[NUMBER_TEXT_MAX];
    if (in->n == 0)
        return;
    printf("Listed within it, %s %s:", count_text(in->n, number), in->n == 1 ? one : many);
    for (size_t i = 0; i < in->first_n; i++)
        printf("%s %s%s", i > 0 ? "," : "", subject_text(&in->first[i], text), only_white(a, in->zones[i]) ? " (white)" : "");
    if (in->n > in->first_n)
        printf(", and %s more", count_text(in->n - in->first_n, number));
    puts("");
}

void why_say_inside(const struct why_answer *a)
{
    say_some(a, &a->why->prefixes, "network", "networks");
    if (a->why->networks_n == 0)           /* else they have been named */
        say_some(a, &a->why->addresses, "address", "addresses");
    if (a->why->inside_cut)
        printf("So many are listed within it that not all were counted.\n");
}

static json_t *some_json(const struct why_answer *a, const struct why_inside *in)
{
    const struct policy *p = a->home->config->policy;
    char text[SUBJECT_TEXT_MAX];
    json_t *all = json_array();
    for (size_t i = 0; i < in->first_n; i++) {
        json_t *zones = json_array();
        for (size_t z = 0; z < p->zones_n && z < 64; z++)
            if ((in->zones[i] & UINT64_C(1) << z) != 0)
                json_array_append_new(zones, json_string(p->zones[z].name));
        json_array_append_new(all, json_pack("{s:s, s:o}", "subject", subject_text(&in->first[i], text), "zones", zones));
    }
    return json_pack("{s:I, s:o}", "count", (json_int_t)in->n, "first", all);
}

json_t *why_inside_json(const struct why_answer *a)
{
    return json_pack("{s:o, s:o, s:b}", "networks", some_json(a, &a->why->prefixes), "addresses", some_json(a, &a->why->addresses), "cut", a->why->inside_cut);
}
