/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Single elements of MIOpen's data types, as doubles.
 */
#ifndef COMMON_ELEMENTS_H
#define COMMON_ELEMENTS_H

#include <miopen/miopen.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

size_t element_bytes(miopenDataType_t dtype);

/** The element at index `at`. */
double element_get(miopenDataType_t dtype, const void* data, size_t at);

/** Stores a value that the type holds exactly. */
void element_set(miopenDataType_t dtype, void* data, size_t at, double value);

/**
 * A value that the type holds exactly: for float any of 2^24 in [-1, 1), for the 16-bit types
 * multiples of 1/64 in [-1, 1), for integers any int8. `random` has 24 random bits.
 */
double element_for(miopenDataType_t dtype, uint32_t random);

/** Largest relative error of one rounding to the type; 0 for integers. */
double element_half_ulp(miopenDataType_t dtype);

#ifdef __cplusplus
}
#endif

#endif /* COMMON_ELEMENTS_H */
