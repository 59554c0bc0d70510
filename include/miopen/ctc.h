/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Connectionist temporal classification (CTC) loss.
 */
#ifndef GUARD_MIOPEN_CTC_H_
#define GUARD_MIOPEN_CTC_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Makes a CTC loss descriptor, to be freed by miopenDestroyCTCLossDescriptor(). */
MIOPEN_EXPORT miopenStatus_t miopenCreateCTCLossDescriptor(miopenCTCLossDescriptor_t* ctcLossDesc);

/** Reads data type, blank label, and whether a softmax comes first. */
MIOPEN_EXPORT miopenStatus_t miopenGetCTCLossDescriptor(
    miopenCTCLossDescriptor_t ctcLossDesc, miopenDataType_t* dataType, int* blank_label_id,
    bool* apply_softmax_layer);

/** Frees a CTC loss descriptor; NULL is accepted. */
MIOPEN_EXPORT miopenStatus_t miopenDestroyCTCLossDescriptor(miopenCTCLossDescriptor_t ctcLossDesc);

/** Sets data type, blank label, and whether a softmax is applied to the input first. */
MIOPEN_EXPORT miopenStatus_t miopenSetCTCLossDescriptor(
    miopenCTCLossDescriptor_t ctcLossDesc, miopenDataType_t dataType, const int blank_label_id,
    bool apply_softmax_layer);

/**
 * Bytes of workspace for miopenCTCLoss(). labels, labelLengths and inputLengths are host memory.
 */
MIOPEN_EXPORT miopenStatus_t miopenGetCTCLossWorkspaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t probsDesc,
    const miopenTensorDescriptor_t gradientsDesc, const int* labels, const int* labelLengths,
    const int* inputLengths, miopenCTCLossAlgo_t algo, const miopenCTCLossDescriptor_t ctcLossDesc,
    size_t* workSpaceSize);

/**
 * Loss of each sample, and its gradient by the probabilities. probsDesc is [steps, batch, classes];
 * labels (all samples in a row), labelLengths and inputLengths are host memory.
 */
MIOPEN_EXPORT miopenStatus_t miopenCTCLoss(
    miopenHandle_t handle, const miopenTensorDescriptor_t probsDesc, const void* probs,
    const int* labels, const int* labelLengths, const int* inputLengths, void* losses,
    const miopenTensorDescriptor_t gradientsDesc, void* gradients, miopenCTCLossAlgo_t algo,
    const miopenCTCLossDescriptor_t ctcLossDesc, void* workSpace, size_t workSpaceSize);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_CTC_H_ */
