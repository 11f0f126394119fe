/* The list of things to do: it grows during a step and is freed at the next. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

struct mesh_action *update_add(struct mesh *m, enum mesh_action_kind kind)
{
    size_t room = m->actions_room == 0 ? 32 : m->actions_room * 2;
    struct mesh_action *a = m->actions;

    if (m->actions_n == m->actions_room) {
        a = realloc(m->actions, room * sizeof *a);
        if (a == NULL) {
            m->starved = true;
            return NULL;
        }
        m->actions = a;
        m->actions_room = room;
    }
    a = &m->actions[m->actions_n++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

struct mesh_action *update_about(struct mesh *m, enum mesh_action_kind kind, const struct member *neighbour)
{
    struct mesh_action *a = update_add(m, kind);

    if (a != NULL && neighbour != NULL)
        memcpy(a->neighbour, neighbour->root, KEY_BYTES);
    return a;
}

void update_topic_of(struct mesh_action *a, const struct member *origin)
{
    memcpy(a->origin, origin->root, KEY_BYTES);
    a->topic[0] = 'B';
    memcpy(a->topic + 1, origin->root, ORIGIN_SHORT_BYTES);
}

void update_topic(struct mesh *m, enum mesh_action_kind kind, const struct member *neighbour, const struct member *origin)
{
    struct mesh_action *a = update_about(m, kind, neighbour);

    if (a == NULL)
        return;
    update_topic_of(a, origin);
}

bool update_keep(struct mesh *m, void *buffer)
{
    size_t room = m->buffers_room == 0 ? 32 : m->buffers_room * 2;

    if (m->buffers_n == m->buffers_room) {
        uint8_t **grown = realloc(m->buffers, room * sizeof *grown);
        if (grown == NULL) {
            m->starved = true;
            free(buffer);
            return false;
        }
        m->buffers = grown;
        m->buffers_room = room;
    }
    m->buffers[m->buffers_n++] = buffer;
    return true;
}

void update_message(struct mesh *m, enum mesh_action_kind kind, const struct member *neighbour, const struct message *msg)
{
    uint8_t *wire = NULL;
    size_t len = 0;
    struct mesh_action *a;

    if (message_encode(msg, &wire, &len) != 0) {
        m->starved = true;
        return;
    }
    if (!update_keep(m, wire))
        return;
    a = update_about(m, kind, neighbour);
    if (a != NULL)
        a->frame = (struct bytes){ wire, len };
}

void update_blame(struct mesh *m, struct member *neighbour, const char *text)
{
    struct mesh_action *a = update_about(m, MESH_DO_BLAME, neighbour);

    if (a != NULL)
        snprintf(a->text, sizeof a->text, "%s", text);
    penalty_add(m, neighbour, PENALTY_FAULT_MILLI, text);
}

void update_alert(struct mesh *m, const struct member *origin, const char *text)
{
    struct mesh_action *a = update_add(m, MESH_DO_ALERT);

    if (a == NULL)
        return;
    memcpy(a->origin, origin->root, KEY_BYTES);
    snprintf(a->text, sizeof a->text, "%s", text);
}

static void give_back(struct mesh *m)
{
    if (m->actions_room <= ACTIONS_KEPT_MAX)
        return;
    free(m->actions);
    m->actions = NULL;
    m->actions_room = 0;
}

/* What mesh_member_set() and its like left to do is not delivered yet and stays. */
void update_begin(struct mesh *m)
{
    m->starved = false;
    if (!m->delivered)
        return;
    for (size_t i = 0; i < m->buffers_n; i++)
        free(m->buffers[i]);
    m->buffers_n = 0;
    m->actions_n = 0;
    m->delivered = false;
    give_back(m);
}

void update_clear(struct mesh *m)
{
    for (size_t i = 0; i < m->buffers_n; i++)
        free(m->buffers[i]);
    free(m->buffers);
    free(m->actions);
}
