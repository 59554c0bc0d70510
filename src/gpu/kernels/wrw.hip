// Backward-weights. Compiled once for each storage type: the build defines STORAGE and TYPE, its
// name. Names: TYPE_wrw_<rows>x<columns>_<whole, ragged, fours, folded or volume>.
#include "wrw_direct.h"
#include "wrw_tile.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(suffix) JOIN(TYPE, suffix)

#define WRW_TILE(ROWS, COLUMNS, THREADS, WAVES, KIND, VOLUME, SUFFIX)                      \
    KERNEL(THREADS, WAVES) void NAMED(_wrw_##ROWS##x##COLUMNS##_##SUFFIX)(WrwParams p) {   \
        SHARED float lds[WrwShape<ROWS, COLUMNS, THREADS>::LDS];                           \
        SHARED FoldedColumn folded[COLUMNS / COLUMNS_OF_ENTRY[KIND]];                      \
        wrw_tile<STORAGE, ROWS, COLUMNS, THREADS, KIND, VOLUME>(p, lds, folded);           \
    }
WRW_TILE(128, 128, 256, 8, WHOLE, false, whole)
WRW_TILE(64, 64, 64, 8, WHOLE, false, whole)
WRW_TILE(32, 32, 32, 8, WHOLE, false, whole)
WRW_TILE(32, 32, 32, 8, RAGGED, false, ragged)
WRW_TILE(64, 64, 64, 8, FOURS, false, fours)
WRW_TILE(32, 32, 32, 8, FOURS, false, fours)
WRW_TILE(16, 32, 32, 8, FOURS, false, fours)
WRW_TILE(32, 16, 32, 8, FOURS, false, fours)
WRW_TILE(32, 32, 32, 8, FOLDED, false, folded)
WRW_TILE(16, 32, 32, 8, FOLDED, false, folded)
WRW_TILE(64, 64, 64, 8, FOLDED, true, volume)

KERNEL(256, 8) void NAMED(_wrw_direct)(WrwParams p) {
    SHARED float lds[WRW_DIRECT_TAPS * WRW_DIRECT_THREADS];
    wrw_direct<STORAGE>(p, lds);
}
KERNEL(256, 8) void NAMED(_wrw_reduce)(WrwParams p) { wrw_reduce<STORAGE>(p); }
