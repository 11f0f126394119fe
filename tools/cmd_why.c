/* `hearsay why`: every opinion behind a score, and the rule that lists it or not. Reads the database; the node may be down. */
#include <errno.h>
#include <string.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"
#include "tools/why_proof.h"
#include "tools/why_text.h"

static bool any_listed(const struct why *w)
{
    for (size_t i = 0; i < w->rules_n; i++)
        if (w->rules[i].listed)
            return true;
    return w->networks_n > 0;
}

/* `check` answers by a listed prefix as well: the narrowest one. `w` is for why_clear() when `out` names one. */
static void find_holder(struct reader *r, const struct subject *wider, int64_t now_s, char out[SUBJECT_TEXT_MAX], struct why *w)
{
    if (wider->len > 0 && reader_why(r, wider, now_s, w) == 0)
        subject_text(wider, out);
}

static void say_proof(const struct why_proof *p, const char *path, const struct why_answer *a)
{
    printf("\nProof of it: %s, with %zu %s of %zu %s. Check it anywhere: hearsay verify --proof %s\n", path, p->batches_n, p->batches_n == 1 ? "batch" : "batches",
           p->records_n, p->records_n == 1 ? "record" : "records", path);
    if (p->addresses_n > 0)
        printf("It is of what was said of %s%zu listed addresses of the network.\n", p->addresses_left ? "the first " : "", p->addresses_n);
    if (a->holder[0] != '\0')
        printf("Not in it: what lists %s. For that: hearsay why %s\n", a->holder, a->holder);
    if (p->unsigned_n > 0)
        printf("Not in it: what this node saw itself and has not told the others.\n");
    if (p->gone_n > 0)
        printf("Not in it: opinions whose batch is not here any more or does not verify: %zu.\n", p->gone_n);
    if (p->left_out_n > 0)
        printf("Not in it, for want of room: those that count least, %zu.\n", p->left_out_n);
}

static json_t *proof_json(const struct why_proof *p, const char *path)
{
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "file", say_json_text(path), "batches", (json_int_t)p->batches_n, "records", (json_int_t)p->records_n,
                     "gone", (json_int_t)p->gone_n, "left_out", (json_int_t)p->left_out_n, "unsigned", (json_int_t)p->unsigned_n,
                     "addresses", (json_int_t)p->addresses_n, "addresses_left", p->addresses_left);
}

/* Prints the answer, and writes its proof first if one is wanted; to standard output instead of the answer. */
static int say_all(const struct call *call, struct reader *r, const struct subject *s, const struct why_answer *a, const char *proof)
{
    struct why_proof p = { 0 };
    int rc = proof != NULL ? why_proof_write(a, r, s, proof, &p) : 0;
    if (proof != NULL && strcmp(proof, "-") == 0)
        return rc;
    if (call->json) {
        json_t *out = why_json(a);
        if (proof != NULL)
            json_object_set_new(out, "proof", rc == 0 ? proof_json(&p, proof) : json_null());
        say_json(out, STATUS_DONE);
        return rc;
    }
    why_say(a);
    if (proof != NULL && rc == 0)
        say_proof(&p, proof, a);
    return rc;
}

static int answer(const struct call *call, const struct home *h, struct reader *r, const struct subject *s, const char *proof)
{
    struct why w = { 0 }, of_holder = { 0 };
    struct why_answer a = { .home = h, .why = &w, .holder_why = &of_holder, .now_s = now_unix_s() };
    subject_text(s, a.subject);
    int rc = reader_why(r, s, a.now_s, &w);
    if (rc == 0)
        rc = reader_check(r, s, -1, &a.verdict);
    if (rc != 0) {
        say_error("%s: %s", h->config->database, home_database_text(rc));
        why_clear(&w);
        return STATUS_USAGE;
    }
    if (a.verdict != VERDICT_UNKNOWN && !any_listed(&w))
        find_holder(r, &w.wider, a.now_s, a.holder, &of_holder);
    rc = say_all(call, r, s, &a, proof);
    why_clear(&of_holder);
    why_clear(&w);
    if (rc != 0)
        return rc;
    return a.verdict == VERDICT_UNKNOWN ? STATUS_NO : STATUS_DONE;
}

int cmd_why(struct call *call)
{
    struct home h = { 0 };
    struct reader *r = NULL;
    struct subject s;
    const char *proof = NULL;
    const struct arg_option options[] = { { .name = "--proof", .value = &proof } };
    int rc = args_take(call, options, 1, 1, 1);
    if (rc == 0 && call->json && proof != NULL && strcmp(proof, "-") == 0)
        rc = args_wrong(call, "--proof - prints the proof alone: name a file, or leave out --json");
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = home_subject(&h, call->argv[0], &s);
    if (rc == 0)
        rc = home_reader(&h, &r);
    if (rc == 0)
        rc = answer(call, &h, r, &s, proof);
    reader_close(&r);
    home_close(&h);
    return rc;
}
