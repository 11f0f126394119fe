#include "node/config_parse.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/config_check.h"
#include "node/config_scan.h"

enum { INCLUDES_MAX = 10, SECTION_OPTIONS_MAX = 16, SHOWN_MAX = 60 };

/* libConfuse hands no pointer of ours to its callbacks. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct config_load *loading;

void config_lock(void)
{
    pthread_mutex_lock(&lock);
}

void config_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

static const struct section {
    const char *name;
    cfg_flag_t flags;
} sections[] = {
    {"report", CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES},
    {"limits", CFGF_NODEFAULT},
    {"mesh", CFGF_NODEFAULT},
    {"quota", CFGF_NODEFAULT},
    {"peer", CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES},
    {"category", CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES},
    {"zone", CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES},
    {"grey", CFGF_NODEFAULT},
    {"tarpit", CFGF_NODEFAULT},
    {"bounces", CFGF_NODEFAULT},
    {"spf", CFGF_NODEFAULT},
    {"srs", CFGF_NODEFAULT},
    {"verdict", CFGF_NODEFAULT},
    {"note", CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES},
};
enum { SECTIONS = sizeof sections / sizeof *sections };

static void add_text(struct config_load *l, const char *text)
{
    size_t used = strlen(l->why);
    snprintf(l->why + used, CONFIG_WHY_MAX - used, "%s", text);
}

int load_error(struct config_load *l, const char *file, int line, const char *format, ...)
{
    char message[CONFIG_WHY_MAX], place[24] = "";
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0)
        message[0] = '\0';
    va_end(args);
    if (line > 0)
        snprintf(place, sizeof place, ":%d", line);
    if (l->why[0] != '\0')
        add_text(l, "\n");
    add_text(l, file);
    add_text(l, place);
    add_text(l, ": ");
    add_text(l, message);
    return -EINVAL;
}

/* ---- values */

static const char *section_name(const cfg_t *sec)
{
    return strcmp(sec->name, "root") == 0 ? "" : sec->name;
}

bool option_is_set(cfg_t *sec, const char *name)
{
    const cfg_opt_t *opt = cfg_getopt(sec, name);
    return opt != NULL && (opt->flags & CFGF_MODIFIED) != 0;
}

const char *option_text(cfg_t *sec, const char *name)
{
    const struct config_option *o;
    if (option_is_set(sec, name))
        return cfg_getstr(sec, name);
    o = option_find(section_name(sec), name);
    return o == NULL || o->fallback[0] == '\0' || o->fallback[0] == '(' ? NULL : o->fallback;
}

int64_t option_number(cfg_t *sec, const char *name)
{
    const struct config_option *o = option_find(section_name(sec), name);
    const char *text = option_text(sec, name);
    int64_t number = 0;
    if (o != NULL && text != NULL)
        option_check(o, text, &number);        /* it was checked when it was read */
    return number;
}

/* For a message: a card is long, and a stray byte must not break the line. */
static const char *shown(const char *text, char out[SHOWN_MAX + 4])
{
    size_t i;
    for (i = 0; i < SHOWN_MAX && text[i] != '\0'; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    memcpy(out + i, "...", 4);
    if (text[i] == '\0')
        out[i] = '\0';
    return out;
}

/* By the mode of the file that it stands in alone, as with the keys: a directory that is closed today may be opened tomorrow. */
static void note_exposed(const cfg_t *cfg, const struct config_option *o)
{
    struct config *c = loading->c;
    struct stat st;
    if (c->exposed[0] != '\0' || stat(cfg->filename, &st) != 0 || (st.st_mode & S_IROTH) == 0)
        return;
    snprintf(c->exposed, sizeof c->exposed, "%s", cfg->filename);
    c->exposed_option = o->name;
}

/* Called after each value, and after each list. */
static int check_value(cfg_t *cfg, cfg_opt_t *opt)
{
    const struct config_option *o = option_find(section_name(cfg), opt->name);
    const char *text = cfg_opt_size(opt) == 0 ? NULL : cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
    char out[SHOWN_MAX + 4];
    int64_t number;
    /* libConfuse has no use for this number in an option that is a text, and keeps it for each section. */
    if (!o->list && opt->def.number++ > 0)
        return load_error(loading, cfg->filename, cfg->line, "%s is set twice; expected it once", opt->name);
    if (text != NULL && text[0] != '\0' && o->kind == KIND_SECRET)
        note_exposed(cfg, o);
    if (text == NULL || option_check(o, text, &number) == 0)
        return 0;
    bool hide = o->kind == KIND_SECRET && text[0] != '\0';          /* more people read a log */
    return load_error(loading, cfg->filename, cfg->line, "%s = \"%s\"; expected %s", opt->name, hide ? "..." : shown(text, out), o->type);
}

static int check_section(cfg_t *cfg, cfg_opt_t *opt)
{
    int rc = section_read(loading, cfg, cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));
    if (rc == -ENOMEM)
        load_error(loading, cfg->filename, cfg->line, "memory is out");
    return rc;
}

/* ---- errors that libConfuse finds */

