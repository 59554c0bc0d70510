// SPDX-License-Identifier: MIT
// The getters of tensor descriptors, asked in ways that the setters' rows do not.
#include "objects.h"
#include "rows.h"

#include <cstdint>
#include <string>
#include <vector>

namespace conformance {
namespace {

miopenTensorDescriptor_t garbage()
{
    return reinterpret_cast<miopenTensorDescriptor_t>(std::uintptr_t{0x1234});
}

// 1,2,3,4,... as a descriptor of that rank; rank 3 starts at 2, as the table's row has it
Tensor counting_tensor(int rank)
{
    std::vector<int> lengths;
    for(int dim = 0; dim < rank; ++dim) {
        lengths.push_back(dim + (rank < 5 ? 2 : 1));
    }
    return packed_tensor(lengths);
}

// "set 2,3,4,5", "5-D descriptor", "fresh descriptor", "NULL desc", "all outputs NULL"
void get_4d(Text& text, Answer& answer)
{
    const char* const names[] = {"n", "c", "h", "w", "ns", "cs", "hs", "ws"};
    miopenDataType_t dtype = miopenInt64;
    int v[8] = {-77, -77, -77, -77, -77, -77, -77, -77};
    auto get = [&](miopenTensorDescriptor_t tensor) {
        return miopenGet4dTensorDescriptor(
            tensor, &dtype, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
    };
    if(text.ends_with("all outputs NULL")) {
        Tensor tensor = counting_tensor(4);
        answer.status(miopenGet4dTensorDescriptor(tensor, nullptr, nullptr, nullptr, nullptr,
            nullptr, nullptr, nullptr, nullptr, nullptr));
        return;
    }
    if(text.ends_with("NULL desc")) {
        answer.status(get(nullptr));
        return;
    }
    if(text.ends_with("fresh descriptor")) {
        Tensor tensor;
        answer.status(get(tensor));
        return;
    }
    if(text.take("set ")) {
        std::vector<int> lengths = text.integers(",");
        text.expect_end();
        Tensor tensor = packed_tensor(lengths);
        answer.status(get(tensor));
    } else {
        int rank = text.integer();
        text.expect("-D descriptor");
        text.expect_end();
        Tensor tensor = counting_tensor(rank);
        answer.status(get(tensor));
    }
    answer.add("dt", static_cast<int>(dtype));
    for(int at = 0; at < 8; ++at) {
        answer.add(names[at], v[at]);
    }
}

// "NULL desc", "out NULL", "garbage pointer 0x1234"
void get_size(Text& text, Answer& answer)
{
    int size = -77;
    if(text.ends_with("out NULL")) {
        Tensor tensor = counting_tensor(4);
        answer.status(miopenGetTensorDescriptorSize(tensor, nullptr));
        return;
    }
    if(text.ends_with("garbage pointer 0x1234")) {
        answer.status(miopenGetTensorDescriptorSize(garbage(), &size));
        return;
    }
    text.expect("NULL desc");
    text.expect_end();
    answer.status(miopenGetTensorDescriptorSize(nullptr, &size));
    answer.add("size", size);
}

// "dims NULL strides NULL dtype NULL", any of the three; "NULL desc"
void get(Text& text, Answer& answer)
{
    miopenDataType_t dtype = miopenInt64;
    int lengths[8], strides[8];
    if(text.ends_with("NULL desc")) {
        answer.status(miopenGetTensorDescriptor(nullptr, &dtype, lengths, strides));
        return;
    }
    bool has_lengths = !text.take("dims NULL");
    text.take(" ");
    bool has_strides = !text.take("strides NULL");
    text.take(" ");
    bool has_dtype = !text.take("dtype NULL");
    text.expect_end();
    Tensor tensor = counting_tensor(4);
    answer.status(miopenGetTensorDescriptor(tensor, has_dtype ? &dtype : nullptr,
        has_lengths ? lengths : nullptr, has_strides ? strides : nullptr));
}

// "NULL desc", "out NULL"
void get_num_bytes(Text& text, Answer& answer)
{
    std::size_t bytes = 77;
    if(text.ends_with("out NULL")) {
        Tensor tensor = counting_tensor(4);
        answer.status(miopenGetTensorNumBytes(tensor, nullptr));
        return;
    }
    text.expect("NULL desc");
    text.expect_end();
    answer.status(miopenGetTensorNumBytes(nullptr, &bytes));
    answer.add("nb", static_cast<long long>(bytes));
}

} // namespace

void add_tensor_getter_rows(RowKinds& kinds)
{
    kinds["miopenGet4dTensorDescriptor"] = get_4d;
    kinds["miopenGetTensorDescriptorSize"] = get_size;
    kinds["miopenGetTensorDescriptor"] = get;
    kinds["miopenGetTensorNumBytes"] = get_num_bytes;
}

} // namespace conformance
