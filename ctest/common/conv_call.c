/* SPDX-License-Identifier: MIT */
#include "conv_call.h"

#include <stdlib.h>

/* Arguments in the order of the three directions. */
#define FORWARD_DESCS call->w_desc, call->x_desc, call->conv, call->y_desc
#define BACKWARD_DATA_DESCS call->y_desc, call->w_desc, call->conv, call->x_desc
#define BACKWARD_WEIGHTS_DESCS call->y_desc, call->x_desc, call->conv, call->w_desc

/* The function of the call's direction, with the descriptors and what comes after them. */
#define DISPATCH(suffix, ...)                                                                    \
    switch(call->direction) {                                                                    \
    case FORWARD:                                                                                \
        return miopenConvolutionForward##suffix(call->handle, FORWARD_DESCS, __VA_ARGS__);       \
    case BACKWARD_DATA:                                                                          \
        return miopenConvolutionBackwardData##suffix(                                            \
            call->handle, BACKWARD_DATA_DESCS, __VA_ARGS__);                                     \
    case BACKWARD_WEIGHTS:                                                                       \
        return miopenConvolutionBackwardWeights##suffix(                                         \
            call->handle, BACKWARD_WEIGHTS_DESCS, __VA_ARGS__);                                  \
    }                                                                                            \
    abort()

const char* direction_name(direction_t direction)
{
    static const char* const names[] = {"fwd", "bwd", "wrw"};
    return names[direction];
}

miopenStatus_t conv_workspace_size(const conv_call_t* call, size_t* bytes)
{
    DISPATCH(GetWorkSpaceSize, bytes);
}

miopenStatus_t conv_solution_count(const conv_call_t* call, size_t* count)
{
    DISPATCH(GetSolutionCount, count);
}

miopenStatus_t conv_solutions(
    const conv_call_t* call, size_t capacity, size_t* count, miopenConvSolution_t* solutions)
{
    DISPATCH(GetSolution, capacity, count, solutions);
}

miopenStatus_t conv_solution_workspace(const conv_call_t* call, uint64_t id, size_t* bytes)
{
    DISPATCH(GetSolutionWorkspaceSize, id, bytes);
}

miopenStatus_t conv_compile(const conv_call_t* call, uint64_t id)
{
    DISPATCH(CompileSolution, id);
}

miopenStatus_t conv_find(const conv_call_t* call, int request_count, int* returned_count,
    miopenConvAlgoPerf_t* results, bool exhaustive)
{
    switch(call->direction) {
    case FORWARD:
        return miopenFindConvolutionForwardAlgorithm(call->handle, call->x_desc, call->x,
            call->w_desc, call->w, call->conv, call->y_desc, call->y, request_count,
            returned_count, results, call->workspace, call->workspace_bytes, exhaustive);
    case BACKWARD_DATA:
        return miopenFindConvolutionBackwardDataAlgorithm(call->handle, call->y_desc, call->y,
            call->w_desc, call->w, call->conv, call->x_desc, call->x, request_count,
            returned_count, results, call->workspace, call->workspace_bytes, exhaustive);
    case BACKWARD_WEIGHTS:
        return miopenFindConvolutionBackwardWeightsAlgorithm(call->handle, call->y_desc, call->y,
            call->x_desc, call->x, call->conv, call->w_desc, call->w, request_count,
            returned_count, results, call->workspace, call->workspace_bytes, exhaustive);
    }
    abort();
}

miopenStatus_t conv_run(
    const conv_call_t* call, const void* alpha, int algorithm, const void* beta)
{
    switch(call->direction) {
    case FORWARD:
        return miopenConvolutionForward(call->handle, alpha, call->x_desc, call->x, call->w_desc,
            call->w, call->conv, (miopenConvFwdAlgorithm_t)algorithm, beta, call->y_desc, call->y,
            call->workspace, call->workspace_bytes);
    case BACKWARD_DATA:
        return miopenConvolutionBackwardData(call->handle, alpha, call->y_desc, call->y,
            call->w_desc, call->w, call->conv, (miopenConvBwdDataAlgorithm_t)algorithm, beta,
            call->x_desc, call->x, call->workspace, call->workspace_bytes);
    case BACKWARD_WEIGHTS:
        return miopenConvolutionBackwardWeights(call->handle, alpha, call->y_desc, call->y,
            call->x_desc, call->x, call->conv, (miopenConvBwdWeightsAlgorithm_t)algorithm, beta,
            call->w_desc, call->w, call->workspace, call->workspace_bytes);
    }
    abort();
}

miopenStatus_t conv_immediate(const conv_call_t* call, uint64_t id)
{
    switch(call->direction) {
    case FORWARD:
        return miopenConvolutionForwardImmediate(call->handle, call->w_desc, call->w, call->x_desc,
            call->x, call->conv, call->y_desc, call->y, call->workspace, call->workspace_bytes, id);
    case BACKWARD_DATA:
        return miopenConvolutionBackwardDataImmediate(call->handle, call->y_desc, call->y,
            call->w_desc, call->w, call->conv, call->x_desc, call->x, call->workspace,
            call->workspace_bytes, id);
    case BACKWARD_WEIGHTS:
        return miopenConvolutionBackwardWeightsImmediate(call->handle, call->y_desc, call->y,
            call->x_desc, call->x, call->conv, call->w_desc, call->w, call->workspace,
            call->workspace_bytes, id);
    }
    abort();
}
