/* node/report_conn.h: inside the report server: its connections. All of it belongs to the loop's thread.
 *
 * A connection is a place in a table, used again and again; `generation` tells its users apart. Whatever happens to one (input, an answer, a deadline) ends in
 * conn_step(), which does what can be done: lines, then output, then more input or the end. What cannot go on is noted in `blocked`, and reading stops meanwhile, so that
 * a client that is too fast fills its own socket buffer and no memory of ours.
 *
 * A few lines of a connection are done as they come. Who has more stands in the queue `greedy`, which has a few milliseconds of each turn of the loop, in equal slices:
 * so a new connection with its one line never waits for all the lines of the others, however many they are and whatever a line costs. */
#ifndef HEARSAY_NODE_REPORT_CONN_H
#define HEARSAY_NODE_REPORT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <uv.h>

#include "node/report_server.h"

enum {
    INPUT_BYTES = 64 * 1024,       /* read at once, into one buffer for all connections */
    INPUT_HEAD = REQUEST_LINE_MAX + 2,   /* in front of it, for the unfinished line that it continues */
    LINES_AT_ONCE = 4,             /* as they come; also how often the time is looked at */
    LINES_PER_TURN = 256,          /* of a greedy connection; then the others' turn */
    TURN_US = 5000,                /* of all greedy connections together; then the loop looks who has come */
    SLICE_US = 50,                 /* the least for each: when more wait than TURN_US has room for, the rest come in later turns */
    READS_PER_TURN = 4,
    OUT_MAX = 64 * 1024,           /* answers that the client did not take; then its lines wait */
    PENDING_MAX = 32768,           /* changes of one connection that wait for the disk; then its lines wait */
    ACCEPTS_PER_TURN = 128,        /* then the others' turn; the rest waits in the backlog */
    CLOSING_MAX = 256,             /* places for connections that libuv is closing; without one, accepting waits */
    REFUSED_MAX = 128,             /* refused connections that are waited for at a time; further ones are told so and closed at once */
    LINGER_MS = 50,                /* without stream: nothing more came after the last answer, so the client wants the end */
    MISREAD_LOG_MS = 60000,        /* at most one message of this kind a minute: strangers may bring it about */
    DRAIN_MS = 1000                /* for the client to close after us, so that unread input does not destroy the answer */
};

/* A growing run of bytes that keeps its memory. */
struct buffer {
    char *at;
    size_t len, room;
};

enum conn_state {
    CONN_FREE,
    CONN_OPEN,
    CONN_LAST,                     /* takes no more lines; answers are still to be sent */
    CONN_DRAIN,                    /* all is sent; reads until the client closes */
    CONN_CLOSING                   /* libuv is closing the handle */
};

enum conn_block {
    BLOCK_TURN = 1,                /* it had its share of this turn of the loop */
    BLOCK_BARRIER = 2,             /* a question waits for the changes before it */
    BLOCK_QUEUE = 4,               /* the handler's queue is full */
    BLOCK_RATE = 8,                /* lines per second */
    BLOCK_OUT = 16,                /* the client does not take its answers */
    BLOCK_PENDING = 32             /* PENDING_MAX */
};

/* Each kind has one length, so the connections that wait for it stand in a queue in order. */
enum deadline { DEADLINE_NONE, DEADLINE_LINE, DEADLINE_SEND, DEADLINE_RATE, DEADLINE_LINGER, DEADLINE_DRAIN, DEADLINES };

