/* SPDX-License-Identifier: MIT */
/*
 * Does a failing HIP call become a status, with the call and HIP's error named?
 *
 * usage: faults STATUS FUNCTION ERROR [staged]
 *
 * simhip's settings make FUNCTION fail with ERROR from some call on; the convolution or the wait
 * for it must then say so. "staged": a convolution that passes through the CPU.
 */
#include "check.h"
#include "device_case.h"
#include "shapes.h"

#include <miopen/bypass.h>
#include <stdlib.h>
#include <string.h>

static const float one = 1, zero = 0;

/* The status of the first call that does not succeed. */
static miopenStatus_t first_failure(miopenDataType_t dtype)
{
    miopenStatus_t status = miopenStatusSuccess;
    device_case_t test = device_case_new(&shapes[0], FORWARD, dtype, CHANNELS_FIRST);
    miopenHandle_t handle;
    status = miopenCreate(&handle);
    for(int round = 0; round < 3 && status == miopenStatusSuccess; ++round) {
        conv_call_t call = device_case_call(&test, handle);
        miopenConvAlgoPerf_t perf;
        int found = 0;
        status = conv_find(&call, 1, &found, &perf, false);
        if(status == miopenStatusSuccess) {
            status = conv_run(&call, &one, miopenConvolutionFwdAlgoImplicitGEMM, &zero);
        }
    }
    return status;
}

int main(int count, char** words)
{
    if(count < 4) {
        return 2;
    }
    int staged = count == 5 && strcmp(words[4], "staged") == 0;
    miopenStatus_t status = first_failure(staged ? miopenInt8 : miopenFloat);
    const char* why = miopenBypassLastError();
    CHECK_EQUAL(status, atoi(words[1]));
    CHECK_THAT(strstr(why, words[2]) != NULL, "no %s in: %s", words[2], why);
    CHECK_THAT(strstr(why, words[3]) != NULL, "no %s in: %s", words[3], why);
    return check_finish();
}
