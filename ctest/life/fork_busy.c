/* SPDX-License-Identifier: MIT */
/*
 * Can a process fork while its threads are inside the library? Whatever a thread holds at that
 * moment nobody will release in the child, and the child must not wait for it.
 *
 *     fork_busy computing | objects | messages
 *
 * computing: threads run convolutions. objects: they create, set and destroy descriptors, and no
 * handle was ever created. messages: their calls fail, and stderr tells of each.
 */
#include "check.h"
#include "children.h"
#include "layers.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 3, FORKS = 50, FORKS_OF_SHORT_CALLS = 400 };

static atomic_bool done;
static miopenConvolutionDescriptor_t shared_conv;
static miopenTensorDescriptor_t shared_tensor;

static void* compute(void* number)
{
    conv_case_t* layer = layer_new((int)(intptr_t)number);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    while(!atomic_load(&done)) {
        layer_compute(layer, handle);
    }
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(layer);
    return NULL;
}

static void compute_in_child(void* handle)
{
    conv_case_t* layer = layer_new(4);
    layer_compute(layer, handle);
    miopenHandle_t own;
    CHECK_OK(miopenCreate(&own));
    layer_compute(layer, own);
    CHECK_OK(miopenDestroy(own));
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(layer);
}

static void set_and_read_shared_objects(void)
{
    int number, lengths[4], strides[4];
    CHECK_OK(miopenSetConvolutionGroupCount(shared_conv, 3));
    CHECK_OK(miopenGetConvolutionGroupCount(shared_conv, &number));
    CHECK_OK(miopenInitConvolutionDescriptor(shared_conv, miopenConvolution, 1, 1, 1, 1, 1, 1));
    CHECK_OK(miopenSet4dTensorDescriptor(shared_tensor, miopenFloat, 1, 2, 3, 4));
    CHECK_OK(miopenGetTensorDescriptor(shared_tensor, NULL, lengths, strides));
}

static void create_and_destroy(void)
{
    miopenTensorDescriptor_t tensor;
    miopenConvolutionDescriptor_t conv;
    CHECK_OK(miopenCreateTensorDescriptor(&tensor));
    CHECK_OK(miopenCreateConvolutionDescriptor(&conv));
    CHECK_OK(miopenDestroyTensorDescriptor(tensor));
    CHECK_OK(miopenDestroyConvolutionDescriptor(conv));
}

static void* use_objects(void* unused)
{
    (void)unused;
    while(!atomic_load(&done)) {
        set_and_read_shared_objects();
        create_and_destroy();
    }
    return NULL;
}

static void use_objects_in_child(void* unused)
{
    (void)unused;
    set_and_read_shared_objects();
    /* As many as there may be parts of a table, each with a lock of its own. */
    for(int round = 0; round < 100; ++round) {
        create_and_destroy();
    }
}

static void* fail(void* unused)
{
    (void)unused;
    while(!atomic_load(&done)) {
        CHECK_STATUS(miopenSetConvolutionGroupCount(NULL, 1), BadParm);
    }
    return NULL;
}

static void fail_in_child(void* unused)
{
    (void)unused;
    CHECK_STATUS(miopenSetConvolutionGroupCount(NULL, 1), BadParm);
}

int main(int argc, char** argv)
{
    const char* what = argc == 2 ? argv[1] : "";
    void* (*work)(void*) = NULL;
    void (*work_in_child)(void*) = NULL;
    miopenHandle_t handle = NULL;
    int forks = FORKS_OF_SHORT_CALLS;
    check_context("%s", what);
    if(strcmp(what, "computing") == 0) {
        work = compute;
        work_in_child = compute_in_child;
        forks = FORKS;
        CHECK_OK(miopenCreate(&handle));
    } else if(strcmp(what, "objects") == 0) {
        work = use_objects;
        work_in_child = use_objects_in_child;
        CHECK_OK(miopenCreateConvolutionDescriptor(&shared_conv));
        CHECK_OK(miopenCreateTensorDescriptor(&shared_tensor));
    } else if(strcmp(what, "messages") == 0) {
        work = fail;
        work_in_child = fail_in_child;
        /* Nobody reads these lines. */
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    } else {
        fprintf(stderr, "usage: %s computing | objects | messages\n", argv[0]);
        return 2;
    }
    pthread_t threads[THREADS];
    for(int at = 0; at < THREADS; ++at) {
        pthread_create(&threads[at], NULL, work, (void*)(intptr_t)at);
    }
    for(int at = 0; at < forks && check_failures() == 0; ++at) {
        in_a_child(work_in_child, handle);
    }
    atomic_store(&done, true);
    for(int at = 0; at < THREADS; ++at) {
        pthread_join(threads[at], NULL);
    }
    CHECK_OK(miopenDestroy(handle));
    return check_finish();
}
