/* tools/init_template.h: the first hearsay.conf and peers.conf of a node, as `hearsay init` writes them. */
#ifndef HEARSAY_TOOLS_INIT_TEMPLATE_H
#define HEARSAY_TOOLS_INIT_TEMPLATE_H

#include <stdio.h>

struct init_values {
    const char *name, *federation, *advertise;
    unsigned report_port, publish_port, repair_port;
};

/* 0 or -EIO, for what stdio itself noticed. */
int init_write_config(FILE *to, const struct init_values *v);
int init_write_peers(FILE *to, const struct init_values *v);

#endif
