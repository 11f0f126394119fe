/* tools/command.h: the table of commands, and what each of them is given. */
#ifndef HEARSAY_TOOLS_COMMAND_H
#define HEARSAY_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* Exit status. Scripts rely on these. */
enum status {
    STATUS_DONE = 0,
    STATUS_NO = 1,              /* not listed, not healthy, not stored */
    STATUS_USAGE = 2,           /* bad usage or configuration */
    STATUS_ABSENT = 3           /* the node is not there */
};

struct command;

/* One invocation: what was said before and after the command's name. */
struct call {
    const struct command *command;
    const char *verb;           /* the word behind the name that chose among the command's forms, which the usage is cut down to; NULL: none, or not yet */
    const char *config_path;    /* never NULL */
    bool config_said;           /* by -c, not by default */
    bool json;
    json_t *result;             /* with --json: what was done, which main() prints as one object with "ok" unless the command printed its own; else NULL */
    int argc;                   /* words after the command's name; options go as args_take() takes them out */
    char **argv;
};

struct command {
    const char *name;
    const char *usage;          /* what follows "hearsay NAME"; several forms are parted by newlines */
    const char *summary;        /* one line for the list of commands */
    const char *help;           /* the rest, for `hearsay help NAME` */
    int (*run)(struct call *call);
};

int cmd_init(struct call *call);
int cmd_card(struct call *call);
int cmd_rotate(struct call *call);
int cmd_leave(struct call *call);
int cmd_peer(struct call *call);
int cmd_invite(struct call *call);
int cmd_join(struct call *call);
int cmd_members(struct call *call);
int cmd_introduce(struct call *call);
int cmd_introductions(struct call *call);
int cmd_report(struct call *call);
int cmd_check(struct call *call);
int cmd_why(struct call *call);
int cmd_list(struct call *call);
int cmd_status(struct call *call);
int cmd_verify(struct call *call);
int cmd_proofs(struct call *call);
int verify_proof(struct call *call, const char *path);      /* of cmd_verify: needs no configuration */
int cmd_export(struct call *call);
int cmd_delist(struct call *call);
int cmd_protect(struct call *call);
int cmd_what_if(struct call *call);
int cmd_tool(struct call *call);

/* All commands, in the order of the help text. */
const struct command *command_table(size_t *n);
const struct command *command_find(const char *name);      /* or NULL */

#endif
