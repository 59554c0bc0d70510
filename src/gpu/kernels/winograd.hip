// Winograd F(2x2, 3x3) for forward and backward-data. Compiled once for each storage type: the build
// defines STORAGE and TYPE, its name. Names: TYPE_winograd_<output channels>x<tiles>.
#include "pack.h"
#include "winograd_pack.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(suffix) JOIN(TYPE, suffix)

KERNEL(256, 8) void NAMED(_winograd_32x32)(WinogradParams p) {
    SHARED float lds[WINOGRAD_LDS];
    winograd<STORAGE>(p, lds);
}
KERNEL(256, 8) void NAMED(_winograd_pack)(WinogradParams p) {
    SHARED float lds[WINOGRAD_PACK_LDS];
    winograd_pack<STORAGE>(p, lds);
}
KERNEL(256, 8) void NAMED(_winograd_reduce)(WinogradParams p) { reduce<STORAGE>(p.conv); }
