/* SPDX-License-Identifier: MIT */
/*
 * Does the process end as it should while threads are computing? main() returns, with the status of
 * the test, and a thread that only used the library for a moment ends long before.
 */
#include "check.h"
#include "layers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { THREADS = 4 };

static atomic_int rounds;

static void* compute_for_ever(void* number)
{
    conv_case_t* layer = layer_new((int)(intptr_t)number);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    for(;;) {
        layer_compute(layer, handle);
        atomic_fetch_add(&rounds, 1);
    }
    return NULL;
}

static void* use_for_a_moment(void* unused)
{
    CHECK_STATUS(miopenGetTensorNumBytes(NULL, NULL), BadParm);
    return unused;
}

int main(void)
{
    pthread_t thread;
    for(int at = 0; at < THREADS; ++at) {
        pthread_create(&thread, NULL, compute_for_ever, (void*)(intptr_t)at);
    }
    pthread_create(&thread, NULL, use_for_a_moment, NULL);
    pthread_join(thread, NULL);
    const struct timespec moment = {0, 10 * 1000 * 1000};
    while(atomic_load(&rounds) < 3 * THREADS) {
        nanosleep(&moment, NULL);
    }
    return check_finish();
}
