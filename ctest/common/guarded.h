/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Buffers that notice what is written outside them: canaries on both sides, and beyond these
 * pages that nobody may touch.
 */
#ifndef COMMON_GUARDED_H
#define COMMON_GUARDED_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A buffer between canaries. */
typedef struct {
    unsigned char* data; /**< Aligned to 256 bytes, as device memory is; NULL for size 0. */
    size_t size_bytes;
    unsigned char* mapping;
    size_t mapping_bytes;
} guarded_t;

/** A buffer whose every byte is 0xFF: as a float, half, bfloat16 or double that is a NaN. */
guarded_t guarded_new(size_t size_bytes);

/** Whether both canaries are as they were. */
int guarded_intact(const guarded_t* buffer);

/** Whether every byte of the buffer is still 0xFF. */
int guarded_untouched(const guarded_t* buffer);

/** Sets every byte to 0xFF again. */
void guarded_refill(guarded_t* buffer);

/** Reports broken canaries as a failed check, and gives the memory back. */
void guarded_free(guarded_t* buffer);

#ifdef __cplusplus
}
#endif

#endif /* COMMON_GUARDED_H */
