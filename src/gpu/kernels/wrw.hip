// Backward-weights. Compiled once for each storage type: the build defines STORAGE and TYPE, its
// name. Names: TYPE_wrw_<rows>x<columns>_<exact, ragged, folded or volume>.
#include "wrw_direct.h"
#include "wrw_tile.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(suffix) JOIN(TYPE, suffix)

#define WRW_LDS(ROWS, COLUMNS) (2 * WRW_STEP * (ROWS + COLUMNS + 2 * WRW_SKEW))
#define WRW_TILE(ROWS, COLUMNS, THREADS, WAVES, RAGGED, SUFFIX)                            \
    KERNEL(THREADS, WAVES) void NAMED(_wrw_##ROWS##x##COLUMNS##_##SUFFIX)(WrwParams p) {   \
        SHARED float lds[WRW_LDS(ROWS, COLUMNS)];                                          \
        wrw_tile<STORAGE, ROWS, COLUMNS, THREADS, RAGGED, false, false>(p, lds, 0);        \
    }
// For three dimensions, and for few input channels: taps stand beside the channels.
#define WRW_FOLDED(ROWS, COLUMNS, THREADS, WAVES, VOLUME, SUFFIX)                          \
    KERNEL(THREADS, WAVES) void NAMED(_wrw_##ROWS##x##COLUMNS##_##SUFFIX)(WrwParams p) {   \
        SHARED float lds[WRW_LDS(ROWS, COLUMNS)];                                          \
        SHARED FoldedRow folded[COLUMNS];                                                  \
        wrw_tile<STORAGE, ROWS, COLUMNS, THREADS, true, true, VOLUME>(p, lds, folded);     \
    }
// Whole tiles in both directions, or not. The small tiles are bounded by LDS, not by VGPRs: a
// block of two waves needs 8.5 to 9.5 of the 64 KiB.
WRW_TILE(128, 128, 256, 8, false, exact)
WRW_TILE(64, 64, 64, 7, false, exact)
WRW_TILE(128, 128, 256, 8, true, ragged)
WRW_TILE(64, 64, 64, 7, true, ragged)
WRW_FOLDED(64, 64, 64, 6, false, folded)
WRW_FOLDED(64, 64, 64, 6, true, volume)

KERNEL(256, 8) void NAMED(_wrw_direct)(WrwParams p) {
    SHARED float lds[WRW_DIRECT_TAPS * WRW_DIRECT_THREADS];
    wrw_direct<STORAGE>(p, lds);
}
KERNEL(256, 8) void NAMED(_wrw_reduce)(WrwParams p) { wrw_reduce<STORAGE>(p); }
