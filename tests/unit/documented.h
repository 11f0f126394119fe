/* tests/unit/documented.h: the examples of proto/PROTOCOL.md, as bytes. */
#ifndef HEARSAY_TESTS_DOCUMENTED_H
#define HEARSAY_TESTS_DOCUMENTED_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cmocka.h comes before this. */
/* The bytes of the block of PROTOCOL.md that begins with "```hex NAME". */
static inline size_t documented(const char *name, uint8_t *out, size_t room)
{
    char line[512], want[64];
    size_t n = 0;
    unsigned byte;
    int inside = 0, width;
    FILE *f = fopen(SOURCE_DIR "/proto/PROTOCOL.md", "r");

    assert_non_null(f);
    snprintf(want, sizeof want, "```hex %s\n", name);
    while (fgets(line, sizeof line, f) != NULL) {
        if (inside && strncmp(line, "```", 3) == 0)
            break;
        for (const char *at = line; inside && sscanf(at, " %2x%n", &byte, &width) == 1; at += width) {
            assert_true(n < room);
            out[n++] = (uint8_t)byte;
        }
        inside = inside || strcmp(line, want) == 0;
    }
    fclose(f);
    if (n == 0)
        fail_msg("PROTOCOL.md has no %s", name);
    return n;
}

#endif
