#include "node/config_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/config_text.h"
#include "proto/name.h"
#include "proto/network.h"

enum { WORD_MAX = 32 };

const struct config_option *option_find(const char *section, const char *name)
{
    size_t n;
    const struct config_option *o = config_options(&n);
    for (; n > 0; n--, o++)
        if (strcmp(o->section, section) == 0 && strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static int check_text(const struct config_option *o, const char *text)
{
    size_t len = strlen(text);
    if (len < (size_t)o->least || len > (size_t)o->most)
        return -EINVAL;
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return -EINVAL;
    return 0;
}

static int check_word(const struct config_option *o, const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return text[strspn(text, allowed)] == '\0' ? check_text(o, text) : -EINVAL;
}

static int check_host(const char *text)
{
    char name[NAME_MAX_BYTES + 1];
    return text_is_address(text) ? 0 : name_canonical(text, strlen(text), name);
}

static int check_path(const char *text)
{
    return *text != '\0' && strlen(text) < CONFIG_PATH_MAX / 2 ? 0 : -EINVAL;
}

/* ZeroMQ binds to an address; a name would have to be an interface's. */
static int check_endpoint(const struct config_option *o, const char *text)
{
    static const char scheme[] = "tcp://";
    char host[64];
    uint16_t port;
    if (strlen(text) > (size_t)o->most || strncmp(text, scheme, strlen(scheme)) != 0)
        return -EINVAL;
    if (text_host_port(text + strlen(scheme), host, sizeof host, &port) != 0 || port == 0)
        return -EINVAL;
    return strcmp(host, "*") == 0 || text_is_address(host) ? 0 : -EINVAL;
}

static int check_protected(const char *text)
{
    struct network n;
    char name[NAME_MAX_BYTES + 1];
    return network_parse(text, strlen(text), &n) == 0 ? 0 : name_canonical(text, strlen(text), name);
}

static int check_card(const char *text)
{
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    struct record r;
    if (card_decode(text, frame, &len) != 0)
        return -EINVAL;
    return record_open((struct bytes){frame, len}, &r) == 0 ? 0 : -EINVAL;
}

static int one_of(const char *text, const char *const *words, int64_t *number)
{
    for (int64_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *number = i;
            return 0;
        }
    }
    return -EINVAL;
}

/* 127.0.0.1 would be taken for a name server that answers everything (RFC 5782 section 2.1). */
static int check_code(const char *text, int64_t *number)
{
    uint8_t code[4];
    if (text_code(text, code) != 0 || code[0] != 127)
        return -EINVAL;
    *number = (int64_t)code[0] << 24 | code[1] << 16 | code[2] << 8 | code[3];
    return *number >= 0x7f000002 ? 0 : -EINVAL;
}

static int check_seconds(const char *text, int64_t *ms)
{
    int64_t s;
    if (text_number(text, &s) != 0)
        return config_duration(text, ms);
    if (s < 0 || s > INT64_MAX / 1000)
        return -EINVAL;
    *ms = s * 1000;
    return 0;
}

static int check_bool(const char *text, int64_t *number)
{
    bool value;
    int rc = text_bool(text, &value);
    if (rc == 0)
        *number = value;
    return rc;
}

static int check_number(const struct config_option *o, const char *text, int64_t *number)
{
    int rc = -EINVAL;
    switch (o->kind) {
    case KIND_NUMBER: rc = text_number(text, number); break;
    case KIND_DECIMAL: rc = text_decimal(text, number); break;
    case KIND_DURATION: rc = config_duration(text, number); break;
    case KIND_SECONDS: rc = check_seconds(text, number); break;
    case KIND_SIZE: rc = config_size(text, number); break;
    case KIND_MODE: rc = text_octal(text, number); break;
    default: break;
    }
    return rc == 0 && *number >= o->least && *number <= o->most ? 0 : -EINVAL;
}

int option_check(const struct config_option *o, const char *text, int64_t *number)
{
    static const char *const levels[] = {"error", "warning", "info", "debug", NULL}, *const sides[] = {"black", "white", NULL},
        *const styles[] = {"exim", "postsrsd", NULL}, *const choices[] = {"false", "true", "auto", NULL};
    char name[NAME_MAX_BYTES + 1];
    struct config_network network;
    *number = 0;
    switch (o->kind) {
    case KIND_TEXT:
    case KIND_SECRET: return check_text(o, text);
    case KIND_WORD: return check_word(o, text);
    case KIND_NAME: return name_canonical(text, strlen(text), name);
    case KIND_HOST: return check_host(text);
    case KIND_PATH:
    case KIND_SOCKET:
    case KIND_INCLUDE: return check_path(text);
    case KIND_LEVEL: return one_of(text, levels, number);
    case KIND_SIDE: return one_of(text, sides, number);
    case KIND_STYLE: return one_of(text, styles, number);
    case KIND_CHOICE: return one_of(text, choices, number);
    case KIND_BOOL: return check_bool(text, number);
    case KIND_CODE: return check_code(text, number);
    case KIND_ENDPOINT: return check_endpoint(o, text);
    case KIND_NETWORK: return text_network(text, &network);
    case KIND_PROTECTED: return check_protected(text);
    case KIND_PROBATION: return text_probation(text, number, number);
    case KIND_TIME: return text_time(text, number);
    case KIND_CARD: return check_card(text);
    default: return check_number(o, text, number);
    }
}

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many letters must be put in, taken out or changed to make one of the other (Levenshtein's distance), in one row of the table. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t above = row[j + 1];
            row[j + 1] = least_of(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *word_near(const char *text, const char *const *words)
{
    const char *best = NULL;
    size_t best_distance = strlen(text) / 2 + 1;
    if (best_distance > 4)
        best_distance = 4;
    for (; *words != NULL; words++) {
        size_t d;
        if (strlen(*words) > WORD_MAX)
            continue;
        d = distance(text, *words);
        if (d < best_distance) {
            best = *words;
            best_distance = d;
        }
    }
    return best;
}
