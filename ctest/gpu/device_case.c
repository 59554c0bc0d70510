/* SPDX-License-Identifier: MIT */
#include "device_case.h"

#include "check.h"

#include <string.h>

static void* on_device(const tensor_t* tensor)
{
    void* address = NULL;
    CHECK_HIP(hipMalloc(&address, tensor->buffer.size_bytes));
    CHECK_HIP(hipMemcpy(
        address, tensor->buffer.data, tensor->buffer.size_bytes, hipMemcpyHostToDevice));
    return address;
}

device_case_t device_case_new(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype, layout_t layout)
{
    device_case_t test = {conv_case_new(shape, direction, dtype, layout), NULL, NULL, NULL, NULL, 0};
    test.x = on_device(&test.host->x);
    test.w = on_device(&test.host->w);
    test.y = on_device(&test.host->y);
    test.output_bytes = test.host->output->buffer.size_bytes;
    CHECK_HIP(hipHostMalloc(&test.pinned_output, test.output_bytes, 0));
    return test;
}

conv_call_t device_case_call(const device_case_t* test, miopenHandle_t handle)
{
    conv_call_t call = conv_case_call(test->host, handle);
    call.x = test->x;
    call.w = test->w;
    call.y = test->y;
    return call;
}

static void* output_of(const device_case_t* test)
{
    void* outputs[] = {test->y, test->x, test->w}; /* by the direction that writes each */
    return outputs[test->host->direction];
}

void device_case_check_output(device_case_t* test, hipStream_t stream)
{
    CHECK_HIP(hipMemcpyAsync(test->pinned_output, output_of(test), test->output_bytes,
        hipMemcpyDeviceToHost, stream));
    CHECK_HIP(hipStreamSynchronize(stream));
    memcpy(test->host->output->buffer.data, test->pinned_output, test->output_bytes);
    conv_case_check_output(test->host);
    CHECK_HIP(hipMemcpy(output_of(test), test->host->output->buffer.data, test->output_bytes,
        hipMemcpyHostToDevice));
}

void device_case_free(device_case_t* test)
{
    CHECK_HIP(hipFree(test->x));
    CHECK_HIP(hipFree(test->w));
    CHECK_HIP(hipFree(test->y));
    CHECK_HIP(hipHostFree(test->pinned_output));
    conv_case_free(test->host);
}

void device_workspace_give(conv_call_t* call, size_t bytes)
{
    call->workspace = NULL;
    call->workspace_bytes = bytes;
    if(bytes > 0) {
        CHECK_HIP(hipMalloc(&call->workspace, bytes));
    }
}

void device_workspace_take(conv_call_t* call)
{
    if(call->workspace != NULL) {
        CHECK_HIP(hipFree(call->workspace));
    }
    call->workspace = NULL;
    call->workspace_bytes = 0;
}
