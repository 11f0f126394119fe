/* Every option is written down: in the sample and in the manual, with its true default. */
#include "tests/unit/config_fixture.h"

#include "node/config_fixed.h"

/* ---- the sample and the manual */

static char *slurp(const char *name)
{
    FILE *f = fopen(name, "r");
    char *text = calloc(1, 1 << 20);
    if (f == NULL) {
        free(text);
        return NULL;
    }
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

static void the_sample_loads_as_it_stands(void **state)
{
    char *sample = slurp(SOURCE_DIR "/conf/hearsay.conf");
    struct config *c = load(sample);
    (void)state;
    assert_int_equal(c->reports_n, 2);
    config_free(&c);
    free(sample);
}

/* In the sample, a default stands behind a single #. */
static char *with_defaults_uncommented(const char *sample)
{
    char *text = calloc(1, strlen(sample) + 1), *to = text;
    for (const char *p = sample; *p != '\0'; p++) {
        bool at_line_start = p == sample || p[-1] == '\n' || (p[-1] == ' ' && p[1] != ' ');
        if (*p == '#' && at_line_start && p[1] >= 'a' && p[1] <= 'z')
            continue;
        *to++ = *p;
    }
    return text;
}

static void the_defaults_in_the_sample_are_the_defaults(void **state)
{
    char *sample = slurp(SOURCE_DIR "/conf/hearsay.conf"), *text = with_defaults_uncommented(sample);
    struct config *as_it_stands = load(sample), *uncommented = load(text);
    (void)state;
    assert_true(strlen(text) < strlen(sample));
    assert_memory_equal(&as_it_stands->limits, &uncommented->limits, sizeof uncommented->limits);
    assert_memory_equal(&as_it_stands->quota, &uncommented->quota, sizeof uncommented->quota);
    assert_memory_equal(&as_it_stands->mesh, &uncommented->mesh, sizeof uncommented->mesh);
    assert_memory_equal(as_it_stands->zones, uncommented->zones, sizeof uncommented->zones);
    assert_memory_equal(as_it_stands->policy->zones, uncommented->policy->zones, sizeof uncommented->policy->zones);
    assert_memory_equal(&as_it_stands->tools, &uncommented->tools, sizeof uncommented->tools);
    assert_memory_equal(&as_it_stands->policy->tools, &uncommented->policy->tools, sizeof uncommented->policy->tools);
    assert_memory_equal(as_it_stands->policy->categories, uncommented->policy->categories, sizeof uncommented->policy->categories);
    assert_string_equal(as_it_stands->database, uncommented->database);
    assert_string_equal(as_it_stands->federation, uncommented->federation);
    config_free(&as_it_stands);
    config_free(&uncommented);
    free(sample);
    free(text);
}

/* `name =` or `name(` as a word of its own, behind any number of comment signs. */
static bool mentions_option(const char *sample, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = strstr(sample, name); at != NULL; at = strstr(at + 1, name)) {
        bool starts = at == sample || at[-1] == ' ' || at[-1] == '#' || at[-1] == '\n';
        if (starts && (strncmp(at + len, " = ", 3) == 0 || at[len] == '('))
            return true;
    }
    return false;
}

static void every_option_is_in_the_sample(void **state)
{
    char *sample = slurp(SOURCE_DIR "/conf/hearsay.conf");
    size_t n;
    const struct config_option *o = config_options(&n);
    (void)state;
    assert_true(n > 30);
    for (size_t i = 0; i < n; i++)
        if (!mentions_option(sample, o[i].name))
            fail_msg("conf/hearsay.conf does not mention %s %s", o[i].section, o[i].name);
    free(sample);
}

/* What the manual says of an option, within the part on its section; NULL if nothing. Up to the next item. */
static char *manual_item(const char *manual, const struct config_option *o)
{
    char head[64], item[64];
    const char *section, *next, *at, *end;
    snprintf(head, sizeof head, "\n.Ss %s", o->section[0] == '\0' ? "General options" : o->section);
    snprintf(item, sizeof item, "\n.It Cm %s", o->name);
    section = strstr(manual, head);
    if (section == NULL)
        return NULL;
    next = strstr(section + 1, "\n.Ss ");
    if (next == NULL)
        next = strstr(section, "\n.Sh ");
    at = strstr(section, item);
    if (next == NULL || at == NULL || at > next || (at[strlen(item)] != '\n' && at[strlen(item)] != ' '))
        return NULL;
    end = strstr(at + 1, "\n.It ");
    if (end == NULL || end > next)
        end = next;
    return strndup(at, (size_t)(end - at));
}

static void every_option_is_in_the_manual_with_its_default(void **state)
{
    char *manual = slurp(SOURCE_DIR "/tools/man/hearsay.conf.5");
    size_t n;
    const struct config_option *o = config_options(&n);
    (void)state;
    if (manual == NULL)
        skip();
    for (size_t i = 0; i < n; i++) {
        char *said = manual_item(manual, &o[i]), want[128];
        if (said == NULL)
            fail_msg("hearsay.conf.5 says nothing of %s %s", o[i].section, o[i].name);
        snprintf(want, sizeof want, "\nDefault: %s.", o[i].fallback);
        if (o[i].fallback[0] != '\0' && o[i].fallback[0] != '(' && !o[i].list && strstr(said, want) == NULL)
            fail_msg("hearsay.conf.5 says of %s %s: %s\nand not%s", o[i].section, o[i].name, said, want);
        free(said);
    }
    free(manual);
}

/* ---- what takes a restart */

static bool is_fixed(const struct config_option *o)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", o->section, o->section[0] != '\0' ? " " : "", o->name);
    for (const char *const *at = config_fixed_names(); *at != NULL; at++)
        if (strcmp(*at, name) == 0)
            return true;
    return false;
}

