/* sim_scale: what spreading costs, as a table. The real core and the real policy of telling, members of all sizes, a network of good quality.
 *
 * Each member has a rate of its own, between 500 and 10,000 changed opinions a day, spread evenly on a logarithmic scale. Half of them are first words, which
 * leave at once; half of all come in bursts, as spam runs do. Windows of virtual time are sampled: a minute or more of everyday life, what follows when one
 * in ten dies, and the reunion with a third that was away. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "store/tell_pace.h"

enum { RATE_MIN = 500, RATE_MAX = 10000, DAY_MS = 86400 * 1000, BURST = 60, BURST_MS = 60000 };
enum { LINKS = 8, WARM_MS = 120000, AFTER_MS = 40000, AWAY_BATCHES_MAX = 20000, AWAY_GIVE_UP_MS = 3600 * 1000 };

struct options {
    unsigned members;                          /* 0: all sizes */
    int64_t window_ms, budget;                 /* 0: by size */
    bool json;
};

/* What a member has to say and has not said. */
struct voice {
    double per_day;
    unsigned first, grown, burst;              /* burst: how many are still to come in this one */
    int64_t tell_at_ms, grown_since_ms;
    bool ticking;
};

/* How a batch of first words spread. */
struct spread {
    int64_t said_ms, half_ms, most_ms, all_ms;
    unsigned holders;
    bool watched;
};

static struct {
    struct world *world;
    struct tell_pace pace;
    struct voice voices[NODES_MAX];
    struct spread *spreads;                    /* [batch] */
    size_t spreads_room;
    unsigned alive;
    uint64_t opinions, batches;                /* said in the window */
    bool silent, watching;
} s;

/* ---- what members say */

static double uniform(struct world *w)
{
    return ((double)draw(w, UINT64_C(1) << 52) + 1) / (double)(UINT64_C(1) << 52);
}

/* Exponentially distributed, mean 1. */
static double wait_of(struct world *w)
{
    return -log(uniform(w));
}

static void next_change(struct world *w, unsigned node)
{
    const struct voice *v = &s.voices[node];
    /* One event in BURST of the quiet ones begins a burst of as many: half of all. */
    double ms = v->burst > 0 ? (double)BURST_MS / BURST : (double)DAY_MS / (v->per_day / 2);

    queue_put(w, (struct event){ .kind = EVENT_LOAD, .node = node }, 1 + (int64_t)(ms * wait_of(w)));
}

static void watch(struct world *w, size_t batch, bool urgent)
{
    if (batch >= s.spreads_room) {
        size_t room = batch * 2 + 1024;
        s.spreads = realloc(s.spreads, room * sizeof *s.spreads);
        if (s.spreads == NULL)
            abort();
        memset(s.spreads + s.spreads_room, 0, (room - s.spreads_room) * sizeof *s.spreads);
        s.spreads_room = room;
    }
    s.spreads[batch] = (struct spread){ .said_ms = w->now_ms, .half_ms = -1, .most_ms = -1, .all_ms = -1, .holders = 1, .watched = urgent && s.watching };
}

static size_t sign_next(struct world *w, struct node *n, unsigned opinions)
{
    struct batch_plan p = { .author = n->index, .signer = n->index, .federation = FEDERATION, .epoch = n->disk.epoch, .seq = n->disk.seq + 1,
                            .previous = n->disk.previous, .time_s = node_now_s(w, n), .floor_epoch = n->disk.epoch, .floor_seq = 1 };
    size_t i = author_sign_many(w, &p, opinions);

    n->disk.seq = p.seq;
    memcpy(n->disk.previous, w->registry.at[i].ref.name.hash, HASH_BYTES);
    disk_add(&n->disk, i);
    return i;
}

static void tell(struct world *w, struct node *n, unsigned opinions, bool urgent)
{
    size_t i = sign_next(w, n, opinions);
    const struct signed_batch *b = &w->registry.at[i];

    watch(w, i, urgent);
    if (s.watching) {
        s.opinions += opinions;
        s.batches++;
    }
    node_step(w, n, &(struct mesh_event){ .kind = MESH_OWN, .name = &b->ref.name, .bytes = { b->frame, b->len } });
}

