/* libFuzzer target: any bytes as a safetensors file; every tensor that is accepted is read. Build and run:
 *   clang -std=c17 -D_POSIX_C_SOURCE=200809L -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude \
 *     tests/fuzz/fuzz_safetensors.c src/base/err.c src/base/file.c src/base/memory.c \
 *     src/format/{json,pickle,safetensors,tensor,torch}.c -ljansson -lzip -o build/fuzz_safetensors
 *   build/fuzz_safetensors -max_total_time=120 -max_len=6000 build/corpus tests/fuzz/corpus/safetensors
 * (the first folder receives what it finds). */
#include <stdlib.h>

#include "../../src/format/format_internal.h"
#include "lightcone/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;
    float *x;

    if (lc_safetensors_parse(&set, "fuzz", (struct lc_map){data, size}, &err) != LC_OK)
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
