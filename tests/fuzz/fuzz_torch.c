/* libFuzzer target: any bytes as a torch.save file, and as the pickle within one; every tensor that is
 * accepted is read. Build and run:
 *   clang -std=c17 -D_POSIX_C_SOURCE=200809L -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude \
 *     tests/fuzz/fuzz_torch.c src/base/err.c src/base/file.c src/base/memory.c \
 *     src/format/{json,pickle,safetensors,tensor,torch}.c -ljansson -lzip -o build/fuzz_torch
 *   build/fuzz_torch -max_total_time=120 -max_len=6000 build/corpus tests/fuzz/corpus/torch
 * (the first folder receives what it finds). */
#include <stdlib.h>

#include "../../src/format/format_internal.h"
#include "lightcone/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int some_storage(void *context, const char *key, size_t size, struct lc_map *bytes, struct lc_err *err)
{
    static const unsigned char data[64];

    (void)context, (void)key, (void)size, (void)err;
    *bytes = (struct lc_map){data, sizeof data};
    return LC_OK;
}

/* Few inputs that libFuzzer makes are zips; the pickle is tried by itself, too. */
static void try_pickle(const uint8_t *data, size_t size)
{
    const struct lc_pickle_storages storages = {some_storage, NULL};
    struct lc_err err = LC_ERR_INIT;
    struct lc_pickle pickle;

    if (lc_pickle_parse(&pickle, "fuzz", (struct lc_map){data, size}, &storages, &err) == LC_OK)
        lc_pickle_release(&pickle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;
    float *x;

    try_pickle(data, size);
    if (lc_torch_parse(&set, "fuzz", (struct lc_map){data, size}, &err) != LC_OK)
        return 0;
    for (int64_t i = 0; i < set.count; i++) {
        /* the file holds the values, so their number is bounded by its size */
        if (LC_ALLOC(&x, set.item[i].count, "values", &err) != LC_OK)
            abort();
        err = (struct lc_err)LC_ERR_INIT;
        (void)lc_tensor_read_f32(&set.item[i], x, &err);
        err = (struct lc_err)LC_ERR_INIT;
        (void)lc_tensor_read_f32_transposed(&set.item[i], x, &err);
        free(x);
    }
    lc_tensors_close(&set);
    return 0;
}
