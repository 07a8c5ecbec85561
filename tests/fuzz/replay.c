/*
 * replay.c - the main of a target where there is no libFuzzer: runs every file that is named, or that
 * stands in a folder that is named, once, and says how many there were.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { ONE_INPUT_S = 20 };

static int files;

static int run_file(const char *path)
{
        FILE *f = fopen(path, "rbe");
        struct stat st;
        if (!f || fstat(fileno(f), &st) < 0) {
                perror(path);
                return -1;
        }
        /* of its own size, so that a read past the end is seen */
        autofree uint8_t *data = xmalloc((size_t)st.st_size);
        size_t n = fread(data, 1, (size_t)st.st_size, f);
        fclose(f);
        fprintf(stderr, "%s\n", path); /* the last one named is the one that failed */
        alarm(ONE_INPUT_S);
        LLVMFuzzerTestOneInput(data, n);
        files++;
        return 0;
}

static int run_folder(const char *path)
{
        struct dirent **entries = NULL;
        int n = scandir(path, &entries, NULL, alphasort), failed = 0;
        if (n < 0)
                perror(path);
        for (int i = 0; i < n; i++) {
                autofree char *file = xasprintf("%s/%s", path, entries[i]->d_name);
                if (entries[i]->d_name[0] != '.' && run_file(file) < 0)
                        failed = -1;
                free(entries[i]);
        }
        free(entries);
        return n < 0 ? -1 : failed;
}

int main(int argc, char **argv)
{
        int failed = 0;
        for (int i = 1; i < argc; i++) {
                struct stat st;
                bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
                if ((folder ? run_folder(argv[i]) : run_file(argv[i])) < 0)
                        failed = 1;
        }
        printf("%d\n", files);
        return failed || files == 0;
}
