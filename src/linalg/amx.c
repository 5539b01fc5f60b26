/* amx.c - Intel's AMX: its tiles, and its row of the table of kernels. */
#include "amx.h"

#if defined(__x86_64__)
/* A constant: the intrinsic tells the compiler of its first bytes only. */
LC_AMX void lc_amx_begin(void)
{
    static const struct {
        uint8_t palette, start, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } all = {.palette = 1,
             .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
             .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

    _tile_loadconfig(&all);
}

LC_AMX void lc_amx_end(void)
{
    _tile_release();
}

const struct lc_kernels lc_kernels_amx = {
    .name = "amx",
    .is_there = lc_amx_is_there,
    .packed_bytes = lc_amx_screen_packed_bytes,
    .pack = lc_amx_screen_pack,
    .scratch_bytes = lc_amx_screen_scratch_bytes,
    .screen = lc_amx_screen,
    .factor_bytes = lc_amx_factor_bytes,
    .factor_pack = lc_amx_factor_pack,
    .factor_scratch_bytes = lc_amx_factor_scratch_bytes,
    .product = lc_amx_factor,
};
#endif
