#include "lightcone/positions.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 wide;

static void wide_add(uint64_t sum[2], wide x)
{
    wide total = ((wide)sum[1] << 64 | sum[0]) + x;

    sum[0] = (uint64_t)total;
    sum[1] = (uint64_t)(total >> 64);
}

static wide wide_of(const uint64_t sum[2])
{
    return (wide)sum[1] << 64 | sum[0];
}

static int64_t bins_over(int64_t length)
{
    return length < LC_POSITION_BINS ? length : LC_POSITION_BINS;
}

int lc_positions_init(struct lc_positions *p, int64_t features, int64_t length, int64_t first, int64_t last,
                      struct lc_err *err)
{
    *p = (struct lc_positions){.features = features, .length = length, .first = first, .last = last};
    p->bins = bins_over(length);
    p->corpus_bins = bins_over(last - first);
    return LC_ALLOC(&p->item, features, "positions", err);
}

void lc_positions_release(struct lc_positions *p)
{
    for (int64_t i = 0; p->item && i < p->features; i++)
        free(p->item[i]);
    free(p->item);
    *p = (struct lc_positions){0};
}

static int item_of(struct lc_positions *p, int64_t feature, struct lc_position_count **out, struct lc_err *err)
{
    if (!p->item[feature] && LC_ALLOC(&p->item[feature], 1, "positions", err) != LC_OK)
        return err->code;
    *out = p->item[feature];
    return LC_OK;
}

int lc_positions_add(struct lc_positions *p, int32_t feature, int64_t position, int64_t stream_index,
                     struct lc_err *err)
{
    struct lc_position_count *item = NULL;

    if (item_of(p, feature, &item, err) != LC_OK)
        return err->code;
    item->count++;
    wide_add(item->sum, (wide)position);
    wide_add(item->squares, (wide)position * (wide)position);
    wide_add(item->corpus_sum, (wide)stream_index);
    wide_add(item->corpus_squares, (wide)stream_index * (wide)stream_index);
    item->bin[position * p->bins / p->length]++;
    item->corpus_bin[(stream_index - p->first) * p->corpus_bins / (p->last - p->first)]++;
    return LC_OK;
}

/* n sum x^2 - (sum x)^2 is exact in 128-bit integers while both products fit; long double's 64 bits serve beyond. */
static double deviation(int64_t count, const uint64_t sum[2], const uint64_t squares[2])
{
    long double n = (long double)count, mean = (long double)wide_of(sum) / n;
    long double variance = (long double)wide_of(squares) / n - mean * mean;
    wide a, b;

    if (!__builtin_mul_overflow(wide_of(squares), (wide)(uint64_t)count, &a) &&
        !__builtin_mul_overflow(wide_of(sum), wide_of(sum), &b))
        variance = (long double)(a - b) / (n * n);
    return variance > 0.0L ? sqrt((double)variance) : 0.0;
}

void lc_positions_moments(const struct lc_positions *p, int64_t feature, double *mean, double *sd, double *corpus_mean,
                          double *corpus_sd)
{
    const struct lc_position_count *item = p->item[feature];

    *mean = *sd = *corpus_mean = *corpus_sd = NAN;
    if (!item)
        return;
    *mean = (double)((long double)wide_of(item->sum) / (long double)item->count);
    *corpus_mean = (double)((long double)wide_of(item->corpus_sum) / (long double)item->count);
    *sd = deviation(item->count, item->sum, item->squares);
    *corpus_sd = deviation(item->count, item->corpus_sum, item->corpus_squares);
}

/* Of 64 bins, few of which count anything: which those are, a bit each, and their counts. */
static int save_bins(const int64_t bin[LC_POSITION_BINS], struct lc_bytes *out, struct lc_err *err)
{
    int64_t count[LC_POSITION_BINS];
    uint64_t which = 0;
    size_t n = 0;
    int rc;

    for (int i = 0; i < LC_POSITION_BINS; i++) {
        if (bin[i] == 0)
            continue;
        which |= UINT64_C(1) << i;
        count[n++] = bin[i];
    }
    LC_TRY(rc, lc_bytes_add(out, &which, sizeof which, err));
    LC_TRY(rc, lc_bytes_add(out, count, n * sizeof *count, err));
done:
    return rc;
}

static int merge_bins(int64_t bin[LC_POSITION_BINS], struct lc_reader *in, struct lc_err *err)
{
    int64_t count[LC_POSITION_BINS], *next = count;
    uint64_t which;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &which, sizeof which, err));
    LC_TRY(rc, lc_reader_take(in, count, (size_t)__builtin_popcountll(which) * sizeof *count, err));
    for (; which; which &= which - 1)
        bin[__builtin_ctzll(which)] += *next++;
done:
    return rc;
}

int lc_positions_save(const struct lc_positions *p, struct lc_bytes *out, struct lc_err *err)
{
    int64_t seen = 0;
    int rc;

    for (int64_t i = 0; i < p->features; i++)
        seen += p->item[i] != NULL;
    LC_TRY(rc, lc_bytes_add(out, &seen, sizeof seen, err));
    for (int64_t i = 0; i < p->features; i++) {
        const struct lc_position_count *item = p->item[i];
        if (!item)
            continue;
        LC_TRY(rc, lc_bytes_add(out, &i, sizeof i, err));
        LC_TRY(rc, lc_bytes_add(out, item, offsetof(struct lc_position_count, bin), err));
        LC_TRY(rc, save_bins(item->bin, out, err));
        LC_TRY(rc, save_bins(item->corpus_bin, out, err));
    }
done:
    return rc;
}

static void add_sums(struct lc_position_count *to, const struct lc_position_count *from)
{
    to->count += from->count;
    wide_add(to->sum, wide_of(from->sum));
    wide_add(to->squares, wide_of(from->squares));
    wide_add(to->corpus_sum, wide_of(from->corpus_sum));
    wide_add(to->corpus_squares, wide_of(from->corpus_squares));
}

int lc_positions_merge(struct lc_positions *p, struct lc_reader *in, struct lc_err *err)
{
    struct lc_position_count sums, *to = NULL;
    int64_t seen, feature;
    int rc;

    LC_TRY(rc, lc_reader_take(in, &seen, sizeof seen, err));
    for (int64_t i = 0; i < seen; i++) {
        LC_TRY(rc, lc_reader_take(in, &feature, sizeof feature, err));
        LC_TRY(rc, lc_reader_take(in, &sums, offsetof(struct lc_position_count, bin), err));
        if (feature < 0 || feature >= p->features)
            return LC_FAIL(err, LC_E_FORMAT, "saved positions: feature %lld is not one of %lld", (long long)feature,
                           (long long)p->features);
        LC_TRY(rc, item_of(p, feature, &to, err));
        add_sums(to, &sums);
        LC_TRY(rc, merge_bins(to->bin, in, err));
        LC_TRY(rc, merge_bins(to->corpus_bin, in, err));
    }
done:
    return rc;
}
