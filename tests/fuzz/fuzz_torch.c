/* Any bytes as a torch.save file, and as the pickle within one; every tensor that is accepted is read, and every value
 * of the tree is walked as the readers of results do. Built and run by `make fuzz`. */
#include "../../src/format/format_internal.h"
#include "lightcone/pickled.h"
#include "read_tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int some_storage(void *context, const struct lc_storage_id *id, struct lc_map *bytes, struct lc_err *err)
{
    static const unsigned char data[64];

    (void)context, (void)id, (void)err;
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

/* A number of any kind, or all values of an array. */
static void read_leaf(const struct lc_node *node)
{
    struct lc_err err = LC_ERR_INIT;
    double real, *all = NULL;
    int64_t integer, dim[2], count;
    char text[32];

    (void)lc_node_int(node, -5, 5, &integer, &err);
    err = (struct lc_err)LC_ERR_INIT;
    (void)lc_node_real(node, &real, &err);
    err = (struct lc_err)LC_ERR_INIT;
    (void)lc_node_text(node, text, sizeof text, &err);
    err = (struct lc_err)LC_ERR_INIT;
    if (lc_node_shape(node, 2, dim, &err) != LC_OK || lc_mul_overflows(dim[0], dim[1], &count) ||
        lc_node_charge(node, count, &err) != LC_OK || LC_ALLOC(&all, count, "values", &err) != LC_OK)
        return;
    (void)lc_node_reals(node, count, all, &err);
    free(all);
}

/* The file counts what is looked at, so that this ends. */
static void walk(const struct lc_node *node, int depth)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_node_row *row = NULL;
    struct lc_node child;
    int64_t count = 0;

    read_leaf(node);
    if (depth == 0)
        return;
    if (lc_node_rows(node, -100, 100, &row, &count, &err) == LC_OK)
        for (int64_t i = 0; i < count; i++) {
            child = lc_node_of_row(node, &row[i]);
            walk(&child, depth - 1);
        }
    free(row);
    err = (struct lc_err)LC_ERR_INIT;
    if (lc_node_is_list(node) && lc_node_items(node, &count, &err) == LC_OK)
        for (int64_t i = 0; i < count; i++) {
            child = lc_node_item(node, i);
            walk(&child, depth - 1);
        }
    err = (struct lc_err)LC_ERR_INIT;
    if (lc_node_pairs(node, &count, &err) != LC_OK)
        return;
    for (int64_t i = 0; i < count && i < 16; i++) {
        char key[24];
        int found = 0;
        lc_node_key_text(node, i, key, sizeof key);
        if (lc_node_find(node, key, &child, &found, &err) == LC_OK && found)
            walk(&child, depth - 1);
    }
}

static void try_tree(const uint8_t *data, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_pickled *file = NULL;
    struct lc_node root;

    if (lc_pickled_parse(&file, "fuzz", (struct lc_map){data, size}, &err) != LC_OK)
        return;
    root = lc_pickled_root(file);
    walk(&root, 4);
    lc_pickled_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_tensors set;

    try_pickle(data, size);
    try_tree(data, size);
    if (lc_torch_parse(&set, "fuzz", (struct lc_map){data, size}, &err) == LC_OK)
        read_tensors(&set);
    return 0;
}
