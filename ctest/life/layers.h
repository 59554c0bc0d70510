/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A few different convolutions for threads to compute at once.
 */
#ifndef LIFE_LAYERS_H
#define LIFE_LAYERS_H

#include "conv_case.h"

/** Layer number `number` of LAYERS: other numbers are other problems. */
conv_case_t* layer_new(int number);

enum { LAYERS = 12 };

/** Searches, runs with what was found, runs a solution of immediate mode; checks each result. */
void layer_compute(conv_case_t* layer, miopenHandle_t handle);

#endif /* LIFE_LAYERS_H */
