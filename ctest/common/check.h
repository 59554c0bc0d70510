/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Checks for test programs in C and C++. A check that fails is reported and counted, and the
 * program goes on; it ends with `return check_finish();`. Safe from many threads.
 */
#ifndef COMMON_CHECK_H
#define COMMON_CHECK_H

#include <miopen/miopen.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The condition holds. */
#define CHECK(condition) \
    check_that((condition) ? 1 : 0, __FILE__, __LINE__, "%s", #condition)

/** The condition holds; the rest, as for printf, says what was wrong. */
#define CHECK_THAT(condition, ...) \
    check_that((condition) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)

/** Two integers are equal. */
#define CHECK_EQUAL(actual, expected)                                                         \
    check_equal((long long)(actual), (long long)(expected), __FILE__, __LINE__, #actual)

/** An MIOpen call answers with that status. */
#define CHECK_STATUS(call, expected) \
    check_status((call), miopenStatus##expected, __FILE__, __LINE__, #call)

/** An MIOpen call succeeds. */
#define CHECK_OK(call) CHECK_STATUS(call, Success)

/** Each returns whether the check held. */
int check_that(int holds, const char* file, int line, const char* format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 4, 5)))
#endif
    ;
int check_equal(long long actual, long long expected, const char* file, int line, const char* text);
int check_status(
    miopenStatus_t actual, miopenStatus_t expected, const char* file, int line, const char* text);

/** Names what this thread is checking; stands in front of its reports from now on. */
void check_context(const char* format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 1, 2)))
#endif
    ;

/** Checks that have failed so far. */
int check_failures(void);

/** Reports how many checks there were; the exit status of the program. */
int check_finish(void);

#ifdef __cplusplus
}
#endif

#endif /* COMMON_CHECK_H */
