// The arguments of the Winograd kernels, and where their tiles lie.
#pragma once
#include "params.h"

struct WinogradParams {
    // One phase, whose k counts channels only: k_total and k_padded, split_k with them. `packed` is
    // [group][m_block][k / 4][16 slots][4][32 rows], column blocks are blocks of tiles, the input is
    // not lowered.
    ConvParams conv;
    Divisor by_tiles; // tiles of one image
    Divisor by_tile_plane;
    Divisor by_tile_row;
    u32 tiles;          // of all images
    int patch_first[2]; // input coordinates of tile 0's patch in h and w
    u32 out_len[2];
};

// A tile of the output: image, plane, and h and w in tiles.
struct TilePlace {
    u32 image, d, h, w;
};
DEVICE TilePlace tile_place(const WinogradParams &w, u32 tile) {
    TilePlace q;
    q.image = tile / w.by_tiles;
    u32 rest = tile - q.image * w.by_tiles.divisor;
    q.d = rest / w.by_tile_plane;
    rest -= q.d * w.by_tile_plane.divisor;
    q.h = rest / w.by_tile_row;
    q.w = rest - q.h * w.by_tile_row.divisor;
    return q;
}
