/* SPDX-License-Identifier: MIT */
#include "bias.h"

#include "check.h"
#include "elements.h"

#include <math.h>

static const float one = 1, zero = 0;

typedef struct {
    miopenTensorDescriptor_t desc;
    guarded_t buffer;
} bias_t;

/* 1 x channels x 1 x 1, as ONNX Runtime describes it. */
static bias_t bias_new(const tensor_t* tensor)
{
    int lengths[5] = {1, tensor->lengths[1], 1, 1, 1};
    bias_t bias;
    CHECK_OK(miopenCreateTensorDescriptor(&bias.desc));
    CHECK_OK(miopenSetTensorDescriptor(bias.desc, tensor->dtype, tensor->rank, lengths, NULL));
    bias.buffer = guarded_new((size_t)lengths[1] * element_bytes(tensor->dtype));
    return bias;
}

static void bias_free(bias_t* bias)
{
    guarded_free(&bias->buffer);
    CHECK_OK(miopenDestroyTensorDescriptor(bias->desc));
}

static size_t elems_per_channel(const tensor_t* tensor)
{
    size_t product = 1;
    for(int dim = 2; dim < tensor->rank; ++dim) {
        product *= (size_t)tensor->lengths[dim];
    }
    return product;
}

/* Adds `factor` times the bias to what is expected; the largest magnitude before. */
static double expect_bias(conv_case_t* test, const bias_t* bias, double factor)
{
    const tensor_t* output = test->output;
    size_t channels = (size_t)output->lengths[1], inner = elems_per_channel(output);
    size_t count = (size_t)output->lengths[0] * channels * inner;
    double largest = 0;
    for(size_t at = 0; at < count; ++at) {
        largest = fmax(largest, fabs(test->expected[at]));
        test->expected[at] +=
            factor * element_get(output->dtype, bias->buffer.data, at / inner % channels);
    }
    return largest;
}

void add_bias_and_check(conv_case_t* test, miopenHandle_t handle)
{
    tensor_t* output = test->output;
    bias_t bias = bias_new(output);
    for(int channel = 0; channel < output->lengths[1]; ++channel) {
        element_set(output->dtype, bias.buffer.data, (size_t)channel,
            element_for(output->dtype, 1000003u * (uint32_t)(channel + 1) & 0xFFFFFF));
    }
    CHECK_OK(miopenConvolutionForwardBias(
        handle, &one, bias.desc, bias.buffer.data, &zero, output->desc, output->buffer.data));
    /* The result was rounded once before the bias came. */
    double rounded_before = element_half_ulp(output->dtype) * expect_bias(test, &bias, 1);
    test->bound_factor += rounded_before;
    conv_case_check_output(test);
    test->bound_factor -= rounded_before;
    expect_bias(test, &bias, -1);
    bias_free(&bias);
}

void bias_gradient_and_check(const conv_case_t* test, miopenHandle_t handle)
{
    const tensor_t* dy = &test->y;
    bias_t gradient = bias_new(dy);
    CHECK_OK(miopenConvolutionBackwardBias(
        handle, &one, dy->desc, dy->buffer.data, &zero, gradient.desc, gradient.buffer.data));
    size_t channels = (size_t)dy->lengths[1], inner = elems_per_channel(dy);
    for(size_t channel = 0; channel < channels; ++channel) {
        double sum = 0, absolute = 0, terms = 0;
        for(size_t at = 0; at < (size_t)dy->lengths[0] * inner; ++at) {
            size_t n = at / inner, offset = n * (size_t)dy->strides[0]
                + channel * (size_t)dy->strides[1];
            size_t rest = at % inner;
            for(int dim = dy->rank - 1; dim >= 2; --dim) {
                offset += rest % (size_t)dy->lengths[dim] * (size_t)dy->strides[dim];
                rest /= (size_t)dy->lengths[dim];
            }
            double value = element_get(dy->dtype, dy->buffer.data, offset);
            sum += value;
            absolute += fabs(value);
            terms += 1;
        }
        double actual = element_get(dy->dtype, gradient.buffer.data, channel);
        double bound = terms * ldexp(absolute, -24) + element_half_ulp(dy->dtype) * absolute;
        CHECK_THAT(fabs(actual - sum) <= bound, "bias gradient of channel %zu is %g, not %g",
            channel, actual, sum);
    }
    bias_free(&gradient);
}
