#include "proto/bundle.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hearsay.pb-c.h"

static const char TAG[] = "hearsay-proof-1\n";
#define BLOCK "HEARSAY PROOF"

static int wrong(char *why, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int wrong(char *why, int rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, BUNDLE_WHY_MAX, format, args);
    va_end(args);
    return rc;
}

/* ---- writing */

static ProtobufCBinaryData *borrow_all(const struct bytes *from, size_t n)
{
    ProtobufCBinaryData *all = calloc(n + 1, sizeof *all);

    for (size_t i = 0; all != NULL && i < n; i++)
        all[i] = (ProtobufCBinaryData){ .len = from[i].len, .data = (uint8_t *)from[i].at };     /* only read while packing */
    return all;
}

static int armour(const uint8_t *bytes, size_t len, char **text)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *at = NULL, *copy = NULL;
    long text_len = 0;

    if (out != NULL && PEM_write_bio(out, BLOCK, "", bytes, (long)len) > 0)
        text_len = BIO_get_mem_data(out, &at);
    if (text_len > 0)
        copy = malloc((size_t)text_len + 1);
    if (copy != NULL) {
        memcpy(copy, at, (size_t)text_len);
        copy[text_len] = '\0';
        *text = copy;
    }
    BIO_free(out);
    return copy != NULL ? 0 : -ENOMEM;
}

static int pack(const Hearsay__Bundle *b, char **text)
{
    const size_t tag_len = sizeof TAG - 1, len = tag_len + hearsay__bundle__get_packed_size(b);
    uint8_t *bytes = len <= BUNDLE_TEXT_MAX / 2 ? malloc(len) : NULL;
    int rc;

    if (bytes == NULL)
        return len <= BUNDLE_TEXT_MAX / 2 ? -ENOMEM : -EINVAL;
    memcpy(bytes, TAG, tag_len);
    hearsay__bundle__pack(b, bytes + tag_len);
    rc = armour(bytes, len, text);
    free(bytes);
    return rc;
}

static int write_bundle(Hearsay__Bundle b, const struct bytes *records, size_t records_n, const struct bytes *batches, size_t batches_n, char **text)
{
    int rc = -ENOMEM;

    if (records_n == 0 || batches_n == 0 || records_n > BUNDLE_ITEMS_MAX || batches_n > BUNDLE_ITEMS_MAX)
        return -EINVAL;
    b.records = borrow_all(records, records_n);
    b.n_records = records_n;
    b.batches = borrow_all(batches, batches_n);
    b.n_batches = batches_n;
    if (b.records != NULL && b.batches != NULL)
        rc = pack(&b, text);
    free(b.records);
    free(b.batches);
    return rc;
}

int bundle_write(const struct bytes *records, size_t records_n, const struct bytes *batches, size_t batches_n, char **text)
{
    return write_bundle((Hearsay__Bundle)HEARSAY__BUNDLE__INIT, records, records_n, batches, batches_n, text);
}

int bundle_write_about(const struct subject *subject, bool network, const char *federation, const struct bytes *records, size_t records_n,
                       const struct bytes *batches, size_t batches_n, char **text)
{
    char name[FEDERATION_MAX_BYTES + 1];
    struct subject key = *subject;
    Hearsay__Bundle b = HEARSAY__BUNDLE__INIT;

    snprintf(name, sizeof name, "%s", federation);
    b.subject = (ProtobufCBinaryData){ .len = key.len, .data = key.key };
    b.network = network;
    b.federation = (ProtobufCBinaryData){ .len = strlen(name), .data = (uint8_t *)name };
    return write_bundle(b, records, records_n, batches, batches_n, text);
}

/* ---- reading */

static const struct record *find_record(const struct bundle *b, const struct batch_name *name)
{
    for (size_t i = 0; i < b->records_n; i++) {
        if (b->records[i].serial == name->record_serial && memcmp(b->records[i].root, name->origin, KEY_BYTES) == 0)
            return &b->records[i];
    }
    return NULL;
}

