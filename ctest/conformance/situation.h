/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The convolution that the table's rows are about, and what is wrong with it in some.
 */
#ifndef CONFORMANCE_SITUATION_H
#define CONFORMANCE_SITUATION_H

#include "conv_call.h"
#include "objects.h"
#include "text.h"

#include <array>
#include <memory>
#include <vector>

namespace conformance {

/** x=1,3,8,8 w=4,3,3,3 pad 1 gives y=1,4,8,8; float; buffers in order, with some workspace. */
class Situation
{
public:
    /** Reads "NULL handle, ", "valid handle, " or "destroyed handle" off the text. */
    Situation(direction_t direction, Text& text)
    {
        must(miopenInitConvolutionDescriptor(conv_, miopenConvolution, 1, 1, 1, 1, 1, 1));
        call_ = {direction, nullptr, x_desc_, w_desc_, y_desc_, conv_, x_.data(), w_.data(),
            y_.data(), workspace_.data(), workspace_.size()};
        if(text.take("valid handle, ")) {
            owned_handle_ = std::make_unique<Handle>();
            call_.handle = *owned_handle_;
        } else if(text.take("destroyed handle")) {
            text.take(", ");
            must(miopenCreate(&call_.handle));
            must(miopenDestroy(call_.handle));
        } else {
            text.expect("NULL handle, ");
        }
    }

    /** Reads what is said of descriptors and tensor buffers; false if nothing of the kind comes. */
    bool take_remark(Text& text)
    {
        if(text.take("good descs") || text.take("good")) {
            return true;
        }
        if(text.take("x/w swapped")) {
            std::swap(call_.x_desc, call_.w_desc);
            return true;
        }
        if(text.take("wrong y dims")) {
            call_.y_desc = wrong_y_desc_;
            return true;
        }
        const struct
        {
            const char* name;
            void*& place;
        } buffers[] = {{"x NULL", call_.x}, {"dx NULL", call_.x}, {"w NULL", call_.w},
            {"dw NULL", call_.w}, {"y NULL", call_.y}, {"dy NULL", call_.y}};
        for(const auto& buffer : buffers) {
            if(text.take(buffer.name)) {
                buffer.place = nullptr;
                return true;
            }
        }
        return false;
    }

    conv_call_t& call() { return call_; }
    miopenTensorDescriptor_t bias_desc() const { return bias_desc_; }
    void* bias() { return bias_.data(); }

private:
    Tensor x_desc_ = packed_tensor({1, 3, 8, 8}), w_desc_ = packed_tensor({4, 3, 3, 3});
    Tensor y_desc_ = packed_tensor({1, 4, 8, 8}), wrong_y_desc_ = packed_tensor({1, 4, 7, 7});
    Tensor bias_desc_ = packed_tensor({1, 4, 1, 1});
    Convolution conv_;
    std::unique_ptr<Handle> owned_handle_;
    std::vector<float> x_ = std::vector<float>(1 * 3 * 8 * 8, 0.5f);
    std::vector<float> w_ = std::vector<float>(4 * 3 * 3 * 3, 0.25f);
    std::vector<float> y_ = std::vector<float>(1 * 4 * 8 * 8, 2.0f);
    std::vector<float> bias_ = std::vector<float>(4, 1.0f);
    std::vector<unsigned char> workspace_ = std::vector<unsigned char>(1 << 20);
    conv_call_t call_;
};

} // namespace conformance

#endif // CONFORMANCE_SITUATION_H
