#include "lightcone/order.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

void lc_sort_i32(int32_t *list, int64_t n)
{
    if (n > 0)
        qsort(list, (size_t)n, sizeof *list, ascending);
}

int64_t lc_unique_i32(int32_t *list, int64_t n)
{
    int64_t left = 0;

    for (int64_t i = 0; i < n; i++)
        if (i == 0 || list[i] != list[i - 1])
            list[left++] = list[i];
    return left;
}

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
