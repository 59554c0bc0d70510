/* SPDX-License-Identifier: MIT */
/*
 * Do alpha and beta count where MIOpen takes them? In three dimensions y = alpha * conv + beta * y;
 * in two nothing but 1 and 0 is accepted. With beta = 0 the old y is not read: it may be NaN.
 */
#include "check.h"
#include "conv_case.h"
#include "elements.h"
#include "shapes.h"
#include "workspace.h"

#include <math.h>

static size_t output_elems(const conv_case_t* test)
{
    size_t product = 1;
    for(int dim = 0; dim < test->output->rank; ++dim) {
        product *= (size_t)test->output->lengths[dim];
    }
    return product;
}

/* The output's elements are all of that value before the call. */
static void prepare_output(conv_case_t* test, double value)
{
    const tensor_t* output = test->output;
    for(size_t at = 0; at < output_elems(test); ++at) {
        element_set(output->dtype, output->buffer.data, at, value);
    }
}

static void scaled(const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype,
    float alpha, float beta)
{
    static const int algorithms[] = {0, 1, 2, 3, 5};
    static const double old = -0.75;
    check_context("%s %s %s alpha %g beta %g", shape->name, direction_name(direction),
        dtype_name(dtype), alpha, beta);
    conv_case_t* test = conv_case_new(shape, direction, dtype, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t call = conv_case_call(test, handle);
    double bound_factor = test->bound_factor;
    for(size_t at = 0; at < output_elems(test); ++at) {
        test->expected[at] = alpha * test->expected[at] + beta * old;
    }
    /* Two more products and a sum, each rounded. */
    test->bound_factor = fabs(alpha) * bound_factor + ldexp(fabs(alpha * 100) + fabs(beta), -22);
    for(int at = 0; at < 5; ++at) {
        if(beta != 0) {
            prepare_output(test, old);
        }
        CHECK_OK(conv_run(&call, &alpha, algorithms[at], &beta));
        conv_case_check_output(test);
    }
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

static void refused(const conv_shape_t* shape, direction_t direction, float alpha, float beta)
{
    check_context("%s %s alpha %g beta %g", shape->name, direction_name(direction), alpha, beta);
    conv_case_t* test = conv_case_new(shape, direction, miopenFloat, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t call = conv_case_call(test, handle);
    CHECK_STATUS(conv_run(&call, &alpha, 1, &beta), NotImplemented);
    conv_case_check_untouched(test);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

int main(void)
{
    static const float factors[][2] = {{2, 0}, {1, 1}, {0.5f, -2}, {-1, 0.25f}, {0, 1}, {0, 0}};
    static const miopenDataType_t dtypes[] = {miopenFloat, miopenHalf, miopenBFloat16};
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            for(int pair = 0; pair < 6; ++pair) {
                float alpha = factors[pair][0], beta = factors[pair][1];
                if(shapes[shape].spatial_dim == 2) {
                    refused(&shapes[shape], (direction_t)direction, alpha, beta);
                    continue;
                }
                for(int dtype = 0; dtype < 3; ++dtype) {
                    scaled(&shapes[shape], (direction_t)direction, dtypes[dtype], alpha, beta);
                }
            }
        }
    }
    return check_finish();
}
