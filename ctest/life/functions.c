/* SPDX-License-Identifier: MIT */
/* Every function that this library answers when it stands alone. */
#include "world.h"

/* An id of the real library, which stands for our default. */
#define SOME_ID 85

/* A function that takes p[0], p[1], ... and whatever else stands in its argument list. */
#define CALL(name, ...)                         \
    static miopenStatus_t call_##name(void** p) \
    {                                           \
        return name(__VA_ARGS__);               \
    }

CALL(miopenGetVersion, p[0], p[1], p[2])
CALL(miopenCreate, p[0])
CALL(miopenCreateWithStream, p[0], NULL)
CALL(miopenDestroy, p[0])
CALL(miopenSetStream, p[0], NULL)
CALL(miopenGetStream, p[0], p[1])
CALL(miopenSetAllocator, p[0], NULL, NULL, NULL)
CALL(miopenGetKernelTime, p[0], p[1])
CALL(miopenEnableProfiling, p[0], true)
CALL(miopenSetTuningPolicy, p[0], miopenTuningPolicyNone)
CALL(miopenGetTuningPolicy, p[0], p[1])
CALL(miopenCreateTensorDescriptor, p[0])
CALL(miopenSet4dTensorDescriptor, p[0], miopenFloat, 1, 2, 3, 4)
CALL(miopenGet4dTensorDescriptor, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9])
CALL(miopenSetTensorDescriptor, p[0], miopenFloat, 4, p[1], p[2])
CALL(miopenGetTensorDescriptorSize, p[0], p[1])
CALL(miopenGetTensorDescriptor, p[0], p[1], p[2], p[3])
CALL(miopenDestroyTensorDescriptor, p[0])
CALL(miopenGetTensorNumBytes, p[0], p[1])
CALL(miopenSet4dTensorDescriptorEx, p[0], miopenFloat, 1, 2, 3, 4, 24, 12, 4, 1)
CALL(miopenSetNdTensorDescriptorWithLayout, p[0], miopenFloat, miopenTensorNHWC, p[1], 4)
CALL(miopenSetTensorCastType, p[0], miopenFloat)
CALL(miopenSetTensorDescriptorV2, p[0], miopenFloat, 2, p[1], p[2])
CALL(miopenCreateConvolutionDescriptor, p[0])
CALL(miopenInitConvolutionDescriptor, p[0], miopenConvolution, 1, 1, 1, 1, 1, 1)
CALL(miopenInitConvolutionNdDescriptor, p[0], 2, p[1], p[2], p[3], miopenConvolution)
CALL(miopenGetConvolutionDescriptor, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7])
CALL(miopenGetConvolutionNdDescriptor, p[0], 2, p[1], p[2], p[3], p[4], p[5])
CALL(miopenSetConvolutionGroupCount, p[0], 1)
CALL(miopenSetTransposeConvOutputPadding, p[0], 0, 0)
CALL(miopenSetTransposeConvNdOutputPadding, p[0], 2, p[1])
CALL(miopenGetConvolutionForwardOutputDim, p[0], p[1], p[2], p[3], p[4], p[5], p[6])
CALL(miopenGetConvolutionNdForwardOutputDim, p[0], p[1], p[2], p[3], p[4])
CALL(miopenDestroyConvolutionDescriptor, p[0])
CALL(miopenSetConvolutionAttribute, p[0], MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC, 1)
CALL(miopenGetConvolutionAttribute, p[0], MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC, p[1])
CALL(miopenGetConvolutionSpatialDim, p[0], p[1])
CALL(miopenGetConvolutionGroupCount, p[0], p[1])
CALL(miopenSetConvolutionFindMode, p[0], miopenConvolutionFindModeFast)
CALL(miopenGetConvolutionFindMode, p[0], p[1])
CALL(miopenHiddenSetConvolutionFindMode, p[0], 2)
CALL(miopenHiddenGetConvolutionFindMode, p[0], p[1])
CALL(miopenConvolutionForwardGetWorkSpaceSize, p[0], p[1], p[2], p[3], p[4], p[5])
CALL(miopenFindConvolutionForwardAlgorithm,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], 1, p[8], p[9], p[10], 1 << 16, false)
CALL(miopenConvolutionForward,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], miopenConvolutionFwdAlgoDirect, p[7], p[8], p[9],
    p[10], 1 << 16)
