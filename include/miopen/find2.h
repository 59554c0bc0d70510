/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Find 2.0: problems, options and solutions as objects.
 */
#ifndef GUARD_MIOPEN_FIND2_H_
#define GUARD_MIOPEN_FIND2_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

MIOPEN_EXPORT miopenStatus_t miopenCreateConvProblem(
    miopenProblem_t* problem, miopenConvolutionDescriptor_t operatorDesc,
    miopenProblemDirection_t direction);

MIOPEN_EXPORT miopenStatus_t miopenDestroyProblem(miopenProblem_t problem);

MIOPEN_EXPORT miopenStatus_t miopenSetProblemTensorDescriptor(
    miopenProblem_t problem, miopenTensorArgumentId_t id,
    const miopenTensorDescriptor_t descriptor);

MIOPEN_EXPORT miopenStatus_t miopenCreateFindOptions(miopenFindOptions_t* options);

MIOPEN_EXPORT miopenStatus_t miopenDestroyFindOptions(miopenFindOptions_t options);

MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionTuning(miopenFindOptions_t options, int value);

MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionResultsOrder(
    miopenFindOptions_t options, miopenFindResultsOrder_t value);

MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionWorkspaceLimit(
    miopenFindOptions_t options, size_t value);

MIOPEN_EXPORT miopenStatus_t miopenFindSolutions(
    miopenHandle_t handle, miopenProblem_t problem, miopenFindOptions_t options,
    miopenSolution_t* solutions, size_t* numSolutions, size_t maxSolutions);

MIOPEN_EXPORT miopenStatus_t miopenRunSolution(
    miopenHandle_t handle, miopenSolution_t solution, size_t nInputs,
    const miopenTensorArgument_t* tensors, void* workspace, size_t workspaceSize);

MIOPEN_EXPORT miopenStatus_t miopenDestroySolution(miopenSolution_t solution);

MIOPEN_EXPORT miopenStatus_t miopenLoadSolution(
    miopenSolution_t* solution, const char* data, size_t size);

MIOPEN_EXPORT miopenStatus_t miopenSaveSolution(miopenSolution_t solution, char* data);

MIOPEN_EXPORT miopenStatus_t miopenGetSolutionSize(miopenSolution_t solution, size_t* size);

MIOPEN_EXPORT miopenStatus_t miopenGetSolutionWorkspaceSize(
    miopenSolution_t solution, size_t* workspaceSize);

MIOPEN_EXPORT miopenStatus_t miopenGetSolutionTime(miopenSolution_t solution, float* time);

MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionPreallocatedWorkspace(
    miopenFindOptions_t options, void* buffer, size_t size);

MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionPreallocatedTensor(
    miopenFindOptions_t options, miopenTensorArgumentId_t id, void* buffer);

MIOPEN_EXPORT miopenStatus_t miopenGetSolutionSolverId(
    miopenSolution_t solution, uint64_t* solverId);

MIOPEN_EXPORT miopenStatus_t miopenGetSolverIdConvAlgorithm(
    uint64_t solverId, miopenConvAlgorithm_t* result);

#ifdef MIOPEN_BETA_API

MIOPEN_EXPORT miopenStatus_t miopenCreateActivationProblem(
    miopenProblem_t* problem, miopenActivationDescriptor_t operatorDesc,
    miopenProblemDirection_t direction);

MIOPEN_EXPORT miopenStatus_t miopenFuseProblems(miopenProblem_t problem1, miopenProblem_t problem2);

MIOPEN_EXPORT miopenStatus_t miopenCreateBiasProblem(
    miopenProblem_t* problem, miopenProblemDirection_t direction);

#endif /* MIOPEN_BETA_API */

MIOPEN_EXPORT miopenStatus_t miopenCreateMhaProblem(
    miopenProblem_t* problem, miopenMhaDescriptor_t operatorDesc,
    miopenProblemDirection_t direction);

#ifdef MIOPEN_BETA_API

MIOPEN_EXPORT miopenStatus_t miopenCreateBatchnormProblem(
    miopenProblem_t* problem, miopenBatchNormMode_t mode, bool runningMeanVariance,
    miopenProblemDirection_t direction);

MIOPEN_EXPORT miopenStatus_t miopenCreateSoftmaxProblem(
    miopenProblem_t* problem, miopenSoftmaxDescriptor_t operatorDesc,
    miopenProblemDirection_t direction);

#endif /* MIOPEN_BETA_API */

MIOPEN_EXPORT miopenStatus_t miopenSetFindOptionAttachBinaries(
    miopenFindOptions_t options, unsigned int attach);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_FIND2_H_ */
