#include "tools/rights.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "node/config_text.h"
#include "tools/say.h"

void rights_options(struct rights_said *s, struct arg_option out[RIGHTS_OPTIONS])
{
    const struct arg_option all[RIGHTS_OPTIONS] = {
        { .name = "--categories", .value = &s->categories }, { .name = "--max-weight", .value = &s->max_weight }, { .name = "--probation", .value = &s->probation },
        { .name = "--max-subjects", .value = &s->max_subjects },
        { .name = "--black-only", .flag = &s->black_only }, { .name = "--no-black-only", .flag = &s->no_black_only },
        { .name = "--no-prefixes", .flag = &s->no_prefixes }, { .name = "--prefixes", .flag = &s->prefixes },
    };
    memcpy(out, all, sizeof all);
}

bool rights_any(const struct rights_said *s)
{
    return s->categories != NULL || s->max_weight != NULL || s->max_subjects != NULL || s->probation != NULL || s->black_only || s->no_black_only || s->no_prefixes || s->prefixes;
}

/* ---- from words */

static void list_categories(const struct policy *p, uint64_t bits, const char *before, const char *between, const char *after, char *out, size_t room)
{
    size_t used = (size_t)snprintf(out, room, "%s", before);
    bool first = true;
    for (size_t i = 0; i < p->categories_n && used < room; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        used += (size_t)snprintf(out + used, room - used, "%s%s", first ? "" : between, p->categories[i].name);
        first = false;
    }
    if (used < room)
        snprintf(out + used, room - used, "%s", after);
}

static int no_category(const struct call *call, const struct policy *p, const char *name)
{
    char all[RIGHTS_TEXT_MAX / 16];
    list_categories(p, UINT64_MAX, "", ", ", "", all, sizeof all);
    return args_wrong(call, "--categories: there is no category %s here; there are %s", name, all);
}

