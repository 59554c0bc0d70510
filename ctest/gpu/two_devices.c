/* SPDX-License-Identifier: MIT */
/*
 * Do two GPUs in one process keep apart? A handle stays on the device that was current when it was
 * created, whatever is current when it is used; a call leaves the current device as it was.
 */
#include "check.h"
#include "device_case.h"
#include "shapes.h"

#include <pthread.h>

static const float one = 1, zero = 0;

typedef struct {
    int device;
    device_case_t test;
    miopenHandle_t handle;
    hipStream_t stream;
} place_t;

static place_t place_new(int device, const conv_shape_t* shape, direction_t direction)
{
    place_t place;
    place.device = device;
    CHECK_HIP(hipSetDevice(device));
    CHECK_HIP(hipStreamCreate(&place.stream));
    CHECK_OK(miopenCreateWithStream(&place.handle, place.stream));
    place.test = device_case_new(shape, direction, miopenFloat, CHANNELS_FIRST);
    return place;
}

static void place_run(place_t* place)
{
    conv_call_t call = device_case_call(&place->test, place->handle);
    miopenConvAlgoPerf_t perf;
    int found = 0, before = -1, after = -2;
    CHECK_HIP(hipGetDevice(&before));
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
    CHECK_HIP(hipGetDevice(&after));
    CHECK_EQUAL(after, before);
    CHECK_HIP(hipSetDevice(place->device));
    device_case_check_output(&place->test, place->stream);
    CHECK_HIP(hipSetDevice(before));
}

static void place_free(place_t* place)
{
    CHECK_HIP(hipSetDevice(place->device));
    CHECK_OK(miopenDestroy(place->handle));
    device_case_free(&place->test);
    CHECK_HIP(hipStreamDestroy(place->stream));
}

static void* in_a_thread(void* argument)
{
    int device = *(const int*)argument;
    for(int shape = 0; shape < SHAPES; ++shape) {
        check_context("device %d, %s, two threads", device, shapes[shape].name);
        place_t place = place_new(device, &shapes[shape], FORWARD);
        place_run(&place);
        place_free(&place);
    }
    return NULL;
}

int main(void)
{
    int devices = 0;
    CHECK_HIP(hipGetDeviceCount(&devices));
    CHECK_EQUAL(devices, 2);
    for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
        for(int shape = 0; shape < 3; ++shape) {
            place_t places[2];
            for(int device = 0; device < 2; ++device) {
                places[device] = place_new(device, &shapes[shape], (direction_t)direction);
            }
            for(int current = 0; current < 2; ++current) {
                for(int device = 0; device < 2; ++device) {
                    check_context("%s %s: device %d while %d is current", shapes[shape].name,
                        direction_name((direction_t)direction), device, current);
                    CHECK_HIP(hipSetDevice(current));
                    place_run(&places[device]);
                }
            }
            place_free(&places[0]);
            place_free(&places[1]);
        }
    }
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    for(int at = 0; at < 2; ++at) {
        CHECK(pthread_create(&threads[at], NULL, in_a_thread, &numbers[at]) == 0);
    }
    for(int at = 0; at < 2; ++at) {
        pthread_join(threads[at], NULL);
    }
    return check_finish();
}
