/* `hearsay export`: writes a zone now. The zone's own file is the running node's to write; every other file is ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/zone_file.h"
#include "node/zone_image.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { EXPORT_TIMEOUT_MS = 300000 };

static int add_listing(void *ctx, const struct listing *l)
{
    return zone_image_change(ctx, l->category, &l->subject, true);
}

/* From the database, node running or not. path NULL: the zone's own file. */
static int write_zone(const struct home *h, int zone, const char *path, struct zone_file_stat *st)
{
    const struct config *c = h->config;
    char why[CONFIG_WHY_MAX] = "";
    struct reader *r = NULL;
    int rc = home_reader(h, &r);
    if (rc != 0)
        return rc;
    struct zone_image *image = zone_image_create();
    rc = image == NULL ? -ENOMEM : reader_list(r, zone, 0, add_listing, image);
    reader_close(&r);
    if (rc == 0)
        rc = zone_image_settle(image);
    if (rc == 0)
        rc = zone_file_write(path, c->policy, zone, &c->zones[zone], c->name, image, now_unix_s(), st, why);
    zone_image_destroy(&image);
    if (rc == 0)
        return 0;
    say_error("%s", why[0] != '\0' ? why : strerror(-rc));
    return STATUS_NO;
}

static int say_wrote(const struct call *call, const char *zone, const char *file, const struct zone_file_stat *st, bool with_serial)
{
    char n[NUMBER_TEXT_MAX];
    if (call->json) {
        json_object_set_new(call->result, "zone", say_json_text(zone));
        json_object_set_new(call->result, "file", say_json_text(file));
        json_object_set_new(call->result, "listings", json_integer((json_int_t)st->listings));
        if (with_serial)
            json_object_set_new(call->result, "serial", json_integer((json_int_t)st->serial));
    }
    say_text(call, "Wrote %s: %s listings", file, count_text(st->listings, n));
    if (with_serial)
        say_text(call, ", serial %lu", (unsigned long)st->serial);
    say_text(call, ".\n");
    return STATUS_DONE;
}

static int export_own(const struct call *call, const struct home *h, int zone)
{
    struct zone_file_stat st = { 0 };
    const char *name = h->config->policy->zones[zone].name, *file = h->config->zones[zone].file;
    json_t *answer = NULL;
    int rc = home_ask(h, json_pack("{s:s, s:s}", "command", "export", "zone", name), EXPORT_TIMEOUT_MS, &answer);
    json_decref(answer);
    if (rc == STATUS_ABSENT)
        rc = write_zone(h, zone, NULL, &st);
    else if (rc == 0)
        zone_file_stat(file, &st);
    return rc == 0 ? say_wrote(call, name, file, &st, true) : rc;
}

static int export_to(const struct call *call, const struct home *h, int zone, const char *path)
{
    struct zone_file_stat st = { 0 };
    int rc = write_zone(h, zone, path, &st);
    return rc == 0 && strcmp(path, "-") != 0 ? say_wrote(call, h->config->policy->zones[zone].name, path, &st, false) : rc;
}

static bool same_file(const char *a, const char *b)
{
    char *whole_a = realpath(a, NULL), *whole_b = realpath(b, NULL);
    bool same = strcmp(a, b) == 0 || (whole_a != NULL && whole_b != NULL && strcmp(whole_a, whole_b) == 0);
    free(whole_a);
    free(whole_b);
    return same;
}

int cmd_export(struct call *call)
{
    const char *format = "rbldnsd", *path = NULL;
    const struct arg_option options[] = { { .name = "--format", .value = &format }, { .name = "-o", .value = &path } };
    struct home h = { 0 };
    int zone = -1, rc = args_take(call, options, 2, 1, 1);
    if (rc == 0 && strcmp(format, "rbldnsd") != 0)
        rc = args_wrong(call, "--format %s: rbldnsd is the only format so far", format);
    if (rc == 0 && call->json && path != NULL && strcmp(path, "-") == 0)
        rc = args_wrong(call, "--json and -o - both want standard output");
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = home_zone(&h, call->argv[0], &zone);
    if (rc == 0)
        rc = path == NULL || same_file(path, h.config->zones[zone].file) ? export_own(call, &h, zone) : export_to(call, &h, zone, path);
    home_close(&h);
    return rc;
}
