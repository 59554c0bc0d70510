/* SPDX-License-Identifier: MIT */
#include "layers.h"

#include "check.h"

static const float one = 1, zero = 0;

static const conv_shape_t shapes[] = {
    {"3x3", 2, 1, 12, 16, 1, {17, 19}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"1x1 stride 2", 2, 2, 24, 20, 1, {12, 15}, {1, 1}, {0, 0}, {2, 2}, {1, 1}},
    {"depthwise", 2, 1, 32, 32, 32, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"3-D", 3, 1, 4, 6, 1, {5, 8, 7}, {3, 3, 3}, {1, 1, 1}, {1, 2, 1}, {1, 1, 1}},
};

conv_case_t* layer_new(int number)
{
    static const miopenDataType_t dtypes[] = {miopenFloat, miopenHalf, miopenBFloat16};
    return conv_case_new(&shapes[number % 4], (direction_t)(number % 3), dtypes[number % 3],
        number % 2 ? CHANNELS_LAST : CHANNELS_FIRST);
}

void layer_compute(conv_case_t* layer, miopenHandle_t handle)
{
    conv_call_t call = conv_case_call(layer, handle);
    size_t bytes = 0, count = 0;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    guarded_t workspace = guarded_new(bytes);
    call.workspace = workspace.data;
    call.workspace_bytes = bytes;
    int found = 0;
    miopenConvAlgoPerf_t perf;
    miopenConvSolution_t solution;
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    conv_case_check_output(layer);
    CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
    conv_case_check_output(layer);
    CHECK_OK(conv_solutions(&call, 1, &count, &solution));
    CHECK_OK(conv_immediate(&call, solution.solution_id));
    conv_case_check_output(layer);
    guarded_free(&workspace);
}
