/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Types.
 */
#ifndef GUARD_MIOPEN_TYPES_H_
#define GUARD_MIOPEN_TYPES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <miopen/config.h>
#include <miopen/enums.h>
#include <miopen/export.h>

/**
 * Declares an object that callers hold by pointer only: struct NAME and its pointer type NAME_t.
 * C++ sees a complete, empty struct, so that a library may derive its own class from it.
 */
#ifdef __cplusplus
#define MIOPEN_DECLARE_OBJECT(name) \
    struct name                     \
    {                               \
    };                              \
    typedef struct name* name##_t
#else
#define MIOPEN_DECLARE_OBJECT(name) typedef struct name* name##_t
#endif

/* The same declaration that HIP has, so that its headers are not needed but do no harm. */
typedef struct ihipStream_t* hipStream_t;

/** The queue that a handle puts its work on: a HIP stream. NULL is the default stream. */
typedef hipStream_t miopenAcceleratorQueue_t;

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Objects ---- */

MIOPEN_DECLARE_OBJECT(miopenHandle);

MIOPEN_DECLARE_OBJECT(miopenFusionOpDescriptor);

MIOPEN_DECLARE_OBJECT(miopenTensorDescriptor);

MIOPEN_DECLARE_OBJECT(miopenConvolutionDescriptor);

MIOPEN_DECLARE_OBJECT(miopenPoolingDescriptor);

MIOPEN_DECLARE_OBJECT(miopenLRNDescriptor);

MIOPEN_DECLARE_OBJECT(miopenActivationDescriptor);

MIOPEN_DECLARE_OBJECT(miopenRNNDescriptor);

MIOPEN_DECLARE_OBJECT(miopenCTCLossDescriptor);

MIOPEN_DECLARE_OBJECT(miopenDropoutDescriptor);

MIOPEN_DECLARE_OBJECT(miopenFusionPlanDescriptor);

MIOPEN_DECLARE_OBJECT(miopenOperatorDescriptor);

MIOPEN_DECLARE_OBJECT(miopenOperatorArgs);

MIOPEN_DECLARE_OBJECT(miopenReduceTensorDescriptor);

MIOPEN_DECLARE_OBJECT(miopenProblem);

MIOPEN_DECLARE_OBJECT(miopenFindOptions);

MIOPEN_DECLARE_OBJECT(miopenSolution);

MIOPEN_DECLARE_OBJECT(miopenSeqTensorDescriptor);

MIOPEN_DECLARE_OBJECT(miopenMhaDescriptor);

MIOPEN_DECLARE_OBJECT(miopenSoftmaxDescriptor);

/* ---- Callbacks ---- */

typedef void* (*miopenAllocatorFunction)(void* context, size_t sizeBytes);

typedef void (*miopenDeallocatorFunction)(void* context, void* memory);

/* ---- Result records ---- */

/**
 * One result of a Find call: an algorithm, what it cost and what it needs.
 * The algorithm is the same number in whichever member is read.
 */
typedef struct {
    union {
        miopenConvFwdAlgorithm_t fwd_algo;                /**< After a forward search. */
        miopenConvBwdWeightsAlgorithm_t bwd_weights_algo; /**< After a backward-weights search. */
        miopenConvBwdDataAlgorithm_t bwd_data_algo;       /**< After a backward-data search. */
    };
    float time;    /**< Time of one run, in milliseconds. */
    size_t memory; /**< Workspace the algorithm needs, in bytes. */
} miopenConvAlgoPerf_t;

/** One solution that immediate mode offers for a convolution. */
typedef struct {
    float time;                      /**< Time of one run in milliseconds; negative: a rough guess. */
    size_t workspace_size;           /**< Workspace the solution needs, in bytes. */
    uint64_t solution_id;            /**< Number of the solution; 0 is never a valid one. */
    miopenConvAlgorithm_t algorithm; /**< Family the solution belongs to. */
} miopenConvSolution_t;

/** One tensor handed to miopenRunSolution(). */
typedef struct {
    miopenTensorArgumentId_t id;          /**< Role of the tensor in the problem. */
    miopenTensorDescriptor_t* descriptor; /**< Address of a descriptor; NULL: the problem's own. */
    void* buffer;                         /**< Data in device memory. */
} miopenTensorArgument_t;

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_TYPES_H_ */
