/* How a function of the stand-in notes its call; used by the generated functions. */
#ifndef STUB_RECORD_H
#define STUB_RECORD_H

#include "stub.h"

#include <miopen/miopen.h>

#ifdef STUB_OBJECTS
/* objects.c has some of the functions. */
#define STUB_LINKAGE __attribute__((weak))
#else
#define STUB_LINKAGE
#endif

#ifdef STUB_QUIET
/* For time measurements: a function that does next to nothing. */
#define STUB_BEGIN(index, name) ((void)0)
#define STUB_ARGUMENT(name) ((void)(name))
#ifdef STUB_OBJECTS
#define STUB_STATUS(index) ((void)(index), miopenStatusSuccess)
#else
#define STUB_STATUS(index) ((miopenStatus_t)(STUB_FIRST_STATUS + (index)))
#endif
#else
#define STUB_BEGIN(index, name) stub_begin(index, name)
#define STUB_ARGUMENT(name) stub_note(&(name), sizeof(name))
#define STUB_STATUS(index) stub_status(index)
#endif

void stub_begin(unsigned index, const char* name);
void stub_note(const void* value, size_t size_bytes);

/* In the variant whose functions call each other (STUB_SELF_CALL), this does. */
miopenStatus_t stub_status(unsigned index);

/* In the variant with objects: what becomes of a convolution. */
miopenStatus_t stub_convolution_status(void);

#endif
