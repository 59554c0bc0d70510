/* SPDX-License-Identifier: MIT */
/*
 * Do buffers that are not as asked for do harm? Workspaces of every smaller size and alignment, and
 * buffers that overlap or are not aligned to their elements.
 */
#include "check.h"
#include "conv_case.h"

#include <miopen/bypass.h>
#include <string.h>

static const float one = 1, zero = 0;

/* Large images make backward-weights keep partial sums, many channels want packed filters. */
static const conv_shape_t shapes[] = {
    {"wide", 2, 1, 2, 4, 1, {60, 60}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"grouped", 2, 2, 12, 8, 4, {15, 14}, {3, 3}, {1, 1}, {2, 2}, {1, 1}},
};

/* A workspace that begins `offset` bytes into its buffer. */
static void run_with_workspace(conv_case_t* test, conv_call_t* call, uint64_t id, size_t bytes,
    size_t offset)
{
    guarded_t workspace = guarded_new(offset + bytes);
    call->workspace = bytes > 0 ? workspace.data + offset : NULL;
    call->workspace_bytes = bytes;
    CHECK_OK(conv_immediate(call, id));
    conv_case_check_output(test);
    CHECK_OK(conv_run(call, &one, miopenConvolutionAlgoGEMM, &zero));
    conv_case_check_output(test);
    int found = 0;
    miopenConvAlgoPerf_t perf;
    CHECK_OK(conv_find(call, 1, &found, &perf, false));
    CHECK(perf.memory <= bytes);
    conv_case_check_output(test);
    for(size_t at = 0; at < offset; ++at) {
        CHECK(workspace.data[at] == 0xFF);
    }
    guarded_free(&workspace);
}

