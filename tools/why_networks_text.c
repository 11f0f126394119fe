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
