/* The table of all options. An option is added by a row here, a line in conf/hearsay.conf and in hearsay.conf(5), and the place in config_sections.c or config.c
 * that takes its value. */
#include "node/config.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const struct config_option options[] = {
    {"", "name", "a host name such as \"mx.a.example\"", "", "the name of this member, for people; must be set", KIND_NAME, false, 0, 0},
    {"", "federation", "a word of letters, digits, '.', '_' and '-', at most 64", "hearsay", "the coalition; batches of another one are refused", KIND_WORD, false, 1,
     FEDERATION_MAX_BYTES},
    {"", "secret", "a text of at most 255 bytes", "", "keys the hashes of sender addresses; the same in all of a coalition", KIND_SECRET, false, 0, 255},
    {"", "identity", "a file", "identity.pem", "this member's secret keys, mode 0600", KIND_PATH, false, 0, 0},
    {"", "database", "a file", "hearsay.db", "all that this node knows", KIND_PATH, false, 0, 0},
    {"", "control", "a file", "run/control.sock", "the socket of the hearsay command, mode 0600", KIND_SOCKET, false, 0, 0},
    {"", "log", "error, warning, info or debug", "info", "the least urgent messages that are logged", KIND_LEVEL, false, 0, 0},
    {"", "ttl", "a duration from \"1h\" to \"400d\"", "30d", "evidence and opinions older than this are forgotten", KIND_DURATION, false, HOUR, 400 * DAY},
    {"", "hold", "a duration from \"1m\" to \"30d\"", "24h", "how long a retraction keeps old evidence from listing again", KIND_DURATION, false, MINUTE, 30 * DAY},
    {"", "protect", "addresses, networks and names such as \"10.0.0.0/8\"", "", "never listed, whoever says so", KIND_PROTECTED, true, 0, 0},
    {"", "include", "a file", "", "reads another file in this place, if it is there", KIND_INCLUDE, false, 0, 0},

    {"report", "mode", "a mode in octal from \"0600\" to \"0777\"", "0660", "unix: who may connect", KIND_MODE, false, 0600, 0777},
    {"report", "group", "a group of at most 63 bytes", "(Debian-exim where there is such a group)", "unix: the group of the socket", KIND_TEXT, false, 1, 63},
    {"report", "allow", "addresses and networks such as \"127.0.0.0/8\"", "{ \"127.0.0.0/8\", \"::1\" }", "tcp: who may connect", KIND_NETWORK, true, 0, 0},

    {"limits", "connections", "a number from 1 to 65536", "2048", "reporters at once; one more is told \"error: too many connections\"", KIND_NUMBER, false, 1, 65536},
    {"limits", "backlog", "a number from 1 to 65535", "1024", "reporters that may wait to be accepted", KIND_NUMBER, false, 1, 65535},
    {"limits", "lines-per-second", "a number from 1 to 100000000", "200000", "requests of one connection; then it waits for the next second", KIND_NUMBER, false, 1,
     100000000},
    {"limits", "line-bytes", "a size from \"64B\" to \"4096\"", "4096", "length of a request; then \"error: line too long\"", KIND_SIZE, false, 64, 4096},
    {"limits", "line-time", "a duration from \"100ms\" to \"1h\"", "10s", "time to send a request; then \"error: timeout\"", KIND_DURATION, false, 100, HOUR},
    {"limits", "queue", "a number from 1 to 1000000", "65536", "reports that wait for the disk; then reading pauses", KIND_NUMBER, false, 1, 1000000},

    {"mesh", "publish", "an endpoint such as \"tcp://0.0.0.0:4441\"", "tcp://0.0.0.0:4441", "where peers subscribe", KIND_ENDPOINT, false, 0, ENDPOINT_MAX_BYTES},
    {"mesh", "repair", "an endpoint such as \"tcp://0.0.0.0:4442\"", "tcp://0.0.0.0:4442", "where peers fetch what they missed", KIND_ENDPOINT, false, 0, ENDPOINT_MAX_BYTES},
    {"mesh", "advertise", "a host name or an address, without a port", "(the address of `publish` if it is a particular one, else the name)",
     "the host that this member's card names", KIND_HOST, false, 0, 0},
    {"mesh", "budget", "a size a second from \"1kB/s\" to \"1GB/s\"", "20kB/s", "sets how long own words wait for company, not what peers fetch", KIND_SIZE, false, 1000, 1000000000},
    {"mesh", "links", "a number from 3 to 32", "8", "members to keep a connection to, about; those with link = true always", KIND_NUMBER, false, 3, 32},

    {"quota", "batches", "a number from 100 to 1000000", "20000", "batches of one member in a day; more are fetched later", KIND_NUMBER, false, 100, 1000000},
    {"quota", "bytes", "a size from \"100kB\" to \"1GB\"", "8MB", "their size in a day; more are fetched later", KIND_SIZE, false, 100000, 1000000000},
    {"quota", "opinions", "a number from 1000 to 100000000", "200000", "opinions in them in a day; more are fetched later", KIND_NUMBER, false, 1000, 100000000},
    {"quota", "subjects", "a number from 1000 to 10000000", "100000", "opinions kept of one member with a trust of 1, the newest; of others by their trust", KIND_NUMBER, false, 1000, 10000000},

    {"peer", "card", "a member's card, \"hearsay1:...\", complete and with its true signature", "", "what `hearsay card` prints at that member; must be set", KIND_CARD, false,
     0, 0},
    {"peer", "trust", "a number from 0 to 1", "0.5", "how much it is believed", KIND_DECIMAL, false, 0, MICRO},
    {"peer", "link", "true, false or auto", "auto", "true: always keep a connection to it; false: never, it is reached over others; auto: as the node chooses", KIND_CHOICE, false, 0, 0},
    {"peer", "introduce", "a number from 0 to 1", "0", "vouches for it before the others: how large a share of the trust in this member it is lent; 0: not introduced", KIND_DECIMAL, false, 0, MICRO},
    {"peer", "introduce-until", "a time such as \"2027-02-23T10:00:00Z\" or \"2027-02-23\" (UTC), or never", "never", "when the introduction ends; never: it is renewed for as long as it stands here", KIND_TIME, false, 0, 0},
    {"peer", "categories", "names of categories", "(all)", "what it, and whom it introduces, may speak of; the rest is heard and counts for nothing", KIND_WORD, true, 1, CATEGORY_MAX_BYTES},
    {"peer", "black-only", "true or false", "false", "what it says for somebody counts for nothing", KIND_BOOL, false, 0, 0},
    {"peer", "prefixes", "true or false", "true", "false: what it says of networks, as against addresses and names, counts for nothing", KIND_BOOL, false, 0, 0},
    {"peer", "max-weight", "a number from 0.001 to 1", "1", "the most that its group can add to a score, and twice what it can take off, whatever its trust", KIND_DECIMAL, false, 1000, MICRO},
    {"peer", "max-subjects", "a number from 0 to 10000000", "0", "opinions of it that are kept, the newest; 0: as `quota subjects` and its trust have it", KIND_NUMBER, false, 0, 10000000},
    {"peer", "probation", "true, false, a duration such as \"10d\", or a time such as \"2027-02-23\" (UTC)", "false",
     "it is heard and counts for nothing: without end, for so long from when it was first a peer, or until then", KIND_PROBATION, false, 0, 0},

    {"category", "code", "an address from 127.0.0.2 to 127.255.255.255", "(127.0.0.2 spam, .4 malware, .5 fraud, .6 abusive, .7 invalid-recipients; none for others)",
     "what the DNS answers", KIND_CODE, false, 0, 0},
    {"category", "half-life", "a duration from \"1m\" to \"400d\"", "3d", "after this time evidence counts half", KIND_DURATION, false, MINUTE, 400 * DAY},
    {"category", "weight", "a number from 0 to 1000", "5", "what one event counts", KIND_DECIMAL, false, 0, INT64_C(1000) * MICRO},

    {"zone", "file", "a file", "(zones/ and the zone's name)", "what rbldnsd reads", KIND_PATH, false, 0, 0},
    {"zone", "lists", "black or white", "black", "bad subjects, or good ones", KIND_SIDE, false, 0, 0},
    {"zone", "threshold", "a number from 0.001 to 1000", "1.0", "the score that lists; 1.0: one fully trusted member is quite sure", KIND_DECIMAL, false, 1000,
     INT64_C(1000) * MICRO},
    {"zone", "quorum", "a number from 1 to 1000, or 0 for an automatic one", "0", "groups that must say so; 0: 2, and 3 from ten groups on", KIND_NUMBER, false, 0, 1000},
    {"zone", "own", "true or false", "true", "this member's own evidence alone may list", KIND_BOOL, false, 0, 0},
    {"zone", "networks", "true or false", "true", "black: list a network when enough addresses of it are listed", KIND_BOOL, false, 0, 0},
    {"zone", "network-addresses", "a number from 3 to 256", "5", "so many listed addresses", KIND_NUMBER, false, 3, 256},
    {"zone", "network-groups", "a number from 2 to 1000, or 0 for an automatic one", "0", "said by so many groups between them; 0: as quorum, at least 2", KIND_NUMBER, false, 0, 1000},
    {"zone", "network-floor", "prefix lengths such as \"/26\"", "{ \"/24\", \"/48\" }", "no network is wider: \"/24\" to \"/31\" for IPv4, \"/48\" to \"/63\" for IPv6", KIND_TEXT, true,
     3, 3},
    {"zone", "ttl", "seconds or a duration, from 1 to \"1d\"", "300", "how long resolvers keep an answer", KIND_SECONDS, false, SECOND, DAY},
    {"zone", "ns", "host names such as \"ns.a.example\"", "(the member's name)", "the zone's name servers, at most 8", KIND_NAME, true, 0, 0},
    {"zone", "contact", "a host name such as \"hostmaster.a.example\"", "(hostmaster. and the member's name)", "the mailbox in the SOA, its @ written as a dot", KIND_NAME,
     false, 0, 0},
    {"zone", "text", "a text of at most 254 bytes, one line", "Listed by $categories", "the TXT; $categories and $subject are filled in", KIND_TEXT, false, 0, 254},
    {"zone", "expire", "a duration from \"1m\" to \"30d\"", "1h", "how long the file outlives its node", KIND_DURATION, false, MINUTE, 30 * DAY},

    {"grey", "retry", "a duration from \"0s\" to \"1d\"", "5m", "how long a new client, sender and recipient are deferred", KIND_DURATION, false, 0, DAY},
    {"grey", "window", "a duration from \"1s\" to \"30d\"", "2d", "how long they may take to try again", KIND_DURATION, false, SECOND, 30 * DAY},
    {"grey", "white", "a duration from \"1s\" to \"400d\"", "35d", "how long they are let through after their last mail", KIND_DURATION, false, SECOND, 400 * DAY},
    {"grey", "share", "true or false", "true", "tell other members of clients that never try again", KIND_BOOL, false, 0, 0},

    {"tarpit", "keep", "a duration from \"1s\" to \"30d\"", "4h", "how long an offence counts", KIND_DURATION, false, SECOND, 30 * DAY},
    {"tarpit", "weight", "a number from 0 to 1000", "1", "what one offence counts as evidence", KIND_DECIMAL, false, 0, INT64_C(1000) * MICRO},
    {"tarpit", "share", "true or false", "true", "tell other members of offences", KIND_BOOL, false, 0, 0},

    {"bounces", "keep", "a duration from \"1s\" to \"30d\"", "24h", "how long a bounce counts", KIND_DURATION, false, SECOND, 30 * DAY},
    {"bounces", "share", "true or false", "false", "tell other members of domains whose mail bounces in masses", KIND_BOOL, false, 0, 0},

    {"spf", "keep", "a duration from \"0s\" to \"1d\"", "10m", "how long after it passed SPF a domain shares what is reported of the client", KIND_DURATION, false, 0, DAY},
    {"spf", "weight", "a number from 0 to 1000", "1", "what a failure of SPF counts as evidence", KIND_DECIMAL, false, 0, INT64_C(1000) * MICRO},
    {"spf", "share", "true or false", "true", "tell other members of what SPF teaches", KIND_BOOL, false, 0, 0},
    {"spf", "resolver", "an address and a port such as \"127.0.0.1:53\" or \"[::1]:53\"", "(those of /etc/resolv.conf)", "spfcheck: the resolver to ask", KIND_TEXT, false, 1,
     CONFIG_RESOLVER_MAX},
    {"spf", "timeout", "a duration from \"100ms\" to \"60s\"", "2s", "spfcheck: then the answer is temperror", KIND_DURATION, false, 100, 60 * SECOND},
    {"spf", "workers", "a number from 1 to 64", "4", "spfcheck: helper processes that may run at once", KIND_NUMBER, false, 1, 64},
    {"spf", "queue", "a number from 1 to 65536", "256", "spfcheck: checks that wait for a helper; one more is answered temperror", KIND_NUMBER, false, 1, 65536},

    {"srs", "secrets", "texts of 1 to 255 bytes", "", "keys of rewritten addresses: the first one signs, all are accepted; at most 8", KIND_SECRET, true, 1, 255},
    {"srs", "style", "exim or postsrsd", "exim", "whose hashes are written; both are read", KIND_STYLE, false, 0, 0},
    {"srs", "valid", "a duration from \"1d\" to \"365d\"", "10d", "how long a rewritten address is accepted", KIND_DURATION, false, DAY, 365 * DAY},
    {"srs", "weight", "a number from 0 to 1000", "1", "what a forged or expired address counts as evidence against its client", KIND_DECIMAL, false, 0, INT64_C(1000) * MICRO},
    {"srs", "share", "true or false", "true", "tell other members of forged and expired addresses", KIND_BOOL, false, 0, 0},

    {"verdict", "profiles", "a file", "", "what recipients opted for; none: every verdict is to deliver", KIND_PATH, false, 0, 0},
    {"verdict", "rules", "a file", "", "the numbered rules; none: every verdict is to deliver", KIND_PATH, false, 0, 0},

    {"note", "category", "a category", "(the first category)", "what a note of this kind is evidence of", KIND_WORD, false, 1, CATEGORY_MAX_BYTES},
    {"note", "weight", "a number from 0 to 1000", "1", "what one note counts as evidence", KIND_DECIMAL, false, 0, INT64_C(1000) * MICRO},
    {"note", "share", "true or false", "true", "tell other members of such notes", KIND_BOOL, false, 0, 0},
};

const struct config_option *config_options(size_t *n)
{
    *n = sizeof options / sizeof *options;
    return options;
}
