/* The variant whose objects are real: handles and descriptors can be created, set and read, as far
 * as a convolution needs them. What its convolutions do, STUB_CONVOLUTION says:
 *
 *   (unset)  succeed and compute nothing
 *   hang     never come back
 *   crash    fault on memory
 *   fail     answer miopenStatusUnknownError
 *
 * These definitions take the place of the generated ones, which are weak in this variant. */
#define MIOPEN_BETA_API
#define MIOPEN_BYPASS_RETIRED_API
#define MIOPEN_BYPASS_HIDDEN_API
#include "record.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_RANK = 8, MAX_SPATIAL = 3 };

struct miopenHandle {
    miopenAcceleratorQueue_t stream;
};

struct miopenTensorDescriptor {
    miopenDataType_t dtype;
    int rank, lengths[MAX_RANK], strides[MAX_RANK];
};

struct miopenConvolutionDescriptor {
    miopenConvolutionMode_t mode;
    int spatial_dim, pads[MAX_SPATIAL], strides[MAX_SPATIAL], dilations[MAX_SPATIAL], groups;
};

miopenStatus_t miopenGetVersion(size_t* major, size_t* minor, size_t* patch)
{
    *major = 3;
    *minor = 4;
    *patch = 0;
    return miopenStatusSuccess;
}

miopenStatus_t miopenCreateWithStream(miopenHandle_t* handle, miopenAcceleratorQueue_t stream)
{
    *handle = calloc(1, sizeof(struct miopenHandle));
    (*handle)->stream = stream;
    return miopenStatusSuccess;
}

miopenStatus_t miopenCreate(miopenHandle_t* handle)
{
    return miopenCreateWithStream(handle, NULL);
}

miopenStatus_t miopenDestroy(miopenHandle_t handle)
{
    free(handle);
    return miopenStatusSuccess;
}

miopenStatus_t miopenSetStream(miopenHandle_t handle, miopenAcceleratorQueue_t stream)
{
    handle->stream = stream;
    return miopenStatusSuccess;
}

miopenStatus_t miopenGetStream(miopenHandle_t handle, miopenAcceleratorQueue_t* stream)
{
    if (handle == NULL)
        return miopenStatusBadParm;
    *stream = handle->stream;
    return miopenStatusSuccess;
}

miopenStatus_t miopenEnableProfiling(miopenHandle_t handle, bool enable)
{
    (void)handle;
    (void)enable;
    return miopenStatusSuccess;
}

miopenStatus_t miopenGetKernelTime(miopenHandle_t handle, float* time)
{
    (void)handle;
    *time = 12345;
    return miopenStatusSuccess;
}

miopenStatus_t miopenCreateTensorDescriptor(miopenTensorDescriptor_t* tensor)
{
    *tensor = calloc(1, sizeof(struct miopenTensorDescriptor));
    return miopenStatusSuccess;
}

miopenStatus_t miopenDestroyTensorDescriptor(miopenTensorDescriptor_t tensor)
{
    free(tensor);
    return miopenStatusSuccess;
}

miopenStatus_t miopenSetTensorDescriptor(miopenTensorDescriptor_t tensor, miopenDataType_t dtype,
    int rank, const int* lengths, const int* strides)
{
    if (rank < 1 || rank > MAX_RANK)
        return miopenStatusBadParm;
    int stride = 1;
    tensor->dtype = dtype;
    tensor->rank = rank;
    for (int dim = rank - 1; dim >= 0; --dim) {
        tensor->lengths[dim] = lengths[dim];
        tensor->strides[dim] = strides != NULL ? strides[dim] : stride;
        stride *= lengths[dim];
    }
    return miopenStatusSuccess;
}

miopenStatus_t miopenSet4dTensorDescriptor(
    miopenTensorDescriptor_t tensor, miopenDataType_t dtype, int n, int c, int h, int w)
{
    int lengths[] = {n, c, h, w};
    return miopenSetTensorDescriptor(tensor, dtype, 4, lengths, NULL);
}

