/* SPDX-License-Identifier: MIT */
/* Do eight threads, each with a handle and a convolution of its own, get right results at once? */
#include "check.h"
#include "layers.h"

#include <pthread.h>
#include <stdint.h>

enum { THREADS = 8, ROUNDS = 40 };

static void* work(void* number)
{
    int thread = (int)(intptr_t)number;
    check_context("thread %d", thread);
    for(int round = 0; round < ROUNDS; ++round) {
        conv_case_t* layer = layer_new((thread + round) % LAYERS);
        miopenHandle_t handle;
        CHECK_OK(miopenCreate(&handle));
        layer_compute(layer, handle);
        CHECK_OK(miopenDestroy(handle));
        conv_case_free(layer);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for(int at = 0; at < THREADS; ++at) {
        pthread_create(&threads[at], NULL, work, (void*)(intptr_t)at);
    }
    for(int at = 0; at < THREADS; ++at) {
        pthread_join(threads[at], NULL);
    }
    return check_finish();
}
