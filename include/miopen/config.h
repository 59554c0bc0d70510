/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Which backend the library speaks. Programs test these with #if.
 */
#ifndef GUARD_MIOPEN_CONFIG_H_
#define GUARD_MIOPEN_CONFIG_H_

/** 1: queues are HIP streams and device memory is HIP memory. */
#define MIOPEN_BACKEND_HIP 1

/** 0: the OpenCL backend, gone from MIOpen, is not offered. */
#define MIOPEN_BACKEND_OPENCL 0

/** 0: kernels are launched, not only compiled. */
#define MIOPEN_MODE_NOGPU 0

#endif /* GUARD_MIOPEN_CONFIG_H_ */
