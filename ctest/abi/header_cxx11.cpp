/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The header in a C++11 program; the same four ways as header_c11.c. To compile is to pass.
 */
#ifdef HIP_BEFORE
#include <hip/hip_runtime_api.h>
#endif

#include <miopen/miopen.h>

#ifdef HIP_AFTER
#include <hip/hip_runtime_api.h>
#endif

#include <memory>
#include <type_traits>

static_assert(
    std::is_same<miopenAcceleratorQueue_t, hipStream_t>::value, "a queue is a HIP stream");

// MIOpen's own C++ code and programs that reuse it derive from the empty structs.
struct Handle : miopenHandle
{
};
static_assert(std::is_empty<miopenHandle>::value, "objects are complete and empty in C++");

// PyTorch's way to hold a descriptor.
struct DestroyTensor
{
    void operator()(miopenTensorDescriptor* descriptor) const
    {
        miopenDestroyTensorDescriptor(descriptor);
    }
};
using Tensor = std::unique_ptr<miopenTensorDescriptor, DestroyTensor>;

// C linkage: a C++ program may declare a function again, as MIGraphX does with this one.
extern "C" miopenStatus_t
miopenHiddenSetConvolutionFindMode(miopenConvolutionDescriptor_t convDesc, int findMode);

Tensor make_tensor(miopenDataType_t type, int (&lengths)[4])
{
    miopenTensorDescriptor_t descriptor = nullptr;
    if (miopenCreateTensorDescriptor(&descriptor) != miopenStatusSuccess) return Tensor();
    Tensor tensor(descriptor);
    miopenSetTensorDescriptor(tensor.get(), type, 4, lengths, nullptr);
    return tensor;
}

miopenStatus_t make_handle(hipStream_t stream, miopenHandle_t* handle)
{
#ifdef __HIP_PLATFORM_AMD__
    if (hipStreamSynchronize(stream) != hipSuccess) return miopenStatusUnknownError;
#endif
    return miopenCreateWithStream(handle, stream);
}
