/* `hearsay proofs`: two signed batches with one number, listed and written to files. */
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

enum { COMMENT_MAX = 1024, PATH_ROOM = 4096 };

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