/* As the daemon's store thread does it: the first leaves at once, the next ones wait a little for company. */
static void tell_due(struct world *w, struct node *n)
{
    struct voice *v = &s.voices[n->index];
    bool grown_due = v->grown >= s.pace.growth_min || (v->grown > 0 && w->now_ms - v->grown_since_ms >= s.pace.growth_s * 1000);

    if (n->core == NULL || !n->settled || w->now_ms < v->tell_at_ms || (v->first == 0 && !grown_due))
        return;
    tell(w, n, v->first + v->grown, v->first > 0);     /* growth goes along */
    v->first = v->grown = 0;
    v->tell_at_ms = w->now_ms + s.pace.first_ms;
}

static void tick_at(struct world *w, struct voice *v, unsigned node)
{
    int64_t at_ms = v->first > 0 ? v->tell_at_ms : v->grown > 0 ? v->grown_since_ms + s.pace.growth_s * 1000 : -1;

    if (at_ms < 0 || v->ticking)
        return;
    v->ticking = true;
    queue_put(w, (struct event){ .kind = EVENT_LOAD, .node = node, .flag = true }, at_ms > w->now_ms ? at_ms - w->now_ms : 1);
}

static void change(struct world *w, unsigned node)
{
    struct voice *v = &s.voices[node];

    if (v->burst > 0)
        v->burst--;
    else if (draw(w, BURST) == 0)
        v->burst = BURST;
    if (draw(w, 2) == 0) {
        v->first++;
    } else if (v->grown++ == 0) {
        v->grown_since_ms = w->now_ms;
    }
    next_change(w, node);
}

static void on_load(struct world *w, const struct event *ev)
{
    struct voice *v = &s.voices[ev->node];

    if (ev->other > 0 && w->nodes[ev->node].settled) {
        tell(w, &w->nodes[ev->node], 1, false);        /* before the window: everybody has said something */
        return;
    }
    if (ev->flag)
        v->ticking = false;
    else
        change(w, ev->node);
    if (!s.silent)
        tell_due(w, &w->nodes[ev->node]);
    tick_at(w, v, ev->node);
}

/* Growth waits: each begins somewhere within its wait, as it does in a coalition that has run for long. */
static void start_voices(struct world *w)
{
    double rate = RATE_MIN, ratio = pow((double)RATE_MAX / RATE_MIN, 1.0 / (w->nodes_n - 1));

    for (unsigned i = 0; i < w->nodes_n; i++, rate *= ratio) {
        struct voice *v = &s.voices[i];
        double between_s = 86400 / (rate / 2);           /* first words, which growth goes along with */
        double waiting_s = (between_s < (double)s.pace.growth_s ? between_s : (double)s.pace.growth_s) * uniform(w);
        *v = (struct voice){ .per_day = rate };
        v->grown = (unsigned)(rate / 2 / 86400 * waiting_s) % (unsigned)s.pace.growth_min;
        v->grown_since_ms = w->now_ms - (int64_t)(waiting_s * 1000);
        next_change(w, i);
        tick_at(w, v, i);
        queue_put(w, (struct event){ .kind = EVENT_LOAD, .node = i, .other = 1 }, (int64_t)draw(w, 30000));
    }
}

static void on_held(struct world *w, size_t batch)
{
    struct spread *p = batch < s.spreads_room ? &s.spreads[batch] : NULL;

    if (p == NULL || p->said_ms == 0)
        return;
    p->holders++;
    if (p->half_ms < 0 && p->holders * 2 >= s.alive)
        p->half_ms = w->now_ms - p->said_ms;
    if (p->most_ms < 0 && p->holders * 100 >= s.alive * 99)
        p->most_ms = w->now_ms - p->said_ms;
    if (p->all_ms < 0 && p->holders >= s.alive)
        p->all_ms = w->now_ms - p->said_ms;
}

/* ---- figures */

struct figures {
    double sent_mean, sent_worst, received_mean, received_worst, haves, repair;  /* bytes a second and node */
    double opinions, batches, copies;          /* a second; per batch and node */
    int64_t half_ms, most_ms, most_worst_ms, all_ms, all_worst_ms;
    unsigned unheard;                          /* batches that not all had at the end */
};

static double per_second(uint64_t bytes, int64_t ms)
{
    return (double)bytes * 1000 / (double)ms;
}

