/* Reads what the stand-in library noted. */
#ifndef STAND_IN_H
#define STAND_IN_H

#include "stub.h"

/* The functions of stub.h in the stand-in that the process has loaded. */
struct stand_in {
    const struct stub_call* (*last_call)(void);
    unsigned long (*calls_of)(const char*);
    const char* (*bound_file)(void);
    const struct stub_load* (*load)(void);
};

/* Of the file at `path`, which must be in the process already: nobody but the library under test
 * is to load it. Ends the program with a message otherwise. */
struct stand_in stand_in_loaded_from(const char* path);

/* The function of that name in a library from dlopen, into `*function`. Ends the program if there
 * is none. */
void find_function(void* library, const char* name, void* function, size_t size_bytes);
#define FIND(library, name, function) \
    find_function(library, name, &(function), sizeof(function))

#endif
