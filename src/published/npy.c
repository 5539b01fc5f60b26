/* Arrays as .npy files, and the datasets that are texts as texts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "export_parts.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "an array's bytes in memory are those of the file");

enum { NPY_ALIGN = 64, NPY_FIXED = 10, NPY_HEADER_MAX = 256, NPY_GROWTH = 21 };

static const struct {
    const char *name; /* NumPy's type */
    size_t size;      /* bytes of one value */
} types[] = {
    [LC_RESULT_I64] = {"<i8", 8}, [LC_RESULT_I32] = {"<i4", 4}, [LC_RESULT_F64] = {"<f8", 8},
    [LC_RESULT_F32] = {"<f4", 4}, [LC_RESULT_U8] = {"|u1", 1},   [LC_RESULT_TEXT] = {"|S", 1},
};

int lc_npy_head(struct lc_bytes *out, enum lc_result_type type, int rank, const int64_t *dim, struct lc_err *err)
{
    char text[NPY_HEADER_MAX], shape[NPY_HEADER_MAX / 2] = "", width[24] = "";
    size_t at = 0;
    int n, pad;

    for (int i = 0; i < rank && at < sizeof shape; i++)
        at += (size_t)snprintf(shape + at, sizeof shape - at, i ? ", %" PRId64 : "%" PRId64, dim[i]);
    if (type == LC_RESULT_TEXT)
        snprintf(width, sizeof width, "%" PRId64, dim[rank]);
    n = snprintf(text, sizeof text, "{'descr': '%s%s', 'fortran_order': False, 'shape': (%s%s), }", types[type].name, width,
                 shape, rank == 1 ? "," : "");
    if (at >= sizeof shape || n < 0 || n >= (int)sizeof text)
        return LC_FAIL(err, LC_E_FORMAT, "a shape of %d dimensions does not fit in the head of a .npy file", rank);
    /* numpy leaves room for the first dimension to grow to this many digits */
    pad = rank ? NPY_GROWTH - (int)strcspn(shape, ",") : 0;
    pad += NPY_ALIGN - (NPY_FIXED + n + pad + 1) % NPY_ALIGN;
    n += pad + 1;
    lc_bytes_add(out, "\x93NUMPY\x01", 8, err);
    lc_bytes_add(out, (unsigned char[]){(unsigned char)(n & 0xff), (unsigned char)(n >> 8)}, 2, err);
    return lc_bytes_printf(out, err, "%s%*s\n", text, pad, "");
}

static int write_array(struct lc_export *e, const char *path, const struct lc_array *a, struct lc_err *err)
{
    char name[LC_PATH_MAX];
    struct lc_bytes head = {0};
    size_t width = a->type == LC_RESULT_TEXT ? (size_t)a->dim[a->rank] : 1;
    int rc;

    snprintf(name, sizeof name, "npy/%s.npy", path);
    LC_TRY(rc, lc_npy_head(&head, a->type, a->rank, a->dim, err));
    LC_TRY(rc, lc_export_file(e, name,
                              (struct lc_stretch[]){{head.data, head.size},
                                                    {a->data, (size_t)a->count * width * types[a->type].size}},
                              2, err));
    e->done.arrays++;
done:
    lc_bytes_release(&head);
    return rc;
}

static int write_text(struct lc_export *e, const char *path, const struct lc_array *a, struct lc_err *err)
{
    char name[LC_PATH_MAX];

    snprintf(name, sizeof name, "%s%s", path, strcmp(lc_path_name(path), "config") == 0 ? ".yaml" : ".txt");
    return lc_export_file(e, name, &(struct lc_stretch){a->data, (size_t)a->count}, 1, err);
}

static int write_dataset(void *arg, const struct lc_result_item *item, struct lc_err *err)
{
    struct lc_export *e = arg;
    struct lc_array a;
    int rc;

    if (!item->dataset)
        return LC_OK;
    rc = lc_result_get(e->result, item->name, item->site, &a, err);
    if (rc != LC_OK)
        return rc;
    rc = item->text ? write_text(e, item->path, &a, err) : write_array(e, item->path, &a, err);
    lc_array_release(&a);
    return rc;
}

int lc_export_arrays(struct lc_export *e, struct lc_err *err)
{
    return lc_result_each(e->result, write_dataset, e, err);
}
