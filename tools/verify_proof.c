/* `hearsay verify --proof FILE`: what a proof proves, checked without a database. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/bundle.h"
#include "proto/record.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { OPINIONS_SHOWN = 20 };

static char *hash_text(const uint8_t *hash, char out[2 * HASH_BYTES + 1])
{
    return hex_text(hash, HASH_BYTES, out);
}

/* The whole file, bounded. 0 or an exit status, said. */
static int read_file(const char *path, char **text, size_t *len)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t room = 65536, used = 0, n;
    char *at = f != NULL ? malloc(room) : NULL;
    while (at != NULL && (n = fread(at + used, 1, room - used, f)) > 0) {
        used += n;
        if (used < room)
            continue;
        if (room > BUNDLE_TEXT_MAX)
            break;
        char *grown = realloc(at, room * 2);
        if (grown == NULL)
            free(at);
        at = grown;
        room *= 2;
    }
    int wrong = f == NULL || ferror(f) ? errno : at == NULL ? ENOMEM : 0;
    if (f != NULL && f != stdin)
        fclose(f);
    if (wrong != 0) {
        free(at);
        say_error("%s: %s", path, strerror(wrong));
        return STATUS_USAGE;
    }
    *text = at;
    *len = used;
    return 0;
}

static json_t *batch_json(const struct bundle_batch *b)
{
    char hash[2 * HASH_BYTES + 1], key[2 * KEY_BYTES + 1];
    return json_pack("{s:s, s:I, s:I, s:s}", "hash", hash_text(b->batch.hash, hash), "time_s", (json_int_t)b->batch.time_s, "record_serial",
                     (json_int_t)b->record->serial, "operational", hex_text(b->record->operational, KEY_BYTES, key));
}

static json_t *pair_json(const struct bundle *b, size_t i)
{
    char root[2 * KEY_BYTES + 1], fingerprint[FINGERPRINT_MAX];
    const struct bundle_batch *x = &b->batches[i];
    return json_pack("{s:o, s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "member", say_json_text(x->record->name), "root", hex_text(x->batch.origin, KEY_BYTES, root),
                     "fingerprint", record_fingerprint(x->batch.origin, fingerprint), "federation", x->batch.federation, "epoch",
                     (json_int_t)x->batch.epoch, "seq", (json_int_t)x->batch.seq, "one", batch_json(x), "other", batch_json(&b->batches[i + 1]));
}

static void say_batch(const char *which, const struct bundle_batch *b)
{
    char hash[2 * HASH_BYTES + 1], key[2 * KEY_BYTES + 1], when[TIME_TEXT_MAX];
    printf("  %-6s SHA-256 %s\n         dated %s, %zu opinions, signed by the operational key %s of record %llu\n", which, hash_text(b->batch.hash, hash),
           time_text(b->batch.time_s, when), b->batch.opinions_n, hex_text(b->record->operational, KEY_BYTES, key), (unsigned long long)b->record->serial);
}

static void say_pair(const struct bundle *b, size_t i)
{
    char root[2 * KEY_BYTES + 1], fingerprint[FINGERPRINT_MAX];
    const struct bundle_batch *x = &b->batches[i];
    printf("%sPROVED%s %s signed two different batches with one number: epoch %u, seq %llu, federation %s\n", say_colour(stdout, SAY_RED),
           say_colour(stdout, SAY_PLAIN), x->record->name, x->batch.epoch, (unsigned long long)x->batch.seq, x->batch.federation);
    printf("  member fingerprint %s, root key %s\n", record_fingerprint(x->batch.origin, fingerprint), hex_text(x->batch.origin, KEY_BYTES, root));
    say_batch("one", x);
    say_batch("other", &b->batches[i + 1]);
}

static json_t *opinion_json(const struct bundle_batch *b, const struct opinion *o)
{
    char text[SUBJECT_TEXT_MAX] = "?", root[2 * KEY_BYTES + 1], fingerprint[FINGERPRINT_MAX], hash[2 * HASH_BYTES + 1];
    struct subject s;
    if (subject_from_key(o->key, o->key_len, &s) == 0)
        subject_text(&s, text);
    return json_pack("{s:o, s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "member", say_json_text(b->record->name), "root",
                     hex_text(b->batch.origin, KEY_BYTES, root), "fingerprint", record_fingerprint(b->batch.origin, fingerprint), "subject", say_json_text(text), "category",
                     b->batch.categories[o->category], "black_milli", (json_int_t)mass_of_step(o->black), "white_milli", (json_int_t)mass_of_step(o->white),
                     "time_s", (json_int_t)o->time_s, "epoch", (json_int_t)b->batch.epoch, "seq", (json_int_t)b->batch.seq, "hash", hash_text(b->batch.hash, hash));
}

