/* SPDX-License-Identifier: MIT */
#include "conv_case.h"

#include "check.h"
#include "elements.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t elems(const tensor_t* tensor)
{
    size_t product = 1;
    for(int dim = 0; dim < tensor->rank; ++dim) {
        product *= (size_t)tensor->lengths[dim];
    }
    return product;
}

static size_t span_elems(const tensor_t* tensor)
{
    size_t last = 0;
    for(int dim = 0; dim < tensor->rank; ++dim) {
        last += (size_t)(tensor->lengths[dim] - 1) * (size_t)tensor->strides[dim];
    }
    return last + 1;
}

/* Place in memory of the element that comes at `logical` when all are counted in N C (D) H W order. */
static size_t offset_of(const tensor_t* tensor, size_t logical)
{
    size_t offset = 0;
    for(int dim = tensor->rank - 1; dim >= 0; --dim) {
        size_t length = (size_t)tensor->lengths[dim];
        offset += logical % length * (size_t)tensor->strides[dim];
        logical /= length;
    }
    return offset;
}

static void set_strides(tensor_t* tensor, layout_t layout)
{
    int order[5], stride = 1;
    for(int dim = 0; dim < tensor->rank; ++dim) {
        order[dim] = dim;
    }
    if(layout == CHANNELS_LAST) {
        for(int dim = 1; dim + 1 < tensor->rank; ++dim) {
            order[dim] = dim + 1;
        }
        order[tensor->rank - 1] = 1;
    }
    for(int place = tensor->rank - 1; place >= 0; --place) {
        int dim = order[place];
        tensor->strides[dim] = stride;
        stride *= tensor->lengths[dim];
        if(layout == WITH_GAPS && place >= 2) {
            stride += 3 * tensor->strides[dim];
        }
    }
}

static void tensor_init(tensor_t* tensor, miopenDataType_t dtype, int spatial_dim, int dim0,
    int dim1, const int* spatial, layout_t layout)
{
    tensor->dtype = dtype;
    tensor->rank = spatial_dim + 2;
    tensor->lengths[0] = dim0;
    tensor->lengths[1] = dim1;
    memcpy(tensor->lengths + 2, spatial, (size_t)spatial_dim * sizeof(int));
    set_strides(tensor, layout);
    CHECK_OK(miopenCreateTensorDescriptor(&tensor->desc));
    CHECK_OK(miopenSetTensorDescriptor(
        tensor->desc, dtype, tensor->rank, tensor->lengths, tensor->strides));
    size_t bytes = 0;
    CHECK_OK(miopenGetTensorNumBytes(tensor->desc, &bytes));
    CHECK_EQUAL(bytes, span_elems(tensor) * element_bytes(dtype));
    tensor->buffer = guarded_new(span_elems(tensor) * element_bytes(dtype));
}

static void tensor_fill(tensor_t* tensor, uint32_t seed)
{
    for(size_t logical = 0, count = elems(tensor); logical < count; ++logical) {
        seed = seed * 1664525u + 1013904223u;
        element_set(tensor->dtype, tensor->buffer.data, offset_of(tensor, logical),
            element_for(tensor->dtype, seed >> 8));
    }
}

static void tensor_free(tensor_t* tensor)
{
    guarded_free(&tensor->buffer);
    CHECK_OK(miopenDestroyTensorDescriptor(tensor->desc));
}

static double get(const tensor_t* tensor, size_t logical)
{
    return element_get(tensor->dtype, tensor->buffer.data, offset_of(tensor, logical));
}

/* Where the filter tap meets the input, or -1: one spatial dimension after the other. */
static long input_place(const conv_case_t* test, long out, long tap)
{
    const conv_shape_t* shape = &test->shape;
    long place = 0, scale = 1;
    for(int dim = shape->spatial_dim - 1; dim >= 0; --dim) {
        int out_length = test->y.lengths[dim + 2];
        long at = out % out_length * shape->strides[dim]
            + tap % shape->filter[dim] * shape->dilations[dim] - shape->pads[dim];
        if(at < 0 || at >= shape->in[dim]) {
            return -1;
        }
        place += at * scale;
        scale *= shape->in[dim];
        out /= out_length;
        tap /= shape->filter[dim];
    }
    return place;
}

static long product_of(const int* lengths, int count)
{
    return count == 0 ? 1 : lengths[0] * product_of(lengths + 1, count - 1);
}

typedef struct {
    double *sum, *absolute, *terms;
} sums_t;

static void add(sums_t* sums, size_t at, double product)
{
    sums->sum[at] += product;
    sums->absolute[at] += fabs(product);
    sums->terms[at] += 1;
}

