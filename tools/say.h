/* tools/say.h: what a person reads: errors, numbers, times, tables. Times are shown in UTC. */
#ifndef HEARSAY_TOOLS_SAY_H
#define HEARSAY_TOOLS_SAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "tools/command.h"

enum { TIME_TEXT_MAX = 32, NUMBER_TEXT_MAX = 32 };

/* "hearsay: ..." and a newline to stderr. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "hearsay: warning: ..." */
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "hearsay NAME FORM", one line for each form, with a verb for those that begin with it; `indent` stands before the second and later ones. */
void say_usage(FILE *to, const struct command *c, const char *verb, const char *indent);

/* From here on errors and warnings are kept as well as said, for --json. */
void say_keep(void);
/* What was kept, parted by "; "; "" without any. A static text that grows with the next one; cut at its end when there is too much. */
const char *say_kept_errors(void);
const char *say_kept_warnings(void);

/* Like printf(), unless the call is for JSON. */
void say_text(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An escape sequence for the stream, or "" when it is not a terminal or NO_COLOR is set (no-color.org). */
enum say_colour { SAY_PLAIN, SAY_BOLD, SAY_RED, SAY_GREEN, SAY_YELLOW };
const char *say_colour(FILE *to, enum say_colour c);

/* Prints as one line of JSON, in the order in which it was built, with real numbers of at most nine digits, and drops the reference. Returns `status`. */
int say_json(json_t *value, int status);
/* A text as JSON; bytes that are not UTF-8 make question marks of all but ASCII. NULL only without memory. */
json_t *say_json_text(const char *text);

/* The same in place: what is not UTF-8 gets a '?' for each byte beyond ASCII. */
void plain_text(char *text);
/* Whether JSON was begun on stdout; say_json() says so by itself, one who prints it piece by piece calls say_json_begin(). */
void say_json_begin(void);
bool say_json_begun(void);

/* Each writes into `out` and returns it. */
char *time_text(int64_t unix_s, char out[TIME_TEXT_MAX]);          /* "2026-11-23 10:00 UTC"; "never" for 0 */
char *stamp_text(int64_t unix_s, char out[TIME_TEXT_MAX]);         /* "2026-11-23T10:00:00Z": one word; "-" for 0 */
char *span_text(int64_t seconds, char out[TIME_TEXT_MAX]);         /* "45s", "12m", "3h", "3h20m", "9d"; "now" below 1 */
char *thousandths_text(int64_t milli, char out[NUMBER_TEXT_MAX]);  /* "1.850", "-0.400" */
char *millionths_text(int64_t micro, unsigned digits_least, char out[NUMBER_TEXT_MAX]);    /* exact: with 2, "0.80", "0.125", "1.237415" */
char *count_text(uint64_t n, char out[NUMBER_TEXT_MAX]);           /* "1,234,567" */
char *bytes_text(uint64_t n, char out[NUMBER_TEXT_MAX]);           /* "512 B", "1.2 kB", "34 MB" */

/* Text from elsewhere with all control bytes replaced, so that it cannot move the terminal's cursor. Cuts at `room`. */
char *clean_text(const char *text, char *out, size_t room);

/* A table whose columns are as wide as their longest cell. Memory that is out ends the program with a message. */
struct table;
/* `heads`: one word for each column; one that starts with '>' is aligned to the right. Ends with NULL. */
struct table *table_create(const char *const *heads);
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));   /* the next cell, row by row */
void table_print(struct table *t, FILE *to, const char *indent);
void table_destroy(struct table **t);

#endif
