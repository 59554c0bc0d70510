/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The bias that clients add to a convolution's output, and its gradient.
 */
#ifndef SEQUENCES_BIAS_H
#define SEQUENCES_BIAS_H

#include "conv_case.h"

/**
 * Adds a bias to the output, which holds a result that has not been checked yet, and checks the
 * sum. Only for outputs with channels: y, or dx of a transposed convolution.
 */
void add_bias_and_check(conv_case_t* test, miopenHandle_t handle);

/** The gradient of the bias: the sum of the input dy over all but its channels. */
void bias_gradient_and_check(const conv_case_t* test, miopenHandle_t handle);

#endif /* SEQUENCES_BIAS_H */
