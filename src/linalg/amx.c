/* amx.c - Intel's AMX: is it there, its tiles, and its row of the table of kernels. */
#define _DEFAULT_SOURCE /* syscall() */
#include "amx.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

int lc_amx_is_there(void)
{
    unsigned a, b, c, d;

    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bf16"))
        return 0;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
    return (d >> 22 & d >> 24 & 1) && /* AMX-BF16 and AMX-TILE */
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

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
