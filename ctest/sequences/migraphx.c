/* SPDX-License-Identifier: MIT */
/*
 * Does MIGraphX's path without Find 2.0 work? Descriptors before any handle, the find mode set
 * through the function that no header declares, a search, then the first solution of immediate
 * mode; quantised convolutions of int8 into int32. (src/targets/gpu/include/migraphx/gpu/
 * {miopen,convolution}.hpp)
 */
#include "check.h"
#include "conv_case.h"
#include "shapes.h"
#include "workspace.h"

enum { MOST = 32 };

static void layer(const conv_shape_t* shape, miopenDataType_t dtype, layout_t layout)
{
    check_context("%s %s %s", shape->name, dtype_name(dtype), layout_name(layout));
    conv_case_t* test = conv_case_new(shape, FORWARD, dtype, layout);
    CHECK_OK(miopenInitConvolutionNdDescriptor(test->conv, shape->spatial_dim, shape->pads,
        shape->strides, shape->dilations,
        shape->groups > 1 ? miopenGroupConv : miopenConvolution));
    if(shape->groups > 1) {
        CHECK_OK(miopenSetConvolutionGroupCount(test->conv, shape->groups));
    }
    int mode = 0;
    CHECK_OK(miopenHiddenSetConvolutionFindMode(test->conv, miopenConvolutionFindModeNormal));
    CHECK_OK(miopenHiddenGetConvolutionFindMode(test->conv, &mode));
    CHECK_EQUAL(mode, miopenConvolutionFindModeNormal);

    miopenHandle_t handle;
    CHECK_OK(miopenCreateWithStream(&handle, NULL));
    conv_call_t call = conv_case_call(test, handle);
    size_t bytes = 0, count = 0;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    guarded_t workspace = workspace_give(&call, bytes);
    int found = 0;
    miopenConvAlgoPerf_t perf;
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    CHECK_EQUAL(found, 1);
    conv_case_check_output(test);
    workspace_take(&call, &workspace);

    miopenConvSolution_t solutions[MOST];
    CHECK_OK(conv_solution_count(&call, &count));
    CHECK(count >= 1 && count <= MOST);
    CHECK_OK(conv_solutions(&call, count, &count, solutions));
    CHECK_OK(conv_compile(&call, solutions[0].solution_id));
    workspace = workspace_give(&call, solutions[0].workspace_size);
    for(int time = 0; time < 2; ++time) {
        CHECK_OK(conv_immediate(&call, solutions[0].solution_id));
        conv_case_check_output(test);
    }
    workspace_take(&call, &workspace);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

/* int8 goes forward only. */
static void int8_backward_is_refused(const conv_shape_t* shape)
{
    check_context("int8 backward");
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_case_t* test = conv_case_new(shape, BACKWARD_WEIGHTS, miopenInt8, CHANNELS_FIRST);
    conv_call_t call = conv_case_call(test, handle);
    int found = -77;
    miopenConvAlgoPerf_t perf;
    CHECK_STATUS(conv_find(&call, 1, &found, &perf, false), BadParm);
    CHECK_EQUAL(found, -77);
    conv_case_check_untouched(test);
    conv_case_free(test);
    CHECK_OK(miopenDestroy(handle));
}

int main(void)
{
    static const miopenDataType_t dtypes[] = {
        miopenFloat, miopenHalf, miopenBFloat16, miopenInt8};
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int dtype = 0; dtype < 4; ++dtype) {
            layer(&shapes[shape], dtypes[dtype], CHANNELS_FIRST);
            layer(&shapes[shape], dtypes[dtype], CHANNELS_LAST);
        }
    }
    int8_backward_is_refused(&shapes[0]);
    return check_finish();
}
