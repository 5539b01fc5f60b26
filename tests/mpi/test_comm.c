/* NP: 1 2 3 5 - agreement on errors, bytes to all ranks, memory of a node, merging. */
#include "mpi_fixture.h"

#include "lightcone/exact.h"
#include "lightcone/random.h"

static void ranks_and_nodes(void **state)
{
    int size, rank;

    (void)state;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    REQUIRE(par.size == size && par.rank == rank);
    REQUIRE(par.node_size >= 1 && par.node_size <= size && par.node_rank < par.node_size);
    REQUIRE((par.node_rank == 0) == (par.leader != MPI_COMM_NULL));
}

/* Every subset of ranks fails in turn: all ranks get the error of the lowest. */
static void agreement(void **state)
{
    (void)state;
    for (unsigned failing = 0; failing < 1u << par.size; failing++) {
        struct lc_err err = LC_ERR_INIT;
        char expected[64];
        int first = 0, rc;
        if (failing >> par.rank & 1)
            LC_FAIL(&err, par.rank % 2 ? LC_E_IO : LC_E_FORMAT, "rank %d cannot do it", par.rank);
        rc = lc_comm_agree(&par, &err);
        REQUIRE(rc == err.code);
        if (failing == 0) {
            REQUIRE(rc == LC_OK);
            continue;
        }
        while (!(failing >> first & 1))
            first++;
        snprintf(expected, sizeof expected, "rank %d cannot do it", first);
        REQUIRE(rc == (first % 2 ? LC_E_IO : LC_E_FORMAT));
        REQUIRE(err.rank == first && strcmp(err.msg, expected) == 0);
    }
}

static unsigned char pattern(int64_t i)
{
    return (unsigned char)(i * 31 + i / 251);
}

static void broadcast_from_rank_0(void **state)
{
    static const int64_t size[] = {0, 1, 17, 100000};
    static unsigned char data[100001];

    (void)state;
    for (int k = 0; k < 4; k++) {
        memset(data, 0, sizeof data);
        for (int64_t i = 0; par.rank == 0 && i < size[k]; i++)
            data[i] = pattern(i);
        lc_comm_broadcast(&par, data, size[k]);
        for (int64_t i = 0; i < size[k]; i++)
            REQUIRE(data[i] == pattern(i));
        REQUIRE(data[size[k]] == 0);
    }
}

static void share_one(int64_t bytes)
{
    struct lc_err err = LC_ERR_INIT;
    int64_t size = par.rank == 0 ? bytes : -1, step = bytes > 1000000 ? 4093 : 1;
    unsigned char *data = NULL;
    void *place = NULL;

    if (par.rank == 0) {
        place = data = malloc((size_t)bytes + 1);
        REQUIRE(data);
        for (int64_t i = 0; i < bytes; i++)
            data[i] = pattern(i);
    }
    REQUIRE(lc_comm_share(&par, &place, &size, &err) == LC_OK);
    REQUIRE(size == bytes && place && (par.rank > 0 || place == data));
    data = place;
    for (int64_t i = 0; i < bytes; i += step)
        REQUIRE(data[i] == pattern(i));
    REQUIRE(bytes == 0 || data[bytes - 1] == pattern(bytes - 1));
    free(place);
}

static void share_of_any_size(void **state)
{
    (void)state;
    share_one(0);
    share_one(1);
    share_one(65537);
    if (par.size == 2)
        share_one((INT64_C(1) << 28) + 12345); /* more than goes into one message */
}

/* A rank that has failed before does not hold up the others. */
static void share_after_a_failure(void **state)
{
    (void)state;
    for (int failing = 0; failing < par.size; failing++) {
        struct lc_err err = LC_ERR_INIT;
        char text[] = "text";
        int64_t size = 5;
        void *place = par.rank == 0 ? text : NULL;
        if (par.rank == failing)
            LC_FAIL(&err, LC_E_IO, "no disk");
        REQUIRE(lc_comm_share(&par, &place, &size, &err) == LC_E_IO);
        REQUIRE(err.rank == failing && strcmp(err.msg, "no disk") == 0);
        if (par.rank > 0)
            free(place);
    }
}

static void shared_memory(void **state)
{
    static const int64_t size[] = {1, 64, 1000003};

    (void)state;
    for (int k = 0; k < 3; k++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_shared s;
        unsigned char *data;
        REQUIRE(lc_shared_init(&s, &par, size[k], "test", &err) == LC_OK);
        data = s.data;
        REQUIRE((uintptr_t)data % 64 == 0);
        for (int64_t i = 0; i < size[k]; i++)
            REQUIRE(data[i] == 0);
        MPI_Barrier(par.comm);
        for (int64_t i = 0; par.rank == 0 && i < size[k]; i++)
            data[i] = pattern(i);
        lc_shared_publish(&s, &par);
        for (int64_t i = 0; i < size[k]; i++)
            REQUIRE(data[i] == pattern(i));
        lc_shared_release(&s);
        REQUIRE(!s.data && s.window == MPI_WIN_NULL);
    }
}

