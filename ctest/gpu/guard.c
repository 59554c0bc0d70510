/* SPDX-License-Identifier: MIT */
/*
 * With a real library, are the convolutions that are to be bypassed computed here, right and
 * without the real library hearing of them, and all others forwarded?
 *
 * usage: guard REAL_LIBRARY WHAT
 *
 *   bypassed   fp16: one of the hazards on any of these cards
 *   overridden fp32 under an override, where everything is a hazard
 *   forwarded  fp32, small: none
 *   fails      fp32, where the real library's convolutions fail: computed here then
 *   staged     everything by way of the CPU (a strategy)
 *   mixed      two devices, of which the second is no card of ours
 *   once       one forward run of a small fp32 problem, whoever computes it
 *   learned    the same, which must be ours
 */
#include "check.h"
#include "device_case.h"
#include "shapes.h"
#include "stand_in.h"

#include <miopen/bypass.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SOLUTIONS = 10, REAL_ID = 85, FIRST_OWN_ID = 1000001, CPU_STAGED = 1002001 };

static const float one = 1, zero = 0;
static struct stand_in stand_in;
static hipStream_t stream;

/* Weight gradients of 1x1 filters are a hazard in every type. */
static int is_safe(const conv_shape_t* shape, direction_t direction)
{
    int is_pointwise = shape->filter[0] == 1 && shape->filter[1] == 1;
    return !(direction == BACKWARD_WEIGHTS && shape->spatial_dim == 2 && is_pointwise);
}

/* Calls of the real library's convolution functions of every sort. */
static unsigned long real_calls(void)
{
    static const char* const directions[] = {"Forward", "BackwardData", "BackwardWeights"};
    static const char* const forms[] = {"miopenConvolution%s", "miopenFindConvolution%sAlgorithm",
        "miopenConvolution%sGetWorkSpaceSize", "miopenConvolution%sGetSolutionCount",
        "miopenConvolution%sGetSolution", "miopenConvolution%sGetSolutionWorkspaceSize",
        "miopenConvolution%sCompileSolution", "miopenConvolution%sImmediate"};
    unsigned long count = 0;
    for(size_t form = 0; form < sizeof forms / sizeof forms[0]; ++form) {
        for(int direction = 0; direction < 3; ++direction) {
            char name[96];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(name, sizeof name, forms[form], directions[direction]);
#pragma GCC diagnostic pop
            count += stand_in.calls_of(name);
        }
    }
    return count;
}

static void bypassed(const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype,
    layout_t layout, int is_staged)
{
    check_context("%s %s %s %s", shape->name, direction_name(direction), dtype_name(dtype),
        layout_name(layout));
    device_case_t test = device_case_new(shape, direction, dtype, layout);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    CHECK_OK(miopenSetStream(handle, stream));
    conv_call_t call = device_case_call(&test, handle);
    unsigned long before = real_calls();

    size_t bytes = 1, count = 0, filled = 0;
    CHECK_OK(conv_workspace_size(&call, &bytes));
    device_workspace_give(&call, bytes);
    miopenConvAlgoPerf_t perf;
    int found = 0;
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    CHECK_EQUAL(found, 1);
    CHECK(perf.memory <= bytes);
    device_case_check_output(&test, stream);
    CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
    device_case_check_output(&test, stream);
    device_workspace_take(&call);

    miopenConvSolution_t solutions[MOST_SOLUTIONS];
    CHECK_OK(conv_solution_count(&call, &count));
    CHECK_OK(conv_solutions(&call, MOST_SOLUTIONS, &filled, solutions));
    CHECK_EQUAL(filled, count);
    for(size_t at = 0; at < filled; ++at) {
        CHECK(solutions[at].solution_id >= FIRST_OWN_ID);
        CHECK_EQUAL(solutions[at].solution_id == CPU_STAGED, is_staged);
    }
    /* Ours, and one that the client kept from a time when the problem was the real library's. */
    uint64_t ids[] = {solutions[0].solution_id, REAL_ID};
    for(int at = 0; at < 2; ++at) {
        CHECK_OK(conv_compile(&call, ids[at]));
        CHECK_OK(conv_solution_workspace(&call, ids[at], &bytes));
        device_workspace_give(&call, bytes);
        CHECK_OK(conv_immediate(&call, ids[at]));
        device_case_check_output(&test, stream);
        device_workspace_take(&call);
    }

    float time_ms = 0;
    CHECK_OK(miopenEnableProfiling(handle, true));
    CHECK_OK(conv_immediate(&call, ids[0]));
    CHECK_OK(miopenGetKernelTime(handle, &time_ms));
    CHECK(time_ms > 0 && time_ms < 12345);
    device_case_check_output(&test, stream);
    CHECK_EQUAL(real_calls(), before);
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
}