static int take_records(const Hearsay__Bundle *wire, struct bundle *b, char *why)
{
    b->records = calloc(wire->n_records + 1, sizeof *b->records);
    if (b->records == NULL)
        return wrong(why, -ENOMEM, "out of memory");
    for (size_t i = 0; i < wire->n_records; i++) {
        int rc = record_open((struct bytes){ wire->records[i].data, wire->records[i].len }, &b->records[i]);
        if (rc != 0)
            return wrong(why, rc, "record %zu: %s", i + 1, rc == -EBADMSG ? "its root key did not sign it" : "malformed");
        b->records_n++;
    }
    return 0;
}

/* Any federation: a proof is about who signed what. */
static int take_batch(struct bytes frame, struct bundle *b, size_t number, char *why)
{
    struct bundle_batch *to = &b->batches[b->batches_n];
    struct batch_name name;
    int rc = batch_peek(frame, &name);

    if (rc != 0)
        return wrong(why, -EINVAL, "batch %zu: malformed", number);
    to->record = find_record(b, &name);
    if (to->record == NULL)
        return wrong(why, -ENOKEY, "batch %zu: the record that names its key is not in the file", number);
    rc = batch_open(frame, to->record->operational, NULL, &to->batch);
    if (rc != 0)
        return wrong(why, rc, "batch %zu: %s", number, rc == -EBADMSG ? "the key that its record names did not sign it" : "malformed");
    b->batches_n++;
    return 0;
}

static int order(const void *x, const void *y)
{
    const struct batch *a = &((const struct bundle_batch *)x)->batch, *b = &((const struct bundle_batch *)y)->batch;
    int by_origin = memcmp(a->origin, b->origin, KEY_BYTES);

    if (by_origin != 0)
        return by_origin;
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    if (a->seq != b->seq)
        return a->seq < b->seq ? -1 : 1;
    return memcmp(a->hash, b->hash, HASH_BYTES);
}

/* The same batch given twice counts once: else a copy would look like a second version. */
static void drop_copies(struct bundle *b)
{
    size_t kept = 0;

    qsort(b->batches, b->batches_n, sizeof *b->batches, order);
    for (size_t i = 0; i < b->batches_n; i++) {
        if (kept > 0 && order(&b->batches[kept - 1], &b->batches[i]) == 0)
            batch_close(&b->batches[i].batch);
        else
            b->batches[kept++] = b->batches[i];
    }
    b->batches_n = kept;
}

/* ---- what it says that it is about */

static bool is_within(const struct bundle *b, const struct opinion *o)
{
    struct subject s;
    struct network inner, outer;

    return subject_from_key(o->key, o->key_len, &s) == 0 && subject_network(&s, &inner) && subject_network(&b->subject, &outer) && network_within(&inner, &outer);
}

bool bundle_is_about(const struct bundle *b, const struct opinion *o)
{
    if (b->subject.len == 0)
        return false;
    if (o->key_len == b->subject.len && memcmp(o->key, b->subject.key, o->key_len) == 0)
        return true;
    return b->network && is_within(b, o);
}

/* Wider than what an address is kept as. */
static bool is_prefix(const struct subject *s)
{
    struct network n;

    return subject_network(s, &n) && s->key[s->len - 1] < (subject_kind(s) == SUBJECT_IP4 ? 32 : 64);
}

static int take_claim(const Hearsay__Bundle *wire, struct bundle *b, char *why)
{
    const size_t len = wire->federation.len;

    if (wire->subject.len == 0 && len == 0 && !wire->network)
        return 0;
    if (len == 0 || len > FEDERATION_MAX_BYTES || memchr(wire->federation.data, '\0', len) != NULL || subject_from_key(wire->subject.data, wire->subject.len, &b->subject) != 0)
        return wrong(why, -EINVAL, "what it says that it is about is malformed");
    if (wire->network && !is_prefix(&b->subject))
        return wrong(why, -EINVAL, "it says that it is about a network, and names none");
    b->network = wire->network;
    memcpy(b->federation, wire->federation.data, len);      /* the rest is zero */
    return 0;
}

