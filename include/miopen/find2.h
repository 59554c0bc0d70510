/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Find 2.0: a problem, the options of a search and its solutions are objects.
 *
 * The order: miopenCreateConvProblem(), miopenSetProblemTensorDescriptor() for x, w and y,
 * miopenFindSolutions(), miopenRunSolution(). A convolution names its tensors alike in every
 * direction: X is the input or its gradient, W the filter or its gradient, Y the output or its
 * gradient. NULL output pointers are miopenStatusBadParm where not said otherwise.
 */
#ifndef GUARD_MIOPEN_FIND2_H_
#define GUARD_MIOPEN_FIND2_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Problems ---- */

/**
 * Makes a convolution problem.
 *
 * @param problem       receives it; miopenDestroyProblem() frees it
 * @param operatorDesc  the convolution; copied
 * @param direction     forward, backward or backward weights
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateConvProblem(
    miopenProblem_t* problem, miopenConvolutionDescriptor_t operatorDesc,
    miopenProblemDirection_t direction);

/**
 * Frees a problem. Solutions found for it stay valid.
 *
 * @param problem  may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenDestroyProblem(miopenProblem_t problem);

/**
 * Describes one tensor of a problem.
 *
 * @param problem     the problem; miopenStatusBadParm if it is a fused one
 * @param id          role of the tensor
 * @param descriptor  copied
 */
MIOPEN_EXPORT miopenStatus_t miopenSetProblemTensorDescriptor(
    miopenProblem_t problem, miopenTensorArgumentId_t id,
    const miopenTensorDescriptor_t descriptor);

#ifdef MIOPEN_BETA_API

/**
 * Makes an activation problem. Since ROCm 6.1.
 *
 * @param problem       receives it; miopenDestroyProblem() frees it
 * @param operatorDesc  the activation; copied
 * @param direction     forward or backward
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateActivationProblem(
    miopenProblem_t* problem, miopenActivationDescriptor_t operatorDesc,
    miopenProblemDirection_t direction);

/**
 * Appends problem2 to problem1, so that both are computed at once. Since ROCm 6.1.
 *
 * @param problem1  changed: holds both afterwards
 * @param problem2  appended; still to be destroyed
 */
MIOPEN_EXPORT miopenStatus_t miopenFuseProblems(miopenProblem_t problem1, miopenProblem_t problem2);

/**
 * Makes a bias problem, to be fused. Since ROCm 6.1.
 *
 * @param problem    receives it; miopenDestroyProblem() frees it
 * @param direction  direction
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateBiasProblem(
    miopenProblem_t* problem, miopenProblemDirection_t direction);

#endif /* MIOPEN_BETA_API */

/**
 * Makes a multi-head attention problem. Since ROCm 6.2.
 *
 * @param problem       receives it; miopenDestroyProblem() frees it
 * @param operatorDesc  the attention; copied
 * @param direction     forward or backward
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateMhaProblem(
    miopenProblem_t* problem, miopenMhaDescriptor_t operatorDesc,
    miopenProblemDirection_t direction);

#ifdef MIOPEN_BETA_API

/**
 * Makes a batch normalization problem. Since ROCm 6.2.
 *
 * @param problem              receives it; miopenDestroyProblem() frees it
 * @param mode                 what shares a mean and a variance
 * @param runningMeanVariance  true: running statistics are updated
 * @param direction            forward, backward or inference
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateBatchnormProblem(
    miopenProblem_t* problem, miopenBatchNormMode_t mode, bool runningMeanVariance,
    miopenProblemDirection_t direction);

/**
 * Makes a softmax problem. Since ROCm 6.2.
 *
 * @param problem       receives it; miopenDestroyProblem() frees it
 * @param operatorDesc  the softmax; copied
 * @param direction     forward or backward
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateSoftmaxProblem(
    miopenProblem_t* problem, miopenSoftmaxDescriptor_t operatorDesc,
    miopenProblemDirection_t direction);

#endif

/* ---- Options ---- */

/**
 * Makes options with their defaults: no tuning, by time, no workspace limit, nothing preallocated.
 *
 * @param options  receives them; miopenDestroyFindOptions() frees them
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateFindOptions(miopenFindOptions_t* options);

/**
 * Frees options.
 *
 * @param options  may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenDestroyFindOptions(miopenFindOptions_t options);

/**
 * Says whether kernels are tuned while searching.
 *
 * @param options  the options
 * @param value    0: no; 1: yes, which can take minutes
 */
MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionTuning(miopenFindOptions_t options, int value);

/**
 * Says how solutions are sorted.
 *
 * @param options  the options
 * @param value    by time or by workspace
 */
MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionResultsOrder(
    miopenFindOptions_t options, miopenFindResultsOrder_t value);

