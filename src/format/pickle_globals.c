/* What a pickle may speak of: collections, tensors, storages, NumPy arrays. A row is a C function; nothing of the
 * file's is imported or run. Tensors: torch/_utils.py of PyTorch. */
#include <inttypes.h>
#include <string.h>

#include "lightcone/memory.h"
#include "pickle_machine.h"

const struct lc_value *lc_pickle_argument(const struct lc_value *tuple, int64_t i, enum lc_value_kind kind)
{
    const struct lc_value *v = i < tuple->as.list.count ? tuple->as.list.item[i] : NULL;

    return v && v->kind == kind ? v : NULL;
}

static int reduce_ordered_dict(struct lc_machine *m, const struct lc_value *arguments, struct lc_value **out)
{
    if (arguments->as.list.count != 0)
        return LC_PICKLE_REFUSE(m, "%s: OrderedDict with arguments; allowed: none", m->path);
    return lc_pickle_value_new(m, LC_VALUE_DICT, out);
}

/* 1 when the strides are those of a packed array whose dimensions vary slowest first, or, `by_column`,
 * fastest first. The stride of a dimension of one value means nothing. */
static int packed(const struct lc_tensor *t, const struct lc_value *stride, int by_column)
{
    int64_t step = 1;

    for (int i = 0; i < t->rank; i++) {
        int d = by_column ? i : t->rank - 1 - i;
        if (t->shape[d] > 1 && stride->as.list.item[d]->as.integer != step)
            return 0;
        step *= t->shape[d] > 1 ? t->shape[d] : 1;
    }
    return 1;
}

int lc_pickle_read_size(struct lc_machine *m, const struct lc_value *size, struct lc_tensor *t)
{
    if (size->as.list.count > LC_TENSOR_RANK)
        return LC_PICKLE_REFUSE(m, "%s: an array of %" PRId64 " dimensions; allowed: at most %d", m->path,
                                size->as.list.count, LC_TENSOR_RANK);
    t->rank = (int)size->as.list.count;
    t->count = 1;
    for (int i = 0; i < t->rank; i++) {
        const struct lc_value *n = lc_pickle_argument(size, i, LC_VALUE_INT);
        if (!n || n->as.integer < 0 || lc_mul_overflows(t->count, n->as.integer, &t->count))
            return LC_PICKLE_REFUSE(m, "%s: a tensor has a size that is negative, too large or no integer", m->path);
        t->shape[i] = n->as.integer;
    }
    return LC_OK;
}

static int strides_are_integers(const struct lc_value *stride)
{
    for (int64_t i = 0; i < stride->as.list.count; i++)
        if (!lc_pickle_argument(stride, i, LC_VALUE_INT))
            return 0;
    return 1;
}

/* Sizes and strides of a tensor; a .T view of a matrix is common (nn.Linear weights tied at the start). */
static int read_shape(struct lc_machine *m, const struct lc_value *size, const struct lc_value *stride,
                      struct lc_tensor *t)
{
    char text[200];
    int rc;

    if (size->as.list.count > LC_TENSOR_RANK || size->as.list.count != stride->as.list.count)
        return LC_PICKLE_REFUSE(m,
                                "%s: a tensor of %" PRId64 " dimensions with %" PRId64 " strides; allowed: at most %d",
                                m->path, size->as.list.count, stride->as.list.count, LC_TENSOR_RANK);
    if (!strides_are_integers(stride))
        return LC_PICKLE_REFUSE(m, "%s: a tensor has a stride that is no integer", m->path);
    rc = lc_pickle_read_size(m, size, t);
    if (rc != LC_OK || t->count == 0 || packed(t, stride, 0))
        return rc;
    t->by_column = t->rank == 2 && packed(t, stride, 1);
    if (t->by_column)
        return LC_OK;
    lc_shape_text(text, sizeof text, t->rank, t->shape);
    return LC_PICKLE_REFUSE(m, "%s: a tensor of shape %s has the strides of a view; save it again after .contiguous()",
                            m->path, text);
}

int lc_pickle_tensor_new(struct lc_machine *m, enum lc_value_kind kind, struct lc_value **out)
{
    int rc = lc_pickle_value_new(m, kind, out);

    return rc == LC_OK ? LC_ALLOC(&(*out)->as.tensor, 1, "a tensor", m->err) : rc;
}