static void figure_bytes(const struct world *w, int64_t ms, struct figures *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->nodes_n; i++) {
        uint64_t sent = 0, received = 0;
        if (w->nodes[i].core == NULL)
            continue;
        n++;
        for (int t = 0; t < TRAFFICS; t++) {
            sent += w->meter->nodes[i].sent[t];
            received += w->meter->nodes[i].received[t];
        }
        f->sent_mean += per_second(sent, ms);
        f->received_mean += per_second(received, ms);
        f->haves += per_second(w->meter->nodes[i].sent[TRAFFIC_HAVES], ms);
        f->repair += per_second(w->meter->nodes[i].sent[TRAFFIC_REPAIR], ms);
        f->sent_worst = per_second(sent, ms) > f->sent_worst ? per_second(sent, ms) : f->sent_worst;
        f->received_worst = per_second(received, ms) > f->received_worst ? per_second(received, ms) : f->received_worst;
    }
    f->sent_mean /= n;
    f->received_mean /= n;
    f->haves /= n;
    f->repair /= n;
}

static int64_t quantile_of(const struct world *w, size_t offset, unsigned per_mille, unsigned *missing)
{
    int64_t *at = calloc(w->registry.n + 1, sizeof *at), got;
    size_t n = 0;

    if (at == NULL)
        abort();
    for (size_t i = 0; i < w->registry.n && i < s.spreads_room; i++) {
        int64_t ms;
        memcpy(&ms, (const char *)&s.spreads[i] + offset, sizeof ms);
        if (!s.spreads[i].watched)
            continue;
        if (ms >= 0)
            at[n++] = ms;
        else
            *missing += 1;
    }
    got = meter_quantile(at, n, per_mille);
    free(at);
    return got;
}

static void figure_times(const struct world *w, struct figures *f)
{
    unsigned other = 0, again = 0;

    f->half_ms = quantile_of(w, offsetof(struct spread, half_ms), 500, &other);
    f->most_ms = quantile_of(w, offsetof(struct spread, most_ms), 500, &other);
    f->most_worst_ms = quantile_of(w, offsetof(struct spread, most_ms), 1000, &other);
    f->all_ms = quantile_of(w, offsetof(struct spread, all_ms), 500, &f->unheard);
    f->all_worst_ms = quantile_of(w, offsetof(struct spread, all_ms), 1000, &again);
}

/* ---- windows */

static void forget_spreads(void)
{
    for (size_t i = 0; i < s.spreads_room; i++)
        s.spreads[i].watched = false;
}

/* What is said within the window is watched until a while after it. */
static void window(struct world *w, int64_t ms, struct figures *f)
{
    *f = (struct figures){ 0 };
    forget_spreads();
    s.opinions = s.batches = 0;
    s.watching = true;
    meter_reset(w->meter);
    sim_run_until(w, w->now_ms + ms);
    s.watching = false;
    figure_bytes(w, ms, f);
    f->opinions = per_second(s.opinions, ms);
    f->batches = per_second(s.batches, ms);
    f->copies = s.batches == 0 ? 0 : (double)w->meter->copies / (double)s.batches / s.alive;
    sim_run_until(w, w->now_ms + AFTER_MS);
    figure_times(w, f);
}

static void begin(struct world *w, const struct options *o, unsigned members)
{
    memset(w, 0, sizeof *w);
    w->options.scale = true;
    w->random = members;
    w->nodes_n = members;
    w->healed = true;
    w->load = on_load;
    w->held = on_held;
    w->meter = calloc(1, sizeof *w->meter);
    if (w->meter == NULL)
        abort();
    w->weather = (struct weather){ .delay_ms = 100, .disk_ms = 20 };
    s.world = w;
    s.alive = members;
    s.silent = s.watching = false;
    s.pace = tell_pace(members, o->budget);
    sim_set_up_nodes(w);
    w->links = LINKS;
    for (unsigned i = 0; i < members; i++)
        queue_put(w, (struct event){ .kind = EVENT_START, .node = i }, (int64_t)draw(w, 2000));
    sim_run_until(w, 10000);
    start_voices(w);
    sim_run_until(w, w->now_ms + WARM_MS);
}

static void end(struct world *w)
{
    struct meter *m = w->meter;

    sim_clear(w);
    free(m);
    free(s.spreads);
    s.spreads = NULL;
    s.spreads_room = 0;
}

/* ---- the reunion */

struct reunion {
    int64_t away_ms, took_ms;
    uint64_t batches, repair_bytes;            /* missed by all together; sent by all */
    double per_batch, worst;                   /* bytes for each batch that one node lacked; bytes a second of the busiest */
};

