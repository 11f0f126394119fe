#include "tools/why_groups_text.h"

#include <string.h>

const char *why_signed(int64_t micro, char out[NUMBER_TEXT_MAX])
{
    char plain[NUMBER_TEXT_MAX];
    snprintf(out, NUMBER_TEXT_MAX, "%s%s", micro > 0 ? "+" : "", millionths_text(micro, 6, plain));
    return out;
}

const char *why_category(const struct why_answer *a, int category)
{
    const struct policy *p = a->home->config->policy;
    return category >= 0 && (size_t)category < p->categories_n ? p->categories[category].name : "?";
}

/* ---- rights */

const char *why_bar_word(const struct why_opinion *o)
{
    static const char *const words[] = { [RIGHTS_HEARD] = NULL, [RIGHTS_CATEGORY] = "category", [RIGHTS_PREFIX] = "prefix", [RIGHTS_WHITE] = "black-only" };
    return o->bar == RIGHTS_HEARD && o->probation ? "probation" : words[o->bar];       /* what stays when the probation ends, first */
}

const char *why_bar_text(const struct why_opinion *o)
{
    static const char *const texts[] = { [RIGHTS_HEARD] = NULL, [RIGHTS_CATEGORY] = "not its category", [RIGHTS_PREFIX] = "no networks", [RIGHTS_WHITE] = "black only" };
    return o->bar == RIGHTS_HEARD && o->probation ? "on probation" : texts[o->bar];
}

bool why_is_contested(const struct why *w, int category)
{
    for (size_t i = 0; i < w->rules_n; i++)
        if (w->rules[i].category == category && w->rules[i].contested)
            return true;
    return false;
}

/* ---- groups */

static void note_cell(const struct why_group *g, struct table *t)
{
    char number[NUMBER_TEXT_MAX], when[TIME_TEXT_MAX];
    if (g->probation)
        table_cell(t, "on probation%s%s: would count %s", g->probation_end_s != INT64_MAX ? " until " : "",
                   g->probation_end_s != INT64_MAX ? time_text(g->probation_end_s, when) : "", why_signed(g->would_micro, number));
    else if (g->counted_micro < g->said_micro)
        table_cell(t, "at most %s", millionths_text(g->cap_micro, 3, number));
    else if (g->counted_micro > g->said_micro)
        table_cell(t, "at least -%s", millionths_text(g->cap_micro / 2, 3, number));
    else if (!g->in_quorum && !g->in_quorum_white)
        table_cell(t, "too little for the quorum");
    else
        table_cell(t, "%s", "");
}

static void group_row(const struct why_answer *a, const struct why_group *g, struct table *t)
{
    char number[NUMBER_TEXT_MAX], more[NUMBER_TEXT_MAX];
    table_cell(t, "%s", g->name);
    table_cell(t, "%s", why_category(a, g->category));
    table_cell(t, "%s", millionths_text(g->trust_micro, 2, number));
    table_cell(t, "%u", g->members_n);
    table_cell(t, "%s", why_signed(g->said_micro, number));
    table_cell(t, "%s", why_signed(g->counted_micro, more));
    note_cell(g, t);
}

static void own_row(const struct why_answer *a, const struct why_opinion *o, struct table *t)
{
    char number[NUMBER_TEXT_MAX];
    table_cell(t, "this node");
    table_cell(t, "%s", why_category(a, o->category));
    table_cell(t, "%s", millionths_text(o->trust_micro, 2, number));
    table_cell(t, "-");
    table_cell(t, "%s", why_signed(o->counted_micro, number));
    table_cell(t, "%s", number);
    table_cell(t, "no clamp");
}

/* The score of a category: of any of its rules, all have the same. */
static const struct why_rule *rule_of(const struct why *w, int category)
{
    for (size_t i = 0; i < w->rules_n; i++)
        if (w->rules[i].category == category)
            return &w->rules[i];
    return NULL;
}

static void sum_row(const struct why_answer *a, int category, struct table *t)
{
    char number[NUMBER_TEXT_MAX];
    const struct why_rule *r = rule_of(a->why, category);
    if (r == NULL)
        return;
    table_cell(t, "score");
    table_cell(t, "%s", why_category(a, category));
    for (int i = 0; i < 3; i++)
        table_cell(t, "%s", "");
    table_cell(t, "%s", why_signed(r->score_micro, number));
    table_cell(t, "%s", r->score_micro != r->sum_micro ? "own good mail vetoes what is above 0" : "");
}

void why_say_groups(const struct why_answer *a)
{
    static const char *const heads[] = { "GROUP", "CATEGORY", ">TRUST", ">MEMBERS", ">SAYS", ">COUNTS", "", NULL };
    const struct why *w = a->why;
    struct table *t;
    if (w->rules_n == 0)
        return;
    t = table_create(heads);
    for (size_t c = 0; c < a->home->config->policy->categories_n; c++) {
        for (size_t i = 0; i < w->groups_n; i++)
            if (w->groups[i].category == (int)c)
                group_row(a, &w->groups[i], t);
        for (size_t i = 0; i < w->opinions_n; i++)
            if (w->opinions[i].own && w->opinions[i].category == (int)c)
                own_row(a, &w->opinions[i], t);
        sum_row(a, (int)c, t);
    }
    puts("\nHow it adds up:");
    table_print(t, stdout, "  ");
    table_destroy(&t);
}

json_t *why_groups_json(const struct why_answer *a)
{
    json_t *out = json_array();
    for (size_t i = 0; i < a->why->groups_n; i++) {
        const struct why_group *g = &a->why->groups[i];
        char root[2 * KEY_BYTES + 1];
        json_array_append_new(out, json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:o, s:I}", "group", say_json_text(g->name), "root",
            hex_text(g->root, KEY_BYTES, root), "category", why_category(a, g->category), "trust_micro", (json_int_t)g->trust_micro, "cap_micro", (json_int_t)g->cap_micro,
            "members", (json_int_t)g->members_n, "said_micro", (json_int_t)g->said_micro, "counted_micro", (json_int_t)g->counted_micro, "quorum_micro", (json_int_t)g->quorum_micro, "in_quorum", g->in_quorum,
            "in_quorum_white", g->in_quorum_white, "probation", g->probation, "probation_until_s",
            g->probation && g->probation_end_s != INT64_MAX ? json_integer((json_int_t)g->probation_end_s) : json_null(), "would_micro", (json_int_t)g->would_micro));
    }
    return out;
}

/* ---- rules */

bool why_is_held_off(const struct why_rule *r)
{
    return r->contested && !r->asks && !r->listed && !r->veto && !r->vouched && r->score_micro >= r->threshold_micro && (r->own || r->groups >= r->quorum);
}

const char *why_decided(const struct why *w, const struct why_rule *r, int64_t score_micro)
{
    bool score = score_micro >= r->threshold_micro, groups = r->groups >= r->quorum;
    if (r->listed && (!r->upholds || r->vouched))
        return "but no longer upheld: the node has yet to work that in";
    if (r->listed)
        return r->own ? "by own evidence" : score && groups ? "" : "stays until half the score, or one group less";
    if (r->veto)
        return "vetoed by own good mail";
    if (w->exception.kind == EXCEPTION_DELIST && !w->protected_)
        return "delisted";
    if (w->protected_ || w->exception.kind != 0)
        return "protected";
    if (r->vouched && score && groups)
        return "vetoed by own good mail, in the default category";
    if (why_is_held_off(r))
        return "contested by good mail of others";
    if (r->asks)
        return "the node has yet to work it in";
    return !score && !groups ? "score and groups too low" : !score ? "score too low" : "too few groups";
}