static void say_opinions(const struct bundle_batch *b)
{
    char fingerprint[FINGERPRINT_MAX], when[TIME_TEXT_MAX];
    printf("%sPROVED%s %s (%s) said in batch %u/%llu, dated %s:\n", say_colour(stdout, SAY_GREEN), say_colour(stdout, SAY_PLAIN), b->record->name,
           record_fingerprint(b->batch.origin, fingerprint), b->batch.epoch, (unsigned long long)b->batch.seq, time_text(b->batch.time_s, when));
    for (size_t i = 0; i < b->batch.opinions_n && i < OPINIONS_SHOWN; i++) {
        const struct opinion *o = &b->batch.opinions[i];
        char text[SUBJECT_TEXT_MAX] = "?";
        struct subject s;
        if (subject_from_key(o->key, o->key_len, &s) == 0)
            subject_text(&s, text);
        printf("  %s %s: black %.2f, white %.2f, seen %s\n", text, b->batch.categories[o->category], mass_of_step(o->black) / 1000.0, mass_of_step(o->white) / 1000.0,
               time_text(o->time_s, when));
    }
    if (b->batch.opinions_n > OPINIONS_SHOWN)
        printf("  and %zu more\n", b->batch.opinions_n - OPINIONS_SHOWN);
}

/* ---- about one subject */

/* By the card beside the keys, which may be for the owner alone. */
static bool is_this_member(const struct config *c, const uint8_t root[KEY_BYTES])
{
    char card[CARD_MAX + 2] = "";
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    struct record r;
    FILE *f = fopen(c->card, "re");
    if (f == NULL)
        return false;
    card[fread(card, 1, sizeof card - 1, f)] = '\0';
    fclose(f);
    return card_decode(card, frame, &len) == 0 && record_open((struct bytes){ frame, len }, &r) == 0 && memcmp(r.root, root, KEY_BYTES) == 0;
}

/* Who that is here, when there is a configuration at hand. */
static void say_who(const struct config *c, const struct bundle_batch *b)
{
    if (c == NULL)
        return;
    if (is_this_member(c, b->batch.origin)) {
        printf("  That is this node's own root key.\n");
        return;
    }
    for (size_t i = 0; i < c->peers_n; i++) {
        if (memcmp(c->peers[i].record.root, b->batch.origin, KEY_BYTES) != 0)
            continue;
        printf("  This node trusts that root key as %s, with %.2f.\n", c->peers[i].name, c->peers[i].trust_micro / (double)MICRO);
        return;
    }
    printf("  No peer of this node has that root key.\n");
}

static void say_about(const struct bundle *b, const struct bundle_batch *x, const struct config *c)
{
    char fingerprint[FINGERPRINT_MAX], when[TIME_TEXT_MAX], seen[TIME_TEXT_MAX], subject[SUBJECT_TEXT_MAX] = "?";
    size_t about_n = 0;
    for (size_t i = 0; i < x->batch.opinions_n; i++) {
        const struct opinion *o = &x->batch.opinions[i];
        struct subject s;
        if (!bundle_is_about(b, o) || ++about_n > OPINIONS_SHOWN)
            continue;
        if (subject_from_key(o->key, o->key_len, &s) == 0)
            subject_text(&s, subject);
        printf("%sPROVED%s %s said of %s in %s: ", say_colour(stdout, SAY_GREEN), say_colour(stdout, SAY_PLAIN), x->record->name, subject, x->batch.categories[o->category]);
        if (o->black == 0 && o->white == 0)
            printf("nothing any more, it took back what it had said\n");
        else
            printf("black %.2f, white %.2f, last seen about %s\n", mass_of_step(o->black) / 1000.0, mass_of_step(o->white) / 1000.0, time_text(o->time_s, seen));
    }
    if (about_n > OPINIONS_SHOWN)
        printf("  and %zu more of the network\n", about_n - OPINIONS_SHOWN);
    printf("  in its batch %u/%llu of %s, with %zu %s; fingerprint %s\n", x->batch.epoch, (unsigned long long)x->batch.seq, time_text(x->batch.time_s, when),
           x->batch.opinions_n, x->batch.opinions_n == 1 ? "opinion" : "opinions", record_fingerprint(x->batch.origin, fingerprint));
    say_who(c, x);
}

/* Of a network all keys are those of its addresses, or of prefixes in it, and so as short as an IPv6 one. */
struct short_key { uint8_t len, key[10]; };

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct short_key));
}

/* True for an address, not a prefix, of which it says more bad than good. */
static bool is_bad_address(const struct bundle *b, const struct opinion *o, struct short_key *out)
{
    if (o->black <= o->white || o->key_len > sizeof out->key || !bundle_is_about(b, o) || o->key[o->key_len - 1] != (o->key[0] == SUBJECT_IP4 ? 32 : 64))
        return false;
    *out = (struct short_key){ .len = (uint8_t)o->key_len };
    memcpy(out->key, o->key, o->key_len);
    return true;
}

