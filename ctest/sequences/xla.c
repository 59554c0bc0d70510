/* SPDX-License-Identifier: MIT */
/*
 * Does the path of XLA and JAX work? Tensors through the function with size_t, a search whose
 * result is thrown away, then the first solution of immediate mode, whose id is kept in files and
 * comes back in other processes; id 0 stands for the first solution without workspace, and there
 * has to be one. (xla/stream_executor/rocm/rocm_dnn.cc)
 */
#include "check.h"
#include "conv_case.h"
#include "shapes.h"
#include "workspace.h"

enum { MOST = 32 };

static void describe_again(tensor_t* tensor)
{
    size_t lengths[5], strides[5];
    for(int dim = 0; dim < tensor->rank; ++dim) {
        lengths[dim] = (size_t)tensor->lengths[dim];
        strides[dim] = (size_t)tensor->strides[dim];
    }
    CHECK_OK(miopenSetTensorDescriptorV2(
        tensor->desc, tensor->dtype, tensor->rank, lengths, strides));
}

/* The key of its cache of fusion plans. */
static void read_descriptor_back(const conv_case_t* test)
{
    int spatial_dim = 0;
    miopenConvolutionMode_t mode;
    CHECK_OK(miopenGetConvolutionNdDescriptor(
        test->conv, 0, &spatial_dim, NULL, NULL, NULL, &mode));
    CHECK_EQUAL(spatial_dim, test->shape.spatial_dim);
    CHECK_EQUAL(mode, miopenConvolution);
}

static void run_by_id(conv_case_t* test, conv_call_t* call, uint64_t id, size_t bytes)
{
    size_t needed = 777;
    CHECK_OK(conv_solution_workspace(call, id, &needed));
    CHECK_EQUAL(needed, bytes);
    CHECK_OK(conv_compile(call, id));
    guarded_t workspace = workspace_give(call, bytes);
    CHECK_OK(conv_immediate(call, id));
    conv_case_check_output(test);
    workspace_take(call, &workspace);
}

static void layer(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype, layout_t layout)
{
    check_context("%s %s %s %s", shape->name, direction_name(direction), dtype_name(dtype),
        layout_name(layout));
    conv_case_t* test = conv_case_new(shape, direction, dtype, layout);
    describe_again(&test->x);
    describe_again(&test->w);
    describe_again(&test->y);
    CHECK_OK(miopenSetConvolutionAttribute(
        test->conv, MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC, 1));
    if(dtype == miopenHalf && direction != FORWARD) {
        CHECK_OK(miopenSetConvolutionAttribute(
            test->conv, MIOPEN_CONVOLUTION_ATTRIB_FP16_ALT_IMPL, 1));
    }
    read_descriptor_back(test);
    miopenHandle_t handle, later;
    CHECK_OK(miopenCreateWithStream(&handle, NULL));
    conv_call_t call = conv_case_call(test, handle);

    size_t bytes = 0;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    guarded_t workspace = workspace_give(&call, bytes);
    miopenConvAlgoPerf_t discarded;
    int found = 0;
    CHECK_OK(conv_find(&call, 1, &found, &discarded, false));
    workspace_take(&call, &workspace);

    size_t count = 0;
    miopenConvSolution_t best, all[MOST];
    CHECK_OK(conv_solutions(&call, 1, &count, &best));
    CHECK_EQUAL(count, 1);
    CHECK(best.solution_id != 0);
    CHECK(best.time > 0);
    run_by_id(test, &call, best.solution_id, best.workspace_size);

    CHECK_OK(conv_solution_count(&call, &count));
    CHECK(count >= 1 && count <= MOST);
    CHECK_OK(conv_solutions(&call, count, &count, all));
    CHECK_EQUAL(all[0].solution_id, best.solution_id);
    size_t first = 0;
    while(first < count && all[first].workspace_size > 0) {
        ++first;
    }
    if(CHECK_THAT(first < count, "no solution works without workspace")) {
        run_by_id(test, &call, all[first].solution_id, 0);
    }

    /* The ids come back from a file in a process that never searched. */
    CHECK_OK(miopenDestroy(handle));
    CHECK_OK(miopenCreate(&later));
    call.handle = later;
    run_by_id(test, &call, best.solution_id, best.workspace_size);
    CHECK_OK(miopenDestroy(later));
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
