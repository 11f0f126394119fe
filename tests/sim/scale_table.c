/* What sim_scale prints. */
#include <stdio.h>

#include "scale.h"

static double seconds(int64_t ms)
{
    return ms < 0 ? -1 : (double)ms / 1000;
}

void print_head(int64_t budget)
{
    printf("Bytes a second and node, as on the wire: ZMTP under CURVE, TCP over IPv4 (33 bytes and 2 or 9 for each part, 78 for each 1448 begun). mesh.budget is %lld.\n"
           "Seconds until nodes have a first word on disk, from the moment it was told: the median over the batches, and the worst.\n\n",
           (long long)budget);
    printf("%7s %-7s %10s %8s | %6s %6s %6s %6s %6s %6s | %6s | %6s %6s %7s %6s %7s\n", "", "", "opinions", "batches", "sent", "most", "got", "most", "of it", "of it",
           "copies", "50 %", "99 %", "", "100 %", "");
    printf("%7s %-7s %10s %8s | %6s %6s %6s %6s %6s %6s | %6s | %6s %6s %7s %6s %7s\n", "members", "", "a second", "a second", "mean", "sent", "mean", "got", "haves",
           "repair", "", "", "", "(worst)", "", "(worst)");
}

void print_row(const struct row *r, const char *what, const struct figures *f)
{
    printf("%7u %-7s %10.1f %8.1f | %6.0f %6.0f %6.0f %6.0f %6.0f %6.0f | %6.1f | %6.2f %6.2f (%5.2f) %6.2f (%5.2f)", r->members, what, f->opinions, f->batches,
           f->sent_mean, f->sent_worst, f->received_mean, f->received_worst, f->haves, f->repair, f->copies, seconds(f->half_ms), seconds(f->most_ms),
           seconds(f->most_worst_ms), seconds(f->all_ms), seconds(f->all_worst_ms));
    printf(f->unheard > 0 ? " %u not everywhere\n" : "\n", f->unheard);
    fflush(stdout);
}

void print_reunion(const struct row *r)
{
    const struct reunion *b = &r->back;

    printf("%7u a third away for %.1f h: each node missed %.0f batches and has them after %.0f s; %.0f bytes a batch, so %.1f MB a node for a day away; the busiest sends %.0f kB/s\n",
           r->members, seconds(b->away_ms) / 3600, (double)b->batches / r->members, seconds(b->took_ms), b->per_batch,
           b->per_batch * (double)b->batches / r->members * DAY_MS / (double)b->away_ms / 1e6, b->worst / 1000);
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

void print_json(const struct row *rows, size_t n, int64_t budget)
{
    printf("{\"budget_bytes_s\": %lld, \"rows\": [", (long long)budget);
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        printf("%s\n{\"members\": %u, \"links_mean\": %.1f, \"window_s\": %.0f,", i > 0 ? "," : "", r->members, r->links, seconds(r->window_ms));
        print_figures("usual", &r->usual);
        print_figures("tenth_dead", &r->died);
        if (r->back.away_ms == 0)
            printf(" \"third_away\": null}");
        else
            printf(" \"third_away\": {\"away_s\": %.0f, \"missed_batches\": %llu, \"level_s\": %.0f, \"bytes_per_batch\": %.0f, \"sent_worst_bytes_s\": %.0f}}", seconds(r->back.away_ms),
               (unsigned long long)r->back.batches, seconds(r->back.took_ms), r->back.per_batch, r->back.worst);
    }
    puts("\n]}");
}
