#include "tools/why_text.h"

#include <string.h>

#include "tools/except.h"
#include "tools/say.h"
#include "tools/why_networks_text.h"
#include "tools/why_groups_text.h"

static const char *zone_name(const struct why_answer *a, int zone)
{
    const struct policy *p = a->home->config->policy;
    if (zone < 0 || (size_t)zone >= p->zones_n)
        return "?";
    return p->zones[zone].name[0] != '\0' ? p->zones[zone].name : "(white by default)";
}

const char *verdict_text(enum verdict v)
{
    return v == VERDICT_BLACK ? "black" : v == VERDICT_WHITE ? "white" : "unknown";
}

static bool is_white(const struct why_answer *a, const struct why_rule *r)
{
    const struct policy *p = a->home->config->policy;
    return r->zone >= 0 && (size_t)r->zone < p->zones_n && p->zones[r->zone].white;
}

/* A white zone lists by the negative score; people read how good it is. */
static int64_t shown_score(const struct why_answer *a, const struct why_rule *r)
{
    return is_white(a, r) ? -r->score_micro : r->score_micro;
}

static const char *micro_text(int64_t micro, char out[NUMBER_TEXT_MAX])
{
    return thousandths_text(micro / 1000, out);
}

static void say_listed(const struct why_answer *a, const struct why_rule *r)
{
    char score[NUMBER_TEXT_MAX], threshold[NUMBER_TEXT_MAX], since[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    printf("%s%s is listed%s%s in %s%s since %s (%s): score %s of %s, %u %s of %u needed%s, falls off about %s.\n", say_colour(stdout, SAY_RED), a->subject,
           a->holder[0] != '\0' ? " by " : "", a->holder, zone_name(a, r->zone), say_colour(stdout, SAY_PLAIN), time_text(r->since_s, since), why_category(a, r->category),
           micro_text(shown_score(a, r), score), micro_text(r->threshold_micro, threshold), r->groups, r->groups == 1 ? "group" : "groups", r->quorum,
           r->own ? ", own evidence is enough" : "", time_text(r->until_s, until));
}

/* The rule that comes nearest to listing: what is only held off before what has too few groups or too little of a score. */
static const struct why_rule *nearest_rule(const struct why_answer *a)
{
    const struct why_rule *best = NULL;
    double most = 0;
    for (size_t i = 0; i < a->why->rules_n; i++) {
        const struct why_rule *r = &a->why->rules[i];
        double part = r->threshold_micro > 0 ? (double)shown_score(a, r) / (double)r->threshold_micro : (double)shown_score(a, r);
        bool nearer = best == NULL || why_is_held_off(r) > why_is_held_off(best);
        if (nearer || (part > most && why_is_held_off(r) == why_is_held_off(best))) {
            best = r;
            most = part;
        }
    }
    return best;
}

/* Ends the sentence that began with "is not listed". */
static void say_exception(const struct exception *e)
{
    char subject[SUBJECT_TEXT_MAX], when[TIME_TEXT_MAX], until[TIME_TEXT_MAX], why[EXCEPTION_WHY_MAX + 1], who[EXCEPTION_WHO_MAX + 1];
    printf(": %s %s %s on %s", clean_text(e->who, who, sizeof who), e->kind == EXCEPTION_DELIST ? "delisted" : "protected",
           subject_text(&e->subject, subject), time_text(e->time_s, when));
    if (e->kind == EXCEPTION_DELIST)
        printf(", until %s", time_text(e->until_s, until));
    if (e->why[0] != '\0')
        printf(" (%s)", clean_text(e->why, why, sizeof why));
    printf(".\n");
}

/* Ends that sentence, too. */
static void say_held_off(const struct why_answer *a, const struct why_rule *r)
{
    char all[NUMBER_TEXT_MAX], score[NUMBER_TEXT_MAX], threshold[NUMBER_TEXT_MAX];
    unsigned quorum = r->own ? 1 : r->quorum;
    printf(", though %s (%s) would list it with a score of %s by %u %s: others get good mail from it."
           " Where that is so, only what has been said for a day by members of good standing lists: score %s of %s, %u %s of %u needed.\n",
           zone_name(a, r->zone), why_category(a, r->category), micro_text(r->score_micro, all), r->groups, r->groups == 1 ? "group" : "groups",
           micro_text(r->stood_micro, score), micro_text(r->threshold_micro, threshold), r->stood_groups, r->stood_groups == 1 ? "group" : "groups", quorum);
}

static void say_not_listed(const struct why_answer *a)
{
    const struct why_rule *r = nearest_rule(a);
    char score[NUMBER_TEXT_MAX], threshold[NUMBER_TEXT_MAX];
    printf("%s%s is not listed%s", say_colour(stdout, SAY_GREEN), a->subject, say_colour(stdout, SAY_PLAIN));
    if (a->why->protected_)
        printf(": it is protected here, whoever says what.\n");
    else if (a->why->exception.kind != 0)
        say_exception(&a->why->exception);
    else if (a->why->opinions_n == 0)
        printf(": nobody says anything about it%s.\n", why_has_inside(a) ? " as a whole" : "");
    else if (r == NULL)
        printf(": no zone looks at what was said.\n");
    else if (r->veto || r->vouched)
        printf(": this node itself gets good mail from it, which vetoes all others.\n");
    else if (why_is_held_off(r))
        say_held_off(a, r);
    else if (r->asks)
        printf(" yet: %s (%s) will, with a score of %s by %u %s, once the node has worked in what has changed (hearsay status).\n", zone_name(a, r->zone),
               why_category(a, r->category), micro_text(shown_score(a, r), score), r->groups, r->groups == 1 ? "group" : "groups");
    else
        printf(". Nearest is %s (%s): score %s of %s, %u %s of %u needed.\n", zone_name(a, r->zone), why_category(a, r->category),
               micro_text(shown_score(a, r), score), micro_text(r->threshold_micro, threshold), r->groups, r->groups == 1 ? "group" : "groups", r->quorum);
}

/* The rules by which the subject is listed, its own or those of the prefix that holds it. */
static void say_headline(const struct why_answer *a)
{
    const struct why *by = a->holder[0] != '\0' ? a->holder_why : a->why;
    bool listed = false;
    char when[TIME_TEXT_MAX];
    for (size_t i = 0; i < by->rules_n; i++) {
        if (!by->rules[i].listed)
            continue;
        say_listed(a, &by->rules[i]);
        listed = true;
    }
    listed = why_say_networks(a) || listed;
    if (!listed)
        say_not_listed(a);
    why_say_inside(a);
    if (a->holder[0] != '\0')
        printf("Who says so: hearsay why %s. Said of %s itself: %s\n", a->holder, a->subject, a->why->opinions_n > 0 ? "see below." : "nothing.");
    if (a->why->hold_until_s > a->now_s)
        printf("This node retracted it: until %s only new reports count, not what it saw before.\n", time_text(a->why->hold_until_s, when));
    if (a->why->held_back && a->home->config->peers_n > 0)
        printf("This node is catching up: until it has, what others say counts for nothing (hearsay status).\n");
}

static const char *signature_text(const struct why_opinion *o)
{
    if (o->own)
        return "own";
    return o->signature == 1 ? "ok" : o->signature == 0 ? "BAD" : "batch gone";
}

/* Own evidence that share = false keeps here. */
static const char *origin_text(const struct why_opinion *o)
{
    if (o->kept_black_milli + o->kept_white_milli == 0)
        return signature_text(o);
    return o->kept_black_milli >= o->black_milli && o->kept_white_milli >= o->white_milli ? "own, not told" : "own, part not told";
}

static const char *member_text(const struct why_answer *a, const struct why_opinion *o, char out[FINGERPRINT_MAX])
{
    if (o->own)
        return "this node";
    return o->name[0] != '\0' ? o->name : home_member_name(a->home, o->root, out);
}

/* It stands from then on; or not at all: of a member whose record is too bad, or no longer black enough. */
static void contested_cell(const struct why_opinion *o, struct table *t)
{
    char number[NUMBER_TEXT_MAX], record[NUMBER_TEXT_MAX], until[TIME_TEXT_MAX];
    if (o->stands_s != INT64_MAX)
        table_cell(t, "%s (contested until %s)", why_signed(o->counted_micro, number), time_text(o->stands_s, until));
    else if (o->record_micro < SCORE_DOUBT_MICRO)
        table_cell(t, "%s (contested: record %s)", why_signed(o->counted_micro, number), millionths_text(o->record_micro, 2, record));
    else
        table_cell(t, "%s (contested)", why_signed(o->counted_micro, number));
}

static void opinion_cells(const struct why_answer *a, const struct why_opinion *o, struct table *t)
{
    char text[NUMBER_TEXT_MAX], more[NUMBER_TEXT_MAX], age[TIME_TEXT_MAX], fingerprint[FINGERPRINT_MAX];
    if (o->introduced)
        table_cell(t, "%s (by %s%s%s)", member_text(a, o, fingerprint), o->introducer, strcmp(o->introducer, o->group) != 0 ? " of " : "",
                   strcmp(o->introducer, o->group) != 0 ? o->group : "");
    else
        table_cell(t, "%s", member_text(a, o, fingerprint));
    table_cell(t, "%s%s", o->category_name, o->category < 0 ? " (not configured)" : "");
    bool withdrawn = o->black_milli == 0 && o->white_milli == 0;
    table_cell(t, "%s", withdrawn ? "-" : thousandths_text(o->black_milli, text));
    table_cell(t, "%s", withdrawn ? "-" : thousandths_text(o->white_milli, more));
    table_cell(t, "%s", span_text(a->now_s - o->time_s, age));
    table_cell(t, "%s", millionths_text(o->trust_micro, 2, text));
    table_cell(t, "%s", millionths_text(o->reliability_micro, 2, text));
    table_cell(t, "%s", withdrawn ? "withdrawn" : why_signed(o->opinion_micro, text));
    if (!withdrawn && why_bar_text(o) != NULL)
        table_cell(t, "0 (%s: %s)", why_bar_text(o), why_signed(o->would_micro, more));
    else if (why_is_contested(a->why, o->category) && o->stands_s != 0)
        contested_cell(o, t);
    else
        table_cell(t, "%s", withdrawn ? "-" : why_signed(o->counted_micro, more));
    if (o->own)
        table_cell(t, "-");
    else
        table_cell(t, "%u/%llu", o->epoch, (unsigned long long)o->seq);
    table_cell(t, "%s", origin_text(o));
}

static void say_opinions(const struct why_answer *a)
{
    static const char *const heads[] = { "MEMBER", "CATEGORY", ">BLACK", ">WHITE", ">AGE", ">TRUST", ">RELIABLE", ">OPINION", ">COUNTS", ">BATCH", "SIGNATURE", NULL };
    struct table *t = table_create(heads);
    for (size_t i = 0; i < a->why->opinions_n; i++)
        opinion_cells(a, &a->why->opinions[i], t);
    puts("\nWho says what:");
    table_print(t, stdout, "  ");
    table_destroy(&t);
}

static void rule_cells(const struct why_answer *a, const struct why_rule *r, struct table *t)
{
    char text[NUMBER_TEXT_MAX], when[TIME_TEXT_MAX];
    table_cell(t, "%s", zone_name(a, r->zone));
    table_cell(t, "%s", why_category(a, r->category));
    table_cell(t, "%s", micro_text(shown_score(a, r), text));
    table_cell(t, "%s", micro_text(r->threshold_micro, text));
    table_cell(t, "%u", r->groups);
    table_cell(t, "%u", r->quorum);
    const char *decided = why_decided(a->why, r, shown_score(a, r));
    table_cell(t, "%s%s%s", r->listed ? "yes" : "no", decided[0] != '\0' ? ", " : "", decided);
    table_cell(t, "%s", r->listed ? time_text(r->until_s, when) : "-");
}

/* The white zone that answers `check` where none is configured: of interest only when something good is said. */
static bool is_idle_default(const struct why_answer *a, const struct why_rule *r)
{
    const struct policy *p = a->home->config->policy;
    bool named = r->zone >= 0 && (size_t)r->zone < p->zones_n && p->zones[r->zone].name[0] != '\0';
    return !named && !r->listed && shown_score(a, r) <= 0;
}

static void say_rules(const struct why_answer *a)
{
    static const char *const heads[] = { "ZONE", "CATEGORY", ">SCORE", ">NEEDED", ">GROUPS", ">NEEDED", "LISTED", "UNTIL ABOUT", NULL };
    struct table *t = table_create(heads);
    for (size_t i = 0; i < a->why->rules_n; i++)
        if (!is_idle_default(a, &a->why->rules[i]))
            rule_cells(a, &a->why->rules[i], t);
    puts("\nWhat follows:");
    table_print(t, stdout, "  ");
    table_destroy(&t);
}

void why_say(const struct why_answer *a)
{
    say_headline(a);
    if (a->why->opinions_n > 0)
        say_opinions(a);
    why_say_groups(a);
    if (a->why->rules_n > 0)
        say_rules(a);
}

/* The name of its root: of whom this node trusts directly, its own. */
static json_t *group_json(const struct why_answer *a, const struct why_opinion *o)
{
    const struct policy *p = a->home->config->policy;
    return o->group_index >= 0 && (size_t)o->group_index < p->members_n ? say_json_text(p->members[o->group_index].name) : json_null();
}

static json_t *opinion_json(const struct why_answer *a, const struct why_opinion *o)
{
    char root[2 * KEY_BYTES + 1], hash[2 * HASH_BYTES + 1], fingerprint[FINGERPRINT_MAX];
    hex_text(o->root, KEY_BYTES, root);
    json_t *out = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "member", member_text(a, o, fingerprint), "root", root, "category",
                            o->category_name, "own", o->own, "trust_micro", (json_int_t)o->trust_micro, "reliability_micro", (json_int_t)o->reliability_micro, "black_milli", (json_int_t)o->black_milli,
                            "white_milli", (json_int_t)o->white_milli, "time_s", (json_int_t)o->time_s, "age_s", (json_int_t)(a->now_s - o->time_s),
                            "opinion_micro", (json_int_t)o->opinion_micro, "counted_micro", (json_int_t)o->counted_micro, "signature", signature_text(o));
    json_object_update_new(out, json_pack("{s:I, s:I, s:I}", "would_micro", (json_int_t)o->would_micro, "quorum_micro", (json_int_t)o->quorum_micro, "record_micro", (json_int_t)o->record_micro));
    json_object_set_new(out, "group", group_json(a, o));
    json_object_set_new(out, "kept_from_counting", why_bar_word(o) != NULL ? json_string(why_bar_word(o)) : json_null());
    json_object_set_new(out, "stands_s", o->stands_s != INT64_MAX ? json_integer((json_int_t)o->stands_s) : json_null());
    if (o->introduced)
        json_object_set_new(out, "introducer", say_json_text(o->introducer));
    if (o->own)
        json_object_update_new(out, json_pack("{s:I, s:I}", "kept_black_milli", (json_int_t)o->kept_black_milli, "kept_white_milli", (json_int_t)o->kept_white_milli));
    else
        json_object_set_new(out, "batch", json_pack("{s:I, s:I, s:s}", "epoch", (json_int_t)o->epoch, "seq", (json_int_t)o->seq, "hash",
                                                    hex_text(o->hash, HASH_BYTES, hash)));
    return out;
}

