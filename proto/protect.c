#include "proto/protect.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "proto/name.h"
#include "proto/network.h"

/* An entry keeps its text, since protect_network() hands it out without a buffer. */
struct protected {
    struct network network;          /* zeroed for a name */
    char text[];
};

struct list {
    struct protected **at;
    size_t n, room;
};

enum { LIST_IP4, LIST_IP6, LIST_NAMES, LISTS };

/* The entries belong to the lists. The trees point into them (struct network, char) and find in O(log n). */
struct protect {
    struct list lists[LISTS];
    size_t n;
    void *networks;
    void *names;
};

/* Prefixes are nested or apart. Overlapping ones compare as equal, so that a lookup finds the network around a subject and
 * the network within it alike. Invariant: no two in the tree overlap; that makes this an order. */
static int compare_networks(const void *a, const void *b)
{
    const struct network *x = a, *y = b;

    if (x->family != y->family)
        return x->family < y->family ? -1 : 1;
    return network_overlaps(x, y) ? 0 : memcmp(x->addr, y->addr, sizeof x->addr);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void free_nothing(void *node)
{
    (void)node;                      /* what the trees point to, the lists free */
}

struct protect *protect_create(void)
{
    return calloc(1, sizeof(struct protect));
}

static void clear_list(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->at[i]);
    free(l->at);
}

void protect_destroy(struct protect **p)
{
    if (*p == NULL)
        return;
    tdestroy((*p)->networks, free_nothing);
    tdestroy((*p)->names, free_nothing);
    for (size_t i = 0; i < LISTS; i++)
        clear_list(&(*p)->lists[i]);
    free(*p);
    *p = NULL;
}

static int make_room(struct list *l)
{
    size_t room = l->room == 0 ? 16 : 2 * l->room;
    struct protected **at;

    if (l->n < l->room)
        return 0;
    at = realloc(l->at, room * sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    l->at = at;
    l->room = room;
    return 0;
}

static int append(struct protect *p, struct list *l, const struct network *network, const char *text, struct protected **out)
{
    size_t text_bytes = strlen(text) + 1;
    struct protected *e;

    if (p->n >= PROTECT_MAX)
        return -ENOSPC;
    if (make_room(l) != 0 || (e = malloc(sizeof *e + text_bytes)) == NULL)
        return -ENOMEM;
    e->network = *network;
    memcpy(e->text, text, text_bytes);
    l->at[l->n++] = e;
    p->n++;
    *out = e;
    return 0;
}

static const struct network *find_overlap(const struct protect *p, const struct network *network)
{
    struct network *const *node = tfind(network, &p->networks, compare_networks);

    return node != NULL ? *node : NULL;
}

static int add_network(struct protect *p, const struct network *network)
{
    char text[NETWORK_TEXT_MAX];
    const struct network *other = find_overlap(p, network);
    struct protected *e;
    int rc;

    if (other != NULL && network_within(network, other))
        return 0;
    rc = append(p, &p->lists[network->family == 4 ? LIST_IP4 : LIST_IP6], network, network_text(network, text), &e);
    if (rc != 0)
        return rc;
    while ((other = find_overlap(p, network)) != NULL)      /* narrower ones, that the new one holds */
        tdelete(other, &p->networks, compare_networks);
    return tsearch(&e->network, &p->networks, compare_networks) != NULL ? 0 : -ENOMEM;
}

static int add_name(struct protect *p, const char *name)
{
    const struct network none = { 0 };
    struct protected *e;
    int rc;

    if (tfind(name, &p->names, compare_names) != NULL)
        return 0;
    rc = append(p, &p->lists[LIST_NAMES], &none, name, &e);
    if (rc != 0)
        return rc;
    return tsearch(e->text, &p->names, compare_names) != NULL ? 0 : -ENOMEM;
}

int protect_add(struct protect *p, const char *text)
{
    struct network network;
    char name[NAME_MAX_BYTES + 1];

    if (network_parse(text, strlen(text), &network) == 0)
        return add_network(p, &network);
    if (name_canonical(text, strlen(text), name) == 0)
        return add_name(p, name);
    return -EINVAL;
}

struct protect *protect_copy(const struct protect *p)
{
    struct protect *copy = protect_create();

    for (size_t l = 0; l < LISTS; l++) {
        for (size_t i = 0; copy != NULL && i < p->lists[l].n; i++) {
            if (protect_add(copy, p->lists[l].at[i]->text) != 0)
                protect_destroy(&copy);
        }
    }
    return copy;
}

static bool covers_name(const struct protect *p, const char *name)
{
    while (name != NULL) {
        if (tfind(name, &p->names, compare_names) != NULL)
            return true;
        name = strchr(name, '.');
        if (name != NULL)
            name++;
    }
    return false;
}

bool protect_covers(const struct protect *p, const struct subject *s)
{
    struct network network;
    char text[SUBJECT_TEXT_MAX];

    if (subject_is_reserved(s))
        return true;
    if (subject_network(s, &network))
        return find_overlap(p, &network) != NULL;
    if (subject_kind(s) == SUBJECT_NAME)
        return covers_name(p, subject_text(s, text));
    return false;
}

const char *protect_network(const struct protect *p, int family, size_t i)
{
    const struct list *l = &p->lists[family == 4 ? LIST_IP4 : LIST_IP6];

    return i < l->n ? l->at[i]->text : NULL;
}
