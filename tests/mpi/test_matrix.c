/* NP: 1 2 3 4 7 - matrices spread over the ranks: words that change hands, a result filled by all, and eigenvalues by
 * ScaLAPACK against LAPACK's on the whole matrix. */
#include <math.h>
#include <unistd.h>

#include "lightcone/blockcyclic.h"
#include "lightcone/eigen.h"
#include "lightcone/exchange.h"
#include "lightcone/memory.h"
#include "lightcone/random.h"
#include "lightcone/results.h"
#include "mpi_fixture.h"

void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
            const int *lwork, int *info);

/* Rank r sends s + 1 times the word 100 r + s to every rank s, none to rank 0 from odd ranks. */
static void words_change_hands(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    int64_t cut[64] = {0}, count = 0, at = 0;
    int32_t word[2048], *in = NULL;

    (void)state;
    for (int s = 0; s < par.size; s++) {
        int n = s == 0 && par.rank % 2 ? 0 : s + 1;
        cut[s + 1] = cut[s] + n;
        for (int k = 0; k < n; k++)
            word[cut[s] + k] = 100 * par.rank + s;
    }
    REQUIRE(lc_exchange_words(&par, word, cut, &in, &count, &err) == LC_OK);
    for (int r = 0; r < par.size; r++)
        for (int k = 0; k < (par.rank == 0 && r % 2 ? 0 : par.rank + 1); k++)
            REQUIRE(in[at++] == 100 * r + par.rank);
    REQUIRE(at == count);
    free(in);
}

struct counter {
    int64_t count, sum, pieces;
    int fail_at; /* piece, or -1 */
};

static int64_t cut_word(void *arg, int64_t at)
{
    struct counter *c = arg;

    return at + 7 < c->count ? at + 7 : c->count;
}

/* The words are 1000 r + k, in the order of the ranks. */
static int take_words(void *arg, const int32_t *word, int64_t count, struct lc_err *err)
{
    struct counter *c = arg;

    if (c->pieces++ == c->fail_at)
        return LC_FAIL(err, LC_E_MEMORY, "rank %d has no room", par.rank);
    REQUIRE(count <= 7 && count > 0);
    for (int64_t k = 0; k < count; k++) {
        REQUIRE(word[k] > c->sum);
        c->sum = word[k];
    }
    return LC_OK;
}

static void words_go_round(void **state)
{
    int32_t word[64];

    (void)state;
    for (int failing = -1; failing < par.size; failing++) {
        struct lc_err err = LC_ERR_INIT;
        struct counter c = {.count = 5 * par.rank, .fail_at = par.rank == failing ? 0 : -1};
        struct lc_round round = {.word = word, .count = c.count, .cut = cut_word, .take = take_words, .arg = &c};
        int rc, pieces = 0;
        for (int k = 0; k < c.count; k++)
            word[k] = 1000 * par.rank + k + 1;
        rc = lc_exchange_round(&par, &round, &err);
        for (int r = 0; r < par.size; r++)
            pieces += (5 * r + 6) / 7;
        REQUIRE(rc == (failing >= 0 && pieces > 0 ? LC_E_MEMORY : LC_OK));
        REQUIRE(rc == LC_OK ? c.pieces == pieces : err.rank == failing);
    }
}

static void sums(void **state)
{
    int64_t value[] = {par.rank, 1, INT64_C(1) << 40};

    (void)state;
    lc_exchange_sum(&par, value, 3);
    REQUIRE(value[0] == par.size * (par.size - 1) / 2 && value[1] == par.size && value[2] == (int64_t)par.size << 40);
}

/* A correlation matrix: symmetric, diagonal 1, of rank lower than n so that eigenvalues near 0 repeat. */
static double element(int64_t i, int64_t j)
{
    double sum = 0.0, a = 0.0, b = 0.0;

    for (uint64_t k = 0; k < 17; k++) {
        double x = (double)lc_random_below(9, (uint64_t)i, k, 1000) - 300.0;
        double y = (double)lc_random_below(9, (uint64_t)j, k, 1000) - 300.0;
        sum += x * y;
        a += x * x;
        b += y * y;
    }
    return sum / sqrt(a * b);
}

static void solve_whole(int n, double *value)
{
    struct lc_err err = LC_ERR_INIT;
    int work_size = 40 * n + 100, info = 0;
    double *a = NULL, *work = NULL;

    REQUIRE(LC_ALLOC(&a, n * n, "test", &err) == LC_OK && LC_ALLOC(&work, work_size, "test", &err) == LC_OK);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[i * n + j] = element(i, j);
    dsyev_("N", "U", &n, a, &n, value, work, &work_size, &info);
    REQUIRE(info == 0);
    free(a);
    free(work);
}

