/* hearsay: the operator's command. Finds the command's name among the words and hands over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/config.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/say.h"

/* What main() found before it knew the command. */
struct words {
    struct call call;
    const char *name;
    bool help;
    bool version;
};

static int say_version(void)
{
    puts("hearsay " HEARSAY_VERSION);
    return STATUS_DONE;
}

static int help_all(FILE *to)
{
    size_t n;
    const struct command *commands = command_table(&n);
    fputs("Usage: hearsay [-c FILE] COMMAND ...\n"
          "The operator's side of a hearsay node.\n\n", to);
    for (size_t i = 0; i < n; i++)
        fprintf(to, "  %-13s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "  %-13s %s\n\n", "help", "this text, or with a COMMAND more about it");
    fprintf(to, "  -c FILE  the node's configuration; $HEARSAY_CONF or %s if not given\n", "/etc/hearsay/hearsay.conf");
    fputs("  --json   one JSON value instead of text, also for an error\n"
          "  --version, --help\n\n"
          "Exit status: 0 done, 1 no (not listed, not healthy, not stored), 2 bad usage or configuration, 3 the node is not there.\n", to);
    return ferror(to) ? STATUS_NO : STATUS_DONE;
}

static int help_one(const char *name)
{
    const struct command *c = command_find(name);
    if (c == NULL) {
        say_error("there is no command %s; `hearsay help` lists all", name);
        return STATUS_USAGE;
    }
    fputs("Usage: ", stdout);
    say_usage(stdout, c, NULL, "       ");
    printf("\n%s.\n%s", c->summary, c->help);
    return STATUS_DONE;
}

/* -c FILE, -cFILE, --config FILE, --config=FILE. True if the word was one of them; *i stands on its last word. */
static bool take_config(struct words *w, int argc, char **argv, int *i)
{
    const char *word = argv[*i], *file = NULL;
    if (strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0) {
        file = ++*i < argc ? argv[*i] : "";
    } else if (strncmp(word, "--config=", 9) == 0) {
        file = word + 9;
    } else if (strncmp(word, "-c", 2) == 0) {
        file = word + 2;
    } else {
        return false;
    }
    w->call.config_path = file;
    w->call.config_said = true;
    return true;
}

/* Takes out what every command has in common; the first word that is left is the command's name. */
static void take_words(struct words *w, int argc, char **argv)
{
    bool plain = false;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "--") == 0)
            plain = true;
        if (!plain && take_config(w, argc, argv, &i))
            continue;
        if (!plain && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
            w->help = true;
        else if (!plain && strcmp(word, "--json") == 0)
            w->call.json = true;
        else if (!plain && w->name == NULL && (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0))
            w->version = true;
        else if (w->name == NULL)
            w->name = word;
        else
            w->call.argv[w->call.argc++] = word;
    }
}

/* What every failure looks like as JSON, and every success of a command that has nothing else to print. */
static int say_result(struct call *call, int rc)
{
    json_t *result = call->result;
    call->result = NULL;
    if (say_json_begun()) {
        json_decref(result);
        return rc;
    }
    if (rc != STATUS_DONE && say_kept_errors()[0] != '\0') {        /* without one, the status is an answer: that nothing would change */
        json_object_set_new(result, "ok", json_false());
        json_object_set_new(result, "error", say_json_text(say_kept_errors()));
    }
    if (say_kept_warnings()[0] != '\0')
        json_object_set_new(result, "warning", say_json_text(say_kept_warnings()));
    return say_json(result, rc);
}

static int run_command(struct words *w)
{
    const struct command *c = command_find(w->name);
    if (c == NULL) {
        say_error("there is no command %s; `hearsay help` lists all", w->name);
        return STATUS_USAGE;
    }
    w->call.command = c;
    if (w->call.config_path[0] == '\0')
        return args_wrong(&w->call, "-c needs the name of a file");
    return c->run(&w->call);
}

static bool is_text(const struct words *w)
{
    return w->version || w->help || (w->name != NULL && strcmp(w->name, "help") == 0);
}

static int run_words(struct words *w)
{
    if (w->version)
        return say_version();
    if (w->name == NULL && w->help)
        return help_all(stdout);
    if (w->name == NULL) {
        if (w->call.config_path[0] == '\0')
            say_error("-c needs the name of a file");
        else if (w->call.json)
            say_error("there is no command: name one behind the options");
        help_all(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(w->name, "help") == 0)
        return w->call.argc > 0 ? help_one(w->call.argv[0]) : help_all(stdout);
    if (w->help)
        return help_one(w->name);
    return run_command(w);
}

static int run(struct words *w)
{
    if (!w->call.json)
        return run_words(w);
    say_keep();
    w->call.result = json_pack("{s:b}", "ok", 1);
    int rc = run_words(w);
    if (rc == STATUS_DONE && is_text(w)) {
        json_decref(w->call.result);
        return rc;
    }
    return say_result(&w->call, rc);
}

int main(int argc, char **argv)
{
    char **left = calloc((size_t)argc + 1, sizeof *left);
    struct words w = { .call = { .config_path = config_default_path(), .argv = left } };
    if (left == NULL) {
        say_error("out of memory");
        return STATUS_NO;
    }
    take_words(&w, argc, argv);
    int rc = run(&w);
    free(left);
    if (fflush(stdout) != 0 && rc == STATUS_DONE) {
        say_error("the output could not be written");
        rc = STATUS_NO;
    }
    return rc;
}
