/* `hearsay report` and `hearsay check`: what Exim would say and hear, over the report socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "proto/request.h"
#include "tools/args.h"
#include "tools/ask.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { WORDS_MAX = 1 << 20 };        /* no command line holds as many */

/* Joins the words from `from` up to `end` with blanks. Words with blanks or newlines in them would be other words to the node, but for those within quotes, as in
 * "john smith"@bad.example. */
static int join(const struct call *call, int from, int end, char *out, size_t room)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = from; i < end; i++) {
        const char *word = call->argv[i];
        if (*word == '\0' || strpbrk(word, *word == '"' ? "\r\n" : " \t\r\n") != NULL)
            return args_wrong(call, "\"%s\": a word without blanks was expected", word);
        int n = snprintf(out + used, room - used, "%s%s", i > from ? " " : "", word);
        if (n < 0 || (size_t)n >= room - used)
            return args_wrong(call, "the request is too long");
        used += (size_t)n;
    }
    return 0;
}

/* Looks for what no node would understand, before anything is said: then *answer is what one would say. Whether it may be stored, the node says. */
static int look_at(const struct home *h, const char *line, char answer[ASK_ANSWER_MAX])
{
    static const char prefix[] = "error: ";
    struct request rq;
    strcpy(answer, prefix);
    return request_parse(line, strlen(line), h->config->sender_key, &rq, answer + strlen(prefix)) == -EINVAL ? STATUS_USAGE : 0;
}

/* A category that the node does not have is bad usage, like one that cannot be read. */
static int status_of(const char *answer)
{
    static const char unknown[] = "error: unknown category";
    return strcmp(answer, "ok") == 0 ? STATUS_DONE : strncmp(answer, unknown, strlen(unknown)) == 0 ? STATUS_USAGE : STATUS_NO;
}

static int say_answer(const struct call *call, const char *line, const char *answer)
{
    bool ok = strcmp(answer, "ok") == 0;
    char clean[ASK_ANSWER_MAX];
    if (call->json) {
        json_object_set_new(call->result, "request", say_json_text(line));
        json_object_set_new(call->result, "answer", say_json_text(answer));
    }
    if (ok)
        say_text(call, "ok\n");
    else
        say_error("%s", clean_text(answer, clean, sizeof clean));
    return status_of(answer);
}

static int report_one(struct call *call, const struct home *h)
{
    char line[REQUEST_LINE_MAX + 1], answer[ASK_ANSWER_MAX];
    int rc = join(call, 0, call->argc, line, sizeof line);
    if (rc != 0)
        return rc;
    if (look_at(h, line, answer) != 0) {
        say_answer(call, line, answer);
        return STATUS_USAGE;
    }
    rc = ask_line(h->config, line, answer);
    return rc == 0 ? say_answer(call, line, answer) : rc;
}

/* A word behind the first subject that is one more: no category has any of these characters, and the value of no key an "@". */
static bool is_subject(const char *word)
{
    return strchr(word, '@') != NULL || (strpbrk(word, ".:") != NULL && strchr(word, '=') == NULL);
}

/* How many subjects stand behind the verb. */
static int count_subjects(const struct call *call)
{
    int n = 1;
    while (1 + n < call->argc && is_subject(call->argv[1 + n]))
        n++;
    return n;
}

static int say_one_of_many(const struct call *call, json_t *answers, const char *subject, const char *answer)
{
    bool ok = strcmp(answer, "ok") == 0;
    char clean_subject[REQUEST_LINE_MAX], clean[ASK_ANSWER_MAX];
    clean_text(subject, clean_subject, sizeof clean_subject);
    clean_text(answer, clean, sizeof clean);
    json_array_append_new(answers, json_pack("{s:o, s:o}", "subject", say_json_text(subject), "answer", say_json_text(answer)));
    if (ok)
        say_text(call, "%s %s\n", clean_subject, clean);
    else
        say_error("%s: %s", clean_subject, clean);
    return status_of(answer);
}

/* The request about the word at `at` with the category and the keys, `rest`. */
static int write_one(const struct call *call, int at, const char *rest, char line[REQUEST_LINE_MAX + 64])
{
    char subject[REQUEST_LINE_MAX / 2];
    int rc = join(call, at, at + 1, subject, sizeof subject);
    if (rc == 0)
        snprintf(line, REQUEST_LINE_MAX + 64, "%s %s%s%s", call->argv[0], subject, rest[0] != '\0' ? " " : "", rest);
    return rc;
}

/* Of words that are no subjects, before anything is said: one of them may have been meant for the category. */
static int look_at_each(const struct call *call, const struct home *h, const char *rest, int n)
{
    char line[REQUEST_LINE_MAX + 64], answer[ASK_ANSWER_MAX], clean[REQUEST_LINE_MAX];
    for (int i = 1; i <= n; i++) {
        int rc = write_one(call, i, rest, line);
        if (rc != 0)
            return rc;
        if (look_at(h, line, answer) == 0)
            continue;
        clean_text(call->argv[i], clean, sizeof clean);
        say_error("%s: %s; nothing was reported", clean, answer);
        if (i > 1)
            say_error("\"%s\" was taken for a further subject, since it has a dot, a colon or an @ in it: categories have letters, digits and hyphens alone", clean);
        return STATUS_USAGE;
    }
    return 0;
}

