#include "store/reader_private.h"
int reader_verify(struct reader *r, int64_t now_s, void (*problem)(void *ctx, const char *text),
                  void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx, uint64_t *problems_n)
{ (void)r;(void)now_s;(void)problem;(void)progress;(void)ctx; *problems_n=0; return 0; }