/* The ranks of a node see one copy: what rank 0 writes is there without any message. */
static void one_copy_a_node(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_shared s;
    int *data;

    (void)state;
    REQUIRE(lc_shared_init(&s, &par, 4096, "test", &err) == LC_OK);
    data = s.data;
    if (par.node_rank == 0)
        data[5] = 77 + par.rank;
    if (s.window != MPI_WIN_NULL)
        MPI_Win_sync(s.window);
    MPI_Barrier(par.comm);
    if (s.window != MPI_WIN_NULL)
        MPI_Win_sync(s.window);
    REQUIRE(par.size > par.node_size || data[5] == 77);
    MPI_Barrier(par.comm);
    lc_shared_release(&s);
}

static void more_than_the_node_has(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_shared s;

    (void)state;
    if (lc_comm_least(&par, par.node_size) == 1) /* plain memory there, whose refusal is the allocator's */
        return;
    REQUIRE(lc_shared_init(&s, &par, INT64_C(1) << 50, "weights", &err) == LC_E_MEMORY);
    REQUIRE(strstr(err.msg, "weights") && err.rank == 0);
}

/* What a rank brings to a merge: an exact sum of its share of N terms, and the ranks that it has heard of. */
struct heap {
    struct lc_exact sum;
    int64_t terms, ranks;
    int fail_save, fail_merge;
};

static int save_heap(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    struct heap *h = arg;

    if (h->fail_save)
        return LC_FAIL(err, LC_E_MEMORY, "rank %d cannot save", par.rank);
    return lc_bytes_add(out, h, sizeof *h, err);
}

static int merge_heap(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct heap *h = arg, other;

    if (h->fail_merge)
        return LC_FAIL(err, LC_E_FORMAT, "rank %d cannot merge", par.rank);
    if (lc_reader_take(in, &other, sizeof other, err) != LC_OK)
        return err->code;
    lc_exact_merge(&h->sum, &other.sum);
    h->terms += other.terms;
    h->ranks += other.ranks;
    return LC_OK;
}

static double term(int64_t i)
{
    return (double)(int64_t)(lc_random_bits(1, 2, (uint64_t)i) >> 8) * 0x1p-80 - 0x1p-26;
}

static void merging_is_the_same_for_any_number_of_ranks(void **state)
{
    enum { N = 5000 };
    struct heap mine = {.ranks = 1}, all = {0};
    struct lc_mergeable what = {save_heap, merge_heap, &mine};
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    for (int64_t i = 0; i < N; i++) {
        lc_exact_add(&all.sum, term(i));
        if ((int)lc_random_below(3, 4, (uint64_t)i, (uint64_t)par.size) != par.rank)
            continue;
        lc_exact_add(&mine.sum, term(i));
        mine.terms++;
    }
    REQUIRE(lc_comm_merge(&par, &what, &err) == LC_OK);
    if (par.rank == 0)
        REQUIRE(mine.terms == N && mine.ranks == par.size &&
                memcmp(&mine.sum, &all.sum, sizeof all.sum) == 0);
}

/* One rank fails in saving or in merging, or had failed before: all return its error, none waits. */
static void merging_with_a_failure(void **state)
{
    (void)state;
    for (int failing = 0; failing < par.size; failing++)
        for (int kind = 0; kind < 3; kind++) {
            struct heap mine = {.ranks = 1};
            struct lc_mergeable what = {save_heap, merge_heap, &mine};
            struct lc_err err = LC_ERR_INIT;
            int saves = failing > 0, merges = failing % 2 == 0 && failing + 1 < par.size, rc;
            int expected = kind == 0             ? LC_E_IO
                           : kind == 1 && saves  ? LC_E_MEMORY
                           : kind == 2 && merges ? LC_E_FORMAT
                                                 : LC_OK;
            mine.fail_save = kind == 1 && par.rank == failing;
            mine.fail_merge = kind == 2 && par.rank == failing;
            if (kind == 0 && par.rank == failing)
                LC_FAIL(&err, LC_E_IO, "failed before");
            rc = lc_comm_merge(&par, &what, &err);
            REQUIRE(rc == expected && err.code == expected);
            REQUIRE(expected == LC_OK || err.rank == failing);
        }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ranks_and_nodes),
    cmocka_unit_test(agreement),
    cmocka_unit_test(broadcast_from_rank_0),
    cmocka_unit_test(share_of_any_size),
    cmocka_unit_test(share_after_a_failure),
    cmocka_unit_test(shared_memory),
    cmocka_unit_test(one_copy_a_node),
    cmocka_unit_test(more_than_the_node_has),
    cmocka_unit_test(merging_is_the_same_for_any_number_of_ranks),
    cmocka_unit_test(merging_with_a_failure),
};

MPI_TEST_MAIN(tests)
