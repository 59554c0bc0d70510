/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The convolution functions of MIOpen, which are one per direction, as one per purpose. Each
 * passes its arguments on unchanged, in the order in which the function of that direction wants
 * them.
 */
#ifndef COMMON_CONV_CALL_H
#define COMMON_CONV_CALL_H

#include <miopen/miopen.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS } direction_t;

/** "fwd", "bwd" or "wrw". */
const char* direction_name(direction_t direction);

/** What every call takes; dx, dw and dy stand in the places of x, w and y. */
typedef struct {
    direction_t direction;
    miopenHandle_t handle;
    miopenTensorDescriptor_t x_desc, w_desc, y_desc;
    miopenConvolutionDescriptor_t conv;
    void *x, *w, *y, *workspace;
    size_t workspace_bytes;
} conv_call_t;

/** <Direction>GetWorkSpaceSize */
miopenStatus_t conv_workspace_size(const conv_call_t* call, size_t* bytes);

/** miopenFindConvolution<Direction>Algorithm */
miopenStatus_t conv_find(const conv_call_t* call, int request_count, int* returned_count,
    miopenConvAlgoPerf_t* results, bool exhaustive);

/** miopenConvolution<Direction> */
miopenStatus_t conv_run(
    const conv_call_t* call, const void* alpha, int algorithm, const void* beta);

/** <Direction>GetSolutionCount */
miopenStatus_t conv_solution_count(const conv_call_t* call, size_t* count);

/** <Direction>GetSolution */
miopenStatus_t conv_solutions(
    const conv_call_t* call, size_t capacity, size_t* count, miopenConvSolution_t* solutions);

/** <Direction>GetSolutionWorkspaceSize */
miopenStatus_t conv_solution_workspace(const conv_call_t* call, uint64_t id, size_t* bytes);

/** <Direction>CompileSolution */
miopenStatus_t conv_compile(const conv_call_t* call, uint64_t id);

/** <Direction>Immediate */
miopenStatus_t conv_immediate(const conv_call_t* call, uint64_t id);

#ifdef __cplusplus
}
#endif

#endif /* COMMON_CONV_CALL_H */
