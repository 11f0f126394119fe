#include "proto/name.h"

#include <errno.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdint.h>
#include <string.h>

/* A U-label can shrink when it is encoded, but never to less than a quarter: UTF-8 has at most four bytes a character. */
enum { LABEL_MAX = 63, TEXT_MAX = 4 * (NAME_MAX_BYTES + 1) };

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_label_char(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool label_ends_well(const char *label, size_t len)
{
    return len >= 1 && len <= LABEL_MAX && label[0] != '-' && label[len - 1] != '-';
}

bool name_is_canonical(const char *name, size_t len)
{
    size_t start = 0;

    if (len == 0 || len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.') {
            if (!label_ends_well(name + start, i - start))
                return false;
            start = i + 1;
        } else if (!is_label_char(name[i])) {
            return false;
        }
    }
    return label_ends_well(name + start, len - start) && is_letter(name[start]);
}

static int fold_ascii(const char *text, size_t len, char out[NAME_MAX_BYTES + 1])
{
    char folded[NAME_MAX_BYTES + 1];

    if (len > 0 && text[len - 1] == '.')
        len--;
    if (len > NAME_MAX_BYTES)
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        folded[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
    if (!name_is_canonical(folded, len))
        return -EINVAL;
    memcpy(out, folded, len);
    out[len] = '\0';
    return 0;
}

static int fold_unicode(const char *text, size_t len, char out[NAME_MAX_BYTES + 1])
{
    uint8_t utf8[TEXT_MAX + 1];
    uint8_t *ascii = NULL;
    int rc = -EINVAL;

    if (len > TEXT_MAX || memchr(text, '\0', len) != NULL)
        return -EINVAL;
    memcpy(utf8, text, len);
    utf8[len] = '\0';
    /* Non-transitional: sharp s and its like are letters of their own, as in browsers. */
    if (idn2_lookup_u8(utf8, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
        rc = fold_ascii((const char *)ascii, strlen((const char *)ascii), out);
    idn2_free(ascii);
    return rc;
}

int name_canonical(const char *text, size_t len, char out[NAME_MAX_BYTES + 1])
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] >= 0x80)
            return fold_unicode(text, len, out);
    }
    /* ASCII never meets libidn2: an A-label that decodes to nothing is still what a DNSBL is asked for. */
    return fold_ascii(text, len, out);
}

bool name_is_public_suffix(const char *name)
{
    const psl_ctx_t *list = psl_builtin();

    return list != NULL && psl_is_public_suffix2(list, name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}

bool name_is_special(const char *name)
{
    static const char *const tops[] = {
        "arpa",            /* RFC 3172; home.arpa: RFC 8375 */
        "internal",        /* set aside by ICANN for private use */
        "invalid",         /* RFC 6761 */
        "local",           /* RFC 6762 */
        "localdomain",     /* in no registry, but what many a host calls itself */
        "localhost",       /* RFC 6761 */
        "onion",           /* RFC 7686 */
    };
    const char *dot = strrchr(name, '.'), *top = dot != NULL ? dot + 1 : name;

    for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
        if (strcmp(top, tops[i]) == 0)
            return true;
    }
    return false;
}
