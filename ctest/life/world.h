/* SPDX-License-Identifier: MIT */
/**
 * @file
 * One of everything that a convolution call needs, and the owned functions called through one type,
 * so that a test may spoil any single argument of any function.
 */
#ifndef LIFE_WORLD_H
#define LIFE_WORLD_H

#include "conv_call.h"
#include "guarded.h"

#include <miopen/miopen.h>

/** x=1,3,8,8 w=4,3,3,3 pad 1 gives y=1,4,8,8; a bias of 4; float. */
typedef struct {
    miopenHandle_t handle;
    miopenTensorDescriptor_t x_desc, w_desc, y_desc, bias_desc, spare_desc;
    miopenConvolutionDescriptor_t conv;
    guarded_t x, w, y, bias, workspace;
} world_t;

/** All objects alive, buffers full of ones. */
void world_new(world_t* world);

/** Destroys what is alive. Objects that a test has destroyed are set to NULL by it. */
void world_free(world_t* world);

/** The objects alone, for worlds that come and go while the buffers stay. */
void world_objects_new(world_t* world);
void world_objects_free(world_t* world);

/** A convolution of that world, with its workspace. */
conv_call_t world_call(const world_t* world, direction_t direction);

/** What a pointer argument of a call is. */
typedef enum {
    HANDLE = 'h',
    X_DESC = 'x',
    W_DESC = 'w',
    Y_DESC = 'y',
    BIAS_DESC = 'z',
    SPARE_DESC = 't', /**< A tensor descriptor that the call sets, reads or destroys. */
    CONV = 'c',
    X = 'X',
    W = 'W',
    Y = 'Y',
    BIAS = 'B',
    WORKSPACE = 's',
    SCALAR_ONE = '1',
    SCALAR_ZERO = '0',
    PLACE = 'o',          /**< Where the call writes; NULL is refused. */
    OPTIONAL_PLACE = 'O', /**< Where the call writes unless it is NULL. */
    NUMBERS = 'i',        /**< Small ints that are read; NULL is refused. */
    OPTIONAL_NUMBERS = 'I',
    LENGTHS = 'n',        /**< As NUMBERS, but refused with miopenStatusInvalidValue. */
    LENGTHS_64 = 'N',     /**< Likewise, of type size_t. */
    OPTIONAL_NUMBERS_64 = 'J'
} argument_t;

enum { MOST_POINTERS = 12 };

/** A function with its pointer arguments in `kinds`, one letter of argument_t each. */
typedef struct {
    const char* name;
    const char* kinds;
    const char* written; /**< Kinds of the buffers that it writes. */
    miopenStatus_t (*call)(void** pointers);
} function_t;

extern const function_t functions[];
extern const int function_count;

#endif /* LIFE_WORLD_H */
