/* SPDX-License-Identifier: MIT */
/*
 * What do setters leave of what was there? Init starts a convolution descriptor afresh; a setter
 * that fails changes nothing; a call uses descriptors as they are at that moment.
 */
#include "check.h"
#include "world.h"

static const float one = 1, zero = 0;

typedef struct {
    miopenConvolutionMode_t mode;
    int spatial_dim, pads[3], strides[3], dilations[3], groups, attributes[3];
    miopenConvolutionFindMode_t find_mode;
} state_t;

static state_t state_of(miopenConvolutionDescriptor_t conv)
{
    state_t state = {0};
    CHECK_OK(miopenGetConvolutionSpatialDim(conv, &state.spatial_dim));
    CHECK_OK(miopenGetConvolutionNdDescriptor(conv, state.spatial_dim, &state.spatial_dim,
        state.pads, state.strides, state.dilations, &state.mode));
    CHECK_OK(miopenGetConvolutionGroupCount(conv, &state.groups));
    CHECK_OK(miopenGetConvolutionFindMode(conv, &state.find_mode));
    for(int attribute = 0; attribute < 3; ++attribute) {
        CHECK_OK(miopenGetConvolutionAttribute(
            conv, (miopenConvolutionAttrib_t)attribute, &state.attributes[attribute]));
    }
    return state;
}

static void check_same(const state_t* a, const state_t* b)
{
    CHECK(a->mode == b->mode && a->spatial_dim == b->spatial_dim && a->groups == b->groups
        && a->find_mode == b->find_mode);
    for(int at = 0; at < 3; ++at) {
        CHECK(a->pads[at] == b->pads[at] && a->strides[at] == b->strides[at]
            && a->dilations[at] == b->dilations[at] && a->attributes[at] == b->attributes[at]);
    }
}

static void change_everything(miopenConvolutionDescriptor_t conv)
{
    CHECK_OK(miopenSetConvolutionGroupCount(conv, 7));
    CHECK_OK(miopenSetConvolutionFindMode(conv, miopenConvolutionFindModeFast));
    CHECK_OK(miopenSetConvolutionAttribute(conv, MIOPEN_CONVOLUTION_ATTRIB_FP16_ALT_IMPL, 1));
    CHECK_OK(miopenSetConvolutionAttribute(conv, MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC, 1));
    CHECK_OK(miopenSetConvolutionAttribute(conv, MIOPEN_CONVOLUTION_ATTRIB_FP8_ROUNDING_MODE, 0));
}

static void init_starts_afresh(void)
{
    check_context("init");
    static const int zeros[] = {0, 0, 0}, ones[] = {1, 1, 1};
    miopenConvolutionDescriptor_t conv, untouched;
    CHECK_OK(miopenCreateConvolutionDescriptor(&conv));
    CHECK_OK(miopenCreateConvolutionDescriptor(&untouched));
    state_t fresh = state_of(untouched);

    change_everything(conv);
    CHECK_OK(miopenInitConvolutionNdDescriptor(conv, 3, ones, ones, ones, miopenTranspose));
    CHECK_EQUAL(state_of(conv).groups, 1);
    change_everything(conv);
    CHECK_OK(miopenInitConvolutionNdDescriptor(conv, 2, zeros, ones, ones, miopenConvolution));
    state_t state = state_of(conv);
    check_same(&state, &fresh);
    change_everything(conv);
    CHECK_OK(miopenInitConvolutionDescriptor(conv, miopenDepthwise, 0, 0, 1, 1, 1, 1));
    state = state_of(conv);
    check_same(&state, &fresh);
    CHECK_OK(miopenDestroyConvolutionDescriptor(conv));
    CHECK_OK(miopenDestroyConvolutionDescriptor(untouched));
}