CALL(miopenConvolutionForwardGetSolutionCount, p[0], p[1], p[2], p[3], p[4], p[5])
CALL(miopenConvolutionForwardGetSolution, p[0], p[1], p[2], p[3], p[4], 1, p[5], p[6])
CALL(miopenConvolutionForwardGetSolutionWorkspaceSize, p[0], p[1], p[2], p[3], p[4], SOME_ID, p[5])
CALL(miopenConvolutionForwardCompileSolution, p[0], p[1], p[2], p[3], p[4], SOME_ID)
CALL(miopenConvolutionForwardImmediate,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], 1 << 16, SOME_ID)
CALL(miopenConvolutionBackwardDataGetWorkSpaceSize, p[0], p[1], p[2], p[3], p[4], p[5])
CALL(miopenFindConvolutionBackwardDataAlgorithm,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], 1, p[8], p[9], p[10], 1 << 16, false)
CALL(miopenConvolutionBackwardData,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], miopenConvolutionBwdDataAlgoDirect, p[7], p[8],
    p[9], p[10], 1 << 16)
CALL(miopenConvolutionBackwardDataGetSolutionCount, p[0], p[1], p[2], p[3], p[4], p[5])
CALL(miopenConvolutionBackwardDataGetSolution, p[0], p[1], p[2], p[3], p[4], 1, p[5], p[6])
CALL(miopenConvolutionBackwardDataGetSolutionWorkspaceSize,
    p[0], p[1], p[2], p[3], p[4], SOME_ID, p[5])
CALL(miopenConvolutionBackwardDataCompileSolution, p[0], p[1], p[2], p[3], p[4], SOME_ID)
CALL(miopenConvolutionBackwardDataImmediate,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], 1 << 16, SOME_ID)
CALL(miopenConvolutionBackwardWeightsGetWorkSpaceSize, p[0], p[1], p[2], p[3], p[4], p[5])
CALL(miopenFindConvolutionBackwardWeightsAlgorithm,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], 1, p[8], p[9], p[10], 1 << 16, false)
CALL(miopenConvolutionBackwardWeights,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], miopenConvolutionBwdWeightsAlgoDirect, p[7], p[8],
    p[9], p[10], 1 << 16)
CALL(miopenConvolutionBackwardWeightsGetSolutionCount, p[0], p[1], p[2], p[3], p[4], p[5])
CALL(miopenConvolutionBackwardWeightsGetSolution, p[0], p[1], p[2], p[3], p[4], 1, p[5], p[6])
CALL(miopenConvolutionBackwardWeightsGetSolutionWorkspaceSize,
    p[0], p[1], p[2], p[3], p[4], SOME_ID, p[5])
CALL(miopenConvolutionBackwardWeightsCompileSolution, p[0], p[1], p[2], p[3], p[4], SOME_ID)
CALL(miopenConvolutionBackwardWeightsImmediate,
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], 1 << 16, SOME_ID)
CALL(miopenConvolutionForwardBias, p[0], p[1], p[2], p[3], p[4], p[5], p[6])
CALL(miopenConvolutionBackwardBias, p[0], p[1], p[2], p[3], p[4], p[5], p[6])

#define ROW(name, kinds, written)          \
    {                                      \
        #name, kinds, written, call_##name \
    }