/* Every product x * w that belongs to an output y, added where the direction wants it. */
static void compute_expected(conv_case_t* test)
{
    const conv_shape_t* s = &test->shape;
    long in = product_of(s->in, s->spatial_dim), taps = product_of(s->filter, s->spatial_dim);
    long out = product_of(test->y.lengths + 2, s->spatial_dim);
    long c_per_group = s->c / s->groups, k_per_group = s->k / s->groups;
    size_t count = elems(test->output);
    sums_t sums = {calloc(count, sizeof(double)), calloc(count, sizeof(double)),
        calloc(count, sizeof(double))};

    for(long nk = 0; nk < (long)s->n * s->k; ++nk) {
        long n = nk / s->k, k = nk % s->k;
        for(long ci = 0; ci < c_per_group; ++ci) {
            long c = k / k_per_group * c_per_group + ci;
            for(long o = 0; o < out; ++o) {
                for(long tap = 0; tap < taps; ++tap) {
                    long place = input_place(test, o, tap);
                    if(place < 0) {
                        continue;
                    }
                    size_t at_x = (size_t)((n * s->c + c) * in + place);
                    size_t at_w = (size_t)((k * c_per_group + ci) * taps + tap);
                    size_t at_y = (size_t)(nk * out + o);
                    switch(test->direction) {
                    case FORWARD:
                        add(&sums, at_y, get(&test->x, at_x) * get(&test->w, at_w));
                        break;
                    case BACKWARD_DATA:
                        add(&sums, at_x, get(&test->y, at_y) * get(&test->w, at_w));
                        break;
                    case BACKWARD_WEIGHTS:
                        add(&sums, at_w, get(&test->y, at_y) * get(&test->x, at_x));
                        break;
                    }
                }
            }
        }
    }

    double terms = 0, absolute = 0;
    for(size_t at = 0; at < count; ++at) {
        terms = fmax(terms, sums.terms[at]);
        absolute = fmax(absolute, sums.absolute[at]);
    }
    test->bound_factor = (terms + 16) * ldexp(absolute, -24);
    test->expected = sums.sum;
    free(sums.absolute);
    free(sums.terms);
}

conv_case_t* conv_case_new(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype, layout_t layout)
{
    conv_case_t* test = calloc(1, sizeof *test);
    int out[3] = {0};
    test->shape = *shape;
    test->direction = direction;
    for(int dim = 0; dim < shape->spatial_dim; ++dim) {
        out[dim] = (shape->in[dim] + 2 * shape->pads[dim]
                       - shape->dilations[dim] * (shape->filter[dim] - 1) - 1)
                / shape->strides[dim]
            + 1;
    }
    miopenDataType_t y_dtype = dtype == miopenInt8 ? miopenInt32 : dtype;
    int dims = shape->spatial_dim;
    tensor_init(&test->x, dtype, dims, shape->n, shape->c, shape->in, layout);
    tensor_init(
        &test->w, dtype, dims, shape->k, shape->c / shape->groups, shape->filter, layout);
    tensor_init(&test->y, y_dtype, dims, shape->n, shape->k, out, layout);

    CHECK_OK(miopenCreateConvolutionDescriptor(&test->conv));
    CHECK_OK(miopenInitConvolutionNdDescriptor(test->conv, dims, shape->pads, shape->strides,
        shape->dilations, miopenConvolution));
    CHECK_OK(miopenSetConvolutionGroupCount(test->conv, shape->groups));

    tensor_t* tensors[] = {&test->y, &test->x, &test->w}; /* by the direction that writes each */
    test->output = tensors[direction];
    for(int at = 0; at < 3; ++at) {
        if(tensors[at] != test->output) {
            tensor_fill(tensors[at], 12345u + (uint32_t)at);
        }
    }
    compute_expected(test);
    return test;
}

void conv_case_check_output(conv_case_t* test)
{
    tensor_t* output = test->output;
    size_t count = elems(output), span = span_elems(output), bytes = element_bytes(output->dtype);
    double half_ulp = element_half_ulp(output->dtype);
    char* written = calloc(span, 1);
    size_t wrong = 0, first_wrong = 0;
    for(size_t at = 0; at < count; ++at) {
        size_t offset = offset_of(output, at);
        double expected = test->expected[at];
        double actual = element_get(output->dtype, output->buffer.data, offset);
        double bound = output->dtype == miopenInt32
            ? 0
            : test->bound_factor + half_ulp * (fabs(expected) + test->bound_factor);
        written[offset] = 1;
        /* Written so that a NaN is wrong. */
        if(!(fabs(actual - expected) <= bound) && wrong++ == 0) {
            first_wrong = at;
        }
    }
    CHECK_THAT(wrong == 0, "%zu of %zu elements are wrong; element %zu is %g, not %g", wrong, count,
        first_wrong,
        element_get(output->dtype, output->buffer.data, offset_of(output, first_wrong)),
        test->expected[first_wrong]);

    size_t spoiled = 0;
    for(size_t offset = 0; offset < span; ++offset) {
        for(size_t byte = 0; byte < bytes && !written[offset]; ++byte) {
            spoiled += output->buffer.data[offset * bytes + byte] != 0xFF;
        }
    }
    CHECK_THAT(spoiled == 0, "%zu bytes between the output's elements were written", spoiled);
    free(written);
    CHECK(guarded_intact(&test->x.buffer));
    CHECK(guarded_intact(&test->w.buffer));
    CHECK(guarded_intact(&test->y.buffer));
    guarded_refill(&output->buffer);
}

void conv_case_check_untouched(const conv_case_t* test)
{
    CHECK(guarded_untouched(&test->output->buffer));
}

conv_call_t conv_case_call(const conv_case_t* test, miopenHandle_t handle)
{
    conv_call_t call = {test->direction, handle, test->x.desc, test->w.desc, test->y.desc,
        test->conv, test->x.buffer.data, test->w.buffer.data, test->y.buffer.data, NULL, 0};
    return call;
}

void conv_case_free(conv_case_t* test)
{
    tensor_free(&test->x);
    tensor_free(&test->w);
    tensor_free(&test->y);
    CHECK_OK(miopenDestroyConvolutionDescriptor(test->conv));
    free(test->expected);
    free(test);
}

const char* dtype_name(miopenDataType_t dtype)
{
    switch(dtype) {
    case miopenFloat: return "fp32";
    case miopenHalf: return "fp16";
    case miopenBFloat16: return "bf16";
    case miopenInt8: return "int8";
    default: return "another type";
    }
}

const char* layout_name(layout_t layout)
{
    static const char* const names[] = {"channels first", "channels last", "with gaps"};
    return names[layout];
}
