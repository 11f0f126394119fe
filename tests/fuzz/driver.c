/* Runs an entry point over files and directories of files, and over each file cut off at every length, without libFuzzer. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20, CUTS_MAX = 4096 };

/* On the heap and of just this length, so that a sanitizer sees a read beyond. */
static void run_bytes(const uint8_t *at, size_t len)
{
    uint8_t *copy = malloc(len + 1);

    if (copy == NULL)
        exit(2);
    if (len > 0)
        memcpy(copy + 1, at, len);
    LLVMFuzzerTestOneInput(copy + 1, len);
    free(copy);
}

static int run_file(const char *path)
{
    static uint8_t input[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    size_t len;

    if (f == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    len = fread(input, 1, sizeof input, f);
    fclose(f);
    for (size_t cut = 0; cut < len && cut < CUTS_MAX; cut++)
        run_bytes(input, cut);
    run_bytes(input, len);
    return 1;
}

static int run_directory(const char *path)
{
    DIR *dir = opendir(path);
    char file[4096];
    int n = 0;

    if (dir == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    for (const struct dirent *e; n >= 0 && (e = readdir(dir)) != NULL; ) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        n = run_file(file) < 0 ? -1 : n + 1;
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int inputs = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        int n = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? run_directory(argv[i]) : run_file(argv[i]);
        if (n < 0)
            return 1;
        inputs += n;
    }
    printf("%d inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}
