/* node/spf_cage.h: what hearsay-spf may do once it runs: ask the DNS, and nothing else.
 *
 * libspf2 reads what any sender of mail writes into the DNS, and Debian 12's is known to lack the fix of an integer underflow in its parser (CVE-2023-42118).
 * So it runs in a process of its own. A hostile policy can at best make that process answer wrongly: there is no file that it can open, no program that it can start, no
 * process that it can signal or read, and no unix socket that it can reach. */
#ifndef HEARSAY_NODE_SPF_CAGE_H
#define HEARSAY_NODE_SPF_CAGE_H

/* Cannot be taken back. What the kernel does not offer is left out: the rest still holds. Returns the number of walls that stand, of SPF_CAGE_WALLS. */
enum { SPF_CAGE_WALLS = 3 };          /* limits, Landlock, seccomp */
int spf_cage_enter(void);

#endif
