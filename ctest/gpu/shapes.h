/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Layers small enough for an interpreter: it runs a few million instructions a second.
 */
#ifndef GPU_SHAPES_H
#define GPU_SHAPES_H

#include "conv_case.h"

/* name, spatial dimensions, n, c, k, groups, in, filter, pads, strides, dilations */
static const conv_shape_t shapes[] = {
    {"3x3", 2, 2, 5, 7, 1, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"1x1", 2, 2, 12, 9, 1, {6, 7}, {1, 1}, {0, 0}, {1, 1}, {1, 1}},
    {"strided", 2, 1, 6, 8, 1, {11, 10}, {3, 3}, {1, 1}, {2, 2}, {1, 1}},
    {"depthwise", 2, 2, 6, 6, 6, {8, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"grouped, dilated", 2, 1, 6, 8, 2, {10, 9}, {3, 3}, {2, 2}, {1, 1}, {2, 2}},
    {"1-D", 2, 2, 4, 6, 1, {21, 1}, {5, 1}, {2, 0}, {1, 1}, {1, 1}},
    {"3-D", 3, 1, 3, 4, 1, {4, 5, 6}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
    {"smallest", 2, 1, 1, 1, 1, {1, 1}, {1, 1}, {0, 0}, {1, 1}, {1, 1}},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

#endif /* GPU_SHAPES_H */