union conn_handle {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

TAILQ_HEAD(conn_queue, conn);

struct conn {
    union conn_handle io;
    struct report_server *server;
    int fd;
    uint32_t slot, generation;
    enum conn_state state;
    unsigned blocked;              /* of enum conn_block */
    unsigned turn_lines;           /* allowed before the time is looked at again */
    unsigned slice_lines;          /* of LINES_PER_TURN, done in this slice */
    uint64_t slice_end_ns;         /* 0: it has none */
    bool refused;                  /* counted apart */
    bool stream_mode;
    bool eof;                      /* the client half-closed */
    bool reading;                  /* libuv reads */
    bool writing;                  /* libuv writes `sending` */
    bool dropping;                 /* the rest of a line that was too long */
    bool answered;                 /* anything */
    bool moved;                    /* input or an answer since the last deadline was set */
    bool line_done;                /* a line ended since the last deadline was set */
    bool sent;                     /* libuv finished a write since the last deadline was set */
    bool failed;                   /* memory was out */
    struct conn_queue *waits_in;   /* turn or greedy; NULL: neither */
    bool in_paused;
    const char *last_words;        /* CONN_LAST: the answer after all others */
    uint64_t number_next;          /* of the next line */
    uint64_t number_first;         /* the first one not answered; all below are in `out` or gone */
    char **early;                  /* answers that came before their turn, by number modulo early_room */
    uint32_t early_room;           /* a power of two, or 0 */
    uint64_t rate_second;          /* the second that rate_lines counts */
    unsigned rate_lines;
    struct buffer rest;            /* input that is not used yet, from rest_at on */
    size_t rest_at;
    struct buffer out, sending;
    uv_write_t write;
    enum deadline deadline;
    enum deadline respite;         /* which of them was given a second time; DEADLINE_NONE: none since the last line */
    uint64_t deadline_ms;          /* on the loop's clock */
    TAILQ_ENTRY(conn) turn_link, paused_link, deadline_link;
    SLIST_ENTRY(conn) free_link;
};

struct listener {
    union conn_handle io;
    struct report_server *server;
    struct config_report spec;     /* with an `allow` of its own */
    struct stat file;              /* unix */
    bool keep;                     /* while a reload compares */
    bool waiting;                  /* a connection that could not be accepted in this turn */
    SLIST_ENTRY(listener) link;
};

struct report_server {
    uv_loop_t *loop;
    struct report_handlers handlers;
    uint8_t sender_key[HASH_BYTES];
    struct config_limits limits;
    SLIST_HEAD(, listener) listeners;
    struct conn **conns;           /* a place for each connection that the limits allow; memory that was never used costs nothing */
    void **blocks;
    size_t blocks_n;
    uint32_t conns_n, conns_used;
    SLIST_HEAD(, conn) free;
    unsigned open;                 /* handles, until libuv has closed them */
    unsigned refused_now, accepts_left;
    struct conn_queue turn, greedy, paused, deadlines[DEADLINES];
    size_t turn_n, greedy_n;
    uint64_t at_once_end_ns;       /* until then each that has come may do LINES_AT_ONCE; 0: nobody has come in this turn */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;                /* active while somebody waits for a turn */
    uv_timer_t timer, grace;
    uint64_t timer_ms;             /* when it fires; 0: it is not set */
    uint64_t misread_ms;           /* when a tool's request that could not be read was last logged; 0: never */
    bool stopping, done_called;
    void (*done)(void *ctx);
    void *done_ctx;
    unsigned handles;              /* of the server itself and its listeners, not closed yet */
    bool never_started;            /* then the last handle frees the server */
    struct report_server_counts counts;
    char input[INPUT_HEAD + INPUT_BYTES];
};

/* report_conn.c */
void conn_accept(struct listener *l);                                      /* one that waits; libuv stops listening until it is taken */
void conn_step(struct conn *c);                                            /* with a few lines at most */
void conn_slice(struct conn *c, uint64_t end_ns);                          /* with many, until uv_hrtime() is there */
void conn_close(struct conn *c);                                           /* at once, whatever is under way */
void conn_refuse(struct conn *c, const char *last_words);                  /* takes no more lines; NULL: nothing more to say */

/* report_lines.c */
size_t conn_lines(struct conn *c, const char *at, size_t len);             /* uses lines while it may; returns how many bytes it used */
void conn_last_line(struct conn *c);                                       /* after EOF: the rest is a line, too */
void conn_answer(struct conn *c, uint64_t number, const char *text);       /* in order */
void conn_forget_answers(struct conn *c);                                  /* frees those that came early */

/* report_out.c */
bool buffer_add(struct buffer *b, const void *at, size_t len);             /* false when memory is out */
void buffer_clear(struct buffer *b);                                       /* frees it */
void conn_say(struct conn *c, const char *text);                           /* the next answer, with its separator */
void conn_send(struct conn *c);

/* report_time.c */
void conn_set_deadline(struct conn *c);                                    /* as its state wants it */
void conn_drop_deadline(struct conn *c);
void server_on_timer(uv_timer_t *timer);

/* report_listen.c */
int listener_open(struct report_server *s, const struct config_report *spec, char *why);
void listener_close(struct listener *l);                                   /* unlinks it from the server */
int listener_update(struct listener *l, const struct config_report *spec, char *why);
bool listener_is_for(const struct listener *l, const struct config_report *spec);
bool listener_is_lost(const struct listener *l);         /* somebody took its unix socket away: nobody can connect any more */
bool listener_allows(const struct listener *l, const struct conn *c);

/* report_server.c */
int server_reserve(struct report_server *s, unsigned connections);         /* places for so many, and for refused ones */
void server_wake(struct conn *c);                                          /* conn_step() or conn_slice() soon */
void server_unwake(struct conn *c);                                        /* out of all queues */
void server_handle_gone(struct report_server *s);                          /* one of `handles` is closed */

#endif
