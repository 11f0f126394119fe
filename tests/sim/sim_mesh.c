/* sim_mesh: runs seeds, says what went wrong. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static void usage(void)
{
    puts("sim_mesh [--seed N | --seeds A..B] [--nodes K] [--keys N] [--verbose | --times] [--quiet] [--plant FAULT]\n"
         "  runs many mesh cores under one virtual clock, network and disk, and checks what must hold\n"
         "  --keys   other keys, and so another order of the members (0)\n"
         "  --times  a line for each seed, and no end at the third that fails\n"
         "  --plant  a fault that the checks must find: relay-before-store, store-unverified, reuse-number, no-repair,\n"
         "           revive-dead, lose-batch, pass-bound, blame-honest, keep-first, trust-copy");
}

static void print_trace(const struct world *w)
{
    size_t first = w->trace_n > TRACE_LINES ? w->trace_n - TRACE_LINES : 0;

    for (size_t i = first; i < w->trace_n; i++)
        puts(w->trace[i % TRACE_LINES]);
}

static void report(const struct world *w)
{
    unsigned liars = 0;

    for (unsigned i = 0; i < w->nodes_n; i++)
        liars += w->nodes[i].liar;
    if (w->failed && !w->options.verbose)
        print_trace(w);
    printf("seed %llu: %u nodes, %u liars, %zu batches, %llu stored, %llu steps, %llu messages, ", (unsigned long long)w->options.seed, w->nodes_n, liars,
           w->registry.n, (unsigned long long)w->stored, (unsigned long long)w->steps, (unsigned long long)w->messages);
    if (w->failed)
        printf("FAILED: %s\nagain: tools/sim --seed %llu --keys %llu%s%s --verbose\n", w->why, (unsigned long long)w->options.seed, (unsigned long long)w->options.keys,
               w->options.plant != PLANT_NONE ? " --plant " : "", w->options.plant != PLANT_NONE ? plant_names[w->options.plant] : "");
    else
        printf("level after %.0f s\n", (double)w->level_ms / 1000);
}

static bool parse_seeds(const char *text, uint64_t *first, uint64_t *last)
{
    char *end;

    *first = *last = strtoull(text, &end, 10);
    if (end != text && strncmp(end, "..", 2) == 0)
        *last = strtoull(end + 2, &end, 10);
    return end != text && *end == '\0' && *first <= *last;
}

static bool parse_plant(const char *text, enum plant *out)
{
    for (int p = 0; p < PLANTS; p++) {
        if (strcmp(text, plant_names[p]) == 0) {
            *out = (enum plant)p;
            return true;
        }
    }
    return false;
}

static bool parse(int argc, char **argv, struct sim_options *o, uint64_t *first, uint64_t *last)
{
    static const struct option options[] = {
        { "seed", required_argument, NULL, 's' }, { "seeds", required_argument, NULL, 's' }, { "nodes", required_argument, NULL, 'n' }, { "keys", required_argument, NULL, 'k' },
        { "verbose", no_argument, NULL, 'v' },    { "quiet", no_argument, NULL, 'q' },      { "times", no_argument, NULL, 't' }, { "plant", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 },
    };
    uint64_t last_keys = 0;
    bool good = true;
    int c;

    while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            good = parse_seeds(optarg, first, last);
        else if (c == 'n')
            good = (o->nodes = (unsigned)atoi(optarg)) >= 2 && o->nodes <= NODES_MAX;
        else if (c == 'k')
            good = parse_seeds(optarg, &o->keys, &last_keys) && o->keys == last_keys;
        else if (c == 'v')
            o->verbose = true;
        else if (c == 'q')
            o->quiet = true;
        else if (c == 't')
            o->times = true;
        else
            good = c == 'p' && parse_plant(optarg, &o->plant);
    }
    return good && optind == argc;
}

/* What the runs that held amount to. */
struct sum {
    uint64_t seeds, steps, messages, stored, dropped;
    unsigned largest;
    int64_t latest_ms;
};

static void add_up(struct sum *sum, const struct world *w)
{
    sum->seeds++;
    sum->steps += w->steps;
    sum->messages += w->messages;
    sum->stored += w->stored;
    sum->dropped += w->dropped;
    if (w->nodes_n > sum->largest)
        sum->largest = w->nodes_n;
    if (w->level_ms > sum->latest_ms)
        sum->latest_ms = w->level_ms;
}

int main(int argc, char **argv)
{
    struct sim_options o = { 0 };
    struct sum sum = { 0 };
    uint64_t first = 1, last = 20;
    unsigned failed = 0;
    struct world *w = calloc(1, sizeof *w);

    if (w == NULL || !parse(argc, argv, &o, &first, &last)) {
        usage();
        free(w);
        return 2;
    }
    authors_draw(o.keys);
    for (o.seed = first; o.seed <= last && (failed < 3 || o.times); o.seed++) {
        failed += sim_run(&o, w) != 0;
        if (o.times)
            printf("%llu %u %s\n", (unsigned long long)o.seed, (unsigned)(w->level_ms / 1000), w->failed ? w->why : "");
        else if (w->failed || o.verbose || (last - first < 20 && !o.quiet))
            report(w);
        add_up(&sum, w);
        sim_clear(w);
    }
    if (failed == 0 && !o.quiet)
        printf("%llu seeds held, of up to %u nodes, level after %lld s at the latest: %llu steps, %llu messages, %llu lost to slow consumers, %llu batches stored\n", (unsigned long long)sum.seeds,
               sum.largest, (long long)sum.latest_ms / 1000, (unsigned long long)sum.steps, (unsigned long long)sum.messages, (unsigned long long)sum.dropped,
               (unsigned long long)sum.stored);
    free(w);
    authors_free();
    return failed == 0 ? 0 : 1;
}
