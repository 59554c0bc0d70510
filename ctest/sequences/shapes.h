/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Layers as networks have them, cut down so that the textbook's sum takes milliseconds.
 */
#ifndef SEQUENCES_SHAPES_H
#define SEQUENCES_SHAPES_H

#include "conv_case.h"

/* name, spatial dimensions, n, c, k, groups, in, filter, pads, strides, dilations */
static const conv_shape_t shapes[] = {
    {"3x3", 2, 2, 8, 12, 1, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"1x1", 2, 2, 20, 17, 1, {9, 11}, {1, 1}, {0, 0}, {1, 1}, {1, 1}},
    {"1x1 stride 2", 2, 1, 16, 24, 1, {13, 10}, {1, 1}, {0, 0}, {2, 2}, {1, 1}},
    {"stem 7x7 stride 2", 2, 1, 3, 16, 1, {32, 30}, {7, 7}, {3, 3}, {2, 2}, {1, 1}},
    {"5x5 without padding", 2, 1, 5, 7, 1, {12, 9}, {5, 5}, {0, 0}, {1, 1}, {1, 1}},
    {"dilated", 2, 1, 6, 9, 1, {17, 15}, {3, 3}, {2, 2}, {1, 1}, {2, 2}},
    /* More terms than products of int8 can be summed in a float. */
    {"deep", 2, 1, 160, 6, 1, {5, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"lopsided", 2, 1, 4, 6, 1, {11, 19}, {1, 5}, {0, 2}, {2, 3}, {1, 1}},
    {"depthwise", 2, 2, 16, 16, 16, {12, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"depthwise with two filters a channel", 2, 1, 6, 12, 6, {9, 9}, {5, 5}, {2, 2}, {2, 2}, {1, 1}},
    {"grouped", 2, 2, 12, 18, 3, {8, 10}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"smallest", 2, 1, 1, 1, 1, {1, 1}, {1, 1}, {0, 0}, {1, 1}, {1, 1}},
    {"filter as large as the image", 2, 3, 7, 10, 1, {6, 6}, {6, 6}, {0, 0}, {1, 1}, {1, 1}},
    /* What torch.nn.Conv1d becomes: N, C, L, 1. */
    {"1-D", 2, 2, 10, 14, 1, {40, 1}, {5, 1}, {2, 0}, {1, 1}, {1, 1}},
    {"1-D strided", 2, 1, 8, 8, 2, {33, 1}, {4, 1}, {1, 0}, {2, 1}, {1, 1}},
    {"3-D", 3, 1, 4, 6, 1, {5, 7, 6}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
    {"3-D grouped, strided", 3, 2, 4, 8, 2, {6, 5, 7}, {2, 3, 1}, {0, 1, 0}, {2, 1, 2}, {1, 1, 1}},
    /* Backward-data of these is ConvTranspose2d, the second one with output_padding=1: the last
       row of its output belongs to no filter position and must be zero or partly filled. */
    {"transposed 4x4 stride 2", 2, 1, 6, 8, 1, {16, 16}, {4, 4}, {1, 1}, {2, 2}, {1, 1}},
    {"transposed with output padding", 2, 1, 6, 8, 1, {16, 12}, {3, 3}, {1, 1}, {2, 2}, {1, 1}},
    {"transposed without overlap", 2, 1, 4, 5, 1, {11, 8}, {2, 2}, {0, 0}, {3, 3}, {1, 1}},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

#endif /* SEQUENCES_SHAPES_H */