/* How many addresses of a network were called bad, and by how many. */
static void say_network(const struct bundle *b)
{
    char text[SUBJECT_TEXT_MAX];
    size_t room = 0, n = 0, different_n = 0, members_n = 0;
    for (size_t i = 0; i < b->batches_n; i++) {
        room += b->batches[i].batch.opinions_n;
        members_n += i == 0 || memcmp(b->batches[i].batch.origin, b->batches[i - 1].batch.origin, KEY_BYTES) != 0;
    }
    struct short_key *bad = calloc(room + 1, sizeof *bad);
    if (bad == NULL) {
        say_error("%s", strerror(ENOMEM));
        return;
    }
    for (size_t i = 0; i < b->batches_n; i++)
        for (size_t j = 0; j < b->batches[i].batch.opinions_n; j++)
            n += is_bad_address(b, &b->batches[i].batch.opinions[j], &bad[n]);
    qsort(bad, n, sizeof *bad, by_key);
    for (size_t i = 0; i < n; i++)
        different_n += i == 0 || by_key(&bad[i], &bad[i - 1]) != 0;
    free(bad);
    printf("Of the network %s: %zu %s of it called bad, %zu %s speaking.\n", subject_text(&b->subject, text), different_n, different_n == 1 ? "address" : "addresses", members_n,
           members_n == 1 ? "member" : "members");
}

static json_t *subject_json(const struct bundle *b)
{
    char text[SUBJECT_TEXT_MAX];
    return b->subject.len > 0 ? json_string(subject_text(&b->subject, text)) : json_null();
}

/* ---- */

static int say_verdict(const struct call *call, const struct bundle *b, const struct config *c)
{
    json_t *pairs = json_array(), *opinions = json_array();
    for (size_t i = 0; i < b->batches_n; i++) {
        bool pair = bundle_equivocates(b, i), second = i > 0 && bundle_equivocates(b, i - 1);
        if (pair && call->json)
            json_array_append_new(pairs, pair_json(b, i));
        else if (pair)
            say_pair(b, i);
        for (size_t j = 0; call->json && j < b->batches[i].batch.opinions_n; j++)
            if (b->subject.len == 0 || bundle_is_about(b, &b->batches[i].batch.opinions[j]))
                json_array_append_new(opinions, opinion_json(&b->batches[i], &b->batches[i].batch.opinions[j]));
        if (!call->json && b->subject.len > 0)
            say_about(b, &b->batches[i], c);
        else if (!call->json && !pair && !second)
            say_opinions(&b->batches[i]);
    }
    if (call->json)
        return say_json(json_pack("{s:b, s:o, s:o, s:b, s:s, s:o, s:o}", "ok", 1, "subject", subject_json(b), "federation",
                                  b->subject.len > 0 ? json_string(b->federation) : json_null(), "network", b->network, "proves", json_array_size(pairs) > 0 ? "equivocation" : "opinions", "equivocations", pairs,
                                  "opinions", opinions), STATUS_DONE);
    json_decref(pairs);
    json_decref(opinions);
    if (b->network)
        say_network(b);
    if (b->subject.len > 0)
        printf("All of it in the federation %s. What it weighs is each member's own affair: hearsay why.\n", b->federation);
    puts("Every signature in the file was checked just now: each record by its root key, each batch by the key that its record names.\n"
         "Whose root key that is, the file cannot prove: compare the fingerprint with `hearsay peer list`, or over the telephone.");
    return STATUS_DONE;
}

/* What a subject is said to be matters only within one federation; a machine without a node looks at the proof alone. 0 or an exit status, said. */
static int check_federation(const struct call *call, const struct bundle *b, struct config **c)
{
    char why[CONFIG_WHY_MAX] = "";
    if (b->subject.len == 0 || (!call->config_said && access(call->config_path, R_OK) != 0))
        return 0;
    if (config_load(call->config_path, c, why) != 0) {
        if (!call->config_said)
            return 0;
        say_error("%s", why);
        return STATUS_USAGE;
    }
    if (strcmp((*c)->federation, b->federation) == 0)
        return 0;
    say_error("the proof is of the federation %s, this member is of %s: it proves nothing here", b->federation, (*c)->federation);
    return STATUS_NO;
}

int verify_proof(struct call *call, const char *path)
{
    char *text = NULL, why[BUNDLE_WHY_MAX] = "";
    struct bundle *b = NULL;
    struct config *c = NULL;
    size_t len = 0;
    int rc = read_file(path, &text, &len);
    if (rc != 0)
        return rc;
    rc = bundle_read(text, len, &b, why);
    free(text);
    if (rc != 0) {
        say_error("%s proves nothing: %s", path, why);
        return STATUS_NO;
    }
    rc = check_federation(call, b, &c);
    if (rc == 0)
        rc = say_verdict(call, b, c);
    config_free(&c);
    bundle_close(&b);
    return rc;
}