/* All of one size. */
struct row {
    unsigned members;
    double links;
    int64_t window_ms;
    struct figures usual, died;
    struct reunion back;
};

/* While they are away nothing crosses, so what was said is put on the disks of its own side: what the mesh would have done, in less time. */
static void put_on_side(struct world *w, size_t batch, uint64_t *missed)
{
    unsigned side = w->side[w->registry.at[batch].author];

    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (w->side[i] != side)
            *missed += 1;
        else if (!disk_has(&w->nodes[i].disk, batch))
            disk_add(&w->nodes[i].disk, batch);
        if (w->side[i] == side && w->nodes[i].core != NULL && mesh_held(w->nodes[i].core, &w->registry.at[batch].ref) != 0)
            abort();
    }
}

/* So many batches of a member in a day as the window showed; of the day, as much as there is memory for. */
static void say_apart(struct world *w, double batches_per_ms, struct reunion *r)
{
    double all = batches_per_ms * DAY_MS;

    r->away_ms = all > AWAY_BATCHES_MAX ? (int64_t)(AWAY_BATCHES_MAX / batches_per_ms) : DAY_MS;
    for (unsigned i = 0; i < w->nodes_n; i++) {
        double share = batches_per_ms * (double)r->away_ms / w->nodes_n;
        for (double said = uniform(w); said < share; said++)
            put_on_side(w, sign_next(w, &w->nodes[i], 1 + (unsigned)draw(w, 3)), &r->batches);
    }
}

static bool is_level(const struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (w->nodes[i].disk.batches.n < w->registry.n)
            return false;
    }
    return true;
}

static void reunite(struct world *w, double batches_per_ms, struct reunion *r)
{
    int64_t start_ms;

    *r = (struct reunion){ 0 };
    s.silent = true;
    sim_run_until(w, w->now_ms + AFTER_MS);
    for (unsigned i = 0; i < w->nodes_n; i++)
        w->side[i] = i % 3 == 0;
    net_look(w);
    sim_run_until(w, w->now_ms + AFTER_MS);
    say_apart(w, batches_per_ms, r);
    memset(w->side, 0, sizeof w->side);
    net_look(w);
    meter_reset(w->meter);
    start_ms = w->now_ms;
    while (!is_level(w) && w->now_ms < start_ms + AWAY_GIVE_UP_MS)
        sim_run_until(w, w->now_ms + 1000);
    r->took_ms = is_level(w) ? w->now_ms - start_ms : -1;
    for (unsigned i = 0; i < w->nodes_n; i++) {
        uint64_t all = w->meter->nodes[i].sent[TRAFFIC_REPAIR] + w->meter->nodes[i].sent[TRAFFIC_HAVES] + w->meter->nodes[i].sent[TRAFFIC_BATCHES];
        r->repair_bytes += all;
        if (per_second(all, w->now_ms - start_ms) > r->worst)
            r->worst = per_second(all, w->now_ms - start_ms);
    }
    r->per_batch = r->batches == 0 ? 0 : (double)r->repair_bytes / (double)r->batches;
}

/* ---- the table */

static double seconds(int64_t ms)
{
    return ms < 0 ? -1 : (double)ms / 1000;
}

static void print_head(int64_t budget)
{
    printf("Bytes a second and node, as on the wire: ZMTP under CURVE, TCP over IPv4 (33 bytes and 2 or 9 for each part, 78 for each 1448 begun). mesh.budget is %lld.\n"
           "Seconds until nodes have a first word on disk, from the moment it was told: the median over the batches, and the worst.\n\n",
           (long long)budget);
    printf("%7s %-7s %10s %8s | %6s %6s %6s %6s %6s %6s | %6s | %6s %6s %7s %6s %7s\n", "", "", "opinions", "batches", "sent", "most", "got", "most", "of it", "of it",
           "copies", "50 %", "99 %", "", "100 %", "");
    printf("%7s %-7s %10s %8s | %6s %6s %6s %6s %6s %6s | %6s | %6s %6s %7s %6s %7s\n", "members", "", "a second", "a second", "mean", "sent", "mean", "got", "haves",
           "repair", "", "", "", "(worst)", "", "(worst)");
}