/* The nearest known option, and if there is none, all of them. */
static void unknown_option(cfg_t *cfg, const char *name)
{
    const char *words[64];
    char known[CONFIG_WHY_MAX / 2] = "", out[SHOWN_MAX + 4];
    const char *near;
    size_t n = 0, used = 0;
    for (const cfg_opt_t *opt = cfg->opts; opt->name != NULL && n < 63; opt++)
        words[n++] = opt->name;
    words[n] = NULL;
    near = word_near(name, words);
    for (size_t i = 0; i < n && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ", words[i]);
    if (near != NULL)
        load_error(loading, cfg->filename, cfg->line, "unknown option \"%s\"; did you mean \"%s\"?", shown(name, out), near);
    else
        load_error(loading, cfg->filename, cfg->line, "unknown option \"%s\"; expected one of %s", shown(name, out), known);
}

static void on_error(cfg_t *cfg, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    char text[CONFIG_WHY_MAX / 2], out[SHOWN_MAX + 4];
    if (strcmp(format, "no such option '%s'") == 0) {
        unknown_option(cfg, va_arg(args, const char *));
        return;
    }
    if (strcmp(format, "found duplicate title '%s'") == 0) {
        load_error(loading, cfg->filename, cfg->line, "\"%s\" is there already; expected each title once", shown(va_arg(args, const char *), out));
        return;
    }
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    load_error(loading, cfg->filename, cfg->line, "%s; expected NAME = VALUE, NAME = { VALUE, ... } or SECTION \"TITLE\" { ... }", text);
}

/* ---- files */

static int parse_text(cfg_t *cfg, const char *path, char *text, size_t len)
{
    const char *problem;
    unsigned line;
    FILE *f;
    int rc;
    if (scan_prepare(text, len, &line, &problem) != 0)
        return load_error(loading, path, (int)line, "%s", problem);
    f = fmemopen(text, len, "r");
    if (f == NULL)
        return load_error(loading, path, 0, "memory is out");
    rc = cfg_parse_fp(cfg, f);
    fclose(f);
    if (rc != CFG_SUCCESS && loading->why[0] == '\0')
        load_error(loading, path, cfg->line, "this cannot be understood");
    return rc == CFG_SUCCESS ? 0 : -EINVAL;
}

static int parse_file(cfg_t *cfg, const char *path)
{
    char *text;
    size_t len;
    int rc = scan_file(path, &text, &len);
    if (rc != 0)
        return rc;
    if (len > 0)
        rc = parse_text(cfg, path, text, len);
    free(text);
    return rc;
}

/* Relative to the file that includes. */
static int include_path(const char *from, const char *to, char out[CONFIG_PATH_MAX])
{
    const char *slash = strrchr(from, '/');
    int dir_len = to[0] == '/' || slash == NULL ? 0 : (int)(slash + 1 - from);
    int n = snprintf(out, CONFIG_PATH_MAX, "%.*s%s", dir_len, from, to);
    return n >= 0 && n < CONFIG_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Parses the other file into the same tree. libConfuse's own include would, after an error in the included file, stay in it for the next load. */
static int include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
    char path[CONFIG_PATH_MAX];
    char *outer = cfg->filename;
    int line = cfg->line, rc;
    (void)opt;
    if (argc != 1 || argv[0][0] == '\0' || include_path(outer, argv[0], path) != 0)
        return load_error(loading, outer, line, "include needs one file; expected include(\"peers.conf\")");
    if (loading->depth == INCLUDES_MAX)
        return load_error(loading, outer, line, "files include each other more than %d deep; does one include itself?", INCLUDES_MAX);
    cfg->filename = strdup(path);
    if (cfg->filename == NULL) {
        cfg->filename = outer;
        return -ENOMEM;
    }
    loading->depth++;
    rc = parse_file(cfg, path);
    loading->depth--;
    free(cfg->filename);
    cfg->filename = outer;
    cfg->line = line;
    if (rc == -ENOENT)
        return 0;                      /* peers.conf comes with the first peer */
    if (rc != 0 && rc != -EINVAL)
        load_error(loading, outer, line, "%s cannot be read: %s", path, strerror(-rc));
    return rc;
}

/* ---- libConfuse's tables, from ours */

struct tables {
    cfg_opt_t sections[SECTIONS][SECTION_OPTIONS_MAX + 1];
    cfg_opt_t top[SECTION_OPTIONS_MAX + SECTIONS + 1];
};

static size_t fill_table(cfg_opt_t *to, const char *section)
{
    size_t options_n, n = 0;
    const struct config_option *o = config_options(&options_n);
    for (; options_n > 0; options_n--, o++) {
        if (strcmp(o->section, section) != 0 || n == SECTION_OPTIONS_MAX)
            continue;
        to[n] = (cfg_opt_t){.name = o->name, .type = CFGT_STR, .flags = CFGF_NODEFAULT | (o->list ? CFGF_LIST : 0), .validcb = check_value};
        if (o->kind == KIND_INCLUDE)
            to[n] = (cfg_opt_t){.name = o->name, .type = CFGT_FUNC, .func = include};
        n++;
    }
    return n;
}

static void make_tables(struct tables *t)
{
    size_t n = fill_table(t->top, "");
    for (size_t i = 0; i < SECTIONS; i++) {
        fill_table(t->sections[i], sections[i].name);
        t->top[n++] = (cfg_opt_t){.name = sections[i].name, .type = CFGT_SEC, .flags = sections[i].flags, .subopts = t->sections[i], .validcb = check_section};
    }
}

static cfg_t *make_root(const char *path)
{
    struct tables *t = calloc(1, sizeof *t);
    cfg_t *root = NULL;
    if (t == NULL)
        return NULL;
    make_tables(t);
    root = cfg_init(t->top, CFGF_NONE);          /* copies the tables */
    free(t);
    if (root == NULL)
        return NULL;
    cfg_set_error_function(root, on_error);
    root->filename = strdup(path);
    if (root->filename == NULL) {
        cfg_free(root);
        return NULL;
    }
    return root;
}

int config_parse(struct config_load *l, const char *path, char *text, size_t len, cfg_t **out)
{
    cfg_t *root = make_root(path);
    int rc;
    if (root == NULL)
        return -ENOMEM;
    loading = l;
    rc = text == NULL ? parse_file(root, path) : len == 0 ? 0 : parse_text(root, path, text, len);
    loading = NULL;
    if (rc != 0)
        cfg_free(root);
    else
        *out = root;
    return rc;
}
