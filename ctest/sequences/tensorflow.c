/* SPDX-License-Identifier: MIT */
/*
 * Does the path of TensorFlow 2.14 work? It installs an allocator in the handle, searches for
 * several algorithms, and runs the fastest whose workspace it can get, or else one that needs none;
 * the gradient of the bias by a call of its own. (tensorflow/.../rocm/rocm_dnn.cc)
 */
#include "bias.h"
#include "check.h"
#include "conv_case.h"
#include "shapes.h"
#include "workspace.h"

#include <stdlib.h>

enum { MOST = 8 };

static const float one = 1, zero = 0;

typedef struct {
    int allocated, freed;
} allocator_t;

static void* allocate(void* context, size_t bytes)
{
    ((allocator_t*)context)->allocated += 1;
    return malloc(bytes);
}

static void deallocate(void* context, void* memory)
{
    ((allocator_t*)context)->freed += memory != NULL;
    free(memory);
}

static void layer(const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype)
{
    check_context("%s %s %s", shape->name, direction_name(direction), dtype_name(dtype));
    conv_case_t* test = conv_case_new(shape, direction, dtype, CHANNELS_FIRST);
    allocator_t allocator = {0, 0};
    miopenHandle_t handle;
    CHECK_OK(miopenCreateWithStream(&handle, NULL));
    CHECK_OK(miopenSetAllocator(handle, allocate, deallocate, &allocator));
    conv_call_t call = conv_case_call(test, handle);

    size_t bytes = 0;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    guarded_t workspace = workspace_give(&call, bytes);
    miopenConvAlgoPerf_t perf[MOST];
    int found = 0;
    CHECK_OK(conv_find(&call, MOST, &found, perf, false));
    CHECK(found >= 1 && found <= 5);
    int seen = 0;
    for(int at = 0; at < found; ++at) {
        CHECK(at == 0 || perf[at - 1].time <= perf[at].time);
        CHECK_THAT(!(seen >> perf[at].fwd_algo & 1), "algorithm %d is listed twice",
            (int)perf[at].fwd_algo);
        seen |= 1 << perf[at].fwd_algo;
    }
    workspace_take(&call, &workspace);

    for(int at = 0; at < found; ++at) {
        workspace = workspace_give(&call, perf[at].memory);
        CHECK_OK(conv_run(&call, &one, (int)perf[at].fwd_algo, &zero));
        conv_case_check_output(test);
        workspace_take(&call, &workspace);
    }

    /* Memory is short: it searches again without workspace. */
    CHECK_OK(conv_find(&call, MOST, &found, perf, false));
    CHECK(found >= 1);
    CHECK_OK(conv_run(&call, &one, (int)perf[0].fwd_algo, &zero));
    conv_case_check_output(test);
    if(direction != FORWARD) {
        bias_gradient_and_check(test, handle);
    }
    CHECK_EQUAL(allocator.allocated, allocator.freed);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

int main(void)
{
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            layer(&shapes[shape], (direction_t)direction, miopenFloat);
            layer(&shapes[shape], (direction_t)direction, miopenHalf);
        }
    }
    return check_finish();
}
