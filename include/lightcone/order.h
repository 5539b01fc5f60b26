/* order.h - numbers in ascending order. */
#ifndef LC_ORDER_H
#define LC_ORDER_H

#include <stdint.h>

/* Sort list[n], ascending; no number among reals that is none. */
void lc_sort_i32(int32_t *list, int64_t n);
void lc_sort_i64(int64_t *list, int64_t n);
void lc_sort_f64(double *list, int64_t n);
/* Leave each value of an ascending list[n] once; returns how many are left. */
int64_t lc_unique_i32(int32_t *list, int64_t n);
int64_t lc_unique_i64(int64_t *list, int64_t n);
/* Place of a value in an ascending list[n] that holds each value once, or -1. */
int64_t lc_find_i32(const int32_t *list, int64_t n, int64_t value);
/* Of an ascending list[n], n > 0: linear between the values around place (n - 1) percent / 100, numpy's default. */
double lc_percentile(const double *list, int64_t n, double percent);

#endif
