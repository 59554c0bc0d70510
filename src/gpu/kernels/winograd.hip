// Winograd F(2x2, 3x3) for forward and backward-data. Compiled once for each storage type: the build
// defines STORAGE and TYPE, its name. Names: TYPE_winograd_<output channels>x<tiles>_<source of
// the filter, or how the input lies>.
#include "pack.h"
#include "winograd_pack.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(suffix) JOIN(TYPE, suffix)

#define WINOGRAD(SOURCE, PIXELS, SUFFIX)                                      \
    KERNEL(256, 8) void NAMED(_winograd_32x32_##SUFFIX)(WinogradParams p) {   \
        SHARED float lds[WINOGRAD_LDS];                                       \
        winograd<STORAGE, SOURCE, PIXELS>(p, lds);                            \
    }
WINOGRAD(PACKED, false, packed)
WINOGRAD(PACKED, true, pixels)
WINOGRAD(FORWARD, false, forward)
WINOGRAD(BACKWARD, false, backward)
KERNEL(256, 8) void NAMED(_winograd_pack)(WinogradParams p) {
    SHARED float lds[WINOGRAD_PACK_LDS];
    winograd_pack<STORAGE>(p, lds);
}
KERNEL(256, 8) void NAMED(_winograd_reduce)(WinogradParams p) { reduce<STORAGE>(p.conv); }
