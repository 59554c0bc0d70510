/* SPDX-License-Identifier: MIT */
/*
 * Are descriptors refused that do not go together? Each is fine by itself; x=1,3,8,8 w=4,3,3,3
 * y=1,4,8,8 is what they are changed from. Statuses are those of MIOpen's own checks (its
 * convolutionocl.cpp and problem.cpp); where it computes out of bounds instead, BadParm.
 */
#include "check.h"
#include "refusals.h"

#include <limits.h>

/* Lengths; 0 ends them. All of a type, NCHW. */
typedef struct {
    const char* what;
    int x[6], w[6], y[6];
    int groups;
} mismatch_t;

static const mismatch_t mismatches[] = {
    {"input channels", {1, 5, 8, 8}, {4, 3, 3, 3}, {1, 4, 8, 8}, 1},
    {"output channels", {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 5, 8, 8}, 1},
    {"batch size", {2, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 8, 8}, 1},
    {"batch size the other way", {1, 3, 8, 8}, {4, 3, 3, 3}, {3, 4, 8, 8}, 1},
    {"x and w exchanged", {4, 3, 3, 3}, {1, 3, 8, 8}, {1, 4, 8, 8}, 1},
    {"rank of x", {1, 3, 8}, {4, 3, 3, 3}, {1, 4, 8, 8}, 1},
    {"rank of w", {1, 3, 8, 8}, {4, 3, 3}, {1, 4, 8, 8}, 1},
    {"rank of y", {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 8}, 1},
    {"rank of all", {1, 3, 8, 8, 8}, {4, 3, 3, 3, 3}, {1, 4, 8, 8, 8}, 1},
    {"rank 2", {1, 3}, {4, 3}, {1, 4}, 1},
    {"rank 1", {1}, {4}, {1}, 1},
    {"group count 0", {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 8, 8}, 0},
    {"group count -1", {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 8, 8}, -1},
    {"group count INT_MIN", {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 8, 8}, INT_MIN},
    {"group count INT_MAX", {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 8, 8}, INT_MAX},
    {"groups that do not divide c", {1, 3, 8, 8}, {4, 1, 3, 3}, {1, 4, 8, 8}, 2},
    {"groups that do not divide k", {1, 3, 8, 8}, {4, 1, 3, 3}, {1, 4, 8, 8}, 3},
    {"groups without smaller filters", {1, 4, 8, 8}, {4, 4, 3, 3}, {1, 4, 8, 8}, 2},
    {"more groups than channels", {1, 4, 8, 8}, {8, 1, 3, 3}, {1, 8, 8, 8}, 8},
};

static void set(miopenTensorDescriptor_t desc, const int* lengths)
{
    int rank = 0;
    while(rank < 6 && lengths[rank] > 0) {
        ++rank;
    }
    CHECK_OK(miopenSetTensorDescriptor(desc, miopenFloat, rank, lengths, NULL));
}

static void lengths_that_do_not_match(void)
{
    for(size_t at = 0; at < sizeof mismatches / sizeof mismatches[0]; ++at) {
        const mismatch_t* mismatch = &mismatches[at];
        check_context("%s", mismatch->what);
        world_t world;
        world_new(&world);
        set(world.x_desc, mismatch->x);
        set(world.w_desc, mismatch->w);
        set(world.y_desc, mismatch->y);
        CHECK_OK(miopenSetConvolutionGroupCount(world.conv, mismatch->groups));
        all_directions_refuse(&world, miopenStatusBadParm);
        world_free(&world);
    }
}

static void descriptors_never_set(void)
{
    for(int which = 0; which < 3; ++which) {
        check_context("descriptor %d fresh", which);
        world_t world;
        world_new(&world);
        miopenTensorDescriptor_t* places[] = {&world.x_desc, &world.w_desc, &world.y_desc};
        CHECK_OK(miopenDestroyTensorDescriptor(*places[which]));
        CHECK_OK(miopenCreateTensorDescriptor(places[which]));
        all_directions_refuse(&world, miopenStatusBadParm);
        world_free(&world);
    }
}

