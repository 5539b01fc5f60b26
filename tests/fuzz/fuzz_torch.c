/* Any bytes as a torch.save file, and as the pickle within one; every tensor that is accepted is read. Built and run by
 * `make fuzz`. */
#include "../../src/format/format_internal.h"
#include "read_tensors.h"

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

    try_pickle(data, size);
    if (lc_torch_parse(&set, "fuzz", (struct lc_map){data, size}, &err) == LC_OK)
        read_tensors(&set);
    return 0;
}
