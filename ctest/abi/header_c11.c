/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The header in a C11 program: alone (no macro), with HIP's header before it (HIP_BEFORE), after it
 * (HIP_AFTER), or taken in by ours (only __HIP_PLATFORM_AMD__). To compile is to pass.
 */
#ifdef HIP_BEFORE
#include <hip/hip_runtime_api.h>
#endif

#include <miopen/miopen.h>

#ifdef HIP_AFTER
#include <hip/hip_runtime_api.h>
#endif

_Static_assert(
    MIOPEN_VERSION_MAJOR == 3 && MIOPEN_VERSION_MINOR == 5 && MIOPEN_VERSION_PATCH == 1,
    "the release that the tables end with");

#ifndef MIOPEN_VERSION_TWEAK
#error "MIOpen's version.h has MIOPEN_VERSION_TWEAK"
#endif

/* PyTorch and PaddlePaddle define this one themselves, each in its own way. */
#ifdef MIOPEN_VERSION
#error "MIOPEN_VERSION belongs to the programs that use the header"
#endif

#if !MIOPEN_BACKEND_HIP || MIOPEN_BACKEND_OPENCL
#error "HIP is the one backend"
#endif

_Static_assert(
    _Generic((miopenAcceleratorQueue_t)0, hipStream_t: 1, default: 0), "a queue is a HIP stream");

miopenStatus_t use_header(hipStream_t stream, miopenConvAlgoPerf_t* best);

miopenStatus_t use_header(hipStream_t stream, miopenConvAlgoPerf_t* best)
{
    miopenHandle_t handle = NULL;
    miopenStatus_t status = miopenCreateWithStream(&handle, stream);
#ifdef __HIP_PLATFORM_AMD__
    if (hipStreamSynchronize(stream) != hipSuccess) status = miopenStatusUnknownError;
#endif
    best->fwd_algo = miopenConvolutionFwdAlgoDirect;
    return status == miopenStatusSuccess ? miopenDestroy(handle) : status;
}