static void failing_setters_change_nothing(void)
{
    check_context("failing setters");
    static const int pads[] = {3, 2, 1}, ones[] = {1, 1, 1}, bad[] = {1, 1, -1}, adjust[] = {0, 0};
    miopenConvolutionDescriptor_t conv;
    CHECK_OK(miopenCreateConvolutionDescriptor(&conv));
    CHECK_OK(miopenInitConvolutionNdDescriptor(conv, 3, pads, ones, ones, miopenTranspose));
    change_everything(conv);
    state_t before = state_of(conv);
    for(int which = 0; which < 6; ++which) {
        const int* arrays[] = {ones, ones, ones};
        arrays[which % 3] = which < 3 ? bad : NULL;
        CHECK_STATUS(miopenInitConvolutionNdDescriptor(
                         conv, 3, arrays[0], arrays[1], arrays[2], miopenConvolution),
            BadParm);
    }
    CHECK_STATUS(
        miopenInitConvolutionNdDescriptor(conv, -3, ones, ones, ones, miopenConvolution), BadParm);
    CHECK_STATUS(miopenInitConvolutionNdDescriptor(
                     conv, 3, ones, ones, ones, (miopenConvolutionMode_t)9),
        BadParm);
    CHECK_STATUS(
        miopenInitConvolutionDescriptor(conv, miopenConvolution, 0, -1, 1, 1, 1, 1), BadParm);
    CHECK_STATUS(miopenSetConvolutionFindMode(conv, (miopenConvolutionFindMode_t)4), BadParm);
    CHECK_STATUS(
        miopenSetConvolutionAttribute(conv, MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC, 2), BadParm);
    CHECK_STATUS(miopenSetTransposeConvOutputPadding(conv, 0, 0), UnknownError);
    CHECK_STATUS(miopenSetTransposeConvNdOutputPadding(conv, 2, adjust), UnknownError);
    CHECK_STATUS(miopenSetTransposeConvNdOutputPadding(conv, -1, adjust), UnknownError);
    state_t after = state_of(conv);
    check_same(&before, &after);
    CHECK_OK(miopenDestroyConvolutionDescriptor(conv));
}

/* The output padding must stay below the stride; that is looked at where it is used. */
static void output_padding(void)
{
    check_context("output padding");
    world_t world;
    int n = -77, c, h, w;
    world_new(&world);
    CHECK_OK(miopenSet4dTensorDescriptor(world.w_desc, miopenFloat, 3, 4, 3, 3));
    CHECK_OK(miopenInitConvolutionDescriptor(world.conv, miopenTranspose, 1, 1, 2, 2, 1, 1));
    for(int padding = 0; padding < 4; ++padding) {
        CHECK_OK(miopenSetTransposeConvOutputPadding(world.conv, padding, 0));
        miopenStatus_t status = miopenGetConvolutionForwardOutputDim(
            world.conv, world.x_desc, world.w_desc, &n, &c, &h, &w);
        if(padding < 2) {
            CHECK_EQUAL(status, miopenStatusSuccess);
            CHECK_EQUAL(h, 2 * 7 + 3 - 2 + padding);
            CHECK_EQUAL(w, 2 * 7 + 3 - 2);
            CHECK_EQUAL(c, 4);
        } else {
            CHECK_EQUAL(status, miopenStatusBadParm);
        }
    }
    /* Init forgets it. */
    CHECK_OK(miopenInitConvolutionDescriptor(world.conv, miopenTranspose, 1, 1, 2, 2, 1, 1));
    CHECK_OK(miopenGetConvolutionForwardOutputDim(
        world.conv, world.x_desc, world.w_desc, &n, &c, &h, &w));
    CHECK_EQUAL(h, 2 * 7 + 3 - 2);
    world_free(&world);
}

/* Each call sees what the descriptors say when it is made, whatever an earlier one prepared. */
static void calls_see_the_present(void)
{
    check_context("changed between calls");
    world_t world;
    world_new(&world);
    conv_call_t call = world_call(&world, FORWARD);
    const float* y = (const float*)(const void*)world.y.data;
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoGEMM, &zero));
    CHECK_EQUAL(y[9], 27);
    /* As if there were one channel and a filter of one tap: y = x. */
    CHECK_OK(miopenSet4dTensorDescriptor(world.x_desc, miopenFloat, 1, 1, 8, 8));
    CHECK_OK(miopenSet4dTensorDescriptor(world.w_desc, miopenFloat, 1, 1, 1, 1));
    CHECK_OK(miopenSet4dTensorDescriptor(world.y_desc, miopenFloat, 1, 1, 8, 8));
    CHECK_OK(miopenInitConvolutionDescriptor(world.conv, miopenConvolution, 0, 0, 1, 1, 1, 1));
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoGEMM, &zero));
    CHECK_EQUAL(y[9], 1);
    /* The weights change between calls, at the same address. */
    ((float*)(void*)world.w.data)[0] = 5;
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoGEMM, &zero));
    CHECK_EQUAL(y[9], 5);
    world_free(&world);
}

int main(void)
{
    init_starts_afresh();
    failing_setters_change_nothing();
    output_padding();
    calls_see_the_present();
    return check_finish();
}
