/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Objects, callbacks and result records.
 *
 * Objects are pointers that only the library that made them can read. Every Create function has its
 * Destroy function, which accepts NULL. Unless a function says otherwise, a NULL object or a NULL
 * output pointer is answered with miopenStatusBadParm.
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

/* Programs built for HIP may count on getting its declarations from here, as with MIOpen's header.
   Others need no HIP headers: the stream type is declared the way HIP declares it, and to declare
   it twice is harmless. */
#if defined(__HIP_PLATFORM_AMD__) && defined(__has_include)
#if __has_include(<hip/hip_runtime_api.h>)
#include <hip/hip_runtime_api.h>
#endif
#endif
typedef struct ihipStream_t* hipStream_t;

/** The queue that a handle puts its work on: a HIP stream. NULL is the default stream. */
typedef hipStream_t miopenAcceleratorQueue_t;

/* ---- Objects ---- */

/** A stream with the library state that belongs to it. */
MIOPEN_DECLARE_OBJECT(miopenHandle);

/** One operation of a fusion plan; the plan owns it. */
MIOPEN_DECLARE_OBJECT(miopenFusionOpDescriptor);

/** Data type, lengths and strides of a tensor. */
MIOPEN_DECLARE_OBJECT(miopenTensorDescriptor);

/** Mode, padding, stride, dilation, groups and attributes of a convolution. */
MIOPEN_DECLARE_OBJECT(miopenConvolutionDescriptor);

/** Mode, window, padding and stride of a pooling. */
MIOPEN_DECLARE_OBJECT(miopenPoolingDescriptor);

/** Mode and constants of a local response normalization. */
MIOPEN_DECLARE_OBJECT(miopenLRNDescriptor);

/** Mode and up to three constants of an activation function. */
MIOPEN_DECLARE_OBJECT(miopenActivationDescriptor);

/** Cell, size, layers and direction of a recurrent network. */
MIOPEN_DECLARE_OBJECT(miopenRNNDescriptor);

/** Settings of a CTC loss. */
MIOPEN_DECLARE_OBJECT(miopenCTCLossDescriptor);

/** Rate and random state of a dropout. */
MIOPEN_DECLARE_OBJECT(miopenDropoutDescriptor);

/** A sequence of operations to be fused. */
MIOPEN_DECLARE_OBJECT(miopenFusionPlanDescriptor);

/** Kept for source compatibility: no function takes one. */
MIOPEN_DECLARE_OBJECT(miopenOperatorDescriptor);

/** The arguments of a fusion plan's operations. */
MIOPEN_DECLARE_OBJECT(miopenOperatorArgs);

/** Operation and index settings of a reduction. */
MIOPEN_DECLARE_OBJECT(miopenReduceTensorDescriptor);

/** Find 2.0: an operation with its tensor descriptors. */
MIOPEN_DECLARE_OBJECT(miopenProblem);

/** Find 2.0: how to search. */
MIOPEN_DECLARE_OBJECT(miopenFindOptions);

/** Find 2.0: one way to compute a problem. */
MIOPEN_DECLARE_OBJECT(miopenSolution);

/** A batch of sequences of differing lengths. */
MIOPEN_DECLARE_OBJECT(miopenSeqTensorDescriptor);

/** Settings of a multi-head attention. */
MIOPEN_DECLARE_OBJECT(miopenMhaDescriptor);

/** Settings of a softmax, for Find 2.0 problems. */
MIOPEN_DECLARE_OBJECT(miopenSoftmaxDescriptor);

/* ---- Callbacks ---- */

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Asked by the library for device memory.
 *
 * @param context    the allocatorContext given to miopenSetAllocator()
 * @param sizeBytes  bytes wanted
 * @return device memory, or NULL if there is none
 */
typedef void* (*miopenAllocatorFunction)(void* context, size_t sizeBytes);

/**
 * Gives back memory that a miopenAllocatorFunction() returned.
 *
 * @param context  the allocatorContext given to miopenSetAllocator()
 * @param memory   what was returned
 */
typedef void (*miopenDeallocatorFunction)(void* context, void* memory);

#ifdef __cplusplus
}
#endif

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
    float time;                      /**< Time of one run in milliseconds; negative: a guess. */
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

#endif /* GUARD_MIOPEN_TYPES_H_ */
