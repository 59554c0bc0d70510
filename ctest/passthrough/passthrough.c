/* What does a forwarded call cost more than the direct one?
 *
 * usage: passthrough LIBRARY STAND_IN LIMIT_NS
 *
 * Times calls of functions that do nothing, through the library and straight into the stand-in,
 * round about in one process, so that a change of clock speed or load meets both. Fails if the
 * median difference is beyond LIMIT_NS. */
#include "stand_in.h"

#include <miopen/miopen.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 1001, CALLS_A_ROUND = 5000 };

typedef miopenStatus_t (*two_arguments)(miopenHandle_t, miopenAcceleratorQueue_t);
typedef miopenStatus_t (*thirteen_arguments)(miopenHandle_t, const void*,
    const miopenTensorDescriptor_t, const void*, const miopenTensorDescriptor_t, const void*,
    const miopenConvolutionDescriptor_t, miopenConvFwdAlgorithm_t, const void*,
    const miopenTensorDescriptor_t, void*, void*, size_t);

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Nanoseconds of one call. Not inlined: both paths are to run the same instructions. */
__attribute__((noinline)) static double time_two(const void* function)
{
    two_arguments call = *(const two_arguments*)function;
    double start_ns = now_ns();
    for (int i = 0; i < CALLS_A_ROUND; ++i)
        call(NULL, NULL);
    return (now_ns() - start_ns) / CALLS_A_ROUND;
}

__attribute__((noinline)) static double time_thirteen(const void* function)
{
    thirteen_arguments call = *(const thirteen_arguments*)function;
    double start_ns = now_ns();
    for (int i = 0; i < CALLS_A_ROUND; ++i)
        call(NULL, NULL, NULL, NULL, NULL, NULL, NULL, miopenConvolutionFwdAlgoDirect, NULL, NULL,
            NULL, NULL, 0);
    return (now_ns() - start_ns) / CALLS_A_ROUND;
}

static int ascending(const void* a, const void* b)
{
    double difference = *(const double*)a - *(const double*)b;
    return (difference > 0) - (difference < 0);
}

static double median(double* values)
{
    qsort(values, ROUNDS, sizeof *values, ascending);
    return values[ROUNDS / 2];
}

/* Prints a row of the table and returns its last column. */
static double row(const char* name, int arguments, double (*time_calls)(const void*),
    const void* direct, const void* through)
{
    static double direct_ns[ROUNDS], through_ns[ROUNDS], more_ns[ROUNDS];
    time_calls(direct);
    time_calls(through); /* the first call, which resolves */
    for (int i = 0; i < ROUNDS; ++i) {
        /* Each first in every other round. */
        if (i % 2 == 0)
            direct_ns[i] = time_calls(direct);
        through_ns[i] = time_calls(through);
        if (i % 2 != 0)
            direct_ns[i] = time_calls(direct);
        more_ns[i] = through_ns[i] - direct_ns[i];
    }
    double more = median(more_ns);
    printf("%-26s %9d %10.2f %12.2f %8.2f\n", name, arguments, median(direct_ns),
        median(through_ns), more);
    return more;
}

int main(int count, char** words)
{
    if (count != 4)
        return 2;
    void* ours = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
    void* real = dlopen(words[2], RTLD_NOW | RTLD_LOCAL);
    double limit_ns = strtod(words[3], NULL);
    if (ours == NULL || real == NULL) {
        printf("%s\n", dlerror());
        return 2;
    }
    two_arguments direct_two, two;
    thirteen_arguments direct_thirteen, thirteen;
    FIND(real, "miopenSetStream", direct_two);
    FIND(ours, "miopenSetStream", two);
    FIND(real, "miopenConvolutionForward", direct_thirteen);
    FIND(ours, "miopenConvolutionForward", thirteen);
    if (two(NULL, NULL) != direct_two(NULL, NULL)) {
        printf("%s does not forward to %s\n", words[1], words[2]);
        return 1;
    }
    printf("Median of %d rounds of %d calls each, in ns a call\n", ROUNDS, CALLS_A_ROUND);
    printf("%-26s %9s %10s %12s %8s\n", "function", "arguments", "direct", "forwarded", "more");
    double more_two = row("miopenSetStream", 2, time_two, &direct_two, &two);
    double more_thirteen =
        row("miopenConvolutionForward", 13, time_thirteen, &direct_thirteen, &thirteen);
    return more_two > limit_ns || more_thirteen > limit_ns;
}
