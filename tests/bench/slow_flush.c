/*
 * slow_flush.c - makes every flush of a program take longer: LD_PRELOAD it, with SLOW_FLUSH_US in the environment. The
 * data are on the disk as ever; the call returns so many microseconds later. PostgreSQL flushes its WAL by fdatasync,
 * one session at a time, and so a disk that is slow looks to it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

int fdatasync(int fd)
{
        static int (*real)(int);
        static long us = -1;

        if (us < 0) {
                const char *given = getenv("SLOW_FLUSH_US");
                real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
                us = given ? strtol(given, NULL, 10) : 0;
        }
        if (real(fd) != 0)
                return -1;
        struct timespec left = {us / 1000000, us % 1000000 * 1000};
        while (nanosleep(&left, &left) != 0 && errno == EINTR)
                ;
        return 0;
}
