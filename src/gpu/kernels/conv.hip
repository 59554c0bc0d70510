// Forward and backward-data. Compiled once for each storage type: the build defines STORAGE and
// TYPE, its name. Names: TYPE_igemm_<rows>x<columns>_<gather>, TYPE_direct_<rows>_<gather>; `place`
// is `run` with the filter in place.
#include "conv_tile.h"
#include "direct.h"
#include "pack.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(suffix) JOIN(TYPE, suffix)

#define CONV_TILE(ROWS, COLUMNS, THREADS, STEP, GATHER, FILTER, SUFFIX)                   \
    KERNEL(THREADS, 8) void NAMED(_igemm_##ROWS##x##COLUMNS##_##SUFFIX)(ConvParams p) {   \
        SHARED float lds[CONV_LDS<ROWS, COLUMNS, THREADS, STEP>];                         \
        conv_tile<STORAGE, ROWS, COLUMNS, THREADS, STEP, GATHER, FILTER>(p, lds);         \
    }
#define CONV_TILES(GATHER, FILTER, SUFFIX)              \
    CONV_TILE(128, 128, 256, 8, GATHER, FILTER, SUFFIX) \
    CONV_TILE(128, 64, 128, 8, GATHER, FILTER, SUFFIX)  \
    CONV_TILE(64, 128, 128, 8, GATHER, FILTER, SUFFIX)  \
    CONV_TILE(64, 64, 64, 8, GATHER, FILTER, SUFFIX)    \
    CONV_TILE(64, 32, 32, 4, GATHER, FILTER, SUFFIX)    \
    CONV_TILE(32, 64, 32, 4, GATHER, FILTER, SUFFIX)
CONV_TILES(RUN, PACKED, run)
CONV_TILES(RUN, IN_PLACE, place)
CONV_TILES(VECTOR, PACKED, vector)
CONV_TILES(MASK, PACKED, mask)
CONV_TILE(64, 64, 64, 4, RANGE, PACKED, range)

#define CONV_DIRECT(ROWS, GATHER, WAVES, SUFFIX)                                      \
    KERNEL(256, WAVES) void NAMED(_direct_##ROWS##_##SUFFIX)(ConvParams p) {              \
        direct<STORAGE, ROWS, GATHER>(p);                                             \
    }
CONV_DIRECT(16, RUN, 9, run)
CONV_DIRECT(16, MASK, 9, mask)
CONV_DIRECT(4, MASK, 16, mask)
CONV_DIRECT(1, MASK, 16, mask)
CONV_DIRECT(4, RANGE, 16, range)
CONV_DIRECT(1, RANGE, 16, range)

KERNEL(256, 8) void NAMED(_pack)(ConvParams p) {
    SHARED float lds[PACK_TILE * (PACK_TILE + 1)];
    pack<STORAGE>(p, lds);
}
KERNEL(256, 8) void NAMED(_reduce)(ConvParams p) { reduce<STORAGE>(p); }
