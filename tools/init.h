/* tools/init.h: a new node, as `hearsay init` makes it. */
#ifndef HEARSAY_TOOLS_INIT_H
#define HEARSAY_TOOLS_INIT_H

#include "tools/command.h"

/* As said on the command line; NULL: by default. */
struct init_wish {
    const char *name, *federation, *advertise, *port;
    const char *dir;
};

/* Keys, configuration and an empty database; all or nothing. 0 or an exit status, said. Says nothing of what it made. */
int init_make(const struct call *call, const struct init_wish *wish);

/* Takes away what the last init_make() made, and what a command has signed since with the keys that it made; nothing that was there before. */
void init_unmake(void);

#endif
