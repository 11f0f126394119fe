#include "tools/say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 16, CELL_MAX = 320 };

struct table {
    const char *const *heads;
    size_t columns;
    size_t width[COLUMNS_MAX];
    bool used[COLUMNS_MAX];         /* a column of empty cells is not shown */
    char **cells;
    size_t n, room;
};

static void *grown(void *at, size_t bytes)
{
    void *now = realloc(at, bytes);
    if (now == NULL) {
        say_error("out of memory");
        exit(STATUS_NO);
    }
    return now;
}

struct table *table_create(const char *const *heads)
{
    struct table *t = grown(NULL, sizeof *t);
    memset(t, 0, sizeof *t);
    t->heads = heads;
    while (heads[t->columns] != NULL && t->columns < COLUMNS_MAX) {
        const char *head = heads[t->columns];
        t->width[t->columns++] = strlen(head[0] == '>' ? head + 1 : head);
    }
    return t;
}

void table_cell(struct table *t, const char *format, ...)
{
    char text[CELL_MAX], clean[CELL_MAX];
    va_list more;
    va_start(more, format);
    vsnprintf(text, sizeof text, format, more);
    va_end(more);
    clean_text(text, clean, sizeof clean);
    if (t->n == t->room) {
        t->room = t->room == 0 ? 64 : 2 * t->room;
        t->cells = grown(t->cells, t->room * sizeof *t->cells);
    }
    size_t len = strlen(clean), column = t->n % t->columns;
    t->cells[t->n] = memcpy(grown(NULL, len + 1), clean, len + 1);
    t->n++;
    t->used[column] = t->used[column] || len > 0;
    if (len > t->width[column])
        t->width[column] = len;
}

/* One row. Blanks are put before a cell, never after the last one, so that lines end where their text ends. */
static void print_row(const struct table *t, FILE *to, const char *indent, const char *const *cells)
{
    size_t blanks = 0;
    fputs(indent, to);
    for (size_t i = 0; i < t->columns; i++) {
        size_t len = strlen(cells[i]), pad = t->width[i] - len;
        bool right = t->heads[i][0] == '>';
        if (!t->used[i])
            continue;
        if (len > 0) {
            fprintf(to, "%*s%s", (int)(blanks + (right ? pad : 0)), "", cells[i]);
            blanks = 0;
        }
        blanks += (right && len > 0 ? 0 : pad) + 2;
    }
    fputc('\n', to);
}

void table_print(struct table *t, FILE *to, const char *indent)
{
    const char *heads[COLUMNS_MAX];
    for (size_t i = 0; i < t->columns; i++)
        heads[i] = t->heads[i] + (t->heads[i][0] == '>');
    fputs(say_colour(to, SAY_BOLD), to);
    print_row(t, to, indent, heads);
    fputs(say_colour(to, SAY_PLAIN), to);
    for (size_t row = 0; row + t->columns <= t->n; row += t->columns)
        print_row(t, to, indent, (const char *const *)&t->cells[row]);
}

void table_destroy(struct table **t)
{
    if (*t == NULL)
        return;
    for (size_t i = 0; i < (*t)->n; i++)
        free((*t)->cells[i]);
    free((*t)->cells);
    free(*t);
    *t = NULL;
}