/* Each with the category and the keys that stand behind the last one. */
static int report_each(struct call *call, const struct home *h, int n)
{
    char rest[REQUEST_LINE_MAX / 2], line[REQUEST_LINE_MAX + 64], answer[ASK_ANSWER_MAX];
    json_t *answers = json_array();
    int rc = join(call, 1 + n, call->argc, rest, sizeof rest), status = STATUS_DONE;
    if (rc == 0)
        rc = look_at_each(call, h, rest, n);
    for (int i = 1; rc == 0 && i <= n; i++) {
        rc = write_one(call, i, rest, line);
        if (rc == 0)
            rc = ask_line(h->config, line, answer);
        int one = rc == 0 ? say_one_of_many(call, answers, call->argv[i], answer) : STATUS_DONE;
        status = one > status ? one : status;
    }
    if (call->json)
        json_object_set(call->result, "answers", answers);
    json_decref(answers);
    return rc != 0 ? rc : status;
}

static int say_counts(const struct call *call, const struct feed *f, int rc)
{
    char ok[NUMBER_TEXT_MAX], failed[NUMBER_TEXT_MAX];
    if (rc == 0 && f->failed > 0)
        rc = STATUS_NO;
    if (call->json && (rc != STATUS_ABSENT || f->lines > 0)) {
        json_object_set_new(call->result, "lines", json_integer((json_int_t)f->lines));
        json_object_set_new(call->result, "stored", json_integer((json_int_t)f->ok));
        json_object_set_new(call->result, "failed", json_integer((json_int_t)f->failed));
    }
    say_text(call, "%s stored, %s failed\n", count_text(f->ok, ok), count_text(f->failed, failed));
    return rc;
}

static int report_file(struct call *call, const struct home *h, int in_fd, const char *file)
{
    char rest[REQUEST_LINE_MAX / 2];
    int rc = join(call, call->argc > 0 ? 1 : 0, call->argc, rest, sizeof rest);
    if (rc != 0)
        return rc;
    struct feed f = { .verb = call->argc > 0 ? call->argv[0] : NULL, .rest = rest, .file = strcmp(file, "-") == 0 ? "input" : file, .in_fd = in_fd };
    return say_counts(call, &f, feed_run(&f, h->config));
}

static bool is_report_verb(const char *word)
{
    return strcasecmp(word, "black") == 0 || strcasecmp(word, "white") == 0 || strcasecmp(word, "retract") == 0;
}

/* Opened before the configuration is: root may read files that the owner of the node may not. */
static int open_input(const char *file, int *fd)
{
    *fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0)
        return 0;
    say_error("%s: %s", file, strerror(errno));
    return STATUS_USAGE;
}

int cmd_report(struct call *call)
{
    const char *file = NULL;
    const struct arg_option options[] = { { .name = "--from-file", .value = &file } };
    struct home h = { 0 };
    int in_fd = -1, rc = args_take(call, options, 1, 0, WORDS_MAX);
    if (rc == 0 && (call->argc > 0 ? !is_report_verb(call->argv[0]) : file == NULL))
        rc = args_wrong(call, "begin with black, white or retract");
    if (rc == 0 && file == NULL && call->argc < 2)
        rc = args_wrong(call, "name a subject, or a file with --from-file");
    if (rc == 0 && file != NULL)
        rc = open_input(file, &in_fd);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0 && file != NULL)
        rc = report_file(call, &h, in_fd, file);
    else if (rc == 0)
        rc = count_subjects(call) > 1 ? report_each(call, &h, count_subjects(call)) : report_one(call, &h);
    if (in_fd >= 0)
        close(in_fd);
    home_close(&h);
    return rc;
}

static int say_check(const struct call *call, const char *answer)
{
    char clean[ASK_ANSWER_MAX];
    if (strncmp(answer, "error: ", 7) == 0) {
        say_error("%s", clean_text(answer + 7, clean, sizeof clean));
        return STATUS_USAGE;
    }
    int rc = strcmp(answer, "unknown") == 0 ? STATUS_NO : STATUS_DONE;
    if (call->json)
        return say_json(json_pack("{s:s, s:s}", "subject", call->argv[0], "answer", answer), rc);
    puts(clean_text(answer, clean, sizeof clean));
    return rc;
}

int cmd_check(struct call *call)
{
    const char *zone = NULL;
    const struct arg_option options[] = { { .name = "--zone", .value = &zone } };
    struct home h = { 0 };
    char word[REQUEST_LINE_MAX / 2], line[REQUEST_LINE_MAX], answer[ASK_ANSWER_MAX];
    int rc = args_take(call, options, 1, 1, 1);
    if (rc == 0)
        rc = join(call, 0, 1, word, sizeof word);
    if (rc == 0 && zone != NULL && strpbrk(zone, " \t\r\n") != NULL)
        rc = args_wrong(call, "\"%s\" is not the name of a zone", zone);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0) {
        snprintf(line, sizeof line, "check %s%s%.512s", word, zone != NULL ? " zone=" : "", zone != NULL ? zone : "");
        rc = ask_line(h.config, line, answer);
    }
    if (rc == 0)
        rc = say_check(call, answer);
    home_close(&h);
    return rc;
}
