/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Makes every call that a convolution can be asked for in a direction, and checks that each is
 * refused and writes nothing.
 */
#ifndef LIFE_REFUSALS_H
#define LIFE_REFUSALS_H

#include "world.h"

/** Every call of that direction answers with that status. */
void all_calls_refuse(const world_t* world, direction_t direction, miopenStatus_t expected);

/** Likewise, in all three directions. */
void all_directions_refuse(const world_t* world, miopenStatus_t expected);

#endif /* LIFE_REFUSALS_H */