/* (storage, offset, size, stride, requires_grad, backward_hooks[, metadata]) */
static int reduce_tensor(struct lc_machine *m, const struct lc_value *a, struct lc_value **out)
{
    const struct lc_value *storage = lc_pickle_argument(a, 0, LC_VALUE_STORAGE),
                          *offset = lc_pickle_argument(a, 1, LC_VALUE_INT);
    const struct lc_value *size = lc_pickle_argument(a, 2, LC_VALUE_TUPLE),
                          *stride = lc_pickle_argument(a, 3, LC_VALUE_TUPLE);
    struct lc_tensor *t;
    int64_t end;
    int rc;

    if (!storage || !offset || !size || !stride || a->as.list.count > 7)
        return LC_PICKLE_REFUSE(
            m, "%s: _rebuild_tensor_v2 with arguments that are not (storage, offset, size, stride, ...)", m->path);
    rc = lc_pickle_tensor_new(m, LC_VALUE_TENSOR, out);
    if (rc != LC_OK)
        return rc;
    t = (*out)->as.tensor;
    t->dtype = storage->as.tensor->dtype;
    t->file = m->path;
    rc = read_shape(m, size, stride, t);
    if (rc != LC_OK)
        return rc;
    if (offset->as.integer < 0 || lc_add_overflows(offset->as.integer, t->count, &end) ||
        end > storage->as.tensor->count)
        return LC_PICKLE_REFUSE(
            m, "%s: a tensor of %" PRId64 " values at offset %" PRId64 " does not fit its storage of %" PRId64, m->path,
            t->count, offset->as.integer, storage->as.tensor->count);
    t->data = storage->as.tensor->data + (size_t)offset->as.integer * lc_dtype_size(t->dtype);
    return LC_OK;
}

/* (tensor, requires_grad, backward_hooks) */
static int reduce_parameter(struct lc_machine *m, const struct lc_value *a, struct lc_value **out)
{
    if (!lc_pickle_argument(a, 0, LC_VALUE_TENSOR) || a->as.list.count > 3)
        return LC_PICKLE_REFUSE(m, "%s: _rebuild_parameter without a tensor", m->path);
    *out = a->as.list.item[0];
    return LC_OK;
}

/* Counter(dict): the dict itself, whose pairs are token and count. */
static int reduce_counter(struct lc_machine *m, const struct lc_value *a, struct lc_value **out)
{
    if (a->as.list.count == 0)
        return lc_pickle_value_new(m, LC_VALUE_DICT, out);
    if (a->as.list.count != 1 || a->as.list.item[0]->kind != LC_VALUE_DICT)
        return LC_PICKLE_REFUSE(m, "%s: Counter with arguments that are not a dict", m->path);
    *out = a->as.list.item[0];
    return LC_OK;
}

static const struct lc_pickle_global globals[] = {
    {"collections", "OrderedDict", reduce_ordered_dict, -1},
    {"collections", "Counter", reduce_counter, -1},
    {"_codecs", "encode", lc_pickle_encode, -1},
    {"numpy", "dtype", lc_pickle_numpy_dtype, -1},
    {"numpy", "ndarray", NULL, -1},
    {"numpy.core.multiarray", "_reconstruct", lc_pickle_numpy_array, -1},
    {"numpy._core.multiarray", "_reconstruct", lc_pickle_numpy_array, -1},
    {"numpy.core.multiarray", "scalar", lc_pickle_numpy_scalar, -1},
    {"numpy._core.multiarray", "scalar", lc_pickle_numpy_scalar, -1},
    {"torch._utils", "_rebuild_tensor_v2", reduce_tensor, -1},
    {"torch._utils", "_rebuild_parameter", reduce_parameter, -1},
    {"torch", "DoubleStorage", NULL, LC_F64},
    {"torch", "FloatStorage", NULL, LC_F32},
    {"torch", "HalfStorage", NULL, LC_F16},
    {"torch", "BFloat16Storage", NULL, LC_BF16},
    {"torch", "LongStorage", NULL, LC_I64},
    {"torch", "IntStorage", NULL, LC_I32},
    {"torch", "ShortStorage", NULL, LC_I16},
    {"torch", "CharStorage", NULL, LC_I8},
    {"torch", "ByteStorage", NULL, LC_U8},
    {"torch", "BoolStorage", NULL, LC_BOOL},
};

int lc_pickle_same(const char *known, const char *text, size_t size)
{
    return strlen(known) == size && memcmp(known, text, size) == 0;
}

const struct lc_pickle_global *lc_pickle_global_find(const char *module, size_t module_size, const char *name,
                                                     size_t name_size)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (lc_pickle_same(globals[i].module, module, module_size) && lc_pickle_same(globals[i].name, name, name_size))
            return &globals[i];
    return NULL;
}
