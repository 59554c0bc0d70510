/* SPDX-License-Identifier: MIT */
/*
 * Does PyTorch's immediate path work? It counts solutions, insists on at most ten, takes the first
 * one with exactly its workspace; when memory is short the first one without workspace.
 * (ATen/native/miopen/Conv_miopen.cpp, torch.backends.miopen.immediate)
 */
#include "check.h"
#include "conv_case.h"
#include "shapes.h"
#include "workspace.h"

enum { MOST_SOLUTIONS = 10 };

static void run(conv_case_t* test, conv_call_t* call, const miopenConvSolution_t* solution)
{
    guarded_t workspace = workspace_give(call, solution->workspace_size);
    CHECK_OK(conv_immediate(call, solution->solution_id));
    conv_case_check_output(test);
    workspace_take(call, &workspace);
}

/* Every solution that is offered must compute, not only the first. */
static void layer(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype, layout_t layout)
{
    check_context("%s %s %s %s", shape->name, direction_name(direction), dtype_name(dtype),
        layout_name(layout));
    conv_case_t* test = conv_case_new(shape, direction, dtype, layout);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t call = conv_case_call(test, handle);

    size_t count = 0, filled = 0;
    CHECK_OK(conv_solution_count(&call, &count));
    CHECK(count >= 1 && count <= MOST_SOLUTIONS);
    miopenConvSolution_t solutions[MOST_SOLUTIONS];
    CHECK_OK(conv_solutions(&call, count, &filled, solutions));
    CHECK_EQUAL(filled, count);
    int without_workspace = 0;
    for(size_t at = 0; at < filled; ++at) {
        check_context("%s %s %s %s solution %llu", shape->name, direction_name(direction),
            dtype_name(dtype), layout_name(layout), (unsigned long long)solutions[at].solution_id);
        run(test, &call, &solutions[at]);
        without_workspace += solutions[at].workspace_size == 0;
    }
    CHECK(without_workspace >= 1);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

int main(void)
{
    static const miopenDataType_t dtypes[] = {miopenFloat, miopenHalf, miopenBFloat16};
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            for(int dtype = 0; dtype < 3; ++dtype) {
                layer(&shapes[shape], (direction_t)direction, dtypes[dtype], CHANNELS_FIRST);
                layer(&shapes[shape], (direction_t)direction, dtypes[dtype], CHANNELS_LAST);
            }
        }
    }
    return check_finish();
}
