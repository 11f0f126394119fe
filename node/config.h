/* node/config.h: hearsay.conf. Syntax by libConfuse; each option is one row of a table in config_options.c (type, range, default, help).
 * Paths in the result are absolute or relative to the working directory as the file's own directory makes them. */
#ifndef HEARSAY_NODE_CONFIG_H
#define HEARSAY_NODE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/log.h"
#include "proto/record.h"
#include "store/policy.h"

enum { CONFIG_REPORTS_MAX = 16, CONFIG_NETWORKS_MAX = 256, CONFIG_NS_MAX = 8, CONFIG_TEXT_MAX = 255, CONFIG_PATH_MAX = 1024, CONFIG_WHY_MAX = 3072 };

struct config_network { uint8_t family; uint8_t bits; uint8_t addr[16]; };     /* family 4 or 6 */

struct config_report {
    bool is_unix;
    char path[CONFIG_PATH_MAX];                /* unix; at most 107 bytes */
    unsigned mode;                             /* unix; 0660 */
    char group[64];                            /* unix; empty: Debian-exim if there is such a group */
    bool group_required;                       /* said in the file: failing to set it is an error, else a warning */
    char place[CONFIG_PATH_MAX + 16];          /* unix; where in the file, "hearsay.conf:12: ", for what shows only when it is put to use; "" without a section */
    char host[64];                             /* tcp; an address */
    uint16_t port;
    struct config_network *allow;              /* tcp; default loopback */
    size_t allow_n;
};

struct config_limits {                         /* section `limits` */
    unsigned connections;                      /* at once, 2048; one more is answered "error: too many connections" and closed */
    unsigned backlog;                          /* 1024 */
    unsigned lines_per_second;                 /* per connection, 200000; then reading from it pauses until the second is over */
    unsigned line_bytes;                       /* 4096; then "error: line too long" */
    int64_t line_ms;                           /* time to send a line, "10s"; then "error: timeout" */
    unsigned queue;                            /* reports waiting for the disk, 65536; then reading pauses */
};

struct config_quota {                          /* section `quota`: what is taken of one member in a day, what is over is fetched later; and what is kept of it */
    int64_t batches, bytes, opinions;
    int64_t subjects;                          /* kept of it at a time, times its trust */
};

struct config_mesh {
    bool present;                              /* a `mesh` section or a peer is there: else no mesh socket is opened */
    char publish[ENDPOINT_MAX_BYTES + 1];      /* bind, "tcp://0.0.0.0:4441" */
    char repair[ENDPOINT_MAX_BYTES + 1];       /* bind, "tcp://0.0.0.0:4442" */
    char advertise[NAME_MAX_BYTES + 1];        /* host in the card; default: the host of `publish` if it is no wildcard, else the name */
    int64_t budget_bytes;                      /* a second */
    unsigned links;                            /* neighbours to have, about */
};

struct config_peer {
    char name[NAME_MAX_BYTES + 1];
    struct record record;                      /* from the card, signature checked */
    uint8_t frame[RECORD_FRAME_MAX];
    size_t frame_len;
    uint32_t trust_micro;
    uint32_t subjects_max;                     /* of which opinions are kept at the most, the newest; 0: as the quota and its trust have it */
    uint32_t introduce_milli;                  /* share of this member's trust that its introduction lends, in thousandths; 0: it is not introduced */
    int64_t introduce_until_s;                 /* when that ends; 0: renewed for as long as it stands there */
    bool link;                                 /* always keep a connection to it */
    bool choose;                               /* the node may choose it for one; neither: trusted, but reached over others */
    struct policy_rights rights;               /* categories only once the whole file is read */
    char (*categories)[CATEGORY_MAX_BYTES + 1];    /* as the file names them */
    size_t categories_n;
};

struct config_zone {                           /* beside the policy_zone of the same index */
    char file[CONFIG_PATH_MAX];
    unsigned ttl_s;                            /* 300 */
    char ns[CONFIG_NS_MAX][NAME_MAX_BYTES + 1];
    size_t ns_n;                               /* 0: the member's name */
    char contact[NAME_MAX_BYTES + 1];          /* hostmaster.NAME */
    char text[CONFIG_TEXT_MAX + 1];            /* "Listed by $categories" when not said */
    int64_t expire_s;                          /* $TIMESTAMP: how long the file outlives its node; "1h" */
};

/* The Exim toolbox: sections spf, srs, verdict and note; what the store must know of grey, tarpit, bounces and spf is in the policy. `share` false: evidence of it is never
 * told to other members. */
enum { CONFIG_SECRETS_MAX = 8, CONFIG_SECRET_MAX = 255, CONFIG_NOTES_MAX = 64, CONFIG_RESOLVER_MAX = 63 };
struct config_spf {
    char resolver[CONFIG_RESOLVER_MAX + 1];    /* empty: those of /etc/resolv.conf */
    int64_t timeout_ms;
    unsigned workers, queue;
};
struct config_srs {
    char secrets[CONFIG_SECRETS_MAX][CONFIG_SECRET_MAX + 1];   /* the first one signs */
    size_t secrets_n;                          /* 0: no srs section, or none in it */
    bool postsrsd;                             /* writes hashes in libsrs2's way, else in Exim's */
    int64_t valid_s;
    uint32_t weight_milli;
    bool share;
};
struct config_verdict { char profiles[CONFIG_PATH_MAX], rules[CONFIG_PATH_MAX]; bool table; };   /* empty: not said. table: profiles is a SQLite file */
struct config_note {
    char kind[CATEGORY_MAX_BYTES + 1];
    char category[CATEGORY_MAX_BYTES + 1];     /* as the file says it; empty: not said */
    int category_index;                        /* of the policy */
    uint32_t weight_milli;
    bool share;
};
struct config_tools {
    struct config_spf spf;
    struct config_srs srs;
    struct config_verdict verdict;
    struct config_note notes[CONFIG_NOTES_MAX];
    size_t notes_n;
};

