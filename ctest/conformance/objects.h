/* SPDX-License-Identifier: MIT */
/**
 * @file
 * MIOpen's objects, destroyed with the scope.
 */
#ifndef CONFORMANCE_OBJECTS_H
#define CONFORMANCE_OBJECTS_H

#include <miopen/miopen.h>
#include <stdexcept>
#include <vector>

namespace conformance {

inline void must(miopenStatus_t status)
{
    if(status != miopenStatusSuccess) {
        throw std::runtime_error(std::string("preparation failed: ") + miopenGetErrorString(status));
    }
}

template <typename Object, miopenStatus_t (*create)(Object*), miopenStatus_t (*destroy)(Object)>
class Owned
{
public:
    Owned() { must(create(&object_)); }
    Owned(Owned&& other) : object_(other.object_) { other.object_ = nullptr; }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    Owned& operator=(Owned&&) = delete;
    ~Owned() { destroy(object_); }
    operator Object() const { return object_; }

private:
    Object object_ = nullptr;
};

using Handle = Owned<miopenHandle_t, miopenCreate, miopenDestroy>;
using Tensor =
    Owned<miopenTensorDescriptor_t, miopenCreateTensorDescriptor, miopenDestroyTensorDescriptor>;
using Convolution = Owned<miopenConvolutionDescriptor_t, miopenCreateConvolutionDescriptor,
    miopenDestroyConvolutionDescriptor>;

/** A packed tensor; a descriptor that the library refuses stays as it was created. */
inline Tensor packed_tensor(const std::vector<int>& lengths, miopenDataType_t dtype = miopenFloat)
{
    Tensor tensor;
    miopenSetTensorDescriptor(
        tensor, dtype, static_cast<int>(lengths.size()), lengths.data(), nullptr);
    return tensor;
}

} // namespace conformance

#endif // CONFORMANCE_OBJECTS_H