/* max |A v - l v| over this rank's share of the vectors, all of which are put together first. */
static double residue(const struct lc_layout *l, const double *vector, const double *value)
{
    int64_t n = l->row.n;
    double *whole = calloc((size_t)(n * n), sizeof *whole), worst = 0.0;

    REQUIRE(whole);
    for (int64_t r = 0; r < l->rows; r++)
        for (int64_t c = 0; c < l->cols; c++)
            whole[lc_deal_global(&l->row, r) * n + lc_deal_global(&l->col, c)] = vector[r * l->cols + c];
    MPI_Allreduce(MPI_IN_PLACE, whole, (int)(n * n), MPI_DOUBLE, MPI_SUM, par.comm);
    for (int64_t k = par.rank; k < n; k += par.size)
        for (int64_t i = 0; i < n; i++) {
            double sum = -value[k] * whole[k * n + i];
            for (int64_t j = 0; j < n; j++)
                sum += element(i, j) * whole[k * n + j];
            worst = fmax(worst, fabs(sum));
        }
    free(whole);
    return worst;
}

static void spectrum_of(int n, int64_t block, int vectors)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_layout l;
    double *a = NULL, *vector = NULL, *value = NULL, *expected = NULL, worst = 0.0;

    lc_layout_init(&l, n, block, par.size, par.rank);
    REQUIRE(LC_ALLOC(&a, l.rows * l.cols, "test", &err) == LC_OK && LC_ALLOC(&value, n, "test", &err) == LC_OK);
    REQUIRE(LC_ALLOC(&expected, n, "test", &err) == LC_OK);
    REQUIRE(!vectors || LC_ALLOC(&vector, l.rows * l.cols, "test", &err) == LC_OK);
    for (int64_t r = 0; r < l.rows; r++)
        for (int64_t c = 0; c < l.cols; c++)
            a[r * l.cols + c] = element(lc_deal_global(&l.row, r), lc_deal_global(&l.col, c));
    REQUIRE(lc_eigen_symmetric(&par, &l, a, value, vector, &err) == LC_OK);
    solve_whole(n, expected);
    for (int k = 0; k < n; k++)
        worst = fmax(worst, fabs(value[k] - expected[k]) / expected[n - 1]);
    if (par.rank == 0)
        print_message("%d rows in blocks of %d%s: worst difference %.1e of the largest\n", n, (int)block,
                      vectors ? ", with vectors" : "", worst);
    REQUIRE(worst <= 1e-12);
    if (vectors)
        REQUIRE(residue(&l, vector, value) <= 1e-12 * expected[n - 1]);
    free(a);
    free(vector);
    free(value);
    free(expected);
}

static void spectrum_against_lapack(void **state)
{
    (void)state;
    spectrum_of(1, 64, 0);
    spectrum_of(1, 64, 1);
    spectrum_of(5, 2, 0);
    spectrum_of(5, 2, 1);
    spectrum_of(30, 64, 1);
    spectrum_of(130, 64, 0);
    spectrum_of(130, 16, 1);
    spectrum_of(97, 3, 0);
}

/* --- a matrix that all ranks write --- */

struct filling {
    struct lc_layout layout;
    int64_t stripe; /* rows at a time */
    int failing;    /* rank, or -1 */
};

static int fill(void *arg, struct lc_result *r, struct lc_err *err)
{
    struct filling *f = arg;
    const struct lc_layout *l = &f->layout;
    int64_t n = l->row.n, seen = 0;
    double *data = NULL, *out = NULL, *scratch = NULL;
    int word[4 * 64];

    REQUIRE(LC_ALLOC(&data, l->rows * l->cols, "test", err) == LC_OK);
    REQUIRE(LC_ALLOC(&out, n * n, "test", err) == LC_OK && LC_ALLOC(&scratch, n * n, "test", err) == LC_OK);
    for (int64_t i = 0; i < l->rows; i++)
        for (int64_t j = 0; j < l->cols; j++)
            data[i * l->cols + j] = (double)(1000 * lc_deal_global(&l->row, i) + lc_deal_global(&l->col, j));
    for (int64_t first = 0; first < n; first += f->stripe) {
        struct lc_rows rows;
        lc_rows_init(&rows, &par, l, first, n - first < f->stripe ? n - first : f->stripe);
        REQUIRE(rows.local_first == seen);
        seen += rows.local;
        lc_rows_exchange(&rows, &par, data + rows.local_first * l->cols, out, scratch, word);
        for (int64_t i = 0; i < rows.mine; i++)
            for (int64_t j = 0; j < n; j++)
                REQUIRE(out[i * n + j] == (double)(1000 * (rows.mine_first + i) + j));
        REQUIRE(lc_result_fill(r, "sites/SITE/correlation/pearson", "resid_out_layer1", n, rows.mine_first, rows.mine,
                               out, err) == LC_OK);
    }
    REQUIRE(seen == l->rows);
    free(data);
    free(out);
    free(scratch);
    if (par.rank == f->failing)
        LC_FAIL(err, LC_E_NUMERIC, "rank %d cannot", par.rank);
    return lc_comm_agree(&par, err);
}

