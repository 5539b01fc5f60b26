#include "lightcone/order.h"

#include <stdlib.h>

#define ORDER(type, suffix)                                          \
    static int compare_##suffix(const void *a, const void *b)        \
    {                                                                \
        const type x = *(const type *)a, y = *(const type *)b;       \
        return (x > y) - (x < y);                                    \
    }                                                                \
    void lc_sort_##suffix(type *list, int64_t n)                     \
    {                                                                \
        if (n > 0)                                                   \
            qsort(list, (size_t)n, sizeof *list, compare_##suffix);  \
    }
ORDER(int32_t, i32)
ORDER(int64_t, i64)
ORDER(double, f64)

#define UNIQUE(type, suffix)                                         \
    int64_t lc_unique_##suffix(type *list, int64_t n)                \
    {                                                                \
        int64_t left = 0;                                            \
        for (int64_t i = 0; i < n; i++)                              \
            if (i == 0 || list[i] != list[i - 1])                    \
                list[left++] = list[i];                              \
        return left;                                                 \
    }
UNIQUE(int32_t, i32)
UNIQUE(int64_t, i64)

int64_t lc_find_i32(const int32_t *list, int64_t n, int64_t value)
{
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (list[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && list[low] == value ? low : -1;
}

double lc_percentile(const double *list, int64_t n, double percent)
{
    const double at = (double)(n - 1) * percent / 100.0;
    const int64_t below = (int64_t)at;

    return below + 1 < n ? list[below] + (at - (double)below) * (list[below + 1] - list[below]) : list[n - 1];
}