/* The zone that answers `check` where no white one is configured has no name: "". */
static json_t *rule_json(const struct why_answer *a, const struct why_rule *r)
{
    const struct policy *p = a->home->config->policy;
    bool known = r->zone >= 0 && (size_t)r->zone < p->zones_n;
    json_t *out = json_pack("{s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:s}", "zone", known ? p->zones[r->zone].name : "", "category", why_category(a, r->category),
                     "white", is_white(a, r), "listed", r->listed, "score_micro", (json_int_t)r->score_micro, "threshold_micro",
                     (json_int_t)r->threshold_micro, "groups", (json_int_t)r->groups, "quorum", (json_int_t)r->quorum, "own", r->own, "veto", r->veto,
                     "since_s", (json_int_t)r->since_s, "until_s", (json_int_t)r->until_s, "sum_micro", (json_int_t)r->sum_micro, "decided",
                     why_decided(a->why, r, shown_score(a, r)));
    json_object_update_new(out, json_pack("{s:b, s:b, s:I, s:I}", "vouched", r->vouched, "contested", r->contested, "stood_micro", (json_int_t)r->stood_micro, "stood_groups", (json_int_t)r->stood_groups));
    return out;
}

json_t *why_json(const struct why_answer *a)
{
    json_t *opinions = json_array(), *rules = json_array();
    for (size_t i = 0; i < a->why->opinions_n; i++)
        json_array_append_new(opinions, opinion_json(a, &a->why->opinions[i]));
    for (size_t i = 0; i < a->why->rules_n; i++)
        json_array_append_new(rules, rule_json(a, &a->why->rules[i]));
    json_t *out = json_pack("{s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:o, s:o}", "subject", a->subject, "verdict", verdict_text(a->verdict), "listed",
                            a->verdict != VERDICT_UNKNOWN, "protected", a->why->protected_, "held_back", a->why->held_back, "hold_until_s",
                            (json_int_t)a->why->hold_until_s, "now_s", (json_int_t)a->now_s, "opinions", opinions, "rules", rules);
    json_object_set_new(out, "groups", why_groups_json(a));
    json_object_set_new(out, "networks", why_networks_json(a));
    if (why_has_inside(a))
        json_object_set_new(out, "inside", why_inside_json(a));
    if (a->why->exception.kind != 0)
        json_object_set_new(out, "exception", exception_json(&a->why->exception));
    if (a->holder[0] != '\0')
        json_object_set_new(out, "listed_by", json_string(a->holder));
    return out;
}