static int publish(const char *path, int64_t n, int64_t block, int64_t rounds, int failing, struct lc_err *err)
{
    struct filling f = {.failing = failing};
    int64_t shape[] = {n, n}, three = 3;
    const int32_t feature[] = {4, 5, 6};
    struct lc_result *r = NULL;

    lc_layout_init(&f.layout, n, block, par.size, par.rank);
    f.stripe = rounds * block * f.layout.row.procs;
    if (par.rank == 0) {
        REQUIRE(lc_result_create(&r, path, err) == LC_OK);
        REQUIRE(lc_result_reserve(r, "sites/SITE/correlation/pearson", "resid_out_layer1", shape, err) == LC_OK);
        REQUIRE(lc_result_put(r, "sites/SITE/correlation/feature", "resid_out_layer1", &three, feature, err) == LC_OK);
    }
    return lc_result_publish(r, &par, path, fill, &f, err);
}

static void check_matrix(const char *path, int64_t n)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_result *r = NULL;
    struct lc_array a;

    REQUIRE(lc_result_open(&r, path, &err) == LC_OK);
    REQUIRE(lc_result_get(r, "sites/SITE/correlation/pearson", "resid_out_layer1", &a, &err) == LC_OK);
    REQUIRE(a.dim[0] == n && a.dim[1] == n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            REQUIRE(((double *)a.data)[i * n + j] == (double)(1000 * i + j));
    lc_array_release(&a);
    REQUIRE(lc_result_get(r, "sites/SITE/correlation/feature", "resid_out_layer1", &a, &err) == LC_OK);
    REQUIRE(a.count == 3 && ((int32_t *)a.data)[2] == 6);
    lc_array_release(&a);
    lc_result_close(r);
}

static void one_folder(char out[64])
{
    if (par.rank == 0) {
        snprintf(out, 64, "/tmp/lightcone-matrix-XXXXXX");
        REQUIRE(mkdtemp(out));
    }
    lc_comm_broadcast(&par, out, 64);
}

static void matrix_written_by_all(void **state)
{
    static const int64_t size[][3] = {{1, 4, 1}, {8, 4, 1}, {37, 4, 1}, {37, 4, 2}, {64, 8, 3}, {3, 4, 5}, {0, 4, 1}};
    char folder[64], path[96];

    (void)state;
    one_folder(folder);
    snprintf(path, sizeof path, "%s/r.h5", folder);
    for (size_t k = 0; k < sizeof size / sizeof size[0]; k++) {
        struct lc_err err = LC_ERR_INIT;
        int rc = publish(path, size[k][0], size[k][1], size[k][2], -1, &err);
        if (rc != LC_OK)
            fprintf(stderr, "%s\n", err.msg);
        REQUIRE(rc == LC_OK);
        if (par.rank == 0) {
            check_matrix(path, size[k][0]);
            REQUIRE(unlink(path) == 0);
        }
    }
    REQUIRE(par.rank > 0 || rmdir(folder) == 0);
}

/* One rank fails while it fills: all hear of it, and the folder stays empty. */
static void failure_while_filling(void **state)
{
    char folder[64], path[96];

    (void)state;
    one_folder(folder);
    snprintf(path, sizeof path, "%s/r.h5", folder);
    for (int failing = 0; failing < par.size; failing++) {
        struct lc_err err = LC_ERR_INIT;
        REQUIRE(publish(path, 37, 4, 2, failing, &err) == LC_E_NUMERIC);
        REQUIRE(err.rank == failing);
    }
    MPI_Barrier(par.comm);
    REQUIRE(par.rank > 0 || rmdir(folder) == 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(words_change_hands),    cmocka_unit_test(words_go_round),
    cmocka_unit_test(sums),                  cmocka_unit_test(spectrum_against_lapack),
    cmocka_unit_test(matrix_written_by_all), cmocka_unit_test(failure_while_filling),
};

MPI_TEST_MAIN(tests)
