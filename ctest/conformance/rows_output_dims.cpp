// SPDX-License-Identifier: MIT
// Output shapes.
#include "objects.h"
#include "rows.h"

#include <vector>

namespace conformance {
namespace {

struct Lengths
{
    int n = -77, c = -77, h = -77, w = -77;

    miopenStatus_t ask(miopenConvolutionDescriptor_t conv, miopenTensorDescriptor_t x,
        miopenTensorDescriptor_t filter)
    {
        return miopenGetConvolutionForwardOutputDim(conv, x, filter, &n, &c, &h, &w);
    }

    void report(Answer& answer) const
    {
        answer.add("n", n);
        answer.add("c", c);
        answer.add("h", h);
        answer.add("w", w);
    }
};

// Pad 1 around x=1,3,8,8 with w=4,3,3,3, and what may be wrong with it.
bool ask_with_a_fault(Text& text, Answer& answer)
{
    Tensor x = packed_tensor({1, 3, 8, 8}), w = packed_tensor({4, 3, 3, 3}), fresh;
    Convolution conv;
    must(miopenInitConvolutionDescriptor(conv, miopenConvolution, 1, 1, 1, 1, 1, 1));
    Lengths lengths;
    if(text.ends_with("conv NULL")) {
        answer.status(lengths.ask(nullptr, x, w));
    } else if(text.ends_with("x NULL")) {
        answer.status(lengths.ask(conv, nullptr, w));
    } else if(text.ends_with("w NULL")) {
        answer.status(lengths.ask(conv, x, nullptr));
    } else if(text.ends_with("outputs NULL")) {
        answer.status(miopenGetConvolutionForwardOutputDim(
            conv, x, w, nullptr, nullptr, nullptr, nullptr));
        return true;
    } else if(text.ends_with("fresh x descriptor")) {
        answer.status(lengths.ask(conv, fresh, w));
        return true;
    } else if(text.ends_with("fresh w descriptor")) {
        answer.status(lengths.ask(conv, x, fresh));
        return true;
    } else if(text.ends_with("mixed dtype x float w half")) {
        answer.status(lengths.ask(conv, x, packed_tensor({4, 3, 3, 3}, miopenHalf)));
    } else if(text.ends_with("int8 x int8 w")) {
        answer.status(lengths.ask(conv, packed_tensor({1, 3, 8, 8}, miopenInt8),
            packed_tensor({4, 3, 3, 3}, miopenInt8)));
    } else if(text.ends_with("3d desc")) {
        const int ones[] = {1, 1, 1};
        must(miopenInitConvolutionNdDescriptor(conv, 3, ones, ones, ones, miopenConvolution));
        answer.status(lengths.ask(conv, packed_tensor({1, 3, 8, 8, 8}),
            packed_tensor({4, 3, 3, 3, 3})));
    } else {
        return false;
    }
    lengths.report(answer);
    return true;
}

// "x=2,4,9,11 w=6,4,3,3 pad 0 stride 1 dil 1 group 1 mode 0", or one of the faults above
void output_dim(Text& text, Answer& answer)
{
    if(ask_with_a_fault(text, answer)) {
        return;
    }
    text.expect("x=");
    std::vector<int> x = text.integers(",");
    text.expect(" w=");
    std::vector<int> w = text.integers(",");
    text.expect(" pad ");
    int pad = text.integer();
    text.expect(" stride ");
    int stride = text.integer();
    text.expect(" dil ");
    int dilation = text.integer();
    text.expect(" group ");
    int groups = text.integer();
    text.expect(" mode ");
    auto mode = static_cast<miopenConvolutionMode_t>(text.integer());
    text.expect_end();
    Convolution conv;
    must(miopenInitConvolutionDescriptor(conv, mode, pad, pad, stride, stride, dilation, dilation));
    must(miopenSetConvolutionGroupCount(conv, groups));
    Lengths lengths;
    answer.status(lengths.ask(conv, packed_tensor(x), packed_tensor(w)));
    lengths.report(answer);
}

// "2d", "3d", "2d NULL outputs": pad 1 around images of 4 with filters of 3
void nd_output_dim(Text& text, Answer& answer)
{
    int spatial_dim = text.integer();
    text.expect("d");
    if(spatial_dim < 1 || spatial_dim > 3) {
        text.fail("one to three dimensions");
    }
    std::vector<int> x{1, 3}, w{4, 3}, ones;
    for(int dim = 0; dim < spatial_dim; ++dim) {
        x.push_back(4);
        w.push_back(3);
        ones.push_back(1);
    }
    Convolution conv;
    must(miopenInitConvolutionNdDescriptor(
        conv, spatial_dim, ones.data(), ones.data(), ones.data(), miopenConvolution));
    Tensor x_desc = packed_tensor(x), w_desc = packed_tensor(w);
    if(text.ends_with(" NULL outputs")) {
        answer.status(
            miopenGetConvolutionNdForwardOutputDim(conv, x_desc, w_desc, nullptr, nullptr));
        return;
    }
    text.expect_end();
    int rank = -77, lengths[6] = {-77, -77, -77, -77, -77, -77};
    answer.status(miopenGetConvolutionNdForwardOutputDim(conv, x_desc, w_desc, &rank, lengths));
    answer.add("nDim", rank);
    for(int length : lengths) {
        answer.add("o", length);
    }
}

} // namespace

void add_output_dim_rows(RowKinds& kinds)
{
    kinds["miopenGetConvolutionForwardOutputDim"] = output_dim;
    kinds["miopenGetConvolutionNdForwardOutputDim"] = nd_output_dim;
}

} // namespace conformance
