/* SPDX-License-Identifier: MIT */
/*
 * Are sizes refused that no arithmetic can hold? Every number at its limit, alone and with others:
 * each call ends, with a status, without a crash, and failed setters leave the descriptor alone.
 */
#include "check.h"
#include "refusals.h"

#include <limits.h>
#include <stdint.h>

static const int limits[] = {INT_MIN, -1, 0, 1, 2, 46341, 65536, INT_MAX};

enum { LIMITS = sizeof limits / sizeof limits[0] };

/* Descriptors of limits: what is accepted comes back as it was given, and its size fits. */
static void tensors(void)
{
    miopenTensorDescriptor_t desc;
    CHECK_OK(miopenCreateTensorDescriptor(&desc));
    for(int combination = 0; combination < LIMITS * LIMITS * LIMITS * LIMITS; ++combination) {
        int v[4], rest = combination;
        for(int at = 0; at < 4; ++at, rest /= LIMITS) {
            v[at] = limits[rest % LIMITS];
        }
        check_context("lengths %d %d %d %d", v[0], v[1], v[2], v[3]);
        CHECK_OK(miopenSet4dTensorDescriptor(desc, miopenHalf, 2, 3, 4, 5));
        miopenStatus_t status = miopenSet4dTensorDescriptor(desc, miopenFloat, v[0], v[1], v[2], v[3]);
        int n, c, h, w, strides[4];
        miopenDataType_t dtype;
        size_t bytes;
        CHECK_OK(miopenGet4dTensorDescriptor(desc, &dtype, &n, &c, &h, &w, &strides[0],
            &strides[1], &strides[2], &strides[3]));
        CHECK_OK(miopenGetTensorNumBytes(desc, &bytes));
        bool positive = v[0] > 0 && v[1] > 0 && v[2] > 0 && v[3] > 0;
        if(status == miopenStatusSuccess) {
            CHECK(positive);
            CHECK(dtype == miopenFloat && n == v[0] && c == v[1] && h == v[2] && w == v[3]);
            CHECK_THAT((double)bytes == 4.0 * v[0] * v[1] * v[2] * v[3], "%zu bytes", bytes);
        } else {
            CHECK_EQUAL(status, miopenStatusBadParm);
            CHECK_THAT(!positive || 4.0 * v[0] * v[1] * v[2] * v[3] >= (double)INT64_MAX,
                "refused though it fits");
            CHECK(dtype == miopenHalf && n == 2 && c == 3 && h == 4 && w == 5);
            CHECK_EQUAL(bytes, 2 * 2 * 3 * 4 * 5);
        }
    }
    CHECK_OK(miopenDestroyTensorDescriptor(desc));
}

static void tensors_beyond_int(void)
{
    static const size_t huge[] = {(size_t)1 << 31, (size_t)1 << 32, (size_t)1 << 62, (size_t)1 << 63,
        SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX};
    miopenTensorDescriptor_t desc;
    CHECK_OK(miopenCreateTensorDescriptor(&desc));
    for(int a = 0; a < 7; ++a) {
        for(int b = 0; b < 7; ++b) {
            check_context("length %zu, stride %zu", huge[a], huge[b]);
            size_t lengths[] = {1, huge[a], 1, 2}, strides[] = {1, huge[b], 1, 1};
            CHECK_STATUS(
                miopenSetTensorDescriptorV2(desc, miopenFloat, 4, lengths, strides), BadParm);
            size_t packed[] = {huge[a], huge[b], 2, 3};
            CHECK_STATUS(miopenSetTensorDescriptorV2(desc, miopenFloat, 4, packed, NULL), BadParm);
        }
    }
    CHECK_OK(miopenDestroyTensorDescriptor(desc));
    /* Ranks that no array can have. */
    world_t world;
    world_new(&world);
    static const int lengths[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    check_context("ranks");
    CHECK_STATUS(
        miopenSetTensorDescriptor(world.x_desc, miopenFloat, INT_MIN, lengths, NULL), InvalidValue);
    CHECK_STATUS(
        miopenSetTensorDescriptor(world.x_desc, miopenFloat, 12, lengths, NULL), BadParm);
    world_free(&world);
}

/* Convolution descriptors of limits, asked for shapes and offered to every call. */
static void convolutions(void)
{
    for(int combination = 0; combination < LIMITS * LIMITS * LIMITS; ++combination) {
        int pad = limits[combination % LIMITS], stride = limits[combination / LIMITS % LIMITS];
        int dilation = limits[combination / LIMITS / LIMITS];
        check_context("pad %d stride %d dilation %d", pad, stride, dilation);
        world_t world;
        world_new(&world);
        miopenStatus_t status = miopenInitConvolutionDescriptor(
            world.conv, miopenConvolution, pad, pad, stride, stride, dilation, dilation);
        CHECK_EQUAL(status,
            pad >= 0 && stride >= 1 && dilation >= 1 ? miopenStatusSuccess : miopenStatusBadParm);
        int n = -77, c, h, w;
        status = miopenGetConvolutionForwardOutputDim(
            world.conv, world.x_desc, world.w_desc, &n, &c, &h, &w);
        CHECK(status == miopenStatusSuccess || (status == miopenStatusBadParm && n == -77));
        CHECK(status != miopenStatusSuccess || (n == 1 && c == 4 && h >= 1 && w >= 1));
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            conv_call_t call = world_call(&world, (direction_t)direction);
            size_t bytes, count;
            CHECK_OK(conv_workspace_size(&call, &bytes));
            CHECK_OK(conv_solution_count(&call, &count));
            CHECK_OK(conv_immediate(&call, 85));
        }
        world_free(&world);
    }
}

/* Tensors of any size that a descriptor takes, in calls that need no buffer: they end. Strides of 1
   give lengths without bytes, and products beyond 2^63. */
static void problems(bool square)
{
    static const int sizes[] = {1, 65536, INT_MAX};
    for(int combination = 0; combination < 3 * 3 * 3 * 3 * 3; ++combination) {
        int v[5], rest = combination;
        for(int at = 0; at < 5; ++at, rest /= 3) {
            v[at] = sizes[rest % 3];
        }
        int wide = square ? v[3] : 1, filter_wide = square ? v[4] : 1;
        check_context("n %d c %d k %d spatial %d filter %d, square %d", v[0], v[1], v[2], v[3],
            v[4], square);
        world_t world;
        world_new(&world);
        CHECK_OK(miopenSet4dTensorDescriptorEx(
            world.x_desc, miopenFloat, v[0], v[1], v[3], wide, 1, 1, 1, 1));
        CHECK_OK(miopenSet4dTensorDescriptorEx(
            world.w_desc, miopenFloat, v[2], v[1], v[4], filter_wide, 1, 1, 1, 1));
        CHECK_OK(miopenSet4dTensorDescriptorEx(
            world.y_desc, miopenFloat, v[0], v[2], v[3], wide, 1, 1, 1, 1));
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            conv_call_t call = world_call(&world, (direction_t)direction);
            size_t bytes = 777, count = 777;
            miopenConvSolution_t solutions[10];
            miopenStatus_t status = conv_workspace_size(&call, &bytes);
            CHECK(status == miopenStatusSuccess || (status == miopenStatusBadParm && bytes == 777));
            CHECK_EQUAL(conv_solution_count(&call, &count), status);
            CHECK_EQUAL(conv_solutions(&call, 10, &count, solutions), status);
            CHECK_EQUAL(conv_compile(&call, 85), status);
        }
        world_free(&world);
    }
}

int main(void)
{
    tensors();
    tensors_beyond_int();
    convolutions();
    problems(true);
    problems(false);
    return check_finish();
}