/* The real library answers a workspace that is too small with an error or worse; ours computes. */
static void small_workspaces(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype)
{
    conv_case_t* test = conv_case_new(shape, direction, dtype, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t call = conv_case_call(test, handle);
    size_t count = 0;
    miopenConvSolution_t solutions[10];
    CHECK_OK(conv_solutions(&call, 10, &count, solutions));
    for(size_t at = 0; at < count; ++at) {
        size_t wanted = solutions[at].workspace_size;
        const size_t sizes[] = {0, 1, 67, wanted / 2, wanted - 1, wanted, 2 * wanted + 4096};
        size_t count_of_sizes = wanted > 0 ? sizeof sizes / sizeof sizes[0] : 3;
        for(size_t size = 0; size < count_of_sizes; ++size) {
            for(size_t offset = 0; offset <= 5; offset += 5) {
                check_context("%s %s %s, solution %llu, %zu of %zu bytes of workspace at %zu",
                    shape->name, direction_name(direction), dtype_name(dtype),
                    (unsigned long long)solutions[at].solution_id, sizes[size], wanted, offset);
                run_with_workspace(test, &call, solutions[at].solution_id, sizes[size], offset);
            }
        }
    }
    /* NULL with a size is no workspace. */
    call.workspace = NULL;
    call.workspace_bytes = 1 << 20;
    CHECK_OK(conv_run(&call, &one, miopenConvolutionAlgoGEMM, &zero));
    conv_case_check_output(test);
    /* A size beyond the address space is refused before anything is written. */
    call.workspace = test->expected;
    call.workspace_bytes = SIZE_MAX;
    CHECK_STATUS(conv_run(&call, &one, miopenConvolutionAlgoGEMM, &zero), BadParm);
    CHECK_STATUS(conv_immediate(&call, solutions[0].solution_id), BadParm);
    conv_case_check_untouched(test);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

static void all_refuse(const conv_case_t* test, const conv_call_t* call)
{
    int found = 777;
    miopenConvAlgoPerf_t perf;
    CHECK_STATUS(conv_find(call, 1, &found, &perf, false), BadParm);
    CHECK_EQUAL(found, 777);
    CHECK_STATUS(conv_run(call, &one, miopenConvolutionAlgoGEMM, &zero), BadParm);
    CHECK_STATUS(conv_immediate(call, 85), BadParm);
    conv_case_check_untouched(test);
    CHECK(strlen(miopenBypassLastError()) > 0);
}

/* Whatever is written may overlap nothing: not by a byte at either end. */
static void overlaps(direction_t direction)
{
    conv_case_t* test = conv_case_new(&shapes[0], direction, miopenFloat, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t good = conv_case_call(test, handle);
    guarded_t* output = &test->output->buffer;
    tensor_t* tensors[] = {&test->x, &test->w, &test->y};
    for(int which = 0; which < 3; ++which) {
        if(tensors[which] == test->output) {
            continue;
        }
        size_t bytes = tensors[which]->buffer.size_bytes;
        unsigned char* const overlapping[] = {output->data, output->data + 4,
            output->data + output->size_bytes - 4, output->data - bytes + 4};
        for(int place = 0; place < 4; ++place) {
            check_context("%s, input %d, place %d", direction_name(direction), which, place);
            conv_call_t call = good;
            *(which == 0 ? &call.x : which == 1 ? &call.w : &call.y) = overlapping[place];
            all_refuse(test, &call);
        }
    }
    for(int which = 0; which < 3; ++which) {
        guarded_t* buffer = &tensors[which]->buffer;
        unsigned char* const overlapping[] = {buffer->data, buffer->data + buffer->size_bytes - 1,
            buffer->data - 63};
        for(int place = 0; place < 3; ++place) {
            check_context("%s, workspace over %d, place %d", direction_name(direction), which, place);
            conv_call_t call = good;
            call.workspace = overlapping[place];
            call.workspace_bytes = 64;
            all_refuse(test, &call);
        }
    }
    /* Neighbours are no overlap. */
    check_context("%s, neighbours", direction_name(direction));
    conv_call_t call = good;
    guarded_t both = guarded_new(output->size_bytes + 4096);
    *(direction == FORWARD ? &call.y : direction == BACKWARD_DATA ? &call.x : &call.w) = both.data;
    call.workspace = both.data + output->size_bytes;
    call.workspace_bytes = 4096;
    CHECK_OK(conv_run(&call, &one, miopenConvolutionAlgoGEMM, &zero));
    memcpy(output->data, both.data, output->size_bytes);
    conv_case_check_output(test);
    guarded_free(&both);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

/* Both inputs may be one buffer: nobody writes them. */
static void shared_inputs(void)
{
    static const conv_shape_t square = {
        "square", 2, 6, 6, 6, 1, {6, 6}, {6, 6}, {0, 0}, {1, 1}, {1, 1}};
    check_context("x and w in one buffer");
    conv_case_t* test = conv_case_new(&square, FORWARD, miopenFloat, CHANNELS_FIRST);
    memcpy(test->w.buffer.data, test->x.buffer.data, test->x.buffer.size_bytes);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t call = conv_case_call(test, handle);
    CHECK_OK(conv_run(&call, &one, miopenConvolutionAlgoGEMM, &zero));
    guarded_t apart = guarded_new(test->y.buffer.size_bytes);
    memcpy(apart.data, test->y.buffer.data, apart.size_bytes);
    call.w = call.x;
    CHECK_OK(conv_run(&call, &one, miopenConvolutionAlgoGEMM, &zero));
    CHECK(memcmp(apart.data, test->y.buffer.data, apart.size_bytes) == 0);
    guarded_free(&apart);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

/* Elements lie at multiples of their size, as everywhere in C; other addresses are refused. */
static void misaligned(direction_t direction, miopenDataType_t dtype)
{
    conv_case_t* test = conv_case_new(&shapes[0], direction, dtype, CHANNELS_FIRST);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_call_t good = conv_case_call(test, handle);
    guarded_t spare = guarded_new(test->x.buffer.size_bytes + test->w.buffer.size_bytes
        + test->y.buffer.size_bytes);
    for(int which = 0; which < 3; ++which) {
        check_context("%s %s, tensor %d", direction_name(direction), dtype_name(dtype), which);
        conv_call_t call = good;
        *(which == 0 ? &call.x : which == 1 ? &call.w : &call.y) = spare.data + 1;
        all_refuse(test, &call);
        CHECK(guarded_untouched(&spare));
    }
    guarded_free(&spare);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(test);
}

int main(void)
{
    for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
        for(int shape = 0; shape < 2; ++shape) {
            small_workspaces(&shapes[shape], (direction_t)direction, miopenFloat);
            small_workspaces(&shapes[shape], (direction_t)direction, miopenHalf);
        }
        overlaps((direction_t)direction);
        misaligned((direction_t)direction, miopenFloat);
        misaligned((direction_t)direction, miopenHalf);
    }
    shared_inputs();
    return check_finish();
}
