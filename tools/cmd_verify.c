/* `hearsay verify`: checks every stored signature and the invariants of the database; derives again on request. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { REBUILD_TIMEOUT_MS = 3600 * 1000, PROBLEMS_SHOWN = 100, PROGRESS_MS = 200 };

struct verifier {
    bool progress;
    int64_t shown_ms;
    uint64_t batches, problems;
    json_t *list;                   /* of the first PROBLEMS_SHOWN; NULL without --json */
};

static void note_problem(void *ctx, const char *text)
{
    struct verifier *v = ctx;
    char clean[512];
    if (++v->problems > PROBLEMS_SHOWN)
        return;
    clean_text(text, clean, sizeof clean);
    if (v->list != NULL)
        json_array_append_new(v->list, json_string(clean));
    else
        printf("%s%s\n", v->progress ? "\r\033[K" : "", clean);
}

static void note_progress(void *ctx, uint64_t done, uint64_t all)
{
    struct verifier *v = ctx;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    v->batches = all;
    if (!v->progress || (done < all && ms - v->shown_ms < PROGRESS_MS))
        return;
    v->shown_ms = ms;
    fprintf(stderr, "\r%llu of %llu batches", (unsigned long long)done, (unsigned long long)all);
}

static int rebuild_here(const struct home *h)
{
    struct store *s = NULL;
    int rc = home_store(h, &s);
    if (rc == 0) {
        int done = store_rebuild(s, now_unix_s());
        if (done != 0) {
            say_error("%s: %s", h->config->database, home_database_text(done));
            rc = STATUS_NO;
        }
    }
    if (rc == 0)
        rc = home_fold(h, s);
    store_close(&s);
    return rc;
}

static int rebuild(const struct home *h)
{
    json_t *answer = NULL;
    int rc = home_ask(h, json_pack("{s:s}", "command", "rebuild"), REBUILD_TIMEOUT_MS, &answer);
    json_decref(answer);
    return rc == STATUS_ABSENT ? rebuild_here(h) : rc;
}

static int say_result(const struct call *call, struct verifier *v, uint64_t problems)
{
    char n[NUMBER_TEXT_MAX];
    int rc = problems == 0 ? STATUS_DONE : STATUS_NO;
    if (call->json) {
        json_t *list = v->list;
        v->list = NULL;
        return say_json(json_pack("{s:b, s:I, s:I, s:o}", "ok", problems == 0, "batches", (json_int_t)v->batches, "problems_n", (json_int_t)problems,
                                  "problems", list), rc);
    }
    if (problems == 0) {
        printf("%sGood%s: every signature verifies, and scores and listings are what the opinions give.\n", say_colour(stdout, SAY_GREEN),
               say_colour(stdout, SAY_PLAIN));
        return rc;
    }
    printf("%s%s %s%s. `hearsay verify --rebuild` derives opinions, scores and listings again; a bad signature or a damaged file needs a backup.\n",
           say_colour(stdout, SAY_RED), count_text(problems, n), problems == 1 ? "problem" : "problems", say_colour(stdout, SAY_PLAIN));
    return rc;
}

static int verify(const struct call *call, const struct home *h)
{
    struct verifier v = { .progress = isatty(STDERR_FILENO), .list = call->json ? json_array() : NULL };
    struct reader *r = NULL;
    uint64_t problems = 0;
    int rc = home_reader(h, &r);
    if (rc == 0) {
        int done = reader_verify(r, now_unix_s(), note_problem, note_progress, &v, &problems);
        if (v.progress)
            fputs("\r\033[K", stderr);
        if (done != 0)
            say_error("%s: %s", h->config->database, home_database_text(done));
        rc = done != 0 ? STATUS_NO : say_result(call, &v, problems);
    }
    json_decref(v.list);
    reader_close(&r);
    return rc;
}

int cmd_verify(struct call *call)
{
    bool again = false;
    const char *proof = NULL;
    const struct arg_option options[] = { { .name = "--rebuild", .flag = &again }, { .name = "--proof", .value = &proof } };
    struct home h = { 0 };
    int rc = args_take(call, options, 2, 0, 0);
    if (rc == 0 && proof != NULL && again)
        rc = args_wrong(call, "--proof looks at a file, --rebuild at the database: say one of them");
    if (rc == 0 && proof != NULL)
        return verify_proof(call, proof);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0 && again)
        rc = rebuild(&h);
    if (rc == 0)
        rc = verify(call, &h);
    home_close(&h);
    return rc;
}