struct config {
    char file[CONFIG_PATH_MAX];
    char dir[CONFIG_PATH_MAX];
    char name[NAME_MAX_BYTES + 1];
    char federation[FEDERATION_MAX_BYTES + 1]; /* "hearsay" */
    char secret[256];                          /* keys the hashes of sender addresses; the same in all the coalition */
    char identity[CONFIG_PATH_MAX];            /* identity.pem */
    char card[CONFIG_PATH_MAX];                /* identity with .card in place of .pem */
    char database[CONFIG_PATH_MAX];            /* hearsay.db */
    char control[CONFIG_PATH_MAX];             /* run/control.sock, mode 0600 */
    char peers_file[CONFIG_PATH_MAX];          /* DIR/peers.conf: what `hearsay peer` edits */
    char invites_file[CONFIG_PATH_MAX];        /* DIR/invites: what `hearsay invite` writes */
    char exposed[CONFIG_PATH_MAX];             /* the first file of the configuration that holds a secret and can be read by everybody; empty: none */
    const char *exposed_option;                /* which secret; a constant */
    enum log_level log_level;                  /* log = "error|warning|info|debug" */
    struct config_report reports[CONFIG_REPORTS_MAX];
    size_t reports_n;
    struct config_limits limits;
    struct config_mesh mesh;
    struct config_quota quota;
    struct config_peer *peers;
    size_t peers_n;
    struct config_zone zones[POLICY_ZONES_MAX];
    struct policy *policy;                     /* categories, zones, members (from peers), protect; policy_finish()ed; self is all zero until set by the caller */
    uint8_t sender_key[HASH_BYTES];
    struct config_tools tools;
};

/* Reads and checks the file, and what it includes. Any thread; one after the other, since libConfuse's scanner is one for the process. On failure `why`, CONFIG_WHY_MAX bytes, is one or more lines "FILE:LINE: what is wrong; what was expected".
 * *out is the caller's, ended by config_free(). 0, -ENOENT, -EACCES, -EINVAL, -ENOMEM. */
int config_load(const char *path, struct config **out, char *why);
void config_free(struct config **c);           /* takes NULL */

/* It is the configuration of the member with this root key: sets policy->self. A peer that is this member itself, as in a peers.conf that is the same at all members,
 * is passed over; true if there was one. */
bool config_set_self(struct config *c, const uint8_t root[KEY_BYTES]);

/* What this member's record should say: keys of `id`, name and endpoints of the configuration. */
void config_record(const struct config *c, const struct identity *id, struct record *out);

/* What to do about c->exposed, one line for a log or a person; false when there is nothing to say. */
bool config_exposed_text(const struct config *c, char *out, size_t room);

/* How many zones have a file: the unnamed white zone only answers `check`. */
size_t config_zones_n(const struct config *c);

/* The file that a command reads when -c is not given: $HEARSAY_CONF, else /etc/hearsay/hearsay.conf. */
const char *config_default_path(void);

/* "500ms", "90s", "15m", "12h", "3d" to milliseconds; "4096", "64kB", "1MB", "20kB/s" to bytes (1 kB = 1000). 0 or -EINVAL. */
int config_duration(const char *text, int64_t *ms);
int config_size(const char *text, int64_t *bytes);

/* Every option as one row: libConfuse's own tables, the checks and the words of an error message are made from it, `hearsayd --help-config` prints it, and a test
 * compares it with the sample and the manual. */
enum config_kind {
    KIND_TEXT, KIND_SECRET, KIND_WORD, KIND_NAME, KIND_HOST, KIND_PATH, KIND_SOCKET, KIND_LEVEL, KIND_SIDE, KIND_STYLE, KIND_CHOICE, KIND_BOOL, KIND_NUMBER, KIND_DECIMAL, KIND_DURATION, KIND_SECONDS,
    KIND_SIZE, KIND_MODE, KIND_CODE, KIND_ENDPOINT, KIND_NETWORK, KIND_PROTECTED, KIND_TIME, KIND_PROBATION, KIND_CARD, KIND_INCLUDE
};
struct config_option {
    const char *section;       /* "": outside of any section */
    const char *name;
    const char *type;          /* what a value is, as an error message says after "expected" */
    const char *fallback;      /* as it would stand in the file; "": none; in parentheses: a description of what the default is made of */
    const char *help;
    enum config_kind kind;
    bool list;
    int64_t least, most;       /* of numbers, in what the kind is kept in: thousandths of a second, millionths of a decimal, bytes; of texts: bytes */
};
const struct config_option *config_options(size_t *n);

#endif