static int check_claim(const struct bundle *b, size_t number, char *why)
{
    const struct batch *x = &b->batches[b->batches_n - 1].batch;
    char text[SUBJECT_TEXT_MAX];

    if (b->subject.len == 0)
        return 0;
    if (strcmp(x->federation, b->federation) != 0)
        return wrong(why, -EINVAL, "batch %zu: of another federation than the proof says", number);
    for (size_t i = 0; i < x->opinions_n; i++)
        if (bundle_is_about(b, &x->opinions[i]))
            return 0;
    return wrong(why, -EINVAL, "batch %zu: says nothing of %.120s%s", number, subject_text(&b->subject, text), b->network ? " or of what is within" : "");
}

static int take_all(const Hearsay__Bundle *wire, struct bundle *b, char *why)
{
    int rc;

    if (wire->n_batches == 0 || wire->n_records > BUNDLE_ITEMS_MAX || wire->n_batches > BUNDLE_ITEMS_MAX)
        return wrong(why, -EINVAL, "%s", wire->n_batches == 0 ? "there is no signed batch in it" : "too much is in it");
    rc = take_claim(wire, b, why);
    if (rc == 0)
        rc = take_records(wire, b, why);
    if (rc != 0)
        return rc;
    b->batches = calloc(wire->n_batches, sizeof *b->batches);
    if (b->batches == NULL)
        return wrong(why, -ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < wire->n_batches; i++) {
        rc = take_batch((struct bytes){ wire->batches[i].data, wire->batches[i].len }, b, i + 1, why);
        if (rc == 0)
            rc = check_claim(b, i + 1, why);
    }
    if (rc == 0)
        drop_copies(b);
    return rc;
}

static int read_block(const uint8_t *at, size_t len, struct bundle *b, char *why)
{
    const size_t tag_len = sizeof TAG - 1;
    Hearsay__Bundle *wire = NULL;
    int rc;

    if (len > tag_len && memcmp(at, TAG, tag_len) == 0)
        wire = hearsay__bundle__unpack(NULL, len - tag_len, at + tag_len);
    if (wire == NULL)
        return wrong(why, -EINVAL, "the block in it is damaged, or of a newer version");
    rc = take_all(wire, b, why);
    hearsay__bundle__free_unpacked(wire, NULL);
    return rc;
}

int bundle_read(const char *text, size_t len, struct bundle **out, char *why)
{
    struct bundle *b = calloc(1, sizeof *b);
    BIO *in = len <= BUNDLE_TEXT_MAX ? BIO_new_mem_buf(text, (int)len) : NULL;
    char *name = NULL, *header = NULL;
    unsigned char *block = NULL;
    long block_len = 0;
    int rc;

    if (b == NULL || (in == NULL && len <= BUNDLE_TEXT_MAX))
        rc = wrong(why, -ENOMEM, "out of memory");
    else if (in == NULL || PEM_read_bio(in, &name, &header, &block, &block_len) != 1 || strcmp(name, BLOCK) != 0)
        rc = wrong(why, -EINVAL, "there is no whole block \"-----BEGIN " BLOCK "-----\" in it");
    else
        rc = read_block(block, (size_t)block_len, b, why);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(block);
    BIO_free(in);
    if (rc == 0) {
        *out = b;
        b = NULL;
    }
    bundle_close(&b);
    return rc;
}

void bundle_close(struct bundle **bp)
{
    struct bundle *b = *bp;

    if (b == NULL)
        return;
    for (size_t i = 0; i < b->batches_n; i++)
        batch_close(&b->batches[i].batch);
    free(b->batches);
    free(b->records);
    free(b);
    *bp = NULL;
}

bool bundle_equivocates(const struct bundle *b, size_t i)
{
    const struct batch *x = &b->batches[i].batch, *y = &b->batches[i + 1].batch;

    return i + 1 < b->batches_n && memcmp(x->origin, y->origin, KEY_BYTES) == 0 && x->epoch == y->epoch && x->seq == y->seq;
}
