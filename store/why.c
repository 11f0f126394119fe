#include <stdlib.h>
#include <string.h>
#include "store/reader_private.h"
int reader_why(struct reader *r, const struct subject *s, int64_t now_s, struct why *out)
{ (void)r;(void)s;(void)now_s; memset(out,0,sizeof *out); return 0; }
void why_clear(struct why *w) { free(w->opinions); free(w->rules); memset(w, 0, sizeof *w); }