static void check_untouched(device_case_t* test)
{
    void* outputs[] = {test->y, test->x, test->w};
    conv_case_t* host = test->host;
    CHECK_HIP(hipMemcpy(host->output->buffer.data, outputs[host->direction], test->output_bytes,
        hipMemcpyDeviceToHost));
    conv_case_check_untouched(host);
}

static void forwarded(const conv_shape_t* shape, direction_t direction)
{
    check_context("%s %s forwarded", shape->name, direction_name(direction));
    device_case_t test = device_case_new(shape, direction, miopenFloat, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreateWithStream(&handle, stream));
    conv_call_t call = device_case_call(&test, handle);
    unsigned long before = real_calls();
    size_t count = 0;
    miopenConvAlgoPerf_t perf;
    miopenConvSolution_t solution;
    int found = 0;
    float time_ms = 0;
    CHECK_OK(conv_workspace_size(&call, &count));
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero));
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero));
    CHECK_OK(conv_solution_count(&call, &count));
    CHECK_OK(conv_solutions(&call, 1, &count, &solution));
    CHECK_OK(conv_compile(&call, REAL_ID));
    CHECK_OK(conv_solution_workspace(&call, REAL_ID, &count));
    CHECK_OK(conv_immediate(&call, REAL_ID));
    CHECK_EQUAL(real_calls(), before + 9);
    check_untouched(&test);
    CHECK_OK(miopenEnableProfiling(handle, true));
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero));
    CHECK_OK(miopenGetKernelTime(handle, &time_ms));
    CHECK(time_ms == 12345);

    /* An id of ours, kept from a time when the problem was bypassed. */
    before = real_calls();
    uint64_t ours = direction == BACKWARD_WEIGHTS ? 1001004 : 1001002;
    CHECK_OK(conv_compile(&call, ours));
    CHECK_OK(conv_immediate(&call, ours));
    CHECK_EQUAL(real_calls(), before);
    device_case_check_output(&test, stream);
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
}

/* The real library's own failure is made good; a wrong argument is not. */
static void fails(const conv_shape_t* shape, direction_t direction)
{
    check_context("%s %s fails", shape->name, direction_name(direction));
    device_case_t test = device_case_new(shape, direction, miopenFloat, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreateWithStream(&handle, stream));
    conv_call_t call = device_case_call(&test, handle);
    miopenConvAlgoPerf_t perf;
    int found = 0;
    unsigned long before = real_calls();
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    CHECK_EQUAL(real_calls(), before + 1);
    CHECK_EQUAL(found, 1);
    device_case_check_output(&test, stream);
    CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
    device_case_check_output(&test, stream);
    /* Once it has failed in a search, it is not asked again. */
    before = real_calls();
    CHECK_OK(conv_find(&call, 1, &found, &perf, false));
    device_case_check_output(&test, stream);
    CHECK_EQUAL(real_calls(), before);
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
}

