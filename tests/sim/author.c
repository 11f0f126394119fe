/* Keys, records and batches. The keys come from fixed secrets, so that a seed means the same bytes in every run; with others (--keys) the members come in
 * another order wherever a core goes through them, which a seed alone does not change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/subject.h"
#include "sim.h"
#include "tests/identities.h"

enum { AUTHORS = NODES_MAX + 1 };              /* the last one is a stranger to all */

struct author {
    struct identity *id;
    struct record record;
    uint8_t frame[RECORD_FRAME_MAX];
    size_t frame_len;
};
static struct author *authors[AUTHORS];
static uint64_t keys_seed;
enum { INDEX = 4096 };                         /* open addressing: well above AUTHORS */
static uint16_t by_root[INDEX];                /* author + 1 */


static size_t home_of(const uint8_t root[KEY_BYTES])
{
    return (size_t)(root[0] | root[1] << 8) & (INDEX - 1);
}

static void index_author(unsigned index)
{
    size_t i = home_of(authors[index]->record.root);

    while (by_root[i] != 0)
        i = (i + 1) & (INDEX - 1);
    by_root[i] = (uint16_t)(index + 1);
}

static struct author *author(unsigned index)
{
    struct author *a = authors[index];

    if (a != NULL)
        return a;
    a = authors[index] = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    a->id = identity_of(keys_seed, index);
    identity_into_record(a->id, &a->record);
    snprintf(a->record.name, sizeof a->record.name, "n%u.example", index);
    snprintf(a->record.publish, sizeof a->record.publish, "tcp://n%u.example:4441", index);
    snprintf(a->record.repair, sizeof a->record.repair, "tcp://n%u.example:4442", index);
    a->record.serial = 1;
    a->record.not_after_s = START_S + 90 * 86400;
    a->frame_len = sizeof a->frame;
    if (record_seal(&a->record, a->id, a->frame, &a->frame_len) != 0)
        abort();
    index_author(index);
    return a;
}

const struct record *author_record(unsigned index)
{
    return &author(index)->record;
}

struct bytes author_frame(unsigned index)
{
    const struct author *a = author(index);

    return (struct bytes){ a->frame, a->frame_len };
}

int author_of(const uint8_t root[KEY_BYTES])
{
    for (size_t i = home_of(root); by_root[i] != 0; i = (i + 1) & (INDEX - 1)) {
        if (memcmp(authors[by_root[i] - 1]->record.root, root, KEY_BYTES) == 0)
            return by_root[i] - 1;
    }
    return -1;
}

void authors_draw(uint64_t keys)
{
    keys_seed = keys;
}

void authors_free(void)
{
    for (int i = 0; i < AUTHORS; i++) {
        if (authors[i] != NULL)
            identity_destroy(&authors[i]->id);
        free(authors[i]);
    }
}

void author_draw_said(struct world *w, struct batch_plan *p)
{
    unsigned first = (unsigned)draw(w, SUBJECTS);

    p->said_n = 1 + (unsigned)draw(w, SAID_MAX);
    for (unsigned i = 0; i < p->said_n; i++)
        p->said[i] = (struct said){ .subject = (uint8_t)((first + i) % SUBJECTS), .black = (uint8_t)draw(w, MASS_STEPS), .white = (uint8_t)draw(w, 3) };
}

static size_t keep(struct world *w, const struct batch *b, const struct batch_plan *p, uint8_t *frame, size_t len)
{
    struct signed_batch s = { .frame = frame, .len = len, .author = p->author, .said_n = p->said_n };

    memcpy(s.ref.name.origin, b->origin, KEY_BYTES);
    memcpy(s.ref.name.hash, b->hash, HASH_BYTES);
    s.ref.name.epoch = b->epoch;
    s.ref.name.seq = b->seq;
    s.ref.name.record_serial = b->record_serial;
    s.ref.floor_epoch = b->floor_epoch;
    s.ref.floor_seq = b->floor_seq;
    s.ref.time_s = b->time_s;
    s.sound = p->signer == p->author && strcmp(p->federation, FEDERATION) == 0;
    memcpy(s.said, p->said, sizeof s.said);
    return registry_add(&w->registry, &s);
}

static size_t sign(struct world *w, const struct batch_plan *p, struct opinion *opinions, size_t n)
{
    char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    struct batch b = { .epoch = p->epoch, .seq = p->seq, .floor_epoch = p->floor_epoch, .floor_seq = p->floor_seq, .record_serial = 1,
                       .time_s = p->time_s, .categories_n = 1, .categories = categories, .opinions_n = n, .opinions = opinions };
    uint8_t *frame = NULL;
    size_t len = 0;
    long known;

    memcpy(b.origin, author(p->author)->record.root, KEY_BYTES);
    if (p->previous != NULL)
        memcpy(b.previous, p->previous, HASH_BYTES);
    snprintf(b.federation, sizeof b.federation, "%s", p->federation);
    if (batch_seal(&b, author(p->author)->id, &frame, &len) != 0)
        abort();
    if (p->signer != p->author
        && identity_sign(author(p->signer)->id, IDENTITY_OPERATIONAL, frame, len - SIGNATURE_BYTES, frame + len - SIGNATURE_BYTES) != 0)
        abort();
    known = registry_find(&w->registry, b.hash);
    if (known >= 0) {                          /* a liar said the very same before */
        free(frame);
        return (size_t)known;
    }
    return keep(w, &b, p, frame, len);
}

static void write_opinion(struct opinion *o, uint8_t key[6], const struct batch_plan *p, uint32_t address, unsigned black, unsigned white)
{
    const uint8_t bytes[6] = { SUBJECT_IP4, (uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8), (uint8_t)address, 32 };

    memcpy(key, bytes, sizeof bytes);
    *o = (struct opinion){ .key = key, .key_len = sizeof bytes, .black = (uint8_t)black, .white = (uint8_t)white,
                           .time_s = p->time_s - p->time_s % OPINION_TIME_STEP_S };
}

/* Every author speaks of the same addresses. */
size_t author_sign(struct world *w, const struct batch_plan *p)
{
    struct opinion opinions[SAID_MAX];
    uint8_t keys[SAID_MAX][6];

    for (unsigned i = 0; i < p->said_n; i++)
        write_opinion(&opinions[i], keys[i], p, UINT32_C(0xc0000200) + p->said[i].subject, p->said[i].black, p->said[i].white);
    return sign(w, p, opinions, p->said_n);
}

size_t author_sign_many(struct world *w, const struct batch_plan *p, unsigned n)
{
    static struct opinion opinions[BATCH_OPINIONS_MAX];
    static uint8_t keys[BATCH_OPINIONS_MAX][6];
    uint32_t address = (uint32_t)draw(w, UINT32_MAX);

    for (unsigned i = 0; i < n; i++)
        write_opinion(&opinions[i], keys[i], p, address += 1 + (uint32_t)draw(w, 1000000), 1 + (unsigned)draw(w, MASS_STEPS - 1), 0);
    return sign(w, p, opinions, n);
}
