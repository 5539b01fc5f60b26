/* Errors, memory, files, hashes and random numbers against published test vectors. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lightcone/file.h"
#include "lightcone/hash.h"
#include "lightcone/memory.h"
#include "lightcone/order.h"
#include "lightcone/random.h"

static void error_keeps_the_first(void **state)
{
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_int_equal(LC_FAIL(&err, LC_E_IO, "first %d", 1), LC_E_IO);
    assert_int_equal(LC_FAIL(&err, LC_E_MEMORY, "second"), LC_E_IO);
    assert_string_equal(err.msg, "first 1");
    lc_err_prefix(&err, "a.txt");
    assert_string_equal(err.msg, "a.txt: first 1");
}

static void allocation_refuses_overflow(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    double *p = NULL;

    (void)state;
    assert_int_equal(LC_ALLOC(&p, INT64_MAX / 4, "big", &err), LC_E_MEMORY);
    assert_null(p);
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(LC_ALLOC(&p, 0, "none", &err), LC_OK);
    assert_non_null(p);
    free(p);
}

static void reader_stops_at_the_end(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_bytes b = {0};
    struct lc_reader r;
    int32_t x = 0;

    (void)state;
    assert_int_equal(lc_bytes_add(&b, "abcdef", 6, &err), LC_OK);
    r = (struct lc_reader){.data = b.data, .size = b.size};
    assert_int_equal(lc_reader_take(&r, &x, 4, &err), LC_OK);
    assert_memory_equal(&x, "abcd", 4);
    assert_int_equal(lc_reader_take(&r, &x, 4, &err), LC_E_FORMAT);
    lc_bytes_release(&b);
}

static void indices_are_found(void **state)
{
    static const int32_t once[] = {INT32_MIN, -7, 0, 3, 5, INT32_MAX};
    int32_t list[] = {5, INT32_MAX, 3, -7, 5, 0, INT32_MIN, 3, 5};

    (void)state;
    lc_sort_i32(list, 9);
    assert_int_equal(lc_unique_i32(list, 9), 6);
    assert_memory_equal(list, once, sizeof once);
    for (int64_t i = 0; i < 6; i++)
        assert_int_equal(lc_find_i32(list, 6, once[i]), i);
    assert_int_equal(lc_find_i32(list, 6, 4), -1);
    assert_int_equal(lc_find_i32(list, 5, INT32_MAX), -1);
    assert_int_equal(lc_find_i32(list, 6, INT64_MAX), -1);
    assert_int_equal(lc_find_i32(list, 6, (int64_t)UINT32_MAX + 4), -1); /* not taken for 3 */
    assert_int_equal(lc_find_i32(NULL, 0, 3), -1);
}

static void reals_and_their_percentiles(void **state)
{
    double list[] = {3.0, -1.0, 2.0, 10.0};
    int64_t whole[] = {INT64_MAX, 4, INT64_MIN, 4};

    (void)state;
    lc_sort_f64(list, 4);
    assert_true(list[0] == -1.0 && list[1] == 2.0 && list[2] == 3.0 && list[3] == 10.0);
    /* numpy.percentile([3, -1, 2, 10], [0, 2.5, 50, 97.5, 100]) */
    assert_true(lc_percentile(list, 4, 0.0) == -1.0);
    assert_true(fabs(lc_percentile(list, 4, 2.5) + 0.775) < 1e-14);
    assert_true(fabs(lc_percentile(list, 4, 50.0) - 2.5) < 1e-14);
    assert_true(fabs(lc_percentile(list, 4, 97.5) - 9.475) < 1e-14);
    assert_true(lc_percentile(list, 4, 100.0) == 10.0);
    assert_true(lc_percentile(list, 1, 97.5) == -1.0);
    lc_sort_i64(whole, 4);
    assert_int_equal(lc_unique_i64(whole, 4), 3);
    assert_true(whole[0] == INT64_MIN && whole[1] == 4 && whole[2] == INT64_MAX);
}

