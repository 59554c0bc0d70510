/* SPDX-License-Identifier: MIT */
#include "elements.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t element_bytes(miopenDataType_t dtype)
{
    switch(dtype) {
    case miopenHalf:
    case miopenBFloat16: return 2;
    case miopenInt8: return 1;
    case miopenFloat:
    case miopenInt32: return 4;
    default: return 8;
    }
}

static double half_to_double(uint16_t bits)
{
    double sign = bits >> 15 ? -1 : 1;
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    if(exponent == 31) {
        return mantissa ? NAN : sign * INFINITY;
    }
    return exponent ? sign * ldexp(1024 + mantissa, exponent - 25) : sign * ldexp(mantissa, -24);
}

/* Exact for what element_for() gives: no rounding, no subnormals. */
static uint16_t double_to_half(double value)
{
    int exponent;
    double fraction = frexp(fabs(value), &exponent);
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    if(fraction == 0) {
        return sign;
    }
    return (uint16_t)(sign | (uint16_t)(exponent + 14) << 10 | (uint16_t)(fraction * 2048 - 1024));
}

double element_get(miopenDataType_t dtype, const void* data, size_t at)
{
    const unsigned char* element = (const unsigned char*)data + at * element_bytes(dtype);
    union {
        float f;
        double d;
        int32_t i32;
        uint32_t u32;
        uint16_t u16;
        int8_t i8;
    } value = {0};
    memcpy(&value, element, element_bytes(dtype));
    switch(dtype) {
    case miopenFloat: return value.f;
    case miopenHalf: return half_to_double(value.u16);
    case miopenBFloat16: value.u32 = (uint32_t)value.u16 << 16; return value.f;
    case miopenInt32: return value.i32;
    case miopenInt8: return value.i8;
    case miopenDouble: return value.d;
    default: abort();
    }
}

void element_set(miopenDataType_t dtype, void* data, size_t at, double value)
{
    unsigned char* element = (unsigned char*)data + at * element_bytes(dtype);
    float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    uint16_t upper = (uint16_t)(bits >> 16), half;
    int32_t integer;
    int8_t byte;
    switch(dtype) {
    case miopenFloat: memcpy(element, &single, sizeof single); return;
    case miopenHalf: half = double_to_half(value); memcpy(element, &half, sizeof half); return;
    case miopenBFloat16: memcpy(element, &upper, sizeof upper); return;
    case miopenInt32: integer = (int32_t)value; memcpy(element, &integer, sizeof integer); return;
    case miopenInt8: byte = (int8_t)value; memcpy(element, &byte, sizeof byte); return;
    case miopenDouble: memcpy(element, &value, sizeof value); return;
    default: abort();
    }
}

double element_for(miopenDataType_t dtype, uint32_t random)
{
    int byte = (int)(random & 255) - 128;
    switch(dtype) {
    case miopenFloat: return ldexp((double)random, -23) - 1;
    case miopenHalf:
    case miopenBFloat16: return (byte >> 1) / 64.0;
    default: return byte;
    }
}

double element_half_ulp(miopenDataType_t dtype)
{
    switch(dtype) {
    case miopenHalf: return ldexp(1, -11);
    case miopenBFloat16: return ldexp(1, -8);
    case miopenFloat: return ldexp(1, -24);
    default: return 0;
    }
}
