/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <miopen/bypass.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Enough to see a pattern; a table of thousands that goes wrong as a whole floods no log. */
enum { MOST_REPORTS = 60 };

static atomic_int checks;
static atomic_int failures;
static _Thread_local char context[256];

static void report(const char* file, int line, const char* message)
{
    if(atomic_fetch_add(&failures, 1) < MOST_REPORTS) {
        fprintf(stderr, "%s:%d: %s%s%s\n", file, line, context, context[0] ? ": " : "", message);
    }
}

int check_that(int holds, const char* file, int line, const char* format, ...)
{
    atomic_fetch_add(&checks, 1);
    if(!holds) {
        char message[512];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        report(file, line, message);
    }
    return holds;
}

int check_equal(long long actual, long long expected, const char* file, int line, const char* text)
{
    return check_that(
        actual == expected, file, line, "%s is %lld, not %lld", text, actual, expected);
}

int check_status(
    miopenStatus_t actual, miopenStatus_t expected, const char* file, int line, const char* text)
{
    return check_that(actual == expected, file, line, "%s gives %d, not %d (%s)", text,
        (int)actual, (int)expected, actual == miopenStatusSuccess ? "" : miopenBypassLastError());
}

void check_context(const char* format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
}

int check_failures(void)
{
    return atomic_load(&failures);
}

int check_finish(void)
{
    /* A program that checked nothing has gone astray. */
    int all = atomic_load(&checks), bad = atomic_load(&failures);
    printf("%d checks, %d failed\n", all, bad);
    return all > 0 && bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