miopenStatus_t miopenGetTensorDescriptorSize(miopenTensorDescriptor_t tensor, int* size)
{
    if (tensor == NULL)
        return miopenStatusBadParm;
    *size = tensor->rank;
    return miopenStatusSuccess;
}

miopenStatus_t miopenGetTensorDescriptor(
    miopenTensorDescriptor_t tensor, miopenDataType_t* dtype, int* lengths, int* strides)
{
    if (tensor == NULL)
        return miopenStatusBadParm;
    if (dtype != NULL)
        *dtype = tensor->dtype;
    for (int dim = 0; dim < tensor->rank; ++dim) {
        if (lengths != NULL)
            lengths[dim] = tensor->lengths[dim];
        if (strides != NULL)
            strides[dim] = tensor->strides[dim];
    }
    return miopenStatusSuccess;
}

miopenStatus_t miopenGetTensorNumBytes(miopenTensorDescriptor_t tensor, size_t* bytes)
{
    size_t last = 0;
    size_t elem_bytes = tensor->dtype == miopenHalf || tensor->dtype == miopenBFloat16 ? 2
        : tensor->dtype == miopenInt8                                                  ? 1
                                                                                       : 4;
    for (int dim = 0; dim < tensor->rank; ++dim)
        last += (size_t)(tensor->lengths[dim] - 1) * (size_t)tensor->strides[dim];
    *bytes = (last + 1) * elem_bytes;
    return miopenStatusSuccess;
}

miopenStatus_t miopenCreateConvolutionDescriptor(miopenConvolutionDescriptor_t* conv)
{
    *conv = calloc(1, sizeof(struct miopenConvolutionDescriptor));
    return miopenStatusSuccess;
}

miopenStatus_t miopenDestroyConvolutionDescriptor(miopenConvolutionDescriptor_t conv)
{
    free(conv);
    return miopenStatusSuccess;
}

miopenStatus_t miopenInitConvolutionNdDescriptor(miopenConvolutionDescriptor_t conv,
    int spatial_dim, const int* pads, const int* strides, const int* dilations,
    miopenConvolutionMode_t mode)
{
    size_t bytes = (size_t)spatial_dim * sizeof(int);
    conv->mode = mode;
    conv->spatial_dim = spatial_dim;
    conv->groups = 1;
    memcpy(conv->pads, pads, bytes);
    memcpy(conv->strides, strides, bytes);
    memcpy(conv->dilations, dilations, bytes);
    return miopenStatusSuccess;
}

miopenStatus_t miopenGetConvolutionNdDescriptor(miopenConvolutionDescriptor_t conv, int requested,
    int* spatial_dim, int* pads, int* strides, int* dilations, miopenConvolutionMode_t* mode)
{
    if (conv == NULL)
        return miopenStatusBadParm;
    if (requested > conv->spatial_dim)
        return miopenStatusUnknownError;
    size_t bytes = (size_t)requested * sizeof(int);
    *spatial_dim = conv->spatial_dim;
    memcpy(pads, conv->pads, bytes);
    memcpy(strides, conv->strides, bytes);
    memcpy(dilations, conv->dilations, bytes);
    *mode = conv->mode;
    return miopenStatusSuccess;
}

miopenStatus_t miopenSetConvolutionGroupCount(miopenConvolutionDescriptor_t conv, int groups)
{
    conv->groups = groups;
    return miopenStatusSuccess;
}

miopenStatus_t miopenGetConvolutionGroupCount(miopenConvolutionDescriptor_t conv, int* groups)
{
    *groups = conv->groups;
    return miopenStatusSuccess;
}

/* The rest is what happens inside the functions that launch, which are the generated ones. */
miopenStatus_t stub_convolution_status(void)
{
    const char* what = getenv("STUB_CONVOLUTION");
    if (what == NULL || *what == '\0')
        return miopenStatusSuccess;
    if (strcmp(what, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(what, "crash") == 0)
        raise(SIGSEGV);
    return strcmp(what, "fail") == 0 ? miopenStatusUnknownError : miopenStatusSuccess;
}
