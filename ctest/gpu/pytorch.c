/* SPDX-License-Identifier: MIT */
/*
 * Does PyTorch's path work on a GPU? It asks for a workspace size, searches once for each layer,
 * and runs with what the search said, in a stream of its own; or it takes solutions by number.
 * (ATen/native/miopen/Conv_miopen.cpp)
 */
#include "check.h"
#include "device_case.h"
#include "shapes.h"

enum { MOST_SOLUTIONS = 10 };

static const float one = 1, zero = 0;
static hipStream_t stream;

static void find_and_run(device_case_t* test, conv_call_t call)
{
    size_t bytes = 0;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    device_workspace_give(&call, bytes);
    miopenConvAlgoPerf_t perf;
    int found = -1;
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    CHECK_EQUAL(found, 1);
    CHECK(perf.memory <= bytes);
    CHECK(perf.time > 0);
    /* Searching computes: what it leaves is the result already. */
    device_case_check_output(test, stream);
    device_workspace_take(&call);
    for(int round = 0; round < 2; ++round) {
        device_workspace_give(&call, perf.memory);
        CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
        device_case_check_output(test, stream);
        device_workspace_take(&call);
    }
}

/* Every solution that is offered must compute, with exactly its workspace, and one with none. */
static void every_solution(device_case_t* test, conv_call_t call)
{
    size_t count = 0, filled = 0;
    int without_workspace = 0;
    miopenConvSolution_t solutions[MOST_SOLUTIONS];
    CHECK_OK(conv_solution_count(&call, &count));
    CHECK(count >= 1 && count <= MOST_SOLUTIONS);
    CHECK_OK(conv_solutions(&call, count, &filled, solutions));
    CHECK_EQUAL(filled, count);
    for(size_t at = 0; at < filled; ++at) {
        size_t bytes = 0;
        CHECK_OK(conv_compile(&call, solutions[at].solution_id));
        CHECK_OK(conv_solution_workspace(&call, solutions[at].solution_id, &bytes));
        CHECK_EQUAL(bytes, solutions[at].workspace_size);
        device_workspace_give(&call, bytes);
        CHECK_OK(conv_immediate(&call, solutions[at].solution_id));
        device_case_check_output(test, stream);
        device_workspace_take(&call);
        without_workspace += bytes == 0;
    }
    CHECK(without_workspace >= 1);
}

static void layer(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype, layout_t layout)
{
    check_context("%s %s %s %s", shape->name, direction_name(direction), dtype_name(dtype),
        layout_name(layout));
    device_case_t test = device_case_new(shape, direction, dtype, layout);
    miopenHandle_t handle;
    CHECK_OK(miopenCreateWithStream(&handle, stream));
    conv_call_t call = device_case_call(&test, handle);
    find_and_run(&test, call);
    every_solution(&test, call);

    /* Another stream; the null stream; and the time that a call took. */
    float time_ms = -1;
    CHECK_OK(miopenSetStream(handle, NULL));
    CHECK_OK(miopenGetKernelTime(handle, &time_ms));
    CHECK(time_ms == 0);
    CHECK_OK(miopenEnableProfiling(handle, true));
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero));
    CHECK_OK(miopenGetKernelTime(handle, &time_ms));
    CHECK(time_ms > 0);
    device_case_check_output(&test, NULL);
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
}

int main(void)
{
    static const miopenDataType_t dtypes[] = {miopenFloat, miopenHalf, miopenBFloat16};
    CHECK_HIP(hipStreamCreate(&stream));
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            /* Every type and layout meets every shape in some direction. */
            int turn = shape + direction;
            layer(&shapes[shape], (direction_t)direction, miopenFloat, CHANNELS_FIRST);
            layer(&shapes[shape], (direction_t)direction, dtypes[turn % 3],
                (layout_t)((turn + 1) % 3));
        }
    }
    CHECK_HIP(hipStreamDestroy(stream));
    return check_finish();
}
