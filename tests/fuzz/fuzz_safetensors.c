/* Any bytes as a safetensors file; every tensor that is accepted is read. Built and run by `make fuzz`. */
#include "../../src/format/format_internal.h"
#include "read_tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;

    if (lc_safetensors_parse(&set, "fuzz", (struct lc_map){data, size}, &err) == LC_OK)
        read_tensors(&set);
    return 0;
}
