#include "node/zone_image.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum list_kind { LIST_HOSTS, LIST_NETS4, LIST_NETS6, LIST_NAMES, LIST_KINDS };

/* One change. `order` says which of several about one item came last; once that is settled it becomes the item's place in the array. */
struct note {
    union {
        uint64_t addr;
        char *name;              /* owned until an insertion hands it to the array */
    } u;
    uint32_t order;
    uint8_t bits;
    bool listed;
};

struct list {
    void *items;                 /* n of item_bytes[kind] each; names are owned */
    size_t n, room;
    struct note *notes;
    size_t notes_n, notes_room;
};

struct zone_image {
    struct list lists[POLICY_CATEGORIES_MAX][LIST_KINDS];
    size_t count, noted;
    uint64_t version;
};

static const size_t item_bytes[LIST_KINDS] = {
    [LIST_HOSTS] = sizeof(uint32_t),
    [LIST_NETS4] = sizeof(struct zone_image_prefix),
    [LIST_NETS6] = sizeof(struct zone_image_prefix),
    [LIST_NAMES] = sizeof(char *),
};

/* ---- the order of items */

static int order_of(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_notes(enum list_kind kind, const struct note *a, const struct note *b)
{
    if (kind == LIST_NAMES)
        return strcmp(a->u.name, b->u.name);
    if (a->u.addr != b->u.addr)
        return order_of(a->u.addr, b->u.addr);
    return order_of(a->bits, b->bits);
}

/* The item at `at`, against a note. */
static int compare_item(enum list_kind kind, const struct list *l, size_t at, const struct note *n)
{
    if (kind == LIST_HOSTS)
        return order_of(((const uint32_t *)l->items)[at], n->u.addr);
    if (kind == LIST_NAMES)
        return strcmp(((char **)l->items)[at], n->u.name);
    const struct zone_image_prefix *p = &((const struct zone_image_prefix *)l->items)[at];
    return p->addr != n->u.addr ? order_of(p->addr, n->u.addr) : order_of(p->bits, n->bits);
}

/* The two orders that qsort needs: it has no argument to say which. */
static int compare_addr_notes(const void *a, const void *b)
{
    const struct note *x = a, *y = b;
    int order = compare_notes(LIST_NETS4, x, y);
    return order != 0 ? order : order_of(x->order, y->order);
}

static int compare_name_notes(const void *a, const void *b)
{
    const struct note *x = a, *y = b;
    int order = compare_notes(LIST_NAMES, x, y);
    return order != 0 ? order : order_of(x->order, y->order);
}

/* ---- noting */

static void *grown(void *items, size_t *room, size_t want, size_t bytes)
{
    size_t more = want + want / 8 + 16;
    if (want <= *room)
        return items;
    if (more < want || more > SIZE_MAX / bytes)
        return NULL;
    void *bigger = realloc(items, more * bytes);
    if (bigger != NULL)
        *room = more;
    return bigger;
}

static uint64_t big_endian(const uint8_t *at, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | at[i];
    return v;
}

/* Which list a subject belongs to, and the note for it. -1: to none. A name is not copied yet. */
static int note_of(const struct subject *s, struct note *n)
{
    switch (subject_kind(s)) {
    case SUBJECT_IP4:
        n->u.addr = big_endian(s->key + 1, 4);
        n->bits = s->key[5];
        return n->bits == 32 ? LIST_HOSTS : LIST_NETS4;
    case SUBJECT_IP6:
        n->u.addr = big_endian(s->key + 1, 8);
        n->bits = s->key[9];
        return LIST_NETS6;
    case SUBJECT_NAME:
        return LIST_NAMES;
    default:
        return -1;               /* sender hashes: there is no way to ask DNS for one */
    }
}

int zone_image_change(struct zone_image *z, int category, const struct subject *s, bool listed)
{
    struct note n = { .listed = listed };
    if (category < 0 || category >= POLICY_CATEGORIES_MAX || s->len == 0)
        return -EINVAL;
    int kind = note_of(s, &n);
    if (kind < 0)
        return 0;
    struct list *l = &z->lists[category][kind];
    if (l->notes_n >= UINT32_MAX)
        return -ENOMEM;
    struct note *notes = grown(l->notes, &l->notes_room, l->notes_n + 1, sizeof *notes);
    if (notes == NULL)
        return -ENOMEM;
    l->notes = notes;
    if (kind == LIST_NAMES) {
        n.u.name = strndup((const char *)s->key + 1, s->len - 1u);
        if (n.u.name == NULL)
            return -ENOMEM;
    }
    n.order = (uint32_t)l->notes_n;
    l->notes[l->notes_n++] = n;
    z->noted++;
    return 0;
}

/* ---- settling */

static void drop_note(enum list_kind kind, struct note *n)
{
    if (kind == LIST_NAMES)
        free(n->u.name);
}

/* What comes from the database is in order already. */
static void sort_notes(enum list_kind kind, struct list *l)
{
    for (size_t i = 1; i < l->notes_n; i++) {
        if (compare_notes(kind, &l->notes[i - 1], &l->notes[i]) > 0) {
            qsort(l->notes, l->notes_n, sizeof *l->notes, kind == LIST_NAMES ? compare_name_notes : compare_addr_notes);
            return;
        }
    }
}

/* The first place at or after `from` whose item is not below the note. Steps double from where the note before stood: a few changes cost
 * two searches each, many changes one walk. */
static size_t place_of(enum list_kind kind, const struct list *l, size_t from, const struct note *n)
{
    size_t low = from, step = 1;
    while (low + step <= l->n && compare_item(kind, l, low + step - 1, n) < 0) {
        low += step;
        step *= 2;
    }
    size_t high = low + step <= l->n ? low + step - 1 : l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_item(kind, l, middle, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Keeps of the sorted notes the last word on each item, and of those the ones that change something; `order` becomes the place. */
static void resolve_notes(enum list_kind kind, struct list *l, size_t *added)
{
    size_t kept = 0, place = 0;
    *added = 0;
    for (size_t i = 0; i < l->notes_n; i++) {
        struct note *n = &l->notes[i];
        if (i + 1 < l->notes_n && compare_notes(kind, n, n + 1) == 0) {
            drop_note(kind, n);
            continue;
        }
        place = place_of(kind, l, place, n);
        bool there = place < l->n && compare_item(kind, l, place, n) == 0;
        if (there == n->listed) {
            drop_note(kind, n);
            continue;
        }
        n->order = (uint32_t)place;
        *added += n->listed;
        l->notes[kept++] = *n;
    }
    l->notes_n = kept;
}

static char *item_at(enum list_kind kind, const struct list *l, size_t at)
{
    return (char *)l->items + at * item_bytes[kind];
}

static void move_items(enum list_kind kind, struct list *l, size_t to, size_t from, size_t n)
{
    if (n > 0 && to != from)
        memmove(item_at(kind, l, to), item_at(kind, l, from), n * item_bytes[kind]);
}

static void remove_item(enum list_kind kind, struct list *l, size_t at)
{
    if (kind == LIST_NAMES)
        free(((char **)l->items)[at]);
}

static void put_item(enum list_kind kind, struct list *l, size_t at, const struct note *n)
{
    if (kind == LIST_HOSTS)
        ((uint32_t *)l->items)[at] = (uint32_t)n->u.addr;
    else if (kind == LIST_NAMES)
        ((char **)l->items)[at] = n->u.name;
    else
        ((struct zone_image_prefix *)l->items)[at] = (struct zone_image_prefix){ .addr = n->u.addr, .bits = n->bits };
}

/* Removes front to back, each run between two removals moved once, and leaves the insertions' places as they are after it. */
static void apply_removals(enum list_kind kind, struct list *l)
{
    size_t removed = 0, from = 0, to = 0, adds = 0;
    for (size_t i = 0; i < l->notes_n; i++) {
        struct note n = l->notes[i];
        if (n.listed) {
            n.order -= (uint32_t)removed;
            l->notes[adds++] = n;
            continue;
        }
        move_items(kind, l, to, from, n.order - from);
        to += n.order - from;
        from = n.order + 1u;
        remove_item(kind, l, n.order);
        drop_note(kind, &n);
        removed++;
    }
    move_items(kind, l, to, from, l->n - from);
    l->n -= removed;
    l->notes_n = adds;
}

/* Inserts back to front into the room that is there. */
static void apply_insertions(enum list_kind kind, struct list *l)
{
    size_t end = l->n;
    assert(l->n + l->notes_n <= l->room);
    for (size_t i = l->notes_n; i-- > 0;) {
        const struct note *n = &l->notes[i];
        move_items(kind, l, n->order + i + 1, n->order, end - n->order);
        put_item(kind, l, n->order + i, n);
        end = n->order;
    }
    l->n += l->notes_n;
    l->notes_n = 0;
}

/* After a settle that found no memory: what is left is sorted and says one thing about each item; later notes come after it. */
static void number_notes(struct zone_image *z)
{
    for (int c = 0; c < POLICY_CATEGORIES_MAX; c++)
        for (int k = 0; k < LIST_KINDS; k++)
            for (size_t i = 0; i < z->lists[c][k].notes_n; i++)
                z->lists[c][k].notes[i].order = (uint32_t)i;
}

/* All memory first, so that a failure leaves every array as it was. */
static int prepare(struct zone_image *z, bool *changes)
{
    *changes = false;
    for (int c = 0; c < POLICY_CATEGORIES_MAX; c++) {
        for (int k = 0; k < LIST_KINDS; k++) {
            struct list *l = &z->lists[c][k];
            size_t added;
            if (l->notes_n == 0)
                continue;
            sort_notes((enum list_kind)k, l);
            resolve_notes((enum list_kind)k, l, &added);
            void *items = added == 0 ? l->items : grown(l->items, &l->room, l->n + added, item_bytes[k]);
            if (items == NULL && added > 0) {
                number_notes(z);
                return -ENOMEM;
            }
            l->items = items;
            *changes = *changes || l->notes_n > 0;
        }
    }
    return 0;
}

static void forget_notes(struct list *l)
{
    free(l->notes);
    l->notes = NULL;
    l->notes_n = l->notes_room = 0;
}

static void give_room_back(enum list_kind kind, struct list *l)
{
    if (l->room / 4 <= l->n || l->room < 4096)
        return;
    void *smaller = realloc(l->items, (l->n + 1) * item_bytes[kind]);
    if (smaller == NULL)
        return;
    l->items = smaller;
    l->room = l->n + 1;
}

int zone_image_settle(struct zone_image *z)
{
    bool changes;
    if (z->noted == 0)
        return 0;
    int rc = prepare(z, &changes);
    if (rc != 0)
        return rc;
    z->count = 0;
    for (int c = 0; c < POLICY_CATEGORIES_MAX; c++) {
        for (int k = 0; k < LIST_KINDS; k++) {
            struct list *l = &z->lists[c][k];
            if (l->notes_n > 0) {
                apply_removals((enum list_kind)k, l);
                apply_insertions((enum list_kind)k, l);
                give_room_back((enum list_kind)k, l);
            }
            forget_notes(l);
            z->count += l->n;
        }
    }
    z->noted = 0;
    z->version += changes;
    return 0;
}

/* ---- the rest */

struct zone_image *zone_image_create(void)
{
    return calloc(1, sizeof(struct zone_image));
}

static void clear_list(enum list_kind kind, struct list *l)
{
    for (size_t i = 0; i < l->notes_n; i++)
        drop_note(kind, &l->notes[i]);
    forget_notes(l);
    for (size_t i = 0; i < l->n; i++)
        remove_item(kind, l, i);
    free(l->items);
    *l = (struct list){ 0 };
}

void zone_image_clear(struct zone_image *z)
{
    for (int c = 0; c < POLICY_CATEGORIES_MAX; c++)
        for (int k = 0; k < LIST_KINDS; k++)
            clear_list((enum list_kind)k, &z->lists[c][k]);
    z->version += z->count > 0;
    z->count = z->noted = 0;
}

void zone_image_destroy(struct zone_image **z)
{
    if (*z == NULL)
        return;
    zone_image_clear(*z);
    free(*z);
    *z = NULL;
}

struct zone_image_set zone_image_set(const struct zone_image *z, int category)
{
    if (category < 0 || category >= POLICY_CATEGORIES_MAX)
        return (struct zone_image_set){ 0 };
    const struct list *l = z->lists[category];
    return (struct zone_image_set){
        .hosts = l[LIST_HOSTS].items, .hosts_n = l[LIST_HOSTS].n,
        .nets4 = l[LIST_NETS4].items, .nets4_n = l[LIST_NETS4].n,
        .nets6 = l[LIST_NETS6].items, .nets6_n = l[LIST_NETS6].n,
        .names = l[LIST_NAMES].items, .names_n = l[LIST_NAMES].n,
    };
}

size_t zone_image_count(const struct zone_image *z)
{
    return z->count;
}

bool zone_image_changed(const struct zone_image *z)
{
    return z->noted > 0;
}

size_t zone_image_noted(const struct zone_image *z)
{
    return z->noted;
}

uint64_t zone_image_version(const struct zone_image *z)
{
    return z->version;
}
