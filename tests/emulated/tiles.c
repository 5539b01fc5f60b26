/* tiles.c - AMX's tiles in memory, see tiles.h. The kernels always use all eight at their full 16 rows of 64 bytes, so nothing
 * else is known here; what the CPU would refuse ends the program. */
#include "tiles.h"

#if defined(__x86_64__)
#include <stdlib.h>
#include <string.h>

#include "../../src/linalg/amx.h"

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64 };

static _Alignas(64) uint32_t tiles[TILES][ROWS][ROW_BYTES / 4];
static int configured;

/* In the place of src/linalg/amx_there.c: AVX-512 is enough. */
int lc_amx_is_there(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static void demand(int that)
{
    if (!that)
        abort();
}

/* A tile that may be used. */
static uint32_t (*at(int tile))[ROW_BYTES / 4]
{
    demand(configured && tile >= 0 && tile < TILES);
    return tiles[tile];
}

void emulated_loadconfig(const void *config)
{
    const uint8_t *rows = (const uint8_t *)config + 48;
    uint16_t row_bytes[16];

    memcpy(row_bytes, (const uint8_t *)config + 16, sizeof row_bytes);
    demand(*(const uint8_t *)config == 1);
    for (int i = 0; i < TILES; i++)
        demand(rows[i] == ROWS && row_bytes[i] == ROW_BYTES);
    memset(tiles, 0, sizeof tiles);
    configured = 1;
}

void emulated_release(void)
{
    configured = 0;
}

void emulated_zero(int tile)
{
    memset(at(tile), 0, sizeof tiles[0]);
}

void emulated_loadd(int tile, const void *from, int64_t stride)
{
    for (int r = 0; r < ROWS; r++)
        memcpy(at(tile)[r], (const uint8_t *)from + r * stride, ROW_BYTES);
}

void emulated_stored(int tile, void *to, int64_t stride)
{
    for (int r = 0; r < ROWS; r++)
        memcpy((uint8_t *)to + r * stride, at(tile)[r], ROW_BYTES);
}

EMULATED static inline __m512 even_of(__m512i pairs)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}

EMULATED static inline __m512 odd_of(__m512i pairs)
{
    return _mm512_castsi512_ps(_mm512_and_epi32(pairs, _mm512_set1_epi32((int)0xffff0000)));
}

/* TDPBF16PS: for each of the sums the products of the even numbers and those of the odd ones are added up apart, from
 * zero, then one to the other, then both to what was there. Eight rows at a time, so that their sums stay in registers. */
EMULATED static __attribute__((noinline)) void multiply(float *sum, const uint32_t (*left)[16], const uint32_t (*right)[16])
{
    for (int m = 0; m < ROWS; m += 8, sum += 8 * 16) {
        __m512 even[8], odd[8];
        for (int i = 0; i < 8; i++)
            even[i] = odd[i] = _mm512_setzero_ps();
        for (int k = 0; k < 16; k++) {
            __m512i row = _mm512_load_si512(right[k]);
            for (int i = 0; i < 8; i++) {
                __m512i pair = _mm512_set1_epi32((int)left[m + i][k]);
                even[i] = _mm512_fmadd_ps(even_of(pair), even_of(row), even[i]);
                odd[i] = _mm512_fmadd_ps(odd_of(pair), odd_of(row), odd[i]);
            }
        }
        for (int i = 0; i < 8; i++)
            _mm512_store_ps(sum + 16 * i, _mm512_add_ps(_mm512_load_ps(sum + 16 * i), _mm512_add_ps(even[i], odd[i])));
    }
}

/* To the nearest, with denormal factors and sums flushed to zero, whatever the program's own settings. */
void emulated_dpbf16ps(int sum, int left, int right)
{
    unsigned before = _mm_getcsr(), amx = 0x1f80 | _MM_FLUSH_ZERO_ON | 0x40;

    demand(sum != left && left != right && right != sum);
    __asm__ volatile("ldmxcsr %0" ::"m"(amx) : "memory");
    multiply((float *)(void *)at(sum), (const uint32_t(*)[16])at(left), (const uint32_t(*)[16])at(right));
    __asm__ volatile("ldmxcsr %0" ::"m"(before) : "memory");
}
#endif
