#include "lightcone/pairs.h"

#include <math.h>
#include <stdlib.h>

#include "lightcone/memory.h"

int lc_pair_is_degenerate(int64_t n_i, int64_t n)
{
    return n_i == 0 || n_i == n;
}

/* sqrt(fl(x x)) is x: exactly 1 on the diagonal. */
static double pearson(const struct lc_pair *p)
{
    double spread = (double)(p->n_i * (p->n - p->n_i)) * (double)(p->n_j * (p->n - p->n_j));

    return spread > 0.0 ? (double)(p->n * p->joint - p->n_i * p->n_j) / sqrt(spread) : NAN;
}

double lc_pair_measure(enum lc_measure which, const struct lc_pair *p)
{
    double n = (double)p->n, either = (double)(p->n_i + p->n_j - p->joint);

    switch (which) {
    case LC_CONDITIONAL:
        return p->shared / n - (double)p->n_i / n * ((double)p->n_j / n);
    case LC_COACTIVATION:
        return (double)(p->n * p->joint - p->n_i * p->n_j) / (n * n);
    case LC_PEARSON:
        return pearson(p);
    case LC_JACCARD:
        return either > 0.0 ? (double)p->joint / either : NAN;
    case LC_MEASURES:
        break;
    }
    return NAN;
}

int lc_top_init(struct lc_top *t, int64_t room, struct lc_err *err)
{
    *t = (struct lc_top){.room = room};
    return LC_ALLOC(&t->pair, room, "top pairs", err);
}

void lc_top_release(struct lc_top *t)
{
    free(t->pair);
    *t = (struct lc_top){0};
}

/* Whether x stands before y in the list. */
static int precedes(const struct lc_top_pair *x, const struct lc_top_pair *y)
{
    if (x->value != y->value)
        return x->value > y->value;
    return x->a != y->a ? x->a < y->a : x->b < y->b;
}

static void swap(struct lc_top_pair *x, struct lc_top_pair *y)
{
    struct lc_top_pair z = *x;

    *x = *y;
    *y = z;
}

static void sink(struct lc_top *t)
{
    for (int64_t k = 0, child; (child = 2 * k + 1) < t->count; k = child) {
        if (child + 1 < t->count && precedes(&t->pair[child], &t->pair[child + 1]))
            child++;
        if (!precedes(&t->pair[k], &t->pair[child]))
            return;
        swap(&t->pair[k], &t->pair[child]);
    }
}

static void rise(struct lc_top *t, int64_t k)
{
    for (; k > 0 && precedes(&t->pair[(k - 1) / 2], &t->pair[k]); k = (k - 1) / 2)
        swap(&t->pair[k], &t->pair[(k - 1) / 2]);
}

void lc_top_add(struct lc_top *t, double value, int32_t a, int32_t b)
{
    struct lc_top_pair pair = {value, a, b};

    if (isnan(value) || t->room == 0)
        return;
    if (t->count < t->room) {
        t->pair[t->count] = pair;
        rise(t, t->count++);
    } else if (precedes(&pair, &t->pair[0])) {
        t->pair[0] = pair;
        sink(t);
    }
}

static int by_rank(const void *x, const void *y)
{
    return precedes(x, y) ? -1 : precedes(y, x);
}

void lc_top_sort(struct lc_top *t)
{
    qsort(t->pair, (size_t)t->count, sizeof *t->pair, by_rank);
}
