/* SPDX-License-Identifier: MIT */
/*
 * Do threads get right results that share one handle, and descriptors? Others change the handle's
 * settings meanwhile, and create and destroy objects. One destroys what another is using: the user
 * gets a result or miopenStatusBadParm, never a crash.
 */
#include "check.h"
#include "layers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum { WORKERS = 4, ROUNDS = 60 };

static miopenHandle_t handle;
static atomic_int workers_left;
static _Atomic(miopenTensorDescriptor_t) contested;

static void* compute(void* number)
{
    check_context("worker %d", (int)(intptr_t)number);
    for(int round = 0; round < ROUNDS; ++round) {
        conv_case_t* layer = layer_new(((int)(intptr_t)number + round) % LAYERS);
        layer_compute(layer, handle);
        conv_case_free(layer);
    }
    atomic_fetch_sub(&workers_left, 1);
    return NULL;
}

static void* change_settings(void* unused)
{
    (void)unused;
    for(int round = 0; atomic_load(&workers_left) > 0; ++round) {
        float time = -1;
        miopenAcceleratorQueue_t stream;
        CHECK_OK(miopenEnableProfiling(handle, round % 2));
        CHECK_OK(miopenGetKernelTime(handle, &time));
        CHECK(time >= 0);
        CHECK_OK(miopenSetStream(handle, NULL));
        CHECK_OK(miopenGetStream(handle, &stream));
    }
    return NULL;
}

/* Sets a descriptor to sizes that belong together; a reader never sees a mixture. */
static void* set_descriptor(void* unused)
{
    (void)unused;
    for(int round = 0; atomic_load(&workers_left) > 0; ++round) {
        miopenTensorDescriptor_t fresh, old;
        CHECK_OK(miopenCreateTensorDescriptor(&fresh));
        CHECK_OK(miopenSet4dTensorDescriptor(fresh, miopenFloat, 1, 1, 1, 1));
        old = atomic_exchange(&contested, fresh);
        CHECK_OK(miopenDestroyTensorDescriptor(old));
        for(int length = 1; length < 50; ++length) {
            CHECK_OK(miopenSet4dTensorDescriptor(
                fresh, miopenFloat, length, length, length, length));
        }
    }
    return NULL;
}

static void* read_descriptor(void* unused)
{
    (void)unused;
    while(atomic_load(&workers_left) > 0) {
        int n, c, h, w, strides[4];
        miopenDataType_t dtype;
        miopenStatus_t status = miopenGet4dTensorDescriptor(atomic_load(&contested), &dtype, &n,
            &c, &h, &w, &strides[0], &strides[1], &strides[2], &strides[3]);
        if(status == miopenStatusSuccess) {
            CHECK_THAT(n == c && c == h && h == w && strides[0] == n * n * n,
                "lengths %d %d %d %d, stride %d", n, c, h, w, strides[0]);
        } else {
            CHECK_EQUAL(status, miopenStatusBadParm);
        }
    }
    return NULL;
}

int main(void)
{
    void* (*const jobs[])(void*) = {change_settings, set_descriptor, read_descriptor};
    pthread_t threads[WORKERS + 3];
    miopenTensorDescriptor_t first;
    CHECK_OK(miopenCreate(&handle));
    CHECK_OK(miopenCreateTensorDescriptor(&first));
    CHECK_OK(miopenSet4dTensorDescriptor(first, miopenFloat, 2, 2, 2, 2));
    atomic_store(&contested, first);
    atomic_store(&workers_left, WORKERS);
    for(int at = 0; at < WORKERS; ++at) {
        pthread_create(&threads[at], NULL, compute, (void*)(intptr_t)at);
    }
    for(int at = 0; at < 3; ++at) {
        pthread_create(&threads[WORKERS + at], NULL, jobs[at], NULL);
    }
    for(int at = 0; at < WORKERS + 3; ++at) {
        pthread_join(threads[at], NULL);
    }
    CHECK_OK(miopenDestroyTensorDescriptor(atomic_load(&contested)));
    CHECK_OK(miopenDestroy(handle));
    return check_finish();
}
