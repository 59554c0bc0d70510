/* SPDX-License-Identifier: MIT */
/*
 * Does PyTorch's usual path work? It asks for a workspace size, searches once for each layer, and
 * runs with what the search said. Its cache outlives the search: later runs come without one, from
 * other threads with handles of their own. (ATen/native/miopen/Conv_miopen.cpp)
 */
#include "check.h"
#include "conv_case.h"
#include "shapes.h"
#include "workspace.h"

static const float one = 1, zero = 0;

static void run(conv_case_t* test, conv_call_t* call, const miopenConvAlgoPerf_t* perf)
{
    guarded_t workspace = workspace_give(call, perf->memory);
    CHECK_OK(conv_run(call, &one, (int)perf->fwd_algo, &zero));
    conv_case_check_output(test);
    workspace_take(call, &workspace);
}

static void layer(const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype,
    layout_t layout, bool benchmark)
{
    check_context("%s %s %s %s%s", shape->name, direction_name(direction), dtype_name(dtype),
        layout_name(layout), benchmark ? ", benchmark" : "");
    conv_case_t* test = conv_case_new(shape, direction, dtype, layout);
    CHECK_OK(miopenSetConvolutionAttribute(
        test->conv, MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC, benchmark));
    if(benchmark) {
        CHECK_OK(miopenSetConvolutionFindMode(test->conv, miopenConvolutionFindModeNormal));
    }
    miopenHandle_t handle, other_handle;
    CHECK_OK(miopenCreate(&handle));
    CHECK_OK(miopenSetStream(handle, NULL));
    conv_call_t call = conv_case_call(test, handle);

    size_t bytes = 0;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    guarded_t workspace = workspace_give(&call, bytes);
    miopenConvAlgoPerf_t perf[2];
    perf[1].memory = 12345;
    int found = -1;
    CHECK_OK(conv_find(&call, 1, &found, perf, benchmark));
    CHECK_EQUAL(found, 1);
    CHECK(perf[0].memory <= bytes);
    CHECK(perf[0].time > 0);
    CHECK_EQUAL(perf[1].memory, 12345);
    /* Searching computes: what it leaves is the result already, or at least nothing outside it. */
    conv_case_check_output(test);
    workspace_take(&call, &workspace);

    run(test, &call, perf);
    run(test, &call, perf);
    CHECK_OK(miopenCreate(&other_handle));
    call.handle = other_handle;
    run(test, &call, perf);
    CHECK_OK(miopenDestroy(handle));
    run(test, &call, perf);
    CHECK_OK(miopenDestroy(other_handle));
    conv_case_free(test);
}

int main(void)
{
    static const miopenDataType_t dtypes[] = {miopenFloat, miopenHalf, miopenBFloat16};
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            for(int dtype = 0; dtype < 3; ++dtype) {
                for(int layout = CHANNELS_FIRST; layout <= WITH_GAPS; ++layout) {
                    layer(&shapes[shape], (direction_t)direction, dtypes[dtype], (layout_t)layout,
                        false);
                }
            }
            layer(&shapes[shape], (direction_t)direction, miopenFloat, CHANNELS_FIRST, true);
            layer(&shapes[shape], (direction_t)direction, miopenHalf, CHANNELS_LAST, true);
        }
    }
    return check_finish();
}
