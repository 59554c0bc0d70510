// SPDX-License-Identifier: MIT
// Tensor descriptors: creation and setters. After each setter the getters say what is there.
#include "objects.h"
#include "rows.h"

#include <string>
#include <vector>

namespace conformance {
namespace {

// What the getters say; a descriptor that was never set has no dimensions.
void describe(miopenTensorDescriptor_t tensor, Answer& answer)
{
    int size = -77;
    answer.add("sizeSt", miopenGetTensorDescriptorSize(tensor, &size));
    answer.add("size", size);
    std::vector<int> lengths(16, -77), strides(16, -77);
    miopenDataType_t dtype = miopenInt64;
    answer.add("getSt", miopenGetTensorDescriptor(tensor, &dtype, lengths.data(), strides.data()));
    answer.add("dt", static_cast<int>(dtype));
    for(int dim = 0; dim < size; ++dim) {
        answer.add("d" + std::to_string(dim), lengths[static_cast<std::size_t>(dim)]);
    }
    for(int dim = 0; dim < size; ++dim) {
        answer.add("s" + std::to_string(dim), strides[static_cast<std::size_t>(dim)]);
    }
    std::size_t bytes = 77;
    answer.add("nbSt", miopenGetTensorNumBytes(tensor, &bytes));
    answer.add("nb", static_cast<long long>(bytes));
}

// "float" or "dtype=3"
miopenDataType_t dtype_of(Text& text)
{
    if(text.take("dtype=")) {
        return static_cast<miopenDataType_t>(text.integer());
    }
    const struct
    {
        const char* name;
        miopenDataType_t dtype;
    } dtypes[] = {{"float", miopenFloat}, {"half", miopenHalf}, {"int32", miopenInt32},
        {"int8", miopenInt8}, {"bfloat16", miopenBFloat16}, {"double", miopenDouble},
        {"int64", miopenInt64}};
    std::string name = text.word();
    for(const auto& known : dtypes) {
        if(name == known.name) {
            return known.dtype;
        }
    }
    text.fail("a data type instead of '" + name + "'");
}

// "&d", "NULL"
void create(Text& text, Answer& answer)
{
    if(text.ends_with("NULL")) {
        answer.status(miopenCreateTensorDescriptor(nullptr));
        return;
    }
    text.expect("&d");
    text.expect_end();
    miopenTensorDescriptor_t tensor = nullptr;
    answer.status(miopenCreateTensorDescriptor(&tensor));
    answer.add("nonnull", tensor != nullptr);
    must(miopenDestroyTensorDescriptor(tensor));
}

void get_fresh(Text& text, Answer& answer)
{
    text.expect("fresh descriptor");
    text.expect_end();
    Tensor tensor;
    answer.status(miopenStatusSuccess);
    describe(tensor, answer);
}

// "float,1,3,32,32", and descriptors that are none
void set_4d(Text& text, Answer& answer)
{
    if(text.ends_with("NULL desc")) {
        answer.status(miopenSet4dTensorDescriptor(nullptr, miopenFloat, 1, 1, 1, 1));
        return;
    }
    if(text.ends_with("destroyed descriptor")) {
        miopenTensorDescriptor_t stale = nullptr;
        must(miopenCreateTensorDescriptor(&stale));
        must(miopenDestroyTensorDescriptor(stale));
        answer.status(miopenSet4dTensorDescriptor(stale, miopenFloat, 1, 1, 1, 1));
        return;
    }
    Tensor tensor;
    if(text.ends_with("set twice, second fails (-1): state kept?")) {
        must(miopenSet4dTensorDescriptor(tensor, miopenFloat, 2, 3, 4, 5));
        answer.status(miopenSet4dTensorDescriptor(tensor, miopenFloat, -1, 3, 4, 5));
    } else {
        miopenDataType_t dtype = dtype_of(text);
        text.expect(",");
        std::vector<int> lengths = text.integers(",");
        text.expect_end();
        if(lengths.size() != 4) {
            text.fail("four lengths");
        }
        answer.status(miopenSet4dTensorDescriptor(
            tensor, dtype, lengths[0], lengths[1], lengths[2], lengths[3]));
    }
    describe(tensor, answer);
}

// "float,1,3,4,4,strides 48,16,4,1"
void set_4d_ex(Text& text, Answer& answer)
{
    if(text.ends_with("NULL desc")) {
        answer.status(
            miopenSet4dTensorDescriptorEx(nullptr, miopenFloat, 1, 1, 1, 1, 1, 1, 1, 1));
        return;
    }
    miopenDataType_t dtype = dtype_of(text);
    int lengths[4];
    for(int& length : lengths) {
        text.expect(",");
        length = text.integer();
    }
    text.expect(",strides ");
    std::vector<int> strides = text.integers(",");
    text.expect_end();
    if(strides.size() != 4) {
        text.fail("four strides");
    }
    Tensor tensor;
    answer.status(miopenSet4dTensorDescriptorEx(tensor, dtype, lengths[0], lengths[1], lengths[2],
        lengths[3], strides[0], strides[1], strides[2], strides[3]));
    describe(tensor, answer);
}

template <typename Number>
miopenStatus_t set_nd(miopenTensorDescriptor_t tensor, miopenDataType_t dtype, int rank,
    const Number* lengths, const Number* strides);

template <>
miopenStatus_t set_nd(miopenTensorDescriptor_t tensor, miopenDataType_t dtype, int rank,
    const int* lengths, const int* strides)
{
    return miopenSetTensorDescriptor(tensor, dtype, rank, lengths, strides);
}

template <>
miopenStatus_t set_nd(miopenTensorDescriptor_t tensor, miopenDataType_t dtype, int rank,
    const std::size_t* lengths, const std::size_t* strides)
{
    return miopenSetTensorDescriptorV2(tensor, dtype, rank, lengths, strides);
}

// "2 dims 3000000000x2 (size_t > int)": two lengths, packed
template <typename Number>
void set_two_dims(Text& text, Answer& answer)
{
    Number lengths[2];
    lengths[0] = static_cast<Number>(text.number());
    text.expect("x");
    lengths[1] = static_cast<Number>(text.number());
    text.take(" (size_t > int)");
    text.expect_end();
    const Number strides[] = {lengths[1], 1};
    Tensor tensor;
    answer.status(set_nd(tensor, miopenFloat, 2, lengths, strides));
    describe(tensor, answer);
}

// "float,[2 3 4 ] packed", with " strides=NULL" where the library shall find the strides
template <typename Number>
void set_packed(Text& text, Answer& answer)
{
    miopenDataType_t dtype = dtype_of(text);
    text.expect(",[");
    std::vector<Number> lengths;
    while(!text.take("]")) {
        lengths.push_back(static_cast<Number>(text.number()));
        text.take(" ");
    }
    text.expect(" packed");
    bool null_strides = text.take(" strides=NULL");
    text.expect_end();
    std::vector<Number> strides(lengths.size(), 1);
    for(std::size_t dim = lengths.size(); dim > 1; --dim) {
        strides[dim - 2] = strides[dim - 1] * lengths[dim - 1];
    }
    Tensor tensor;
    answer.status(set_nd(tensor, dtype, static_cast<int>(lengths.size()), lengths.data(),
        null_strides ? nullptr : strides.data()));
    describe(tensor, answer);
}

template <typename Number>
void set_tensor(Text& text, Answer& answer)
{
    const Number lengths[] = {2, 3, 4, 5}, strides[] = {60, 20, 5, 1};
    if(text.ends_with("NULL desc")) {
        answer.status(set_nd(nullptr, miopenFloat, 4, lengths, strides));
        return;
    }
    if(text.ends_with("dims NULL")) {
        Tensor tensor;
        answer.status(set_nd<Number>(tensor, miopenFloat, 4, nullptr, strides));
        return;
    }
    if(text.take("nbDims=")) {
        int rank = text.integer();
        text.expect_end();
        if(rank > 4) {
            text.fail("at most four dimensions");
        }
        Tensor tensor;
        answer.status(set_nd(tensor, miopenFloat, rank, lengths, strides));
        describe(tensor, answer);
        return;
    }
    if(text.take("2 dims ")) {
        set_two_dims<Number>(text, answer);
        return;
    }
    set_packed<Number>(text, answer);
}

// "layout=1 num_lens=4 lens 2,4,6,8,10": as many of the lengths as num_lens says
void set_with_layout(Text& text, Answer& answer)
{
    const int some_lengths[] = {2, 4, 6, 8};
    if(text.ends_with("NULL desc")) {
        answer.status(miopenSetNdTensorDescriptorWithLayout(
            nullptr, miopenFloat, miopenTensorNCHW, some_lengths, 4));
        return;
    }
    Tensor tensor;
    if(text.ends_with("lens NULL")) {
        answer.status(miopenSetNdTensorDescriptorWithLayout(
            tensor, miopenFloat, miopenTensorNCHW, nullptr, 4));
        return;
    }
    text.expect("layout=");
    int layout = text.integer();
    text.expect(" num_lens=");
    int count = text.integer();
    text.expect(" lens ");
    std::vector<int> lengths = text.integers(",");
    text.expect_end();
    if(count > static_cast<int>(lengths.size())) {
        text.fail("as many lengths as num_lens says");
    }
    answer.status(miopenSetNdTensorDescriptorWithLayout(
        tensor, miopenFloat, static_cast<miopenTensorLayout_t>(layout), lengths.data(), count));
    describe(tensor, answer);
}

// "7", or "NULL" for the descriptor
void set_cast_type(Text& text, Answer& answer)
{
    if(text.ends_with("NULL") || text.ends_with("NULL desc")) {
        answer.status(miopenSetTensorCastType(nullptr, miopenFloat));
        return;
    }
    int dtype = text.integer();
    text.expect_end();
    Tensor tensor;
    answer.status(miopenSetTensorCastType(tensor, static_cast<miopenDataType_t>(dtype)));
}

// "NULL", "valid", "twice"
void destroy(Text& text, Answer& answer)
{
    if(text.ends_with("NULL")) {
        answer.status(miopenDestroyTensorDescriptor(nullptr));
        return;
    }
    miopenTensorDescriptor_t tensor = nullptr;
    must(miopenCreateTensorDescriptor(&tensor));
    if(text.ends_with("twice")) {
        must(miopenDestroyTensorDescriptor(tensor));
    } else {
        text.expect("valid");
        text.expect_end();
    }
    answer.status(miopenDestroyTensorDescriptor(tensor));
}

} // namespace

void add_tensor_rows(RowKinds& kinds)
{
    kinds["miopenCreateTensorDescriptor"] = create;
    kinds["miopenGetTensorDescriptor*"] = get_fresh;
    kinds["miopenSet4dTensorDescriptor"] = set_4d;
    kinds["miopenSet4dTensorDescriptorEx"] = set_4d_ex;
    kinds["miopenSetTensorDescriptor"] = set_tensor<int>;
    kinds["miopenSetTensorDescriptorV2"] = set_tensor<std::size_t>;
    kinds["miopenSetNdTensorDescriptorWithLayout"] = set_with_layout;
    kinds["miopenSetTensorCastType"] = set_cast_type;
    kinds["miopenDestroyTensorDescriptor"] = destroy;
}

} // namespace conformance
