/* Makes arguments of distinct bits, and compares what was passed with what arrived. */
#include "calls.h"

#include <stdio.h>
#include <string.h>

/* The step of the generator SplitMix64 (Steele, Lea, Flood 2014): distinct inputs, distinct outputs. */
static uint64_t mixed(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* Random bits with a given sign, an exponent of an ordinary number, and an odd mantissa. */
static uint64_t floating(uint64_t bits, int negative, unsigned mantissa_bits, unsigned exponent_bits)
{
    uint64_t exponent_mask = ((UINT64_C(1) << exponent_bits) - 1) << mantissa_bits;
    uint64_t mantissa = bits & ((UINT64_C(1) << mantissa_bits) - 1);
    uint64_t exponent = bits & exponent_mask;
    uint64_t sign = (uint64_t)negative << (mantissa_bits + exponent_bits);
    if (exponent == 0 || exponent == exponent_mask)
        exponent = exponent_mask >> 1 & exponent_mask;
    return sign | exponent | mantissa | 1;
}

void make_argument(
    struct arguments* arguments, void* at, size_t size_bytes, enum argument_kind kind)
{
    unsigned index = arguments->count++;
    int odd = (index + arguments->round) % 2;
    uint64_t key = (uint64_t)arguments->function << 32 | arguments->round << 16 | index;
    uint64_t bits = mixed(key);
    switch (kind) {
    case BOOL:
        bits = (uint64_t)odd;
        break;
    case FLOAT:
        bits = floating(bits, odd, 23, 8);
        break;
    case DOUBLE:
        bits = floating(bits, odd, 52, 11);
        break;
    case WORD: {
        /* The highest bit: a negative int, or the half of a size_t that an int cannot hold. */
        uint64_t high_bit = UINT64_C(1) << (8 * size_bytes - 1);
        bits = odd ? bits | high_bit : bits & ~high_bit;
        break;
    }
    }
    if (arguments->zeros)
        bits = 0;
    struct stub_argument* passed = &arguments->passed[index];
    passed->size_bytes = (unsigned)size_bytes;
    passed->bits = 0;
    memcpy(&passed->bits, &bits, size_bytes);
    memcpy(at, &bits, size_bytes);
}

uint64_t call_function(unsigned function, unsigned round, struct arguments* made)
{
    *made = (struct arguments){.function = function, .round = round};
    return functions[function].call(made);
}

void call_with_zeros(unsigned function)
{
    struct arguments made = {.function = function, .zeros = 1};
    functions[function].call(&made);
}

static int result_arrived(const struct arguments* made, uint64_t result)
{
    const struct function* function = &functions[made->function];
    if (!function->returns_string) {
        if (result == STUB_FIRST_STATUS + made->function)
            return 1;
        printf("%s: answered %llu\n", function->name, (unsigned long long)result);
        return 0;
    }
    const char* string = (const char*)(uintptr_t)result;
    /* A status in place of the string would be a small number. */
    if (result >= 4096 && strcmp(string, STUB_ERROR_STRING) == 0)
        return 1;
    printf("%s: answered the pointer %#llx\n", function->name, (unsigned long long)result);
    return 0;
}

int arrived(const struct arguments* made, const struct stub_call* seen, uint64_t result)
{
    const char* name = functions[made->function].name;
    if (seen->function == NULL || strcmp(seen->function, name) != 0) {
        printf("%s: arrived at %s\n", name, seen->function ? seen->function : "no function");
        return 0;
    }
    int ok = seen->count == made->count;
    for (unsigned i = 0; ok && i < made->count; ++i) {
        const struct stub_argument *want = &made->passed[i], *got = &seen->arguments[i];
        ok = want->size_bytes == got->size_bytes && want->bits == got->bits;
        if (!ok)
            printf("%s: argument %u is %#llx, arrived as %#llx\n", name, i,
                (unsigned long long)want->bits, (unsigned long long)got->bits);
    }
    return result_arrived(made, result) && ok;
}