/**
 * Leaves out solutions that need more workspace than this.
 *
 * @param options  the options
 * @param value    bytes
 */
MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionWorkspaceLimit(
    miopenFindOptions_t options, size_t value);

/**
 * Lets the search use memory of the caller as workspace. Since ROCm 5.6.
 *
 * @param options  the options
 * @param buffer   device memory
 * @param size     its bytes
 */
MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionPreallocatedWorkspace(
    miopenFindOptions_t options, void* buffer, size_t size);

/**
 * Lets the search use a tensor of the caller in place of one it allocates. Since ROCm 5.6.
 *
 * @param options  the options
 * @param id       role of the tensor
 * @param buffer   device memory; outputs are overwritten
 */
MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionPreallocatedTensor(
    miopenFindOptions_t options, miopenTensorArgumentId_t id, void* buffer);

/**
 * Says whether solutions carry their compiled kernels when saved. Since ROCm 6.3.
 *
 * @param options  the options
 * @param attach   0: no; 1: yes
 */
MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionAttachBinaries(
    miopenFindOptions_t options, unsigned int attach);

/* ---- Solutions ---- */

/**
 * Searches for solutions of a problem.
 *
 * @param handle        the handle
 * @param problem       all its tensors must be described, else miopenStatusInvalidValue
 * @param options       may be NULL: the defaults
 * @param solutions     receives new objects; miopenDestroySolution() frees each
 * @param numSolutions  receives how many were written; may be NULL
 * @param maxSolutions  length of solutions
 */
MIOPEN_EXPORT miopenStatus_t miopenFindSolutions(
    miopenHandle_t handle, miopenProblem_t problem, miopenFindOptions_t options,
    miopenSolution_t* solutions, size_t* numSolutions, size_t maxSolutions);

/**
 * Computes a problem by a solution. It may have been found with another handle.
 *
 * @param handle         the handle
 * @param solution       the solution
 * @param nInputs        length of tensors
 * @param tensors        one entry a tensor of the problem; a missing one is
 *                       miopenStatusInvalidValue
 * @param workspace      scratch memory of the caller
 * @param workspaceSize  its bytes; too few is miopenStatusBadParm
 */
MIOPEN_EXPORT miopenStatus_t miopenRunSolution(
    miopenHandle_t handle, miopenSolution_t solution, size_t nInputs,
    const miopenTensorArgument_t* tensors, void* workspace, size_t workspaceSize);

/**
 * Frees a solution.
 *
 * @param solution  may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenDestroySolution(miopenSolution_t solution);

/**
 * Makes a solution from what miopenSaveSolution() wrote, maybe in another process.
 *
 * @param solution  receives it; miopenDestroySolution() frees it
 * @param data      the saved bytes; NULL is miopenStatusBadParm
 * @param size      how many
 * @return miopenStatusInvalidValue if the data is no solution, miopenStatusVersionMismatch if it
 *         has another format, miopenStatusUnknownError if it is damaged
 */
MIOPEN_EXPORT miopenStatus_t miopenLoadSolution(
    miopenSolution_t* solution, const char* data, size_t size);

/**
 * Writes a solution as bytes.
 *
 * @param solution  the solution
 * @param data      receives as many bytes as miopenGetSolutionSize() says
 */
MIOPEN_EXPORT miopenStatus_t miopenSaveSolution(miopenSolution_t solution, char* data);

/**
 * Size of a saved solution.
 *
 * @param solution  the solution
 * @param size      receives bytes
 */
MIOPEN_EXPORT miopenStatus_t miopenGetSolutionSize(miopenSolution_t solution, size_t* size);

/**
 * Workspace of a solution.
 *
 * @param solution       the solution
 * @param workspaceSize  receives bytes
 */
MIOPEN_EXPORT miopenStatus_t miopenGetSolutionWorkspaceSize(
    miopenSolution_t solution, size_t* workspaceSize);

/**
 * Time that one run took when the solution was found.
 *
 * @param solution  the solution
 * @param time      receives milliseconds
 */
MIOPEN_EXPORT miopenStatus_t miopenGetSolutionTime(miopenSolution_t solution, float* time);

/**
 * Id of a solution, as immediate mode uses it. Since ROCm 5.7.
 *
 * @param solution  the solution
 * @param solverId  receives the id
 */
MIOPEN_EXPORT miopenStatus_t miopenGetSolutionSolverId(
    miopenSolution_t solution, uint64_t* solverId);

/**
 * Family of the kernel that an id stands for. Since ROCm 5.7.
 *
 * @param solverId  an id
 * @param result    receives the family
 */
MIOPEN_EXPORT miopenStatus_t miopenGetSolverIdConvAlgorithm(
    uint64_t solverId, miopenConvAlgorithm_t* result);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_FIND2_H_ */
