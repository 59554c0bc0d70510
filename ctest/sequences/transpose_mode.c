/* SPDX-License-Identifier: MIT */
/*
 * Is MIOpen's transpose mode the convolution with forward and backward-data exchanged? In that mode
 * x and y change places, descriptors and buffers alike. MIGraphX uses it for ConvTranspose.
 */
#include "check.h"
#include "conv_case.h"
#include "shapes.h"
#include "workspace.h"

static const float one = 1, zero = 0;

/* The call of transpose mode that computes what the case computes in convolution mode. */
static conv_call_t exchanged(const conv_case_t* test, miopenHandle_t handle)
{
    static const direction_t directions[] = {BACKWARD_DATA, FORWARD, BACKWARD_WEIGHTS};
    conv_call_t call = conv_case_call(test, handle), result = call;
    result.direction = directions[test->direction];
    result.x_desc = call.y_desc;
    result.y_desc = call.x_desc;
    result.x = call.y;
    result.y = call.x;
    return result;
}

static void layer(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype, layout_t layout)
{
    check_context("%s %s %s %s", shape->name, direction_name(direction), dtype_name(dtype),
        layout_name(layout));
    conv_case_t* test = conv_case_new(shape, direction, dtype, layout);
    CHECK_OK(miopenInitConvolutionNdDescriptor(test->conv, shape->spatial_dim, shape->pads,
        shape->strides, shape->dilations, miopenTranspose));
    CHECK_OK(miopenSetConvolutionGroupCount(test->conv, shape->groups));
    int left_over[3], rank = 0, lengths[5];
    for(int dim = 0; dim < shape->spatial_dim; ++dim) {
        left_over[dim] = (shape->in[dim] + 2 * shape->pads[dim]
                             - shape->dilations[dim] * (shape->filter[dim] - 1) - 1)
            % shape->strides[dim];
    }
    CHECK_OK(miopenSetTransposeConvNdOutputPadding(test->conv, shape->spatial_dim, left_over));

    /* The formula of transpose mode leads from y's lengths to x's. */
    CHECK_OK(miopenGetConvolutionNdForwardOutputDim(
        test->conv, test->y.desc, test->w.desc, &rank, lengths));
    CHECK_EQUAL(rank, test->x.rank);
    for(int dim = 0; dim < rank; ++dim) {
        CHECK_EQUAL(lengths[dim], test->x.lengths[dim]);
    }

    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t call = exchanged(test, handle);
    size_t bytes = 0, count = 0;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    guarded_t workspace = workspace_give(&call, bytes);
    miopenConvAlgoPerf_t perf;
    int found = 0;
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    conv_case_check_output(test);
    CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
    conv_case_check_output(test);
    miopenConvSolution_t solution;
    CHECK_OK(conv_solutions(&call, 1, &count, &solution));
    CHECK_OK(conv_immediate(&call, solution.solution_id));
    conv_case_check_output(test);
    workspace_take(&call, &workspace);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

int main(void)
{
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            layer(&shapes[shape], (direction_t)direction, miopenFloat, CHANNELS_FIRST);
            layer(&shapes[shape], (direction_t)direction, miopenHalf, CHANNELS_LAST);
        }
    }
    return check_finish();
}
