/* Is a forwarded call one instruction more than a direct one?
 *
 * usage: one_jump LIBRARY STAND_IN
 *
 * The code of each function of ours must be one jump through a slot, `jmp [rip + offset]`; and
 * after the first call the slot must hold the address of the real library's function itself. */
#include "calls.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* The slot that the code at `code` jumps through; NULL if it does anything else. */
static void** slot_of(const unsigned char* code)
{
    static const unsigned char jump_through_memory[] = {0xff, 0x25};
    enum { INSTRUCTION_BYTES = 6 };
    int32_t offset;
    if (memcmp(code, jump_through_memory, sizeof jump_through_memory) != 0)
        return NULL;
    memcpy(&offset, code + sizeof jump_through_memory, sizeof offset);
    return (void**)(uintptr_t)(code + INSTRUCTION_BYTES + offset);
}

int main(int count, char** words)
{
    if (count != 3)
        return 2;
    call_with_zeros(0); /* opens the stand-in */
    void* ours = dlopen(words[1], RTLD_NOW | RTLD_NOLOAD);
    void* real = dlopen(words[2], RTLD_NOW | RTLD_NOLOAD);
    if (ours == NULL || real == NULL) {
        printf("%s\n", dlerror());
        return 1;
    }
    unsigned wrong = 0;
    for (unsigned i = 0; i < function_count; ++i) {
        const char* name = functions[i].name;
        void** slot = slot_of(dlsym(ours, name));
        call_with_zeros(i);
        if (slot == NULL) {
            printf("%s is more than a jump\n", name);
            ++wrong;
        } else if (*slot != dlsym(real, name)) {
            printf("%s does not jump to the real one\n", name);
            ++wrong;
        }
    }
    printf("%u functions, %u wrong\n", function_count, wrong);
    return wrong != 0;
}