const function_t functions[] = {
    ROW(miopenGetVersion, "OOO", ""),
    ROW(miopenCreate, "o", ""),
    ROW(miopenCreateWithStream, "o", ""),
    ROW(miopenDestroy, "h", ""),
    ROW(miopenSetStream, "h", ""),
    ROW(miopenGetStream, "ho", ""),
    ROW(miopenSetAllocator, "h", ""),
    ROW(miopenGetKernelTime, "ho", ""),
    ROW(miopenEnableProfiling, "h", ""),
    ROW(miopenSetTuningPolicy, "h", ""),
    ROW(miopenGetTuningPolicy, "ho", ""),
    ROW(miopenCreateTensorDescriptor, "o", ""),
    ROW(miopenSet4dTensorDescriptor, "t", ""),
    ROW(miopenGet4dTensorDescriptor, "tooooooooo", ""),
    ROW(miopenSetTensorDescriptor, "tnI", ""),
    ROW(miopenGetTensorDescriptorSize, "to", ""),
    ROW(miopenGetTensorDescriptor, "tOOO", ""),
    ROW(miopenDestroyTensorDescriptor, "t", ""),
    ROW(miopenGetTensorNumBytes, "to", ""),
    ROW(miopenSet4dTensorDescriptorEx, "t", ""),
    ROW(miopenSetNdTensorDescriptorWithLayout, "tn", ""),
    ROW(miopenSetTensorCastType, "t", ""),
    ROW(miopenSetTensorDescriptorV2, "tNJ", ""),
    ROW(miopenCreateConvolutionDescriptor, "o", ""),
    ROW(miopenInitConvolutionDescriptor, "c", ""),
    ROW(miopenInitConvolutionNdDescriptor, "ciii", ""),
    ROW(miopenGetConvolutionDescriptor, "cooooooo", ""),
    ROW(miopenGetConvolutionNdDescriptor, "cOOOOO", ""),
    ROW(miopenSetConvolutionGroupCount, "c", ""),
    ROW(miopenSetTransposeConvOutputPadding, "c", ""),
    ROW(miopenSetTransposeConvNdOutputPadding, "ci", ""),
    ROW(miopenGetConvolutionForwardOutputDim, "cxwoooo", ""),
    ROW(miopenGetConvolutionNdForwardOutputDim, "cxwoo", ""),
    ROW(miopenDestroyConvolutionDescriptor, "c", ""),
    ROW(miopenSetConvolutionAttribute, "c", ""),
    ROW(miopenGetConvolutionAttribute, "co", ""),
    ROW(miopenGetConvolutionSpatialDim, "co", ""),
    ROW(miopenGetConvolutionGroupCount, "co", ""),
    ROW(miopenSetConvolutionFindMode, "c", ""),
    ROW(miopenGetConvolutionFindMode, "co", ""),
    ROW(miopenHiddenSetConvolutionFindMode, "c", ""),
    ROW(miopenHiddenGetConvolutionFindMode, "co", ""),
    ROW(miopenConvolutionForwardGetWorkSpaceSize, "hwxcyo", ""),
    ROW(miopenFindConvolutionForwardAlgorithm, "hxXwWcyYoos", "Ys"),
    ROW(miopenConvolutionForward, "h1xXwWc0yYs", "Ys"),
    ROW(miopenConvolutionForwardGetSolutionCount, "hwxcyo", ""),
    ROW(miopenConvolutionForwardGetSolution, "hwxcyOO", ""),
    ROW(miopenConvolutionForwardGetSolutionWorkspaceSize, "hwxcyo", ""),
    ROW(miopenConvolutionForwardCompileSolution, "hwxcy", ""),
    ROW(miopenConvolutionForwardImmediate, "hwWxXcyYs", "Ys"),
    ROW(miopenConvolutionBackwardDataGetWorkSpaceSize, "hywcxo", ""),
    ROW(miopenFindConvolutionBackwardDataAlgorithm, "hyYwWcxXoos", "Xs"),
    ROW(miopenConvolutionBackwardData, "h1yYwWc0xXs", "Xs"),
    ROW(miopenConvolutionBackwardDataGetSolutionCount, "hywcxo", ""),
    ROW(miopenConvolutionBackwardDataGetSolution, "hywcxOO", ""),
    ROW(miopenConvolutionBackwardDataGetSolutionWorkspaceSize, "hywcxo", ""),
    ROW(miopenConvolutionBackwardDataCompileSolution, "hywcx", ""),
    ROW(miopenConvolutionBackwardDataImmediate, "hyYwWcxXs", "Xs"),
    ROW(miopenConvolutionBackwardWeightsGetWorkSpaceSize, "hyxcwo", ""),
    ROW(miopenFindConvolutionBackwardWeightsAlgorithm, "hyYxXcwWoos", "Ws"),
    ROW(miopenConvolutionBackwardWeights, "h1yYxXc0wWs", "Ws"),
    ROW(miopenConvolutionBackwardWeightsGetSolutionCount, "hyxcwo", ""),
    ROW(miopenConvolutionBackwardWeightsGetSolution, "hyxcwOO", ""),
    ROW(miopenConvolutionBackwardWeightsGetSolutionWorkspaceSize, "hyxcwo", ""),
    ROW(miopenConvolutionBackwardWeightsCompileSolution, "hyxcw", ""),
    ROW(miopenConvolutionBackwardWeightsImmediate, "hyYxXcwWs", "Ws"),
    ROW(miopenConvolutionForwardBias, "h1zB0yY", "Y"),
    ROW(miopenConvolutionBackwardBias, "h1yY0zB", "B"),
};

const int function_count = sizeof functions / sizeof functions[0];
