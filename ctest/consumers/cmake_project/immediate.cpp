// What a C++ program does with MIOpen's immediate mode: ask for solutions, run
// each, with groups and stride 2, forward and backward. Integers: direct sums are
// exact, those of Winograd's algorithm nearly so.
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include <miopen/miopen.h>

namespace {

constexpr int n = 1, c = 4, hi = 6, wi = 6, k = 6, fil = 3, groups = 2, stride = 2, pad = 1;
constexpr int c_per_group = c / groups, k_per_group = k / groups;
constexpr int ho = (hi + 2 * pad - fil) / stride + 1, wo = (wi + 2 * pad - fil) / stride + 1;

void check(miopenStatus_t status, const char *call) {
    if (status != miopenStatusSuccess) {
        throw std::runtime_error(std::string(call) + ": " + miopenGetErrorString(status));
    }
}
#define CHECK(call) check((call), #call)

struct Tensor {
    miopenTensorDescriptor_t desc = nullptr;
    std::vector<float> values;

    Tensor(int d0, int d1, int d2, int d3) : values(static_cast<size_t>(d0 * d1 * d2 * d3)) {
        CHECK(miopenCreateTensorDescriptor(&desc));
        CHECK(miopenSet4dTensorDescriptor(desc, miopenFloat, d0, d1, d2, d3));
        for (size_t i = 0; i < values.size(); ++i) {
            values[i] = static_cast<float>(static_cast<int>(i * 5 % 11) - 5);
        }
    }
    Tensor(const Tensor &) = delete;
    Tensor &operator=(const Tensor &) = delete;
    ~Tensor() { miopenDestroyTensorDescriptor(desc); }
};

// Calls visit(x index, w index, y index) for every product of the convolution.
template <class Visit> void for_each_product(Visit visit) {
    for (int kk = 0; kk < k; ++kk)
        for (int oy = 0; oy < ho; ++oy)
            for (int ox = 0; ox < wo; ++ox)
                for (int cc = 0; cc < c_per_group; ++cc)
                    for (int fy = 0; fy < fil; ++fy)
                        for (int fx = 0; fx < fil; ++fx) {
                            const int iy = oy * stride - pad + fy, ix = ox * stride - pad + fx;
                            if (iy < 0 || iy >= hi || ix < 0 || ix >= wi) continue;
                            const int channel = kk / k_per_group * c_per_group + cc;
                            visit((channel * hi + iy) * wi + ix,
                                  ((kk * c_per_group + cc) * fil + fy) * fil + fx,
                                  (kk * ho + oy) * wo + ox);
                        }
}

// Of at most 27 products of at most 25 each, Winograd's sums differ by some 1e-5; a wrong product by 1.
constexpr float tolerance = 1e-4f;

size_t wrong_values(const std::vector<float> &got, const std::vector<float> &want, const char *what) {
    size_t wrong = 0;
    for (size_t i = 0; i < want.size(); ++i) {
        // A NaN is wrong too.
        if (!(std::fabs(got[i] - want[i]) <= tolerance) && wrong++ < 5) {
            std::fprintf(stderr, "%s[%zu] is %g, not %g\n", what, i, static_cast<double>(got[i]),
                         static_cast<double>(want[i]));
        }
    }
    return wrong;
}

size_t run() {
    miopenHandle_t handle = nullptr;
    CHECK(miopenCreate(&handle));
    const Tensor x(n, c, hi, wi), w(k, c_per_group, fil, fil), dy(n, k, ho, wo);
    Tensor y(n, k, ho, wo), dx(n, c, hi, wi);
    miopenConvolutionDescriptor_t conv = nullptr;
    CHECK(miopenCreateConvolutionDescriptor(&conv));
    const int pads[] = {pad, pad}, strides[] = {stride, stride}, dilations[] = {1, 1};
    CHECK(miopenInitConvolutionNdDescriptor(conv, 2, pads, strides, dilations, miopenConvolution));
    CHECK(miopenSetConvolutionGroupCount(conv, groups));

    std::vector<float> want_y(y.values.size(), 0.0f), want_dx(dx.values.size(), 0.0f);
    for_each_product([&](int xi, int wgt, int yi) {
        want_y[yi] += x.values[xi] * w.values[wgt];
        want_dx[xi] += dy.values[yi] * w.values[wgt];
    });

    size_t wrong = 0, count = 0, ran = 0;
    std::vector<miopenConvSolution_t> solutions;
    std::vector<char> workspace;

    CHECK(miopenConvolutionForwardGetSolutionCount(handle, w.desc, x.desc, conv, y.desc, &count));
    solutions.resize(count);
    CHECK(miopenConvolutionForwardGetSolution(handle, w.desc, x.desc, conv, y.desc, count, &count,
                                              solutions.data()));
    for (size_t i = 0; i < count; ++i, ++ran) {
        const miopenConvSolution_t &s = solutions[i];
        workspace.resize(s.workspace_size);
        y.values.assign(y.values.size(), -999.0f);
        CHECK(miopenConvolutionForwardCompileSolution(handle, w.desc, x.desc, conv, y.desc, s.solution_id));
        CHECK(miopenConvolutionForwardImmediate(handle, w.desc, w.values.data(), x.desc, x.values.data(),
                                                conv, y.desc, y.values.data(), workspace.data(),
                                                workspace.size(), s.solution_id));
        wrong += wrong_values(y.values, want_y, "y");
    }

    CHECK(miopenConvolutionBackwardDataGetSolutionCount(handle, dy.desc, w.desc, conv, dx.desc, &count));
    solutions.resize(count);
    CHECK(miopenConvolutionBackwardDataGetSolution(handle, dy.desc, w.desc, conv, dx.desc, count, &count,
                                                   solutions.data()));
    for (size_t i = 0; i < count; ++i, ++ran) {
        const miopenConvSolution_t &s = solutions[i];
        workspace.resize(s.workspace_size);
        dx.values.assign(dx.values.size(), -999.0f);
        CHECK(miopenConvolutionBackwardDataImmediate(handle, dy.desc, dy.values.data(), w.desc,
                                                     w.values.data(), conv, dx.desc, dx.values.data(),
                                                     workspace.data(), workspace.size(), s.solution_id));
        wrong += wrong_values(dx.values, want_dx, "dx");
    }

    CHECK(miopenDestroyConvolutionDescriptor(conv));
    CHECK(miopenDestroy(handle));
    std::printf("immediate mode: %zu solutions ran, %zu wrong values\n", ran, wrong);
    return ran < 2 ? 1 : wrong;
}

} // namespace

int main() {
    try {
        return run() != 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
