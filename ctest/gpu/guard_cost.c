/* SPDX-License-Identifier: MIT */
/*
 * What does a forwarded convolution cost more than the direct call, once its problem is known?
 *
 * usage: guard_cost LIBRARY REAL_LIBRARY LIMIT_NS
 *
 * The real library's functions do next to nothing. Calls of a proven problem go straight into it
 * and through the guard in turns, from one thread and from 16 at once. Fails if the median of one
 * thread is beyond LIMIT_NS, or if 16 threads are in each other's way: on the processors there are,
 * their calls together must take no more time than as many calls of one thread.
 */
#include "check.h"
#include "device_case.h"
#include "shapes.h"
#include "stand_in.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 301, CALLS_A_ROUND = 2000, THREADS = 16 };

typedef miopenStatus_t (*forward_t)(miopenHandle_t, const void*, const miopenTensorDescriptor_t,
    const void*, const miopenTensorDescriptor_t, const void*, const miopenConvolutionDescriptor_t,
    miopenConvFwdAlgorithm_t, const void*, const miopenTensorDescriptor_t, void*, void*, size_t);

static const float one = 1, zero = 0;
static conv_call_t call;

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double time_calls(forward_t forward)
{
    double start_ns = now_ns();
    for(int at = 0; at < CALLS_A_ROUND; ++at) {
        forward(call.handle, &one, call.x_desc, call.x, call.w_desc, call.w, call.conv,
            miopenConvolutionFwdAlgoDirect, &zero, call.y_desc, call.y, NULL, 0);
    }
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

static void* many_rounds(void* forward)
{
    for(int round = 0; round < ROUNDS / 3; ++round) {
        time_calls(*(forward_t*)forward);
    }
    return NULL;
}

/* Nanoseconds of processor time of one call, in so many threads. */
static double processor_ns(forward_t forward, int threads)
{
    pthread_t ids[THREADS];
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for(int at = 0; at < threads; ++at) {
        CHECK(pthread_create(&ids[at], NULL, many_rounds, &forward) == 0);
    }
    for(int at = 0; at < threads; ++at) {
        pthread_join(ids[at], NULL);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
    return ns / threads / (ROUNDS / 3) / CALLS_A_ROUND;
}

int main(int count, char** words)
{
    if(count != 4) {
        return 2;
    }
    CHECK_HIP(hipSetDevice(0)); /* now simhip tells of its cards */
    device_case_t test = device_case_new(&shapes[0], FORWARD, miopenFloat, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    call = device_case_call(&test, handle);

    forward_t through, direct;
    FIND(dlopen(words[1], RTLD_NOW | RTLD_NOLOAD), "miopenConvolutionForward", through);
    FIND(dlopen(words[2], RTLD_NOW | RTLD_NOLOAD), "miopenConvolutionForward", direct);
    /* The first call is recorded; when the stream has passed it, the problem is proven. */
    for(int round = 0; round < 3; ++round) {
        time_calls(through);
        CHECK_HIP(hipStreamSynchronize(NULL));
    }

    static double direct_ns[ROUNDS], through_ns[ROUNDS], more_ns[ROUNDS];
    for(int round = 0; round < ROUNDS; ++round) {
        direct_ns[round] = time_calls(direct);
        through_ns[round] = time_calls(through);
        more_ns[round] = through_ns[round] - direct_ns[round];
    }
    double more = median(more_ns);
    double alone = processor_ns(through, 1), together = processor_ns(through, THREADS);
    printf("ns a call, median of %d rounds of %d: direct %.1f, guarded %.1f, more %.1f\n", ROUNDS,
        CALLS_A_ROUND, median(direct_ns), median(through_ns), more);
    printf("processor time a guarded call: one thread %.1f ns, %d threads %.1f ns\n", alone,
        THREADS, together);
    CHECK_THAT(more <= strtod(words[3], NULL), "%.1f ns more", more);
    CHECK_THAT(together <= 2 * alone, "threads are in each other's way");
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
    return check_finish();
}
