/* sim_scale: what spreading costs, as a table. The real core and the real policy of telling, members of all sizes, a network of good quality.
 *
 * Each member has a rate of its own, between 500 and 10,000 changed opinions a day, spread evenly on a logarithmic scale. Half of them are first words, which
 * leave at once; half of all come in bursts, as spam runs do. Windows of virtual time are sampled: a minute or more of everyday life, what follows when one
 * in ten dies, and the reunion with a third that was away. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scale.h"

enum { LINKS = 8, WARM_MS = 90000 };

struct options {
    unsigned members;                          /* 0: all sizes */
    int64_t window_ms, budget;                 /* 0: by size */
    int64_t away_ms;                           /* 0: nobody is */
    unsigned seed;                             /* other opinions, links and delays */
    bool json;
};

struct scale scale;

/* ---- windows */

/* What is said within the window is watched until a while after it. */
static void window(struct world *w, int64_t ms, struct figures *f)
{
    *f = (struct figures){ 0 };
    spread_forget();
    scale.opinions = scale.batches = 0;
    scale.watching = true;
    meter_reset(w->meter);
    sim_run_until(w, w->now_ms + ms);
    scale.watching = false;
    figure_bytes(w, ms, f);
    f->opinions = per_second(scale.opinions, ms);
    f->batches = per_second(scale.batches, ms);
    f->copies = scale.batches == 0 ? 0 : (double)w->meter->copies / (double)scale.batches / scale.alive;
    sim_run_until(w, w->now_ms + AFTER_MS);
    figure_times(w, f);
}

static void begin(struct world *w, const struct options *o, unsigned members)
{
    memset(w, 0, sizeof *w);
    w->options.scale = true;
    w->random = members + UINT64_C(100000) * o->seed;
    w->nodes_n = members;
    w->healed = true;
    w->load = voice_load;
    w->held = spread_held;
    w->meter = calloc(1, sizeof *w->meter);
    if (w->meter == NULL)
        abort();
    w->weather = (struct weather){ .delay_ms = 100, .disk_ms = 20 };
    scale.alive = members;
    scale.silent = scale.watching = false;
    scale.pace = tell_pace(members, o->budget);
    sim_set_up_nodes(w);
    w->links = LINKS;
    for (unsigned i = 0; i < members; i++)
        queue_put(w, (struct event){ .kind = EVENT_START, .node = i }, (int64_t)draw(w, 2000));
    sim_run_until(w, 10000);
    voice_start(w);
    sim_run_until(w, w->now_ms + WARM_MS);
}

static void end(struct world *w)
{
    struct meter *m = w->meter;

    sim_clear(w);
    free(m);
    spread_free();
}

/* ---- all of one size */

static double mean_links(const struct world *w)
{
    size_t n = 0;

    for (unsigned i = 0; i < w->nodes_n; i++) {
        for (size_t j = 0; j < w->nodes[i].ways_n; j++)
            n += w->nodes[i].ways[j].up;
    }
    return (double)n / w->nodes_n;
}

static void die(struct world *w)
{
    for (unsigned i = 3; i < w->nodes_n; i += 10) {
        node_crash(w, &w->nodes[i], false);
        scale.alive--;
    }
}

static void revive(struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++)
        node_start(w, &w->nodes[i], false);
    scale.alive = w->nodes_n;
    sim_run_until(w, w->now_ms + AFTER_MS);
}

static void run(const struct options *o, unsigned members, struct row *r)
{
    static struct world w;

    *r = (struct row){ .members = members };
    r->window_ms = o->window_ms > 0 ? o->window_ms : members <= 100 ? 600000 : 60000;
    begin(&w, o, members);
    r->links = mean_links(&w);
    window(&w, r->window_ms, &r->usual);
    if (!o->json)
        print_row(r, "", &r->usual);
    die(&w);
    window(&w, r->window_ms, &r->died);
    if (!o->json)
        print_row(r, "-10 %", &r->died);
    revive(&w);
    if (o->away_ms > 0)
        reunite(&w, r->usual.batches / 1000, o->away_ms, &r->back);
    if (o->away_ms > 0 && !o->json)
        print_reunion(r);
    if (w.failed)
        printf("FAILED: %s\n", w.why);
    end(&w);
}

static bool parse_hours(const char *text, int64_t *ms)
{
    char *end;
    double hours = strtod(text, &end);

    if (end == text || *end != '\0' || !(hours >= 0 && hours <= 30 * 24))
        return false;
    *ms = (int64_t)(hours * 3600 * 1000);
    return true;
}

static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = { { "members", required_argument, NULL, 'm' }, { "window", required_argument, NULL, 'w' },
                                           { "budget", required_argument, NULL, 'b' },  { "away", required_argument, NULL, 'a' },
                                           { "seed", required_argument, NULL, 's' },    { "json", no_argument, NULL, 'j' },   { NULL, 0, NULL, 0 } };
    bool good = true;
    int c;

    while (good && (c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c == 'm')
            good = (o->members = (unsigned)atoi(optarg)) >= 2 && o->members < NODES_MAX;
        else if (c == 'w')
            good = (o->window_ms = atoi(optarg) * INT64_C(1000)) > 0;
        else if (c == 'b')
            good = (o->budget = atoi(optarg)) > 0;
        else if (c == 'a')
            good = parse_hours(optarg, &o->away_ms);
        else if (c == 's')
            good = (o->seed = (unsigned)atoi(optarg)) < 1000000;
        else
            good = c == 'j' && (o->json = true);
    }
    return good && optind == argc;
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = { 10, 30, 100, 300, 1000 };
    struct options o = { .budget = 20000, .away_ms = DAY_MS };
    struct row rows[sizeof sizes / sizeof sizes[0]];
    size_t n = 0;

    if (!parse(argc, argv, &o)) {
        fputs("sim_scale [--members N] [--window SECONDS] [--budget BYTES] [--away HOURS] [--seed K] [--json]\n", stderr);
        return 2;
    }
    if (!o.json)
        print_head(o.budget);
    if (o.members > 0)
        run(&o, o.members, &rows[n++]);
    for (size_t i = 0; o.members == 0 && i < sizeof sizes / sizeof sizes[0]; i++)
        run(&o, sizes[i], &rows[n++]);
    if (o.json)
        print_json(rows, n, o.budget);
    authors_free();
    return 0;
}
