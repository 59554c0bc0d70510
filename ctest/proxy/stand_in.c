#include "stand_in.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void find_function(void* library, const char* name, void* function, size_t size_bytes)
{
    void* address = dlsym(library, name);
    if (address == NULL) {
        printf("no %s: %s\n", name, dlerror());
        exit(1);
    }
    /* ISO C has no conversion from an object's address to a function's; dlsym means this one. */
    memcpy(function, &address, size_bytes);
}

struct stand_in stand_in_loaded_from(const char* path)
{
    struct stand_in stand_in;
    void* library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (library == NULL) {
        printf("%s was not loaded\n", path);
        exit(1);
    }
    FIND(library, "stub_last_call", stand_in.last_call);
    FIND(library, "stub_calls_of", stand_in.calls_of);
    FIND(library, "stub_bound_file", stand_in.bound_file);
    FIND(library, "stub_load", stand_in.load);
    return stand_in;
}
