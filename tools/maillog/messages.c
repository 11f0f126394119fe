#include "tools/maillog/messages.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX };

/* Used entries are in one list by age and each in the chain of its hash; free ones are in a list of their own, by `next`. */
struct message {
    char id[LINE_ID_LONG];
    uint8_t id_len;
    uint16_t user_len;
    char *user;
    uint32_t chain;             /* the next one of the same hash */
    uint32_t older, newer;
};

struct messages {
    struct message *all;
    uint32_t *heads;            /* by hash */
    uint32_t heads_n;           /* a power of two */
    uint32_t most, used, free_first, oldest, newest;
};

struct messages *messages_create(size_t most)
{
    struct messages *m = calloc(1, sizeof *m);
    if (m == NULL || most == 0 || most > UINT32_MAX / 4) {
        free(m);
        return NULL;
    }
    m->most = (uint32_t)most;
    for (m->heads_n = 16; m->heads_n < most; m->heads_n *= 2)
        ;
    m->all = calloc(most, sizeof *m->all);
    m->heads = malloc(m->heads_n * sizeof *m->heads);
    m->oldest = m->newest = m->free_first = NONE;
    if (m->all == NULL || m->heads == NULL)
        messages_destroy(&m);
    for (uint32_t i = 0; m != NULL && i < m->heads_n; i++)
        m->heads[i] = NONE;
    return m;
}

void messages_destroy(struct messages **m)
{
    if (*m == NULL)
        return;
    for (uint32_t i = 0; (*m)->all != NULL && i < (*m)->used; i++)
        free((*m)->all[i].user);
    free((*m)->all);
    free((*m)->heads);
    free(*m);
    *m = NULL;
}

/* FNV-1a: ids are made by this host's Exim, not by strangers. */
static uint32_t *head_of(const struct messages *m, struct text id)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.at[i]) * 16777619u;
    return &m->heads[(h ^ h >> 15) & (m->heads_n - 1)];
}

static uint32_t find(const struct messages *m, struct text id)
{
    uint32_t i = *head_of(m, id);
    while (i != NONE && (m->all[i].id_len != id.len || memcmp(m->all[i].id, id.at, id.len) != 0))
        i = m->all[i].chain;
    return i;
}

static void unlink_age(struct messages *m, struct message *e)
{
    *(e->older != NONE ? &m->all[e->older].newer : &m->oldest) = e->newer;
    *(e->newer != NONE ? &m->all[e->newer].older : &m->newest) = e->older;
}

static void remove_entry(struct messages *m, uint32_t i)
{
    struct message *e = &m->all[i];
    uint32_t *at = head_of(m, (struct text){ e->id, e->id_len });
    while (*at != i)
        at = &m->all[*at].chain;
    *at = e->chain;
    unlink_age(m, e);
    free(e->user);
    e->user = NULL;
    e->chain = m->free_first;
    m->free_first = i;
}

static uint32_t take_free(struct messages *m)
{
    if (m->free_first == NONE && m->used == m->most)
        remove_entry(m, m->oldest);
    if (m->free_first == NONE)
        return m->used++;
    uint32_t i = m->free_first;
    m->free_first = m->all[i].chain;
    return i;
}

void messages_put(struct messages *m, struct text id, struct text user)
{
    if (id.len == 0 || id.len > LINE_ID_LONG || user.len > MESSAGES_USER_MAX)
        return;
    char *copy = NULL;
    if (user.len > 0 && (copy = malloc(user.len)) == NULL)
        return;
    if (copy != NULL)
        memcpy(copy, user.at, user.len);
    messages_forget(m, id);
    uint32_t i = take_free(m);
    struct message *e = &m->all[i];
    uint32_t *head = head_of(m, id);
    *e = (struct message){ .id_len = (uint8_t)id.len, .user_len = (uint16_t)user.len, .user = copy, .chain = *head, .older = m->newest, .newer = NONE };
    memcpy(e->id, id.at, id.len);
    *head = i;
    *(m->newest != NONE ? &m->all[m->newest].newer : &m->oldest) = i;
    m->newest = i;
}

bool messages_get(const struct messages *m, struct text id, struct text *user)
{
    uint32_t i = find(m, id);
    if (i == NONE)
        return false;
    *user = (struct text){ m->all[i].user, m->all[i].user_len };
    return true;
}

void messages_forget(struct messages *m, struct text id)
{
    uint32_t i = find(m, id);
    if (i != NONE)
        remove_entry(m, i);
}

size_t messages_count(const struct messages *m)
{
    size_t n = 0;
    for (uint32_t i = m->oldest; i != NONE; i = m->all[i].newer)
        n++;
    return n;
}
