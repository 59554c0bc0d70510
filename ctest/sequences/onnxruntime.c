/* SPDX-License-Identifier: MIT */
/*
 * Does ONNX Runtime's path work? Packed NCHW tensors from their lengths alone, a fixed workspace of
 * 32 MiB for the search, an algorithm remembered by the input's lengths, the bias added by a call of
 * its own; ConvTranspose as backward-data; a key of the descriptors read back through the getters.
 * (onnxruntime/core/providers/rocm/nn/conv.cc, orttraining/.../conv_grad.cc)
 */
#include "bias.h"
#include "check.h"
#include "conv_case.h"
#include "shapes.h"
#include "workspace.h"

static const float one = 1, zero = 0;

/* What fused convolutions hash. */
static void read_descriptors_back(const conv_case_t* test)
{
    const conv_shape_t* shape = &test->shape;
    int size = 0, lengths[5] = {0}, strides[5] = {0}, spatial_dim = 0;
    int pads[3], conv_strides[3], dilations[3];
    miopenDataType_t dtype;
    CHECK_OK(miopenGetTensorDescriptorSize(test->x.desc, &size));
    CHECK_EQUAL(size, test->x.rank);
    CHECK_OK(miopenGetTensorDescriptor(test->x.desc, &dtype, lengths, strides));
    CHECK_EQUAL(dtype, test->x.dtype);
    for(int dim = 0; dim < size; ++dim) {
        CHECK_EQUAL(lengths[dim], test->x.lengths[dim]);
        CHECK_EQUAL(strides[dim], test->x.strides[dim]);
    }
    miopenConvolutionMode_t mode;
    CHECK_OK(miopenGetConvolutionSpatialDim(test->conv, &spatial_dim));
    CHECK_EQUAL(spatial_dim, shape->spatial_dim);
    CHECK_OK(miopenGetConvolutionNdDescriptor(
        test->conv, spatial_dim, &spatial_dim, pads, conv_strides, dilations, &mode));
    CHECK_EQUAL(mode, miopenConvolution);
    for(int dim = 0; dim < spatial_dim; ++dim) {
        CHECK_EQUAL(pads[dim], shape->pads[dim]);
        CHECK_EQUAL(conv_strides[dim], shape->strides[dim]);
        CHECK_EQUAL(dilations[dim], shape->dilations[dim]);
    }
    /* Before ROCm 5.5 it learned the number of dimensions from this failure. */
    CHECK_STATUS(miopenGetConvolutionNdDescriptor(test->conv, shape->spatial_dim + 1, &spatial_dim,
                     pads, conv_strides, dilations, &mode),
        UnknownError);
}

static void layer(const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype)
{
    check_context("%s %s %s", shape->name, direction_name(direction), dtype_name(dtype));
    conv_case_t* test = conv_case_new(shape, direction, dtype, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreateWithStream(&handle, NULL));
    conv_call_t call = conv_case_call(test, handle);
    read_descriptors_back(test);

    for(int time = 0; time < 6; ++time) {
        size_t bytes = 0;
        CHECK_OK(conv_workspace_size(&call, &bytes));
    }
    guarded_t workspace = workspace_give(&call, (size_t)32 << 20);
    miopenConvAlgoPerf_t perf;
    int found = 1;
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    CHECK_EQUAL(found, 1);
    conv_case_check_output(test);
    workspace_take(&call, &workspace);

    workspace = workspace_give(&call, perf.memory);
    for(int time = 0; time < 2; ++time) {
        CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
        conv_case_check_output(test);
    }
    if(direction != BACKWARD_WEIGHTS) {
        CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
        add_bias_and_check(test, handle);
    }
    workspace_take(&call, &workspace);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

int main(void)
{
    static const miopenDataType_t dtypes[] = {miopenFloat, miopenHalf};
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int dtype = 0; dtype < 2; ++dtype) {
            layer(&shapes[shape], FORWARD, dtypes[dtype]);
            layer(&shapes[shape], BACKWARD_DATA, dtypes[dtype]);
            layer(&shapes[shape], BACKWARD_WEIGHTS, dtypes[dtype]);
        }
    }
    return check_finish();
}
