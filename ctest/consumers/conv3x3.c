/* What a C program does with MIOpen: a handle, descriptors, Find, one 3x3
 * convolution. In standalone CPU mode "device" pointers are host pointers.
 * The inputs are small integers, so the expected sums are exact. */
#include <stdio.h>
#include <stdlib.h>

#include <miopen/miopen.h>

enum { N = 2, C = 3, HI = 7, WI = 5, K = 4, FY = 3, FX = 3, PAD = 1 };
enum { HO = HI, WO = WI };

#define CHECK(call)                                                              \
    do {                                                                         \
        miopenStatus_t status = (call);                                          \
        if (status != miopenStatusSuccess) {                                     \
            fprintf(stderr, "%s: %s\n", #call, miopenGetErrorString(status));    \
            exit(1);                                                             \
        }                                                                        \
    } while (0)

static void fill(float *values, int count, int period) {
    for (int i = 0; i < count; ++i) {
        values[i] = (float)((i * 7) % period - period / 2);
    }
}

static float expected_at(const float *x, const float *w, int n, int k, int ho, int wo) {
    float sum = 0.0f;
    for (int c = 0; c < C; ++c) {
        for (int y = 0; y < FY; ++y) {
            for (int fx = 0; fx < FX; ++fx) {
                int hi = ho - PAD + y;
                int wi = wo - PAD + fx;
                if (hi >= 0 && hi < HI && wi >= 0 && wi < WI) {
                    sum += x[((n * C + c) * HI + hi) * WI + wi] * w[((k * C + c) * FY + y) * FX + fx];
                }
            }
        }
    }
    return sum;
}

int main(void) {
    static float x[N * C * HI * WI], w[K * C * FY * FX], y[N * K * HO * WO];
    const float alpha = 1.0f, beta = 0.0f;
    miopenHandle_t handle;
    miopenTensorDescriptor_t x_desc, w_desc, y_desc;
    miopenConvolutionDescriptor_t conv;
    miopenConvAlgoPerf_t found;
    size_t workspace_bytes = 0;
    void *workspace = NULL;
    int n, k, ho, wo, found_count = 0, wrong = 0;

    fill(x, N * C * HI * WI, 9);
    fill(w, K * C * FY * FX, 5);

    CHECK(miopenCreate(&handle));
    CHECK(miopenCreateTensorDescriptor(&x_desc));
    CHECK(miopenCreateTensorDescriptor(&w_desc));
    CHECK(miopenCreateTensorDescriptor(&y_desc));
    CHECK(miopenSet4dTensorDescriptor(x_desc, miopenFloat, N, C, HI, WI));
    CHECK(miopenSet4dTensorDescriptor(w_desc, miopenFloat, K, C, FY, FX));
    CHECK(miopenCreateConvolutionDescriptor(&conv));
    CHECK(miopenInitConvolutionDescriptor(conv, miopenConvolution, PAD, PAD, 1, 1, 1, 1));
    CHECK(miopenGetConvolutionForwardOutputDim(conv, x_desc, w_desc, &n, &k, &ho, &wo));
    if (n != N || k != K || ho != HO || wo != WO) {
        fprintf(stderr, "output is %d x %d x %d x %d\n", n, k, ho, wo);
        return 1;
    }
    CHECK(miopenSet4dTensorDescriptor(y_desc, miopenFloat, n, k, ho, wo));

    CHECK(miopenConvolutionForwardGetWorkSpaceSize(handle, w_desc, x_desc, conv, y_desc,
                                                   &workspace_bytes));
    if (workspace_bytes > 0) {
        workspace = malloc(workspace_bytes);
        if (workspace == NULL) {
            return 1;
        }
    }
    CHECK(miopenFindConvolutionForwardAlgorithm(handle, x_desc, x, w_desc, w, conv, y_desc, y, 1,
                                                &found_count, &found, workspace, workspace_bytes,
                                                false));
    if (found_count != 1 || found.memory > workspace_bytes) {
        fprintf(stderr, "Find gave %d algorithms\n", found_count);
        return 1;
    }
    for (int i = 0; i < N * K * HO * WO; ++i) {
        y[i] = -12345.0f;
    }
    CHECK(miopenConvolutionForward(handle, &alpha, x_desc, x, w_desc, w, conv, found.fwd_algo,
                                   &beta, y_desc, y, workspace, workspace_bytes));

    for (n = 0; n < N; ++n) {
        for (k = 0; k < K; ++k) {
            for (ho = 0; ho < HO; ++ho) {
                for (wo = 0; wo < WO; ++wo) {
                    float got = y[((n * K + k) * HO + ho) * WO + wo];
                    float want = expected_at(x, w, n, k, ho, wo);
                    if (got != want && wrong++ < 5) {
                        fprintf(stderr, "y[%d][%d][%d][%d] is %g, not %g\n", n, k, ho, wo,
                                (double)got, (double)want);
                    }
                }
            }
        }
    }
    CHECK(miopenDestroyConvolutionDescriptor(conv));
    CHECK(miopenDestroyTensorDescriptor(y_desc));
    CHECK(miopenDestroyTensorDescriptor(w_desc));
    CHECK(miopenDestroyTensorDescriptor(x_desc));
    CHECK(miopenDestroy(handle));
    free(workspace);
    printf("3x3 convolution: %d of %d values right\n", N * K * HO * WO - wrong, N * K * HO * WO);
    return wrong != 0;
}