static void what_takes_a_restart_is_said_in_the_manual_and_in_the_sample(void **state)
{
    char *manual = slurp(SOURCE_DIR "/tools/man/hearsay.conf.5"), *sample = slurp(SOURCE_DIR "/conf/hearsay.conf"), want[CONFIG_FIXED_TEXT_MAX + 40] = "needed for: ";
    size_t n, fixed_n = 0, names_n = 0;
    const struct config_option *o = config_options(&n);
    (void)state;
    if (manual == NULL || sample == NULL)
        skip();
    for (size_t i = 0; i < n; i++) {
        char *said = manual_item(manual, &o[i]);
        assert_non_null(said);
        if ((strstr(said, "\nChanges at a restart only.") != NULL) != is_fixed(&o[i]))
            fail_msg("hearsay.conf.5 says of %s %s: %s", o[i].section, o[i].name, said);
        fixed_n += is_fixed(&o[i]);
        free(said);
    }
    for (const char *const *at = config_fixed_names(); *at != NULL; at++, names_n++)
        snprintf(want + strlen(want), sizeof want - strlen(want), "%s%s", names_n > 0 ? ", " : "", *at);
    assert_int_equal(fixed_n, names_n);
    assert_non_null(strstr(sample, want));
    free(manual);
    free(sample);
}

static void a_fresh_configuration_keeps_what_takes_a_restart_and_nothing_else(void **state)
{
    static const char *const all = "identity, database, control, limits queue, mesh publish, mesh repair";
    struct config *running = load("name = mx.a.example\nmesh { }\n");
    struct config *fresh = load("name = mx.b.example\nttl = \"5d\"\nidentity = i\ndatabase = d\ncontrol = c\nlog = debug\nlimits { queue = 9 backlog = 7 }\nquota { batches = 1000 }\n"
                                "mesh { publish = \"tcp://0.0.0.0:11\" repair = \"tcp://0.0.0.0:12\" links = 5 }\n");
    char said[CONFIG_FIXED_TEXT_MAX];
    (void)state;
    assert_true(config_keep_fixed(running, fresh, said));
    assert_string_equal(said, all);
    assert_string_equal(fresh->identity, running->identity);
    assert_string_equal(fresh->card, running->card);
    assert_string_equal(fresh->database, running->database);
    assert_string_equal(fresh->control, running->control);
    assert_int_equal(fresh->limits.queue, running->limits.queue);
    assert_string_equal(fresh->mesh.publish, running->mesh.publish);
    assert_string_equal(fresh->mesh.repair, running->mesh.repair);
    assert_string_equal(fresh->name, "mx.b.example");
    assert_true(fresh->limits.backlog == 7 && fresh->mesh.links == 5 && fresh->quota.batches == 1000 && fresh->policy->ttl_s == 5 * 86400);
    assert_false(config_keep_fixed(running, fresh, said));
    assert_string_equal(said, "");
    config_free(&fresh);
    config_free(&running);
}

static void where_no_mesh_runs_its_endpoints_may_change(void **state)
{
    struct config *running = load("name = mx.a.example\n");
    struct config *fresh = load("name = mx.a.example\nmesh { publish = \"tcp://0.0.0.0:11\" }\n");
    char said[CONFIG_FIXED_TEXT_MAX];
    (void)state;
    assert_false(config_keep_fixed(running, fresh, said));
    assert_string_equal(fresh->mesh.publish, "tcp://0.0.0.0:11");
    config_free(&fresh);
    config_free(&running);
}

/* Outside of sections there is none to be left out either. */
static bool has_title(const char *section)
{
    static const char *const titled[] = {"", "report", "peer", "category", "zone", "note"};
    for (size_t i = 0; i < sizeof titled / sizeof *titled; i++)
        if (strcmp(section, titled[i]) == 0)
            return true;
    return false;
}

static void every_default_is_a_value_of_its_option(void **state)
{
    size_t n;
    const struct config_option *o = config_options(&n);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        char text[512];
        const char *title = strcmp(o[i].section, "report") != 0 ? "a.example" : strcmp(o[i].name, "allow") == 0 ? "tcp:127.0.0.1:9" : "unix:x";
        bool titled = has_title(o[i].section), is_word = strcmp(o[i].section, "category") == 0 || strcmp(o[i].section, "note") == 0;
        const char *quote = o[i].list ? "" : "\"";
        struct config *c;
        if (o[i].fallback[0] == '\0' || o[i].fallback[0] == '(' || strcmp(o[i].section, "peer") == 0)
            continue;
        if (o[i].section[0] == '\0')
            snprintf(text, sizeof text, "name = a.example\n%s = %s%s%s\n", o[i].name, quote, o[i].fallback, quote);
        else
            snprintf(text, sizeof text, "name = a.example\n%s \"%s\" { %s = %s%s%s }\n", o[i].section, is_word ? "spam" : title, o[i].name, quote, o[i].fallback, quote);
        if (!titled)
            snprintf(text, sizeof text, "name = a.example\n%s { %s = \"%s\" }\n", o[i].section, o[i].name, o[i].fallback);
        c = load(text);
        config_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_loads_as_it_stands),
        cmocka_unit_test(the_defaults_in_the_sample_are_the_defaults),
        cmocka_unit_test(every_option_is_in_the_sample),
        cmocka_unit_test(every_option_is_in_the_manual_with_its_default),
        cmocka_unit_test(what_takes_a_restart_is_said_in_the_manual_and_in_the_sample),
        cmocka_unit_test(a_fresh_configuration_keeps_what_takes_a_restart_and_nothing_else),
        cmocka_unit_test(where_no_mesh_runs_its_endpoints_may_change),
        cmocka_unit_test(every_default_is_a_value_of_its_option),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