static void print_row(const struct row *r, const char *what, const struct figures *f)
{
    printf("%7u %-7s %10.1f %8.1f | %6.0f %6.0f %6.0f %6.0f %6.0f %6.0f | %6.1f | %6.2f %6.2f (%5.2f) %6.2f (%5.2f)", r->members, what, f->opinions, f->batches,
           f->sent_mean, f->sent_worst, f->received_mean, f->received_worst, f->haves, f->repair, f->copies, seconds(f->half_ms), seconds(f->most_ms),
           seconds(f->most_worst_ms), seconds(f->all_ms), seconds(f->all_worst_ms));
    printf(f->unheard > 0 ? " %u not everywhere\n" : "\n", f->unheard);
    fflush(stdout);
}

static void print_reunion(const struct row *r)
{
    const struct reunion *b = &r->back;

    printf("%7u a third away for %.1f h: each node missed %.0f batches and has them after %.0f s; %.0f bytes a batch, so %.1f MB a node for a day away\n", r->members,
           seconds(b->away_ms) / 3600, (double)b->batches / r->members, seconds(b->took_ms), b->per_batch,
           b->per_batch * (double)b->batches / r->members * DAY_MS / (double)b->away_ms / 1e6);
    fflush(stdout);
}

static void print_figures(const char *name, const struct figures *f)
{
    printf(" \"%s\": {\"opinions_s\": %.2f, \"batches_s\": %.2f, \"sent_bytes_s\": %.0f, \"sent_worst_bytes_s\": %.0f, \"received_bytes_s\": %.0f,"
           " \"received_worst_bytes_s\": %.0f, \"haves_bytes_s\": %.0f, \"repair_bytes_s\": %.0f, \"copies\": %.2f, \"half_s\": %.3f, \"most_s\": %.3f,"
           " \"most_worst_s\": %.3f, \"all_s\": %.3f, \"all_worst_s\": %.3f, \"unheard\": %u},",
           name, f->opinions, f->batches, f->sent_mean, f->sent_worst, f->received_mean, f->received_worst, f->haves, f->repair, f->copies, seconds(f->half_ms),
           seconds(f->most_ms), seconds(f->most_worst_ms), seconds(f->all_ms), seconds(f->all_worst_ms), f->unheard);
}

static void print_json(const struct row *rows, size_t n, int64_t budget)
{
    printf("{\"budget_bytes_s\": %lld, \"rows\": [", (long long)budget);
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        printf("%s\n{\"members\": %u, \"links_mean\": %.1f, \"window_s\": %.0f,", i > 0 ? "," : "", r->members, r->links, seconds(r->window_ms));
        print_figures("usual", &r->usual);
        print_figures("tenth_dead", &r->died);
        printf(" \"third_away\": {\"away_s\": %.0f, \"missed_batches\": %llu, \"level_s\": %.0f, \"bytes_per_batch\": %.0f}}", seconds(r->back.away_ms),
               (unsigned long long)r->back.batches, seconds(r->back.took_ms), r->back.per_batch);
    }
    puts("\n]}");
}

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
        s.alive--;
    }
}

static void revive(struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++)
        node_start(w, &w->nodes[i], false);
    s.alive = w->nodes_n;
    sim_run_until(w, w->now_ms + AFTER_MS);
}

static void run(const struct options *o, unsigned members, struct row *r)
{
    static struct world w;

    r->members = members;
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
    reunite(&w, r->usual.batches / 1000, &r->back);
    if (!o->json)
        print_reunion(r);
    if (w.failed)
        printf("FAILED: %s\n", w.why);
    end(&w);
}

static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = { { "members", required_argument, NULL, 'm' }, { "window", required_argument, NULL, 'w' },
                                           { "budget", required_argument, NULL, 'b' },  { "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
    bool good = true;
    int c;

    while (good && (c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c == 'm')
            good = (o->members = (unsigned)atoi(optarg)) >= 2 && o->members < NODES_MAX;
        else if (c == 'w')
            good = (o->window_ms = atoi(optarg) * INT64_C(1000)) > 0;
        else if (c == 'b')
            good = (o->budget = atoi(optarg)) > 0;
        else
            good = c == 'j' && (o->json = true);
    }
    return good && optind == argc;
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = { 10, 30, 100, 300, 1000 };
    struct options o = { .budget = 20000 };
    struct row rows[sizeof sizes / sizeof sizes[0]];
    size_t n = 0;

    if (!parse(argc, argv, &o)) {
        fputs("sim_scale [--members N] [--window SECONDS] [--budget BYTES] [--json]\n", stderr);
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
