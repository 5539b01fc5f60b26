/* norm.c - sums, layer norm and softmax over rows. The `omp simd` reductions fix one vectorised order of summation in
 * the binary, so equal inputs give equal bits on every rank. */
#include <math.h>

#include "elementary.h"
#include "lightcone/linalg.h"

float lc_dot(const float *a, const float *b, int64_t n)
{
    float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void lc_dots(const float *const a[LC_DOTS], const float *const b[LC_DOTS], int64_t n, float out[LC_DOTS])
{
    const float *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
    float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;

#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int64_t i = 0; i < n; i++) {
        s0 += a0[i] * b0[i];
        s1 += a1[i] * b1[i];
        s2 += a2[i] * b2[i];
        s3 += a3[i] * b3[i];
    }
    out[0] = s0;
    out[1] = s1;
    out[2] = s2;
    out[3] = s3;
}

double lc_dot_f64(const float *a, const float *b, int64_t n)
{
    double sum = 0.0;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

double lc_square_sum(const float *a, int64_t n)
{
    return lc_dot_f64(a, a, n);
}

void lc_add_rows(float *out, const float *bias, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++)
            out[r * n + i] += bias[i];
}

void lc_multiply(float *x, const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= y[i];
}

float lc_norm_row(const float *x, const float *w, const float *b, double eps, int64_t n, float *unit, float *out)
{
    double sum = 0.0, squares = 0.0, mean, rstd;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    mean = sum / (double)n;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < n; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    rstd = 1.0 / sqrt(squares / (double)n + eps);
    for (int64_t i = 0; i < n; i++) {
        double u = ((double)x[i] - mean) * rstd;
        if (unit)
            unit[i] = (float)u;
        if (out)
            out[i] = (float)(u * (double)w[i] + (double)b[i]);
    }
    return (float)rstd;
}

void lc_norm_row_backward(const float *v, const float *unit, float rstd, int64_t n, float *out)
{
    float sum = 0.0f, along = 0.0f;

#pragma omp simd reduction(+ : sum, along)
    for (int64_t i = 0; i < n; i++) {
        sum += v[i];
        along += v[i] * unit[i];
    }
    sum /= (float)n;
    along /= (float)n;
    for (int64_t i = 0; i < n; i++)
        out[i] += rstd * (v[i] - sum - unit[i] * along);
}

/* e^(scale (p - top)), an argument of two float32 numbers: the result is as far off, relatively, as the argument is absolutely,
 * and differences of scores may be large. scale[0] + scale[1] is the factor. */
static inline float exp_of_difference(float p, float top, const float scale[2])
{
    float d = p - top, back = d - p, lost = (p - (d - back)) - (top + back); /* d + lost = p - top (Knuth, Moeller) */
    float x = scale[0] * d, more = lc_fma(scale[0], d, -x) + (scale[0] * lost + scale[1] * d), e = lc_exp(x);

    return lc_fma(e, more, e);
}

void lc_softmax(float *p, double scale, int64_t n)
{
    const float parts[2] = {(float)scale, (float)(scale - (double)(float)scale)};
    float top = p[0];
    double sum = 0.0, inverse;

#pragma omp simd reduction(max : top)
    for (int64_t i = 1; i < n; i++)
        top = p[i] > top ? p[i] : top;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        p[i] = exp_of_difference(p[i], top, parts);
        sum += (double)p[i];
    }
    inverse = 1.0 / sum;
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)((double)p[i] * inverse);
}