static void types_that_do_not_match(void)
{
    static const miopenDataType_t dtypes[] = {miopenHalf, miopenFloat, miopenInt32, miopenInt8,
        miopenBFloat16, miopenDouble, miopenInt64};
    for(int x = 0; x < 7; ++x) {
        for(int w = 0; w < 7; ++w) {
            for(int y = 0; y < 7; ++y) {
                bool int8 = dtypes[x] == miopenInt8 && dtypes[w] == miopenInt8;
                if((x == w && x == y) || int8) {
                    continue;
                }
                check_context("types %d %d %d", dtypes[x], dtypes[w], dtypes[y]);
                world_t world;
                world_new(&world);
                CHECK_OK(miopenSet4dTensorDescriptor(world.x_desc, dtypes[x], 1, 3, 8, 8));
                CHECK_OK(miopenSet4dTensorDescriptor(world.w_desc, dtypes[w], 4, 3, 3, 3));
                CHECK_OK(miopenSet4dTensorDescriptor(world.y_desc, dtypes[y], 1, 4, 8, 8));
                all_directions_refuse(&world, miopenStatusBadParm);
                world_free(&world);
            }
        }
    }
}

/* Types that descriptors take and convolutions do not: nothing is offered, nothing computes. */
static void types_without_convolution(void)
{
    static const miopenDataType_t dtypes[] = {miopenInt32, miopenDouble, miopenInt64,
        miopenFloat8_fnuz, miopenBFloat8_fnuz};
    static const float one = 1, zero = 0;
    for(int at = 0; at < 5; ++at) {
        check_context("type %d", dtypes[at]);
        world_t world;
        world_new(&world);
        CHECK_OK(miopenSet4dTensorDescriptor(world.x_desc, dtypes[at], 1, 1, 2, 2));
        CHECK_OK(miopenSet4dTensorDescriptor(world.w_desc, dtypes[at], 1, 1, 1, 1));
        CHECK_OK(miopenSet4dTensorDescriptor(world.y_desc, dtypes[at], 1, 1, 4, 4));
        guarded_refill(&world.y);
        conv_call_t call = world_call(&world, FORWARD);
        size_t count = 777;
        int found = 777;
        miopenConvSolution_t solution;
        miopenConvAlgoPerf_t perf;
        const double one_wide = 1, zero_wide = 0;
        bool wide = dtypes[at] == miopenDouble;
        CHECK_STATUS(conv_solution_count(&call, &count), NotImplemented);
        CHECK_EQUAL(count, 777);
        CHECK_OK(conv_solutions(&call, 1, &count, &solution));
        CHECK_EQUAL(count, 0);
        CHECK(conv_find(&call, 1, &found, &perf, false) != miopenStatusSuccess);
        CHECK_EQUAL(found, 777);
        CHECK(conv_run(&call, wide ? (const void*)&one_wide : &one, 1,
                  wide ? (const void*)&zero_wide : &zero)
            != miopenStatusSuccess);
        CHECK(guarded_untouched(&world.y));
        world_free(&world);
    }
}

/* Layouts: groups want NCHW or NHWC, vectors of channels are never computed on. */
static void layouts_that_do_not_serve(void)
{
    check_context("CHWN with groups");
    world_t world;
    world_new(&world);
    const int x[] = {2, 4, 8, 8}, w[] = {4, 2, 3, 3}, y[] = {2, 4, 8, 8};
    CHECK_OK(miopenSetNdTensorDescriptorWithLayout(
        world.x_desc, miopenFloat, miopenTensorCHWN, x, 4));
    CHECK_OK(miopenSetNdTensorDescriptorWithLayout(
        world.w_desc, miopenFloat, miopenTensorNCHW, w, 4));
    CHECK_OK(miopenSetNdTensorDescriptorWithLayout(
        world.y_desc, miopenFloat, miopenTensorCHWN, y, 4));
    CHECK_OK(miopenSetConvolutionGroupCount(world.conv, 2));
    all_directions_refuse(&world, miopenStatusInternalError);

    check_context("NCHWc4");
    CHECK_OK(miopenSetConvolutionGroupCount(world.conv, 1));
    const int vectors[] = {1, 4, 8, 8};
    CHECK_OK(miopenSetNdTensorDescriptorWithLayout(
        world.x_desc, miopenInt8, miopenTensorNCHWc4, vectors, 4));
    CHECK_OK(miopenSetNdTensorDescriptorWithLayout(
        world.w_desc, miopenInt8, miopenTensorNCHWc4, vectors, 4));
    CHECK_OK(miopenSetNdTensorDescriptorWithLayout(
        world.y_desc, miopenInt8, miopenTensorNCHWc4, vectors, 4));
    all_directions_refuse(&world, miopenStatusNotImplemented);
    world_free(&world);
}

int main(void)
{
    lengths_that_do_not_match();
    descriptors_never_set();
    types_that_do_not_match();
    types_without_convolution();
    layouts_that_do_not_serve();
    return check_finish();
}