/* A forward call in transpose mode is backward-data: of the case's y, its dx. */
static void transposed(void)
{
    check_context("transposed");
    device_case_t test = device_case_new(&shapes[2], BACKWARD_DATA, miopenHalf, CHANNELS_FIRST);
    const conv_shape_t* shape = &test.host->shape;
    miopenHandle_t handle;
    CHECK_OK(miopenCreateWithStream(&handle, stream));
    CHECK_OK(miopenInitConvolutionNdDescriptor(test.host->conv, 2, shape->pads, shape->strides,
        shape->dilations, miopenTranspose));
    conv_call_t call = device_case_call(&test, handle);
    conv_call_t forward = call;
    unsigned long before = real_calls();
    forward.direction = FORWARD;
    forward.x = call.y;
    forward.y = call.x;
    forward.x_desc = call.y_desc;
    forward.y_desc = call.x_desc;
    CHECK_OK(conv_run(&forward, &one, miopenConvolutionFwdAlgoDirect, &zero));
    device_case_check_output(&test, stream);
    CHECK_EQUAL(real_calls(), before);
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
}

/* Types that only the real library knows, and objects that are none. */
static void none_of_ours(void)
{
    check_context("none of ours");
    device_case_t test = device_case_new(&shapes[0], FORWARD, miopenFloat, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t call = device_case_call(&test, handle);
    unsigned long before = real_calls();
    CHECK_OK(miopenSetTensorDescriptor(
        test.host->x.desc, (miopenDataType_t)7, 4, test.host->x.lengths, NULL));
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero));
    call.x_desc = NULL;
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero));
    CHECK_EQUAL(real_calls(), before + 2);
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
}

static void mixed(void)
{
    for(int device = 0; device < 2; ++device) {
        CHECK_HIP(hipSetDevice(device));
        device_case_t test = device_case_new(&shapes[0], FORWARD, miopenHalf, CHANNELS_FIRST);
        miopenHandle_t handle;
        CHECK_OK(miopenCreate(&handle));
        for(int current = 0; current < 2; ++current) {
            check_context("handle of device %d while %d is current", device, current);
            CHECK_HIP(hipSetDevice(current));
            conv_call_t call = device_case_call(&test, handle);
            unsigned long before = real_calls();
            CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero));
            CHECK_EQUAL(real_calls() - before, device);
            CHECK_HIP(hipSetDevice(device));
            if(device == 0) {
                device_case_check_output(&test, NULL);
            } else {
                check_untouched(&test);
            }
        }
        CHECK_OK(miopenDestroy(handle));
        device_case_free(&test);
    }
}

static void once(int must_be_ours)
{
    device_case_t test = device_case_new(&shapes[0], FORWARD, miopenFloat, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t call = device_case_call(&test, handle);
    CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero));
    if(must_be_ours) {
        CHECK_EQUAL(real_calls(), 0);
        device_case_check_output(&test, NULL);
    }
    CHECK_OK(miopenDestroy(handle));
    device_case_free(&test);
}

int main(int count, char** words)
{
    if(count != 3) {
        return 2;
    }
    const char* what = words[2];
    CHECK_HIP(hipStreamCreate(&stream)); /* now simhip tells of its cards */
    miopenBypassRealLibrary();           /* has it opened */
    stand_in = stand_in_loaded_from(words[1]);
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
            direction_t to = (direction_t)direction;
            if(strcmp(what, "bypassed") == 0) {
                bypassed(&shapes[shape], to, miopenHalf, (layout_t)((shape + direction) % 3), 0);
            } else if(strcmp(what, "overridden") == 0) {
                bypassed(&shapes[shape], to, miopenFloat, (layout_t)((shape + direction) % 3), 0);
            } else if(strcmp(what, "staged") == 0) {
                bypassed(&shapes[shape], to, miopenFloat, (layout_t)((shape + direction) % 3), 1);
            } else if(!is_safe(&shapes[shape], to)) {
                continue;
            } else if(strcmp(what, "forwarded") == 0) {
                forwarded(&shapes[shape], to);
            } else if(strcmp(what, "fails") == 0) {
                fails(&shapes[shape], to);
            }
        }
    }
    if(strcmp(what, "bypassed") == 0) {
        transposed();
    } else if(strcmp(what, "forwarded") == 0) {
        none_of_ours();
    } else if(strcmp(what, "mixed") == 0) {
        mixed();
    } else if(strcmp(what, "once") == 0 || strcmp(what, "learned") == 0) {
        once(strcmp(what, "learned") == 0);
    }
    return check_finish();
}
