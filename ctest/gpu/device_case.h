/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A convolution (conv_case.h) whose tensors lie on the current device.
 */
#ifndef GPU_DEVICE_CASE_H
#define GPU_DEVICE_CASE_H

#include "conv_case.h"
#include "hip.h"

/** A call of HIP succeeds. */
#define CHECK_HIP(call) CHECK_EQUAL((call), hipSuccess)

typedef struct {
    conv_case_t* host;
    void *x, *w, *y;     /* on the device */
    void* pinned_output; /* for copies that nobody waits for */
    size_t output_bytes;
} device_case_t;

/** Copies the inputs to the device, and an output full of NaN. */
device_case_t device_case_new(const conv_shape_t* shape, direction_t direction,
    miopenDataType_t dtype, layout_t layout);

/** The call with the device's buffers, without workspace. */
conv_call_t device_case_call(const device_case_t* test, miopenHandle_t handle);

/**
 * Brings the output back in the order of the stream, checks it, and fills it with NaN again on the
 * device. Nothing but the copy in the same stream orders it after the convolution.
 */
void device_case_check_output(device_case_t* test, hipStream_t stream);

/** Gives everything back. */
void device_case_free(device_case_t* test);

/** Gives the call a workspace on the device; none for size 0. */
void device_workspace_give(conv_call_t* call, size_t bytes);

/** Takes it away again; the stream must have run. */
void device_workspace_take(conv_call_t* call);

#endif /* GPU_DEVICE_CASE_H */