static int take_categories(const struct call *call, const struct policy *p, const char *text, uint64_t *bits)
{
    char name[CATEGORY_MAX_BYTES + 1];
    uint64_t found = 0;
    if (strcmp(text, "all") == 0) {
        *bits = 0;
        return 0;
    }
    for (;;) {
        size_t len = strcspn(text, ",");
        if (len == 0 || len > CATEGORY_MAX_BYTES)
            return args_wrong(call, "--categories: names of categories with commas between them, or all");
        memcpy(name, text, len);
        name[len] = '\0';
        int category = policy_category(p, name);
        if (category < 0)
            return no_category(call, p, name);
        found |= UINT64_C(1) << category;
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    *bits = found;
    return 0;
}

static int take_weight(const struct call *call, const char *text, uint32_t *micro)
{
    int64_t value;
    if (strcmp(text, "off") == 0) {
        *micro = 0;
        return 0;
    }
    if (text_decimal(text, &value) != 0 || value < 1000 || value > MICRO)
        return args_wrong(call, "--max-weight %s: a number from 0.001 to 1, or off", text);
    *micro = value < MICRO ? (uint32_t)value : 0;
    return 0;
}

static int take_subjects(const struct call *call, const char *text, uint32_t *most)
{
    enum { SUBJECTS_MAX = 10000000 };
    int64_t value;
    if (strcmp(text, "off") == 0) {
        *most = 0;
        return 0;
    }
    if (text_number(text, &value) != 0 || value < 1 || value > SUBJECTS_MAX)
        return args_wrong(call, "--max-subjects %s: a number from 1 to %d, or off", text, SUBJECTS_MAX);
    *most = (uint32_t)value;
    return 0;
}

/* A span counts from now: peers.conf gets the date. */
static int take_probation(const struct call *call, const char *text, int64_t now_s, struct policy_rights *r)
{
    int64_t for_s, until_s;
    const char *plain = strcmp(text, "on") == 0 ? "true" : strcmp(text, "off") == 0 ? "false" : text;
    if (text_probation(plain, &for_s, &until_s) != 0)
        return args_wrong(call, "--probation %s: a span from 1s to 3650d such as 10d, a day such as 2027-02-23, on (without end) or off", text);
    if (for_s > 0 && for_s != RIGHTS_ENDLESS) {
        until_s = now_s + for_s;
        for_s = 0;
    }
    if (until_s != 0 && until_s <= now_s)
        return args_wrong(call, "--probation %s: that is over already; off ends a probation", text);
    r->probation_s = for_s;
    r->probation_until_s = until_s;
    return 0;
}

int rights_take(const struct call *call, const struct policy *p, const struct rights_said *s, int64_t now_s, struct policy_rights *r)
{
    struct policy_rights changed = *r;
    int rc = 0;
    if ((s->black_only && s->no_black_only) || (s->prefixes && s->no_prefixes))
        return args_wrong(call, "one option and its opposite: say one of them");
    if (s->categories != NULL)
        rc = take_categories(call, p, s->categories, &changed.categories);
    if (rc == 0 && s->max_weight != NULL)
        rc = take_weight(call, s->max_weight, &changed.max_weight_micro);
    if (rc == 0 && s->max_subjects != NULL)
        rc = take_subjects(call, s->max_subjects, &changed.max_subjects);
    if (rc == 0 && s->probation != NULL)
        rc = take_probation(call, s->probation, now_s, &changed);
    if (rc != 0)
        return rc;
    if (s->black_only || s->no_black_only)
        changed.black_only = s->black_only;
    if (s->prefixes || s->no_prefixes)
        changed.no_prefixes = s->no_prefixes;
    *r = changed;
    return 0;
}

/* ---- to peers.conf */

static void add_line(struct rights_lines *l, const char *name, bool there, const char *text)
{
    struct peers_value *v = &l->values[l->n];
    snprintf(l->text[l->n], PEERS_VALUE_MAX, "%s", text);
    *v = (struct peers_value){ .name = name, .value = there ? l->text[l->n] : NULL };
    l->n++;
}

void rights_lines(const struct policy *p, const struct rights_said *s, const struct policy_rights *r, struct rights_lines *out)
{
    char text[PEERS_VALUE_MAX], when[TIME_TEXT_MAX];
    out->n = 0;
    if (s->categories != NULL) {
        list_categories(p, r->categories, "{\"", "\", \"", "\"}", text, sizeof text);
        add_line(out, "categories", r->categories != 0, text);
    }
    if (s->black_only || s->no_black_only)
        add_line(out, "black-only", r->black_only, "true");
    if (s->prefixes || s->no_prefixes)
        add_line(out, "prefixes", r->no_prefixes, "false");
    if (s->max_weight != NULL)
        add_line(out, "max-weight", r->max_weight_micro != 0, s->max_weight);
    if (s->max_subjects != NULL)
        add_line(out, "max-subjects", r->max_subjects != 0, s->max_subjects);
    if (s->probation == NULL)
        return;
    snprintf(text, sizeof text, r->probation_s != 0 ? "true" : "\"%s\"", stamp_text(r->probation_until_s, when));
    add_line(out, "probation", r->probation_s != 0 || r->probation_until_s != 0, text);
}

/* ---- in words */

static size_t add_part(char *out, size_t used, const char *format, ...) __attribute__((format(printf, 3, 4)));
static size_t add_part(char *out, size_t used, const char *format, ...)
{
    va_list args;
    if (used > 0 && used < RIGHTS_TEXT_MAX)
        used += (size_t)snprintf(out + used, RIGHTS_TEXT_MAX - used, "; ");
    va_start(args, format);
    if (used < RIGHTS_TEXT_MAX)
        used += (size_t)vsnprintf(out + used, RIGHTS_TEXT_MAX - used, format, args);
    va_end(args);
    return used;
}

char *rights_text(const struct policy *p, const struct policy_rights *r, int64_t end_s, char out[RIGHTS_TEXT_MAX])
{
    char names[RIGHTS_TEXT_MAX / 2], number[NUMBER_TEXT_MAX], when[TIME_TEXT_MAX];
    size_t used = 0;
    out[0] = '\0';
    if (end_s == INT64_MAX)
        used = add_part(out, used, "on probation");
    else if (end_s > 0)
        used = add_part(out, used, "on probation until %s", time_text(end_s, when));
    if (r->categories != 0) {
        list_categories(p, r->categories, "", ", ", " only", names, sizeof names);
        used = add_part(out, used, "%s", names);
    }
    if (r->black_only)
        used = add_part(out, used, "black only");
    if (r->no_prefixes)
        used = add_part(out, used, "no networks");
    if (r->max_weight_micro != 0)
        used = add_part(out, used, "at most %s", thousandths_text(r->max_weight_micro / 1000, number));
    if (r->max_subjects != 0)
        used = add_part(out, used, "%s kept", count_text(r->max_subjects, number));
    if (used == 0)
        strcpy(out, "all");
    return out;
}

json_t *rights_json(const struct policy *p, const struct policy_rights *r, int64_t end_s)
{
    json_t *categories = r->categories != 0 ? json_array() : json_null();
    for (size_t i = 0; i < p->categories_n; i++)
        if (r->categories >> i & 1)
            json_array_append_new(categories, json_string(p->categories[i].name));
    return json_pack("{s:o, s:b, s:b, s:f, s:o, s:b, s:o}", "categories", categories, "black_only", r->black_only, "prefixes", !r->no_prefixes, "max_weight",
                     r->max_weight_micro != 0 ? r->max_weight_micro / (double)MICRO : 1.0, "max_subjects", r->max_subjects != 0 ? json_integer(r->max_subjects) : json_null(), "probation", end_s > 0, "probation_until_s",
                     end_s > 0 && end_s != INT64_MAX ? json_integer((json_int_t)end_s) : json_null());
}
