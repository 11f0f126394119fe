/* `hearsay proofs` and `hearsay verify --proof FILE`: two signed batches with one number, listed, written to files, and checked without a database. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/bundle.h"
#include "proto/durable.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { COMMENT_MAX = 1024, PATH_ROOM = 4096, OPINIONS_SHOWN = 20 };

/* ---- the list */

struct listing_proofs {
    const struct call *call;
    const struct home *home;
    struct reader *reader;
    const char *dir;                /* --write DIR, or NULL */
    json_t *list;
    struct table *table;
    size_t n;
    int rc;
};

static char *hash_text(const uint8_t *hash, char out[2 * HASH_BYTES + 1])
{
    return hex_text(hash, HASH_BYTES, out);
}

static void proof_name(const struct proof_row *p, char out[96])
{
    char root[17];
    snprintf(out, 96, "%s-%u-%llu.proof", hex_text(p->root, 8, root), p->epoch, (unsigned long long)p->seq);
}

struct wanted_record {
    uint64_t serial[2];
    uint8_t frames[2][RECORD_FRAME_MAX];
    struct bytes found[2];
};

static int keep_record(void *ctx, const struct record *rec, struct bytes frame)
{
    struct wanted_record *w = ctx;
    for (int i = 0; i < 2; i++) {
        if (rec->serial != w->serial[i] || frame.len > RECORD_FRAME_MAX)
            continue;
        memcpy(w->frames[i], frame.at, frame.len);
        w->found[i] = (struct bytes){ w->frames[i], frame.len };
    }
    return 0;
}

/* With a few lines before the block that say what it is; readers skip them. */
static int write_file(const char *path, const struct proof_row *p, const char *name, const char *block)
{
    char fingerprint[FINGERPRINT_MAX];
    size_t room = strlen(block) + COMMENT_MAX;
    char *text = malloc(room);
    if (text == NULL)
        return -ENOMEM;
    snprintf(text, room, "# Proof that the member %s (%s) signed two different batches with one number, %u/%llu.\n"
             "# Anybody can check it, without a database: hearsay verify --proof FILE\n%s", name, record_fingerprint(p->root, fingerprint), p->epoch,
             (unsigned long long)p->seq, block);
    int rc = durable_replace(path, text, strlen(text), 0644);
    free(text);
    return rc;
}

/* Gathers the pair and the records that name its keys. */
static int write_proof(struct listing_proofs *l, const struct proof_row *p, const char *name, char path[PATH_ROOM])
{
    struct wanted_record w = { .serial = { 0 } };
    struct batch_name names[2];
    char file[96], *block = NULL;
    proof_name(p, file);
    if ((size_t)snprintf(path, PATH_ROOM, "%s/%s", l->dir, file) >= PATH_ROOM)
        return -ENAMETOOLONG;
    for (int i = 0; i < 2; i++) {
        if (batch_peek(p->frame[i], &names[i]) != 0)
            return -EBADMSG;
        w.serial[i] = names[i].record_serial;
    }
    struct reader *r = NULL;
    int rc = home_reader(l->home, &r);
    if (rc != 0)
        return -EIO;
    rc = reader_records(r, p->root, keep_record, &w);
    reader_close(&r);
    if (rc == 0 && (w.found[0].len == 0 || w.found[1].len == 0))
        rc = -ENOKEY;
    if (rc == 0)
        rc = bundle_write(w.found, w.serial[0] == w.serial[1] ? 1 : 2, p->frame, 2, &block);
    if (rc == 0)
        rc = write_file(path, p, name, block);
    free(block);
    return rc;
}

static int each_proof(void *ctx, const struct proof_row *p)
{
    struct listing_proofs *l = ctx;
    char fingerprint[FINGERPRINT_MAX], a[2 * HASH_BYTES + 1], b[2 * HASH_BYTES + 1], root[2 * KEY_BYTES + 1], found[TIME_TEXT_MAX], path[PATH_ROOM] = "";
    const char *name = home_member_name(l->home, p->root, fingerprint);
    if (l->dir != NULL) {
        int rc = write_proof(l, p, name, path);
        if (rc != 0) {
            say_error("%s: %s", path[0] != '\0' ? path : l->dir, rc == -ENOKEY ? "the record that names its key is not here any more" : strerror(-rc));
            l->rc = STATUS_NO;
        }
    }
    l->n++;
    if (l->call->json) {
        json_t *o = json_pack("{s:o, s:s, s:I, s:I, s:s, s:s, s:I, s:I, s:b, s:b}", "member", say_json_text(name), "root", hex_text(p->root, KEY_BYTES, root),
                              "epoch", (json_int_t)p->epoch, "seq", (json_int_t)p->seq, "hash_a", hash_text(p->hash[0], a), "hash_b", hash_text(p->hash[1], b),
                              "time_s", (json_int_t)p->time_s, "found_s", (json_int_t)p->found_s, "forgiven", p->forgiven, "quarantined", p->quarantined);
        if (path[0] != '\0')
            json_object_set_new(o, "file", say_json_text(path));
        json_array_append_new(l->list, o);
        return 0;
    }
    table_cell(l->table, "%s", name);
    table_cell(l->table, "%u/%llu", p->epoch, (unsigned long long)p->seq);
    table_cell(l->table, "%s", stamp_text(p->found_s, found));
    table_cell(l->table, "%.16s", hash_text(p->hash[0], a));
    table_cell(l->table, "%.16s", hash_text(p->hash[1], b));
    table_cell(l->table, "%s", p->quarantined ? "quarantine" : p->forgiven ? "forgiven" : "open");
    table_cell(l->table, "%s", path);
    return 0;
}

