#include "tools/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/config_check.h"
#include "tools/say.h"

enum { OPTIONS_MAX = 24 };

int args_wrong(const struct call *call, const char *format, ...)
{
    char text[512];
    va_list more;
    va_start(more, format);
    vsnprintf(text, sizeof text, format, more);
    va_end(more);
    say_error("%s%s%s: %s", call->command->name, call->verb != NULL ? " " : "", call->verb != NULL ? call->verb : "", text);
    fprintf(stderr, "Usage: ");
    say_usage(stderr, call->command, call->verb, "       ");
    fprintf(stderr, "More: hearsay help %s\n", call->command->name);
    return STATUS_USAGE;
}

/* The option that this word names, with what follows its "=" in *inline_value (NULL without one). */
static const struct arg_option *find(const struct arg_option *options, size_t n, const char *word, const char **inline_value)
{
    size_t len = strcspn(word, "=");
    *inline_value = word[len] == '=' ? word + len + 1 : NULL;
    for (size_t i = 0; i < n; i++)
        if (strlen(options[i].name) == len && strncmp(options[i].name, word, len) == 0)
            return &options[i];
    return NULL;
}

/* The options that there are, and the one that was probably meant. */
static int no_such_option(const struct call *call, const struct arg_option *options, size_t n, const char *word)
{
    const char *names[OPTIONS_MAX + 2] = { "--json" };
    char list[OPTIONS_MAX * 20] = "--json", plain[64];
    size_t used = strlen(list);
    for (size_t i = 0; i < n && i < OPTIONS_MAX && used < sizeof list; i++) {
        names[i + 1] = options[i].name;
        used += (size_t)snprintf(list + used, sizeof list - used, ", %s", options[i].name);
    }
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(word, "="), word);
    const char *near = word_near(plain, names);
    return args_wrong(call, "there is no option %s%s%s; there %s %s", plain, near != NULL ? ": was this meant to be " : "", near != NULL ? near : "", n > 0 ? "are" : "is", list);
}

/* Handles the option at argv[i]; *used is how many words it took. */
static int take_one(struct call *call, const struct arg_option *options, size_t n, int i, int *used)
{
    const char *word = call->argv[i], *value;
    const struct arg_option *o = find(options, n, word, &value);
    *used = 1;
    if (o == NULL)
        return no_such_option(call, options, n, word);
    if (o->flag != NULL) {
        if (value != NULL)
            return args_wrong(call, "%s takes no value", o->name);
        *o->flag = true;
        return 0;
    }
    if (value == NULL) {
        if (i + 1 >= call->argc)
            return args_wrong(call, "%s needs a value", o->name);
        value = call->argv[i + 1];
        *used = 2;
    }
    *o->value = value;
    return 0;
}

int args_take(struct call *call, const struct arg_option *options, size_t n, int words_min, int words_max)
{
    int kept = 0;
    for (int i = 0; i < call->argc;) {
        char *word = call->argv[i];
        if (strcmp(word, "--") == 0) {
            while (++i < call->argc)
                call->argv[kept++] = call->argv[i];
            break;
        }
        if (word[0] != '-' || word[1] == '\0') {
            call->argv[kept++] = word;
            i++;
            continue;
        }
        int used, rc = take_one(call, options, n, i, &used);
        if (rc != 0)
            return rc;
        i += used;
    }
    call->argc = kept;
    if (kept < words_min)
        return args_wrong(call, "something is missing");
    if (kept > words_max)
        return args_wrong(call, "\"%s\" is one word too many", call->argv[words_max]);
    return 0;
}
