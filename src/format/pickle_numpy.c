/* NumPy's arrays, scalars and dtypes in a pickle. An array is made empty by _reconstruct(ndarray, (0,), b'b'), then
 * BUILD gives it (1, shape, dtype, is Fortran order, bytes); a dtype is made by dtype('f4', False, True), then BUILD
 * gives it (3, '<', ...). Bytes of protocol 2 are encode(text, 'latin1'). Source: numpy/_core/src/multiarray/methods.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"
#include "pickle_machine.h"

static const char dtypes_allowed[] = "f8, f4, i8, i4, i2, i1, u1, b1, little-endian";

int lc_pickle_numpy_dtype(struct lc_machine *m, const struct lc_value *a, struct lc_value **out)
{
    static const struct {
        const char *name;
        enum lc_dtype dtype;
    } rows[] = {{"f8", LC_F64}, {"f4", LC_F32}, {"i8", LC_I64}, {"i4", LC_I32},
                {"i2", LC_I16}, {"i1", LC_I8},  {"u1", LC_U8},  {"b1", LC_BOOL}};
    const struct lc_value *name = lc_pickle_argument(a, 0, LC_VALUE_TEXT);
    int rc;

    if (!name || a->as.list.count > 3)
        return LC_PICKLE_REFUSE(m, "%s: numpy dtype with arguments that are not (name, align, copy)", m->path);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (lc_pickle_same(rows[i].name, name->as.text.bytes, name->as.text.size)) {
            rc = lc_pickle_value_new(m, LC_VALUE_DTYPE, out);
            if (rc == LC_OK)
                (*out)->as.dtype = rows[i].dtype;
            return rc;
        }
    if (name->as.text.size > 0 && name->as.text.bytes[0] == 'O')
        return LC_PICKLE_REFUSE(m, "%s: a NumPy array of Python objects, which is refused; allowed: %s", m->path,
                                dtypes_allowed);
    return LC_PICKLE_REFUSE(m, "%s: a NumPy dtype of %zu letters that is not read; allowed: %s", m->path,
                            name->as.text.size, dtypes_allowed);
}

static int build_dtype(struct lc_machine *m, const struct lc_value *state)
{
    const struct lc_value *order = lc_pickle_argument(state, 1, LC_VALUE_TEXT);

    if (!order || order->as.text.size != 1 || !strchr("<|", order->as.text.bytes[0]))
        return LC_PICKLE_REFUSE(m, "%s: a NumPy dtype that is not little-endian; allowed: %s", m->path, dtypes_allowed);
    for (int64_t i = 2; i < 5 && i < state->as.list.count; i++)
        if (state->as.list.item[i]->kind != LC_VALUE_NONE)
            return LC_PICKLE_REFUSE(m, "%s: a NumPy dtype with fields; allowed: %s", m->path, dtypes_allowed);
    return LC_OK;
}

int lc_pickle_numpy_array(struct lc_machine *m, const struct lc_value *a, struct lc_value **out)
{
    const struct lc_value *type = lc_pickle_argument(a, 0, LC_VALUE_GLOBAL);

    if (a->as.list.count != 3 || !type || strcmp(type->as.global->name, "ndarray") != 0)
        return LC_PICKLE_REFUSE(m, "%s: _reconstruct with arguments that are not (ndarray, shape, type)", m->path);
    return lc_pickle_tensor_new(m, LC_VALUE_ARRAY, out);
}

/* The bytes must be those of the values, no more and no fewer. */
static int take_bytes(struct lc_machine *m, struct lc_tensor *t, const struct lc_value *bytes)
{
    int64_t size;
    char text[200];

    if (!lc_mul_overflows(t->count, (int64_t)lc_dtype_size(t->dtype), &size) && (uint64_t)size == bytes->as.text.size) {
        t->data = (const unsigned char *)bytes->as.text.bytes;
        return LC_OK;
    }
    lc_shape_text(text, sizeof text, t->rank, t->shape);
    return LC_PICKLE_REFUSE(m, "%s: a NumPy array of %s %s holds %zu bytes", m->path, lc_dtype_name(t->dtype), text,
                            bytes->as.text.size);
}