int cmd_proofs(struct call *call)
{
    static const char *const heads[] = { "MEMBER", "NUMBER", "FOUND", "ONE", "OTHER", "STATE", "FILE", NULL };
    struct home h = { 0 };
    struct listing_proofs l = { .call = call, .home = &h };
    const struct arg_option options[] = { { .name = "--write", .value = &l.dir } };
    int rc = args_take(call, options, 1, 0, 0);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0 && l.dir != NULL && mkdir(l.dir, 0755) != 0 && errno != EEXIST) {
        say_error("%s: %s", l.dir, strerror(errno));
        rc = STATUS_USAGE;
    }
    if (rc == 0)
        rc = home_reader(&h, &l.reader);
    if (rc != 0) {
        home_close(&h);
        return rc;
    }
    l.list = json_array();
    l.table = table_create(heads);
    int read = reader_proofs(l.reader, each_proof, &l);
    if (read != 0) {
        say_error("%s: %s", h.config->database, home_database_text(read));
        l.rc = STATUS_USAGE;
    }
    if (l.rc == 0 && call->json)
        say_json(json_pack("{s:b, s:O}", "ok", 1, "proofs", l.list), STATUS_DONE);
    else if (l.rc == 0 && l.n == 0)
        puts("No proofs: no member was seen to sign two batches with one number.");
    else if (!call->json)
        table_print(l.table, stdout, "");
    table_destroy(&l.table);
    json_decref(l.list);
    reader_close(&l.reader);
    home_close(&h);
    return l.rc;
}

/* ---- the check */

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

/* *skipped: the next batch was the other of a pair. */
static json_t *opinion_json(const struct bundle_batch *b, const struct opinion *o)
{
    char text[SUBJECT_TEXT_MAX] = "?";
    struct subject s;
    if (subject_from_key(o->key, o->key_len, &s) == 0)
        subject_text(&s, text);
    return json_pack("{s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I}", "member", say_json_text(b->record->name), "subject", say_json_text(text), "category",
                     b->batch.categories[o->category], "black_milli", (json_int_t)mass_of_step(o->black), "white_milli", (json_int_t)mass_of_step(o->white),
                     "time_s", (json_int_t)o->time_s, "epoch", (json_int_t)b->batch.epoch, "seq", (json_int_t)b->batch.seq);
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

static int say_verdict(const struct call *call, const struct bundle *b)
{
    json_t *pairs = json_array(), *opinions = json_array();
    for (size_t i = 0; i < b->batches_n; i++) {
        bool pair = bundle_equivocates(b, i), second = i > 0 && bundle_equivocates(b, i - 1);
        if (pair && call->json)
            json_array_append_new(pairs, pair_json(b, i));
        else if (pair)
            say_pair(b, i);
        for (size_t j = 0; call->json && j < b->batches[i].batch.opinions_n; j++)
            json_array_append_new(opinions, opinion_json(&b->batches[i], &b->batches[i].batch.opinions[j]));
        if (!call->json && !pair && !second)
            say_opinions(&b->batches[i]);
    }
    if (call->json)
        return say_json(json_pack("{s:b, s:s, s:o, s:o}", "ok", 1, "proves", json_array_size(pairs) > 0 ? "equivocation" : "opinions", "equivocations", pairs,
                                  "opinions", opinions), STATUS_DONE);
    json_decref(pairs);
    json_decref(opinions);
    puts("Every signature in the file was checked just now: each record by its root key, each batch by the key that its record names.\n"
         "Whose root key that is, the file cannot prove: compare the fingerprint with `hearsay peer list`, or over the telephone.");
    return STATUS_DONE;
}

int verify_proof(struct call *call, const char *path)
{
    char *text = NULL, why[BUNDLE_WHY_MAX] = "";
    struct bundle *b = NULL;
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
    rc = say_verdict(call, b);
    bundle_close(&b);
    return rc;
}
