/* The corpus with and without its cache, and caches that must not be believed. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lightcone/corpus.h"

#define TOKENIZER "tests/data/tokenizer/neox.tokenizer.json"
static const char sentence[] = "The ferry doesn't run today.\n\n    It's the 29th of February.\n";

struct place {
    char folder[64], text[128], cache[128];
    struct lc_tokenizer *tok;
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct lc_err err = LC_ERR_INIT;

    assert_non_null(p);
    snprintf(p->folder, sizeof p->folder, "/tmp/lc-corpus-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->text, sizeof p->text, "%s/text.txt", p->folder);
    snprintf(p->cache, sizeof p->cache, "%s/cache/deep", p->folder);
    assert_int_equal(lc_file_write(p->text, sentence, sizeof sentence - 1, &err), LC_OK);
    assert_int_equal(lc_tokenizer_open(&p->tok, TOKENIZER, &err), LC_OK);
    *state = p;
    return 0;
}

static void empty_folder(const char *path)
{
    char name[LC_PATH_MAX];
    DIR *d = opendir(path);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        unlink(name);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char parent[80];

    lc_tokenizer_close(p->tok);
    snprintf(parent, sizeof parent, "%s/cache", p->folder);
    empty_folder(p->cache);
    empty_folder(parent);
    empty_folder(p->folder);
    free(p);
    return 0;
}

static void open_corpus(struct lc_corpus *c, const struct place *p, const char *cache, int64_t limit)
{
    struct lc_err err = LC_ERR_INIT;

    if (lc_corpus_open(c, p->tok, TOKENIZER, p->text, cache, limit, &err) != LC_OK)
        fail_msg("%s", err.msg);
}

static void check_ids(const struct place *p, const struct lc_corpus *c)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ids ids = {0};

    assert_int_equal(lc_tokenizer_encode(p->tok, sentence, sizeof sentence - 1, &ids, &err), LC_OK);
    assert_int_equal(c->count, ids.count);
    assert_memory_equal(c->id, ids.id, (size_t)ids.count * sizeof *ids.id);
    lc_ids_release(&ids);
}

/* The name of the only file in the cache folder. */
static void cache_file(const struct place *p, char path[LC_PATH_MAX])
{
    DIR *d = opendir(p->cache);
    struct dirent *e;
    int files = 0;

    assert_non_null(d);
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, LC_PATH_MAX, "%s/%s", p->cache, e->d_name);
        files++;
    }
    closedir(d);
    assert_int_equal(files, 1);
}

static void without_a_cache(void **state)
{
    struct place *p = *state;
    struct lc_corpus c;

    open_corpus(&c, p, NULL, 0);
    check_ids(p, &c);
    assert_int_equal(c.text_size, sizeof sentence - 1);
    assert_int_equal(strlen(c.text_hash), 64);
    assert_int_equal(strlen(c.tokenizer_hash), 64);
    assert_non_null(c.own);
    assert_false(lc_path_is_folder(p->cache));
    lc_corpus_close(&c);
    open_corpus(&c, p, NULL, 5);
    assert_int_equal(c.count, 5);
    lc_corpus_close(&c);
}

static void cache_is_written_and_used(void **state)
{
    struct place *p = *state;
    char path[LC_PATH_MAX], prefix[32];
    struct stat first, second;
    struct lc_corpus c;

    open_corpus(&c, p, p->cache, 7);
    assert_int_equal(c.count, 7);
    assert_null(c.own);
    cache_file(p, path);
    snprintf(prefix, sizeof prefix, "tokens-%.16s-", c.tokenizer_hash);
    assert_non_null(strstr(path, prefix));
    lc_corpus_close(&c);
    assert_int_equal(stat(path, &first), 0);
    open_corpus(&c, p, p->cache, 0);
    check_ids(p, &c);
    lc_corpus_close(&c);
    assert_int_equal(stat(path, &second), 0);
    assert_true(first.st_ino == second.st_ino);
}

/* Each byte of the file changed in turn, and each shorter length: always the right ids, from a new file. */
static void unsound_cache_is_rebuilt(void **state)
{
    struct place *p = *state;
    struct lc_err err = LC_ERR_INIT;
    unsigned char *copy;
    char path[LC_PATH_MAX];
    struct lc_corpus c;
    struct lc_map map;
    size_t size;

    open_corpus(&c, p, p->cache, 0);
    cache_file(p, path);
    lc_corpus_close(&c);
    assert_int_equal(lc_map_open(&map, path, &err), LC_OK);
    size = map.size;
    copy = malloc(size + 4);
    assert_non_null(copy);
    memcpy(copy, map.data, size);
    memset(copy + size, 0, 4);
    lc_map_close(&map);
    for (size_t i = 0; i <= 2 * size; i += 13) {
        size_t length = i < size ? size : i == 2 * size ? size + 4 : i - size;
        struct lc_map repaired;
        if (i < size)
            copy[i] ^= 1;
        assert_int_equal(lc_file_write(path, copy, length, &err), LC_OK);
        if (i < size)
            copy[i] ^= 1;
        open_corpus(&c, p, p->cache, 0);
        check_ids(p, &c);
        lc_corpus_close(&c);
        assert_int_equal(lc_map_open(&repaired, path, &err), LC_OK);
        assert_int_equal(repaired.size, size);
        assert_memory_equal(repaired.data, copy, size);
        lc_map_close(&repaired);
    }
    free(copy);
}

static void unusable_files_are_refused(void **state)
{
    struct place *p = *state;
    struct lc_err err = LC_ERR_INIT;
    struct lc_corpus c;

    assert_int_equal(lc_file_write(p->text, "", 0, &err), LC_OK);
    assert_int_equal(lc_corpus_open(&c, p->tok, TOKENIZER, p->text, p->cache, 0, &err), LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "text.txt: the corpus is empty"));
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_file_write(p->text, "ab\x80", 3, &err), LC_OK);
    assert_int_equal(lc_corpus_open(&c, p->tok, TOKENIZER, p->text, p->cache, 0, &err), LC_E_FORMAT);
    assert_non_null(strstr(err.msg, "text.txt: byte offset 2"));
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_corpus_open(&c, p->tok, TOKENIZER, "no/such/file", NULL, 0, &err), LC_E_IO);
    assert_non_null(strstr(err.msg, "no/such/file"));
    err = (struct lc_err)LC_ERR_INIT;
    assert_int_equal(lc_file_write(p->text, "ab", 2, &err), LC_OK);
    assert_int_equal(lc_corpus_open(&c, p->tok, TOKENIZER, p->text, p->text, 0, &err), LC_E_IO);
    assert_non_null(strstr(err.msg, "not a folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cache_is_written_and_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unsound_cache_is_rebuilt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unusable_files_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