static int build_array(struct lc_machine *m, struct lc_tensor *t, const struct lc_value *state)
{
    const struct lc_value *shape = lc_pickle_argument(state, 1, LC_VALUE_TUPLE);
    const struct lc_value *dtype = lc_pickle_argument(state, 2, LC_VALUE_DTYPE);
    const struct lc_value *by_column = lc_pickle_argument(state, 3, LC_VALUE_BOOL);
    const struct lc_value *bytes = lc_pickle_argument(state, 4, LC_VALUE_BYTES);
    int rc;

    if (t->data || state->as.list.count != 5 || !shape || !dtype || !by_column || !bytes)
        return LC_PICKLE_REFUSE(
            m, "%s: a NumPy array whose state is not (version, shape, dtype, order, bytes), given once", m->path);
    t->dtype = dtype->as.dtype;
    t->file = m->path;
    rc = lc_pickle_read_size(m, shape, t);
    if (rc != LC_OK)
        return rc;
    t->by_column = t->rank == 2 && by_column->as.integer;
    if (by_column->as.integer && t->rank > 2)
        return LC_PICKLE_REFUSE(m, "%s: a NumPy array of %d dimensions in Fortran order; allowed: at most 2", m->path,
                                t->rank);
    return take_bytes(m, t, bytes);
}

int lc_pickle_numpy_build(struct lc_machine *m, struct lc_value *value, const struct lc_value *state)
{
    if (state->kind != LC_VALUE_TUPLE)
        return LC_PICKLE_REFUSE(m, "%s: a NumPy %s whose state is a %s; allowed: tuple", m->path,
                                lc_value_kind_name(value->kind), lc_value_kind_name(state->kind));
    return value->kind == LC_VALUE_DTYPE ? build_dtype(m, state) : build_array(m, value->as.tensor, state);
}

/* (dtype, bytes) of one value */
int lc_pickle_numpy_scalar(struct lc_machine *m, const struct lc_value *a, struct lc_value **out)
{
    const struct lc_value *dtype = lc_pickle_argument(a, 0, LC_VALUE_DTYPE);
    const struct lc_value *bytes = lc_pickle_argument(a, 1, LC_VALUE_BYTES);
    struct lc_tensor t = {.count = 1};
    int rc;

    if (!dtype || !bytes || a->as.list.count != 2)
        return LC_PICKLE_REFUSE(m, "%s: a NumPy scalar with arguments that are not (dtype, bytes)", m->path);
    t.dtype = dtype->as.dtype;
    rc = take_bytes(m, &t, bytes);
    if (rc == LC_OK)
        rc = lc_pickle_value_new(m, LC_VALUE_NONE, out);
    if (rc != LC_OK)
        return rc;
    if (t.dtype == LC_F64 || t.dtype == LC_F32) {
        (*out)->kind = LC_VALUE_REAL;
        (*out)->as.real = lc_tensor_real(&t, 0);
    } else {
        (*out)->kind = t.dtype == LC_BOOL ? LC_VALUE_BOOL : LC_VALUE_INT;
        (*out)->as.integer = lc_tensor_integer(&t, 0);
    }
    return LC_OK;
}

/* Latin-1 from UTF-8: one byte a character. Returns the number of bytes, or -1. */
static int64_t decode(unsigned char *out, const struct lc_value *text)
{
    const unsigned char *p = (const unsigned char *)text->as.text.bytes, *end = p + text->as.text.size;
    int64_t n = 0;

    while (p < end) {
        if (*p < 0x80) {
            out[n++] = *p++;
            continue;
        }
        if ((*p != 0xC2 && *p != 0xC3) || end - p < 2 || (p[1] & 0xC0) != 0x80)
            return -1;
        out[n++] = (unsigned char)((*p & 3) << 6 | (p[1] & 0x3F));
        p += 2;
    }
    return n;
}

int lc_pickle_encode(struct lc_machine *m, const struct lc_value *a, struct lc_value **out)
{
    const struct lc_value *text = lc_pickle_argument(a, 0, LC_VALUE_TEXT),
                          *code = lc_pickle_argument(a, 1, LC_VALUE_TEXT);
    unsigned char *bytes;
    int64_t size;
    int rc;

    if (!text || !code || a->as.list.count != 2 || !lc_pickle_same("latin1", code->as.text.bytes, code->as.text.size))
        return LC_PICKLE_REFUSE(m, "%s: _codecs.encode with arguments that are not (text, 'latin1')", m->path);
    /* each text is there for one value, but for those of a character */
    m->decoded += text->as.text.size;
    if (m->decoded > 2 * m->size)
        return LC_PICKLE_REFUSE(m, "%s: the pickle encodes the same text again and again", m->path);
    rc = lc_pickle_value_new(m, LC_VALUE_BYTES, out);
    if (rc == LC_OK)
        rc = LC_ALLOC(&bytes, text->as.text.size, "bytes", m->err);
    if (rc != LC_OK)
        return rc;
    size = decode(bytes, text);
    (*out)->owned = 1;
    (*out)->as.text.bytes = (const char *)bytes;
    (*out)->as.text.size = size < 0 ? 0 : (size_t)size;
    return size < 0 ? LC_PICKLE_REFUSE(m, "%s: a text of bytes with characters beyond 255", m->path) : LC_OK;
}
