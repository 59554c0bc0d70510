/* SPDX-License-Identifier: MIT */
/*
 * Can a program open the library by itself, use it, close it, and do so again? A thread that used it
 * ends after the library was closed, and the process after that.
 *
 *     open_and_close libMIOpen.so.1
 */
#include <miopen/miopen.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void require(bool holds, const char* what)
{
    if(!holds) {
        const char* why = dlerror();
        fprintf(stderr, "%s: %s\n", what, why ? why : "no");
        exit(EXIT_FAILURE);
    }
}

typedef struct {
    miopenStatus_t (*create)(miopenHandle_t*);
    miopenStatus_t (*destroy)(miopenHandle_t);
    miopenStatus_t (*create_tensor)(miopenTensorDescriptor_t*);
    miopenStatus_t (*set_tensor)(miopenTensorDescriptor_t, miopenDataType_t, int, int, int, int);
    miopenStatus_t (*destroy_tensor)(miopenTensorDescriptor_t);
    miopenStatus_t (*create_conv)(miopenConvolutionDescriptor_t*);
    miopenStatus_t (*destroy_conv)(miopenConvolutionDescriptor_t);
    miopenStatus_t (*forward)(miopenHandle_t, miopenTensorDescriptor_t, const void*,
        miopenTensorDescriptor_t, const void*, miopenConvolutionDescriptor_t,
        miopenTensorDescriptor_t, void*, void*, size_t, uint64_t);
} library_t;

/* A function pointer from an object pointer, which ISO C has no cast for. */
#define LOOK_UP(place, name) (*(void**)&(place) = dlsym(opened, name), require(place, name))

static library_t look_up(void* opened)
{
    library_t library;
    LOOK_UP(library.create, "miopenCreate");
    LOOK_UP(library.destroy, "miopenDestroy");
    LOOK_UP(library.create_tensor, "miopenCreateTensorDescriptor");
    LOOK_UP(library.set_tensor, "miopenSet4dTensorDescriptor");
    LOOK_UP(library.destroy_tensor, "miopenDestroyTensorDescriptor");
    LOOK_UP(library.create_conv, "miopenCreateConvolutionDescriptor");
    LOOK_UP(library.destroy_conv, "miopenDestroyConvolutionDescriptor");
    LOOK_UP(library.forward, "miopenConvolutionForwardImmediate");
    return library;
}

/* y = 3 * 2 * x for one image of two channels and one output channel. */
static void use(const library_t* library)
{
    miopenHandle_t handle;
    miopenTensorDescriptor_t x_desc, w_desc, y_desc;
    miopenConvolutionDescriptor_t conv;
    float x[2 * 4] = {1, 2, 3, 4, 1, 2, 3, 4}, w[2] = {3, 3}, y[4] = {0};
    require(library->create(&handle) == miopenStatusSuccess, "handle");
    require(library->create_tensor(&x_desc) == miopenStatusSuccess, "x");
    require(library->create_tensor(&w_desc) == miopenStatusSuccess, "w");
    require(library->create_tensor(&y_desc) == miopenStatusSuccess, "y");
    require(library->create_conv(&conv) == miopenStatusSuccess, "convolution");
    require(library->set_tensor(x_desc, miopenFloat, 1, 2, 2, 2) == miopenStatusSuccess, "x");
    require(library->set_tensor(w_desc, miopenFloat, 1, 2, 1, 1) == miopenStatusSuccess, "w");
    require(library->set_tensor(y_desc, miopenFloat, 1, 1, 2, 2) == miopenStatusSuccess, "y");
    require(library->forward(handle, w_desc, w, x_desc, x, conv, y_desc, y, NULL, 0, 85)
            == miopenStatusSuccess,
        "forward");
    for(int at = 0; at < 4; ++at) {
        require(y[at] == 6.0f * (float)(at + 1), "result");
    }
    require(library->destroy_conv(conv) == miopenStatusSuccess, "convolution");
    require(library->destroy_tensor(y_desc) == miopenStatusSuccess, "y");
    require(library->destroy_tensor(w_desc) == miopenStatusSuccess, "w");
    require(library->destroy_tensor(x_desc) == miopenStatusSuccess, "x");
    require(library->destroy(handle) == miopenStatusSuccess, "handle");
    require(library->destroy(handle) == miopenStatusBadParm, "handle once more");
}

static pthread_barrier_t used, closed;

static void* use_and_outlive(void* library)
{
    use(library);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&closed);
    return NULL;
}

int main(int argc, char** argv)
{
    if(argc != 2) {
        fprintf(stderr, "usage: %s libMIOpen.so.1\n", argv[0]);
        return 2;
    }
    for(int round = 0; round < 20; ++round) {
        void* opened = dlopen(argv[1], (round % 2 ? RTLD_NOW : RTLD_LAZY) | RTLD_LOCAL);
        require(opened, "dlopen");
        require(dlerror() == NULL, "no error is left behind");
        library_t library = look_up(opened);
        pthread_t thread;
        pthread_barrier_init(&used, NULL, 2);
        pthread_barrier_init(&closed, NULL, 2);
        pthread_create(&thread, NULL, use_and_outlive, &library);
        use(&library);
        pthread_barrier_wait(&used);
        require(dlclose(opened) == 0, "dlclose");
        pthread_barrier_wait(&closed);
        pthread_join(thread, NULL);
        pthread_barrier_destroy(&used);
        pthread_barrier_destroy(&closed);
    }
    puts("20 rounds");
    return EXIT_SUCCESS;
}
