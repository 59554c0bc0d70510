/* SPDX-License-Identifier: MIT */
/*
 * Are problems for which there are no GPU kernels computed on the CPU, from and to device memory,
 * in the order of the stream? With the word "all" the card is one without kernels, so all are.
 */
#include "check.h"
#include "device_case.h"
#include "shapes.h"

#include <string.h>

/* The solver that copies; an id once given stays. */
enum { CPU_STAGED = 1002001 };

static const float one = 1, zero = 0;

/* Several megabytes an image, so that the batch passes in pieces that overlap. */
static const conv_shape_t large[] = {
    {"in pieces", 2, 5, 3, 2, 1, {900, 1000}, {1, 1}, {0, 0}, {7, 7}, {1, 1}},
    {"in pieces, 3-D", 3, 4, 2, 1, 1, {60, 130, 120}, {1, 2, 2}, {0, 0, 0}, {9, 9, 9}, {1, 1, 1}},
};

static void layer(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype, layout_t layout)
{
    check_context("%s %s %s %s", shape->name, direction_name(direction), dtype_name(dtype),
        layout_name(layout));
    hipStream_t stream;
    CHECK_HIP(hipStreamCreate(&stream));
    device_case_t test = device_case_new(shape, direction, dtype, layout);
    miopenHandle_t handle;
    CHECK_OK(miopenCreateWithStream(&handle, stream));
    conv_call_t call = device_case_call(&test, handle);
    size_t count = 0, bytes = 1;
    miopenConvSolution_t solution;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    CHECK_EQUAL(bytes, 0);
    CHECK_OK(conv_solutions(&call, 1, &count, &solution));
    CHECK_EQUAL(count, 1);
    CHECK_EQUAL(solution.solution_id, CPU_STAGED);

    /* The input arrives in the stream and is waited for by nobody but the call. */
    tensor_t* input = direction == BACKWARD_DATA ? &test.host->y : &test.host->x;
    void* on_device = direction == BACKWARD_DATA ? test.y : test.x;
    void* pinned;
    size_t input_bytes = input->buffer.size_bytes;
    CHECK_HIP(hipHostMalloc(&pinned, input_bytes, 0));
    memset(pinned, 0xff, input_bytes);
    CHECK_HIP(hipMemcpy(on_device, pinned, input_bytes, hipMemcpyHostToDevice));
    memcpy(pinned, input->buffer.data, input_bytes);
    CHECK_HIP(hipMemcpyAsync(on_device, pinned, input_bytes, hipMemcpyHostToDevice, stream));
    CHECK_OK(conv_immediate(&call, CPU_STAGED));
    device_case_check_output(&test, stream);

    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoGEMM, &zero));
    device_case_check_output(&test, stream);
    miopenConvAlgoPerf_t perf;
    int found = 0;
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    CHECK_EQUAL(found, 1);
    device_case_check_output(&test, stream);
    CHECK_HIP(hipHostFree(pinned));
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
    CHECK_HIP(hipStreamDestroy(stream));
}

int main(int count, char** words)
{
    if(count == 2 && strcmp(words[1], "all") == 0) {
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            for(int shape = 0; shape < SHAPES; ++shape) {
                for(int layout = CHANNELS_FIRST; layout <= WITH_GAPS; ++layout) {
                    layer(&shapes[shape], (direction_t)direction, miopenFloat, (layout_t)layout);
                }
                layer(&shapes[shape], (direction_t)direction, miopenHalf, CHANNELS_FIRST);
            }
            for(int shape = 0; shape < 2; ++shape) {
                layer(&large[shape], (direction_t)direction, miopenFloat, CHANNELS_FIRST);
            }
        }
        layer(&large[0], BACKWARD_WEIGHTS, miopenBFloat16, CHANNELS_LAST);
        return check_finish();
    }
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int layout = CHANNELS_FIRST; layout <= WITH_GAPS; ++layout) {
            layer(&shapes[shape], FORWARD, miopenInt8, (layout_t)layout);
        }
    }
    layer(&large[0], FORWARD, miopenInt8, CHANNELS_FIRST);
    return check_finish();
}
