/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Child processes that must come to an end.
 */
#ifndef LIFE_CHILDREN_H
#define LIFE_CHILDREN_H

/**
 * Forks; the child runs `work` and ends. The child's failed checks become one of the caller, and so
 * does a child that dies, or hangs for longer than a convolution can take.
 */
void in_a_child(void (*work)(void*), void* argument);

#endif /* LIFE_CHILDREN_H */
