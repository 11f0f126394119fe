/* Plays a history of lists: each feed is one member; what will a held-out one list tomorrow? tests/bench/replay.py writes the history and reads the counts, one line
 * of JSON for each feed.
 * Usage: bench_replay HISTORY DIRECTORY WEIGHT-MILLI [--no-store] */
#include <inttypes.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/replay_model.h"
#include "tests/bench/replay_store.h"

struct replay {
    struct history h;
    struct scene scene;
    struct replay_model *model;
    struct replay_store *store;        /* or NULL */
    struct ranked *ranked;
    struct outcome outcomes[REPLAY_FEEDS_MAX];
};

/* What the rules say of this day alone, since the rankings take as many of that day. */
static void play_feed(struct replay *r, size_t feed, size_t day)
{
    struct outcome *o = &r->outcomes[feed], today = { 0 };
    if (!history_known(&r->h, feed, day))
        return;
    scene_set(&r->scene, feed, day);
    if (day >= REPLAY_WARM_DAYS) {
        scene_count(&r->scene, &today);
        size_t n = replay_model_rank(r->model, &r->scene, r->ranked);
        scene_rank(&r->scene, &today.volume, r->ranked, n, &today.model);
        if (r->store != NULL) {
            n = replay_store_rank(r->store, feed, r->ranked);
            scene_rank(&r->scene, &today.volume, r->ranked, n, &today.store);
        }
        for (size_t i = 0; i < sizeof today / sizeof(uint64_t); i++)
            ((uint64_t *)o)[i] += ((const uint64_t *)&today)[i];
    }
    replay_model_learn(r->model, &r->scene);
}

static void say_hits(const char *name, const struct hits *h)
{
    printf(", \"%s\": [%" PRIu64 ", %" PRIu64 ", %" PRIu64 "], \"%s_new\": [%" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", name, h->all[0], h->all[1], h->all[2], name,
           h->fresh[0], h->fresh[1], h->fresh[2]);
}

static void say_feed(struct replay *r, size_t feed)
{
    const struct outcome *o = &r->outcomes[feed];
    printf("{\"feed\": %zu, \"listed\": %" PRIu64 ", \"new\": %" PRIu64 ", \"own\": %" PRIu64 ", \"own_hits\": %" PRIu64, feed, o->listed_n, o->fresh_n, o->own_n, o->own_hits);
    say_hits("volume", &o->volume);
    say_hits("rule", &o->rule);
    say_hits("model", &o->model);
    if (r->store != NULL) {
        say_hits("store", &o->store);
        printf(", \"weights\": [");
        for (size_t other = 0; other < r->h.feeds_n; other++)
            printf("%s%.3f", other > 0 ? ", " : "", replay_store_weight(r->store, feed, other) / 1e6);
        printf("]");
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    static struct replay r;
    bool store = argc < 5 || strcmp(argv[4], "--no-store") != 0;
    if (argc < 4)
        bench_die("usage", "bench_replay HISTORY DIRECTORY WEIGHT-MILLI [--no-store]");
    history_read(&r.h, argv[1]);
    scene_create(&r.scene, &r.h);
    r.model = replay_model_create(&r.h);
    r.ranked = calloc(r.h.addresses_n + 1, sizeof *r.ranked);
    if (r.ranked == NULL)
        bench_die("replay", "out of memory");
    if (store)
        r.store = replay_store_create(&r.h, argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
    for (size_t day = 0; day + 1 < r.h.days_n; day++) {
        replay_model_day(r.model, day);
        if (r.store != NULL)
            replay_store_day(r.store, day);
        for (size_t feed = 0; feed < r.h.feeds_n; feed++)
            play_feed(&r, feed, day);
        if (isatty(2))
            fprintf(stderr, "\rday %zu of %zu", day + 1, r.h.days_n - 1);
    }
    if (isatty(2))
        fprintf(stderr, "\r                    \r");
    for (size_t feed = 0; feed < r.h.feeds_n; feed++)
        say_feed(&r, feed);
    replay_store_destroy(&r.store);
    replay_model_destroy(&r.model);
    free(r.ranked);
    scene_clear(&r.scene);
    history_clear(&r.h);
    return 0;
}
