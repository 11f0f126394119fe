#include "node/config_fixed.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Where in struct config each is kept; the card goes with the identity. Those of the mesh are open to change until it runs. */
static const struct fixed {
    const char *name;
    size_t at, bytes;
    bool of_mesh;
} fixed[] = {
    { "identity", offsetof(struct config, identity), sizeof ((struct config *)0)->identity, false },
    { "database", offsetof(struct config, database), sizeof ((struct config *)0)->database, false },
    { "control", offsetof(struct config, control), sizeof ((struct config *)0)->control, false },
    { "limits queue", offsetof(struct config, limits.queue), sizeof ((struct config *)0)->limits.queue, false },
    { "mesh publish", offsetof(struct config, mesh.publish), sizeof ((struct config *)0)->mesh.publish, true },
    { "mesh repair", offsetof(struct config, mesh.repair), sizeof ((struct config *)0)->mesh.repair, true },
};
enum { FIXED_N = sizeof fixed / sizeof *fixed };

const char *const *config_fixed_names(void)
{
    static const char *names[FIXED_N + 1];

    for (size_t i = 0; i < FIXED_N; i++)
        names[i] = fixed[i].name;
    return names;
}

bool config_keep_fixed(const struct config *running, struct config *fresh, char *said)
{
    size_t used = 0;

    said[0] = '\0';
    for (size_t i = 0; i < FIXED_N; i++) {
        const char *was = (const char *)running + fixed[i].at;
        char *is = (char *)fresh + fixed[i].at;
        bool text = fixed[i].bytes != sizeof running->limits.queue;
        if ((fixed[i].of_mesh && !running->mesh.present) || (text ? strcmp(was, is) == 0 : memcmp(was, is, fixed[i].bytes) == 0))
            continue;
        used += (size_t)snprintf(said + used, CONFIG_FIXED_TEXT_MAX - used, "%s%s", used > 0 ? ", " : "", fixed[i].name);
        memcpy(is, was, fixed[i].bytes);
    }
    memcpy(fresh->card, running->card, sizeof fresh->card);
    fresh->mesh.present |= running->mesh.present;      /* its sockets stay, also without a peer */
    return used > 0;
}
