/* hearsay-spf: answers hearsayd's questions about SPF on its standard input, one after the other. Not for people: see node/spf_cage.h for why it is a program of its own. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "node/spf_cage.h"
#include "node/spf_eval.h"

/* False at the end: the node has closed the socket or is gone. */
static bool read_question(struct spf_question *q)
{
    char *at = (char *)q;
    size_t left = sizeof *q;
    while (left > 0) {
        ssize_t n = read(STDIN_FILENO, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        left -= (size_t)n;
    }
    q->helo[SPF_HELO_MAX] = q->sender[SPF_SENDER_MAX] = '\0';
    return true;
}

int main(int argc, char **argv)
{
    struct spf_question q;
    struct spf_eval *e = NULL;
    if (argc != 3) {
        fputs("hearsay-spf: hearsayd starts this program when it is asked to check SPF; it is of no use by itself\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    if (spf_eval_open(argv[1], strtol(argv[2], NULL, 10), &e) != 0)
        return 1;
    spf_cage_enter();
    while (read_question(&q)) {
        uint8_t answer = (uint8_t)spf_eval_check(e, &q);
        if (write(STDIN_FILENO, &answer, 1) != 1)
            break;
    }
    spf_eval_close(&e);
    return 0;
}
