/*
 * scarce.h - runs something again and again, and in the n-th run the n-th allocation that input sizes
 * (mem.h) fails, until a run meets none that could.
 */
#ifndef TESTS_SCARCE_H
#define TESTS_SCARCE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#ifdef WAVEFLEET_FAULTS /* there is nothing to be tested without */

enum { SCARCE_RUNS_MAX = 20000 };

/*
 * run(arg, false): with one allocation failing somewhere; it checks what came of it and returns whether
 * it was refused. run(arg, true): nothing fails, and it must go well. At least `least` runs must have
 * met a failure. Returns how many were refused.
 */
static inline unsigned scarce(bool (*run)(bool all_is_well, void *arg), void *arg, unsigned least)
{
        unsigned n = 1, refused = 0;
        for (;; n++) {
                ck_assert_uint_lt(n, SCARCE_RUNS_MAX);
                mem_fail(n);
                bool was_refused = run(false, arg);
                bool met = mem_has_failed();
                mem_fail(0);
                ck_assert_msg(met || !was_refused, "refused without a failure, run %u", n);
                if (!met)
                        break;
                refused += was_refused;
        }
        ck_assert(!run(true, arg));
        ck_assert_msg(n - 1 >= least, "only %u allocations could fail", n - 1);
        printf("%u allocations failed one by one, %u runs were refused\n", n - 1, refused);
        return refused;
}

/* What is said then, and nothing else. */
static inline void must_be_scarce(const struct err *e)
{
        ck_assert_msg(e->code == ERR_UNAVAILABLE, "%s: %s", err_name(e->code), e->text);
        ck_assert_ptr_nonnull(strstr(e->text, "memory"));
}

static inline int scarce_main(Suite *s)
{
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_ENV);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
#endif