/* FIPS 180-4's example "abc" */
static void sha256_of_abc(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    char hex[LC_HASH_HEX];

    (void)state;
    assert_int_equal(lc_hash_bytes(hex, "abc", 3, &err), LC_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Random123's known-answer vectors for philox4x32-10: counter and key all zero, all one. */
static void philox_known_answers(void **state)
{
    (void)state;
    assert_true(lc_random_bits(0, 0, 0) == 0xe169c58d6627e8d5u);
    assert_true(lc_random_bits(UINT64_MAX, UINT64_MAX, UINT64_MAX) == 0x41c83b0e408f276du);
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(lc_random_below(7, 1, i, 10) < 10);
}

/* git hash-object of an empty file and of "hello\n" */
static void git_blobs_of_two_files(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    char path[] = "/tmp/lc-blob-XXXXXX", hex[LC_GIT_BLOB_HEX];

    (void)state;
    close(mkstemp(path));
    assert_int_equal(lc_hash_git_blob(hex, path, &err), LC_OK);
    assert_string_equal(hex, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    assert_int_equal(lc_file_write(path, "hello\n", 6, &err), LC_OK);
    assert_int_equal(lc_hash_git_blob(hex, path, &err), LC_OK);
    assert_string_equal(hex, "ce013625030ba8dba906f756967f9e9ca394464a");
    unlink(path);
    assert_int_equal(lc_hash_git_blob(hex, path, &err), LC_E_IO);
}

static void files_appear_whole(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    char folder[] = "/tmp/lc-base-XXXXXX", path[LC_PATH_MAX];
    struct lc_map map;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(lc_path_join(path, folder, "a", &err), LC_OK);
    assert_int_equal(lc_file_write(path, "hello", 5, &err), LC_OK);
    assert_int_equal(lc_map_open(&map, path, &err), LC_OK);
    assert_int_equal(map.size, 5);
    assert_memory_equal(map.data, "hello", 5);
    lc_map_close(&map);
    assert_int_equal(lc_map_open(&map, folder, &err), LC_E_IO);
    assert_non_null(strstr(err.msg, "not a regular file"));
    unlink(path);
    rmdir(folder);
}

/* rename() in this program, so that an NFS server's answer can be lost: done, but reported as ENOENT when asked again. */
static int answer_is_lost;

int rename(const char *from, const char *to)
{
    int rc = renameat(AT_FDCWD, from, AT_FDCWD, to);

    if (rc != 0 || !answer_is_lost)
        return rc;
    errno = ENOENT;
    return -1;
}

static void files_appear_on_nfs(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    char folder[] = "/tmp/lc-base-XXXXXX", path[LC_PATH_MAX], draft[2][LC_PATH_MAX];

    (void)state;
    assert_non_null(mkdtemp(folder));
    lc_path_join(path, folder, "r.h5", &err);
    answer_is_lost = 1;
    assert_int_equal(lc_file_write(path, "x", 1, &err), LC_OK);
    answer_is_lost = 0;
    assert_true(lc_path_is_file(path));
    assert_int_equal(lc_file_publish("/nowhere/a", path, &err), LC_E_IO);
    /* two processes of one number, on two nodes, write two drafts */
    lc_draft_path(draft[0], path, &err);
    lc_draft_path(draft[1], path, &err);
    assert_string_not_equal(draft[0], draft[1]);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void drafts_of_the_dead_go(void **state)
{
    static const char *const gone[] = {"r.h5.17.partial", "r.h5.4194304.partial"};
    static const char *const kept[] = {"r.h5", "r.h5.17.partial.txt", "r.h5.x.partial", "r.h5..partial", "q.h5.17.partial"};
    struct lc_err err = LC_ERR_INIT;
    char folder[] = "/tmp/lc-base-XXXXXX", path[LC_PATH_MAX];

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 7; i++) {
        lc_path_join(path, folder, i < 2 ? gone[i] : kept[i - 2], &err);
        assert_int_equal(lc_file_write(path, "x", 1, &err), LC_OK);
    }
    lc_path_join(path, folder, "r.h5", &err);
    lc_draft_sweep(path);
    for (int i = 0; i < 7; i++) {
        lc_path_join(path, folder, i < 2 ? gone[i] : kept[i - 2], &err);
        assert_int_equal(lc_path_is_file(path), i >= 2);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
    lc_draft_sweep("/nowhere/r.h5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_keeps_the_first), cmocka_unit_test(allocation_refuses_overflow),
        cmocka_unit_test(reader_stops_at_the_end), cmocka_unit_test(indices_are_found), cmocka_unit_test(reals_and_their_percentiles),
        cmocka_unit_test(sha256_of_abc), cmocka_unit_test(git_blobs_of_two_files),
        cmocka_unit_test(philox_known_answers), cmocka_unit_test(files_appear_whole),
        cmocka_unit_test(files_appear_on_nfs), cmocka_unit_test(drafts_of_the_dead_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
