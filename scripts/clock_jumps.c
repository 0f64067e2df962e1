/* Loaded before the C library: every look at the calendar finds another day, forwards and backwards; the monotonic clock is left alone.
   cc -shared -fPIC -o clock_jumps.so clock_jumps.c -ldl */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*_Atomic real)(clockid_t, struct timespec *);
    static atomic_int looks;
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, now);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += (long)(atomic_fetch_add(&looks, 1) % 7 - 3) * 86400 * 400;
    return status;
}
