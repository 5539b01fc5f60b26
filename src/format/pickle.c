/* A reader of the pickle subset that torch.save writes. A pickle is a program for a stack machine; this one
 * has no instruction that imports or calls anything: a GLOBAL must have a row in the table `globals`, and
 * REDUCE runs that row's C function. Opcodes: Lib/pickletools.py of CPython; tensors: torch/_utils.py of
 * PyTorch. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format_internal.h"
#include "lightcone/memory.h"

enum { PICKLE_MAX = 1 << 30, MARKS_MAX = 256, PROTOCOL_LOW = 2, PROTOCOL_HIGH = 4 };

struct machine {
    const char *path;
    const unsigned char *data;
    size_t size, at;
    const struct lc_pickle_storages *storages;
    struct lc_value *all;
    struct lc_value **stack;
    int64_t height, room;
    int64_t mark[MARKS_MAX]; /* stack heights */
    int marks;
    struct lc_value **memo;
    int64_t memos, memo_room; /* highest index + 1 */
    int stopped;
    struct lc_err *err;
};

struct lc_pickle_global {
    const char *module, *name;
    int (*reduce)(struct machine *m, const struct lc_value *arguments,
                  struct lc_value **out); /* NULL: no function */
    int dtype;                            /* storages; else -1 */
};

#define REFUSE(m, ...) LC_FAIL((m)->err, LC_E_FORMAT, __VA_ARGS__)

const char *lc_value_kind_name(enum lc_value_kind kind)
{
    static const char *const names[] = {
        [LC_VALUE_NONE] = "None",       [LC_VALUE_BOOL] = "bool",     [LC_VALUE_INT] = "int",
        [LC_VALUE_REAL] = "float",      [LC_VALUE_TEXT] = "str",      [LC_VALUE_TUPLE] = "tuple",
        [LC_VALUE_LIST] = "list",       [LC_VALUE_DICT] = "dict",     [LC_VALUE_GLOBAL] = "global",
        [LC_VALUE_STORAGE] = "storage", [LC_VALUE_TENSOR] = "tensor",
    };

    return names[kind];
}

/* --- values, stack, memo --- */

static int value_new(struct machine *m, enum lc_value_kind kind, struct lc_value **out)
{
    struct lc_value *v = calloc(1, sizeof *v);

    if (!v)
        return LC_FAIL(m->err, LC_E_MEMORY, "%s: no memory for the values of its pickle", m->path);
    v->kind = kind;
    v->next = m->all;
    m->all = v;
    *out = v;
    return LC_OK;
}

/* Grow an array of pointers to hold `need` of them. */
static int grow(struct machine *m, struct lc_value ***array, int64_t *room, int64_t need)
{
    int64_t more = *room < 8 ? 8 : *room;
    struct lc_value **p;

    if (need <= *room)
        return LC_OK;
    while (more < need)
        more *= 2;
    p = realloc(*array, (size_t)more * sizeof *p);
    if (!p)
        return LC_FAIL(m->err, LC_E_MEMORY, "%s: no memory for the values of its pickle", m->path);
    memset(p + *room, 0, (size_t)(more - *room) * sizeof *p);
    *array = p;
    *room = more;
    return LC_OK;
}

static int push(struct machine *m, struct lc_value *v)
{
    int rc = grow(m, &m->stack, &m->room, m->height + 1);

    if (rc == LC_OK)
        m->stack[m->height++] = v;
    return rc;
}

static int64_t floor_of(const struct machine *m)
{
    return m->marks ? m->mark[m->marks - 1] : 0;
}

/* The values above the last mark stay on the stack until `drop`. */
static int need(struct machine *m, int64_t count)
{
    if (m->height - floor_of(m) < count)
        return REFUSE(m, "%s: pickle byte %zu: fewer than %" PRId64 " values on the stack", m->path, m->at,
                      count);
    return LC_OK;
}

static int pop_mark(struct machine *m, int64_t *from)
{
    if (m->marks == 0)
        return REFUSE(m, "%s: pickle byte %zu: no mark on the stack", m->path, m->at);
    *from = m->mark[--m->marks];
    return LC_OK;
}

static int take(struct machine *m, size_t count, const unsigned char **out)
{
    if (count > m->size - m->at)
        return REFUSE(m, "%s: the pickle ends early: %zu bytes wanted at byte %zu of %zu", m->path, count,
                      m->at, m->size);
    *out = m->data + m->at;
    m->at += count;
    return LC_OK;
}

/* Little-endian unsigned number of 1 to 8 bytes. */
static int take_number(struct machine *m, size_t count, uint64_t *out)
{
    const unsigned char *p = NULL;
    int rc = take(m, count, &p);

    *out = 0;
    for (size_t i = count; rc == LC_OK && i > 0; i--)
        *out = *out << 8 | p[i - 1];
    return rc;
}

static int list_append(struct machine *m, struct lc_value *list, struct lc_value *item)
{
    int rc = grow(m, &list->as.list.item, &list->as.list.room, list->as.list.count + 1);

    if (rc == LC_OK)
        list->as.list.item[list->as.list.count++] = item;
    return rc;
}

/* Move the values from stack height `from` up into a list, tuple or dict. */
static int gather(struct machine *m, struct lc_value *into, int64_t from)
{
    int rc = LC_OK;

    for (int64_t i = from; rc == LC_OK && i < m->height; i++)
        rc = list_append(m, into, m->stack[i]);
    if (rc == LC_OK)
        m->height = from;
    return rc;
}

static int push_new(struct machine *m, enum lc_value_kind kind, struct lc_value **out)
{
    int rc = value_new(m, kind, out);

    return rc == LC_OK ? push(m, *out) : rc;
}

static int push_int(struct machine *m, enum lc_value_kind kind, int64_t value)
{
    struct lc_value *v = NULL;
    int rc = push_new(m, kind, &v);

    if (rc == LC_OK)
        v->as.integer = value;
    return rc;
}

/* --- the functions of globals --- */

static const struct lc_value *argument(const struct lc_value *tuple, int64_t i, enum lc_value_kind kind)
{
    const struct lc_value *v = i < tuple->as.list.count ? tuple->as.list.item[i] : NULL;

    return v && v->kind == kind ? v : NULL;
}

static int reduce_ordered_dict(struct machine *m, const struct lc_value *arguments, struct lc_value **out)
{
    if (arguments->as.list.count != 0)
        return REFUSE(m, "%s: OrderedDict with arguments; allowed: none", m->path);
    return value_new(m, LC_VALUE_DICT, out);
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

static int read_size(struct machine *m, const struct lc_value *size, const struct lc_value *stride,
                     struct lc_tensor *t)
{
    t->rank = (int)size->as.list.count;
    t->count = 1;
    for (int i = 0; i < t->rank; i++) {
        const struct lc_value *n = argument(size, i, LC_VALUE_INT);
        if (!n || n->as.integer < 0 || !argument(stride, i, LC_VALUE_INT) ||
            lc_mul_overflows(t->count, n->as.integer, &t->count))
            return REFUSE(m, "%s: a tensor has a size that is negative, too large or no integer", m->path);
        t->shape[i] = n->as.integer;
    }
    return LC_OK;
}

/* Sizes and strides of a tensor; a .T view of a matrix is common (nn.Linear weights tied at the start). */
static int read_shape(struct machine *m, const struct lc_value *size, const struct lc_value *stride,
                      struct lc_tensor *t)
{
    char text[200];
    int rc;

    if (size->as.list.count > LC_TENSOR_RANK || size->as.list.count != stride->as.list.count)
        return REFUSE(m,
                      "%s: a tensor of %" PRId64 " dimensions with %" PRId64 " strides; allowed: at most %d",
                      m->path, size->as.list.count, stride->as.list.count, LC_TENSOR_RANK);
    rc = read_size(m, size, stride, t);
    if (rc != LC_OK || t->count == 0 || packed(t, stride, 0))
        return rc;
    t->by_column = t->rank == 2 && packed(t, stride, 1);
    if (t->by_column)
        return LC_OK;
    lc_shape_text(text, sizeof text, t->rank, t->shape);
    return REFUSE(m, "%s: a tensor of shape %s has the strides of a view; save it again after .contiguous()",
                  m->path, text);
}

static int tensor_new(struct machine *m, enum lc_value_kind kind, struct lc_value **out)
{
    int rc = value_new(m, kind, out);

    return rc == LC_OK ? LC_ALLOC(&(*out)->as.tensor, 1, "a tensor", m->err) : rc;
}

/* (storage, offset, size, stride, requires_grad, backward_hooks[, metadata]) */
static int reduce_tensor(struct machine *m, const struct lc_value *a, struct lc_value **out)
{
    const struct lc_value *storage = argument(a, 0, LC_VALUE_STORAGE), *offset = argument(a, 1, LC_VALUE_INT);
    const struct lc_value *size = argument(a, 2, LC_VALUE_TUPLE), *stride = argument(a, 3, LC_VALUE_TUPLE);
    struct lc_tensor *t;
    int64_t end;
    int rc;

    if (!storage || !offset || !size || !stride || a->as.list.count > 7)
        return REFUSE(
            m, "%s: _rebuild_tensor_v2 with arguments that are not (storage, offset, size, stride, ...)",
            m->path);
    rc = tensor_new(m, LC_VALUE_TENSOR, out);
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
        return REFUSE(m,
                      "%s: a tensor of %" PRId64 " values at offset %" PRId64
                      " does not fit its storage of %" PRId64,
                      m->path, t->count, offset->as.integer, storage->as.tensor->count);
    t->data = storage->as.tensor->data + (size_t)offset->as.integer * lc_dtype_size(t->dtype);
    return LC_OK;
}

/* (tensor, requires_grad, backward_hooks) */
static int reduce_parameter(struct machine *m, const struct lc_value *a, struct lc_value **out)
{
    if (!argument(a, 0, LC_VALUE_TENSOR) || a->as.list.count > 3)
        return REFUSE(m, "%s: _rebuild_parameter without a tensor", m->path);
    *out = a->as.list.item[0];
    return LC_OK;
}

static const struct lc_pickle_global globals[] = {
    {"collections", "OrderedDict", reduce_ordered_dict, -1},
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

static int same(const char *known, const char *text, size_t size)
{
    return strlen(known) == size && memcmp(known, text, size) == 0;
}

/* Text of a hostile file, printable, for messages. */
static const char *shown(char out[64], const char *text, size_t size)
{
    size_t n = size < 63 ? size : 63;

    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    out[n] = '\0';
    return out;
}

static int push_global(struct machine *m, const char *module, size_t module_size, const char *name,
                       size_t name_size)
{
    char a[64], b[64];
    struct lc_value *v = NULL;
    int rc;

    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (same(globals[i].module, module, module_size) && same(globals[i].name, name, name_size)) {
            rc = push_new(m, LC_VALUE_GLOBAL, &v);
            if (rc == LC_OK)
                v->as.global = &globals[i];
            return rc;
        }
    return REFUSE(
        m, "%s: the pickle wants the global '%s %s', which is refused; allowed: tensors and OrderedDict",
        m->path, shown(a, module, module_size), shown(b, name, name_size));
}

/* --- opcodes --- */

static int op_proto(struct machine *m, int64_t size)
{
    uint64_t version;
    int rc = take_number(m, (size_t)size, &version);

    if (rc == LC_OK && (version < PROTOCOL_LOW || version > PROTOCOL_HIGH))
        return REFUSE(m, "%s: pickle protocol %" PRIu64 "; allowed: %d to %d", m->path, version, PROTOCOL_LOW,
                      PROTOCOL_HIGH);
    return rc;
}

static int op_frame(struct machine *m, int64_t size)
{
    uint64_t length;
    int rc = take_number(m, (size_t)size, &length);

    if (rc == LC_OK && length > m->size - m->at)
        return REFUSE(m, "%s: a pickle frame of %" PRIu64 " bytes runs past the end", m->path, length);
    return rc;
}

static int op_stop(struct machine *m, int64_t unused)
{
    (void)unused;
    if (m->height != 1 || m->marks != 0)
        return REFUSE(m, "%s: the pickle stops with %" PRId64 " values and %d marks; wanted: 1 and 0",
                      m->path, m->height, m->marks);
    m->stopped = 1;
    return LC_OK;
}

static int op_mark(struct machine *m, int64_t unused)
{
    (void)unused;
    if (m->marks == MARKS_MAX)
        return REFUSE(m, "%s: the pickle nests deeper than %d", m->path, MARKS_MAX);
    m->mark[m->marks++] = m->height;
    return LC_OK;
}

static int op_empty(struct machine *m, int64_t kind)
{
    struct lc_value *v = NULL;

    return push_new(m, (enum lc_value_kind)kind, &v);
}

static int op_truth(struct machine *m, int64_t value)
{
    return push_int(m, LC_VALUE_BOOL, value);
}

/* BININT1 and BININT2 are unsigned, BININT is signed. */
static int op_int(struct machine *m, int64_t size)
{
    uint64_t value;
    int rc = take_number(m, (size_t)size, &value);

    return rc == LC_OK ? push_int(m, LC_VALUE_INT, size == 4 ? (int32_t)(uint32_t)value : (int64_t)value)
                       : rc;
}

static int op_long1(struct machine *m, int64_t unused)
{
    uint64_t size, value;
    int rc = take_number(m, 1, &size);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    if (size > 8)
        return REFUSE(m, "%s: the pickle holds an integer of %" PRIu64 " bytes; allowed: at most 8", m->path,
                      size);
    rc = take_number(m, size, &value);
    if (rc != LC_OK)
        return rc;
    /* sign extension */
    if (size > 0 && size < 8 && value >> (8 * size - 1))
        value |= UINT64_MAX << (8 * size);
    return push_int(m, LC_VALUE_INT, (int64_t)value);
}

static int op_float(struct machine *m, int64_t size)
{
    const unsigned char *p = NULL;
    struct lc_value *v = NULL;
    uint64_t bits = 0;
    int rc = take(m, (size_t)size, &p);

    if (rc != LC_OK)
        return rc;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i]; /* big-endian, unlike all others */
    rc = push_new(m, LC_VALUE_REAL, &v);
    if (rc == LC_OK)
        memcpy(&v->as.real, &bits, sizeof bits);
    return rc;
}

static int op_text(struct machine *m, int64_t size_bytes)
{
    const unsigned char *p = NULL;
    struct lc_value *v = NULL;
    uint64_t size;
    int rc = take_number(m, (size_t)size_bytes, &size);

    if (rc == LC_OK)
        rc = take(m, size, &p);
    if (rc == LC_OK)
        rc = push_new(m, LC_VALUE_TEXT, &v);
    if (rc != LC_OK)
        return rc;
    v->as.text.bytes = (const char *)p;
    v->as.text.size = size;
    return LC_OK;
}

static int op_tuple(struct machine *m, int64_t count)
{
    struct lc_value *tuple = NULL;
    int64_t from = 0;
    int rc = count < 0 ? pop_mark(m, &from) : need(m, count);

    if (rc != LC_OK)
        return rc;
    if (count >= 0)
        from = m->height - count;
    rc = value_new(m, LC_VALUE_TUPLE, &tuple);
    if (rc == LC_OK)
        rc = gather(m, tuple, from);
    return rc == LC_OK ? push(m, tuple) : rc;
}

/* APPEND, SETITEM (count 1, 2) and APPENDS, SETITEMS (count -1, -2: from the mark) */
static int op_extend(struct machine *m, int64_t count)
{
    enum lc_value_kind kind = count == 1 || count == -1 ? LC_VALUE_LIST : LC_VALUE_DICT;
    int64_t from = m->height - count;
    int rc = count < 0 ? pop_mark(m, &from) : need(m, count + 1);

    if (rc == LC_OK && (from - floor_of(m) < 1 || m->stack[from - 1]->kind != kind))
        return REFUSE(m, "%s: pickle byte %zu: items for something that is no %s", m->path, m->at,
                      lc_value_kind_name(kind));
    if (rc == LC_OK && kind == LC_VALUE_DICT && (m->height - from) % 2 != 0)
        return REFUSE(m, "%s: pickle byte %zu: a key without a value", m->path, m->at);
    return rc == LC_OK ? gather(m, m->stack[from - 1], from) : rc;
}

static int memo_put(struct machine *m, uint64_t index)
{
    int rc = need(m, 1);

    /* an honest pickle numbers its values from 0, each of which took a byte */
    if (rc == LC_OK && index >= m->size)
        return REFUSE(m, "%s: the pickle has a memo index %" PRIu64 " in %zu bytes", m->path, index, m->size);
    if (rc == LC_OK)
        rc = grow(m, &m->memo, &m->memo_room, (int64_t)index + 1);
    if (rc != LC_OK)
        return rc;
    m->memo[index] = m->stack[m->height - 1];
    if ((int64_t)index >= m->memos)
        m->memos = (int64_t)index + 1;
    return LC_OK;
}

static int op_put(struct machine *m, int64_t size)
{
    uint64_t index;
    int rc = take_number(m, (size_t)size, &index);

    return rc == LC_OK ? memo_put(m, index) : rc;
}

static int op_memoize(struct machine *m, int64_t unused)
{
    (void)unused;
    return memo_put(m, (uint64_t)m->memos);
}

static int op_get(struct machine *m, int64_t size)
{
    uint64_t index;
    int rc = take_number(m, (size_t)size, &index);

    if (rc == LC_OK && (index >= (uint64_t)m->memos || !m->memo[index]))
        return REFUSE(m, "%s: pickle byte %zu: memo %" PRIu64 " was never set", m->path, m->at, index);
    return rc == LC_OK ? push(m, m->memo[index]) : rc;
}

static int take_line(struct machine *m, const char **out, size_t *size)
{
    const char *start = (const char *)m->data + m->at, *end = memchr(start, '\n', m->size - m->at);

    if (!end)
        return REFUSE(m, "%s: the pickle ends within the name of a global", m->path);
    *out = start;
    *size = (size_t)(end - start);
    m->at += *size + 1;
    return LC_OK;
}

static int op_global(struct machine *m, int64_t unused)
{
    const char *module = "", *name = "";
    size_t module_size = 0, name_size = 0;
    int rc = take_line(m, &module, &module_size);

    (void)unused;
    if (rc == LC_OK)
        rc = take_line(m, &name, &name_size);
    return rc == LC_OK ? push_global(m, module, module_size, name, name_size) : rc;
}

static int op_stack_global(struct machine *m, int64_t unused)
{
    const struct lc_value *module, *name;
    int rc = need(m, 2);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    module = m->stack[m->height - 2], name = m->stack[m->height - 1];
    if (module->kind != LC_VALUE_TEXT || name->kind != LC_VALUE_TEXT)
        return REFUSE(m, "%s: pickle byte %zu: a global whose name is no text", m->path, m->at);
    m->height -= 2;
    return push_global(m, module->as.text.bytes, module->as.text.size, name->as.text.bytes,
                       name->as.text.size);
}

/* ("storage", type, key, location, number of values) */
static int op_storage(struct machine *m, int64_t unused)
{
    const struct lc_value *id, *tag, *type, *key, *count;
    struct lc_value *storage = NULL;
    struct lc_map bytes = {0};
    int64_t size;
    char text[64];
    int rc = need(m, 1);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    id = m->stack[--m->height];
    if (id->kind != LC_VALUE_TUPLE || id->as.list.count != 5)
        return REFUSE(m, "%s: pickle byte %zu: a persistent id that is not a tuple of 5", m->path, m->at);
    tag = argument(id, 0, LC_VALUE_TEXT), type = argument(id, 1, LC_VALUE_GLOBAL);
    key = argument(id, 2, LC_VALUE_TEXT), count = argument(id, 4, LC_VALUE_INT);
    if (!tag || !same("storage", tag->as.text.bytes, tag->as.text.size) || !type ||
        type->as.global->dtype < 0 || !key || !count || count->as.integer < 0)
        return REFUSE(
            m, "%s: pickle byte %zu: a persistent id that is not ('storage', type, key, location, count)",
            m->path, m->at);
    rc = tensor_new(m, LC_VALUE_STORAGE, &storage);
    if (rc == LC_OK)
        rc = m->storages->find(m->storages->context, key->as.text.bytes, key->as.text.size, &bytes, m->err);
    if (rc != LC_OK)
        return rc;
    storage->as.tensor->dtype = (enum lc_dtype)type->as.global->dtype;
    storage->as.tensor->count = count->as.integer;
    storage->as.tensor->data = bytes.data;
    if (lc_mul_overflows(count->as.integer, (int64_t)lc_dtype_size(storage->as.tensor->dtype), &size) ||
        (uint64_t)size > bytes.size)
        return REFUSE(m, "%s: storage '%s' holds %zu bytes, too few for its %" PRId64 " values of %s",
                      m->path, shown(text, key->as.text.bytes, key->as.text.size), bytes.size,
                      count->as.integer, type->as.global->name);
    return push(m, storage);
}

static int op_reduce(struct machine *m, int64_t unused)
{
    const struct lc_value *function, *arguments;
    struct lc_value *out = NULL;
    int rc = need(m, 2);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    function = m->stack[m->height - 2], arguments = m->stack[m->height - 1];
    if (function->kind != LC_VALUE_GLOBAL || !function->as.global->reduce ||
        arguments->kind != LC_VALUE_TUPLE)
        return REFUSE(m, "%s: pickle byte %zu: a call of a %s%s%s, which is refused", m->path, m->at,
                      lc_value_kind_name(function->kind), function->kind == LC_VALUE_GLOBAL ? " " : "",
                      function->kind == LC_VALUE_GLOBAL ? function->as.global->name : "");
    rc = function->as.global->reduce(m, arguments, &out);
    if (rc != LC_OK)
        return rc;
    m->height -= 2;
    return push(m, out);
}

/* An OrderedDict of state_dict() carries attributes (_metadata); they say nothing of the values. */
static int op_build(struct machine *m, int64_t unused)
{
    int rc = need(m, 2);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    if (m->stack[m->height - 2]->kind != LC_VALUE_DICT || m->stack[m->height - 1]->kind != LC_VALUE_DICT)
        return REFUSE(m, "%s: pickle byte %zu: BUILD on a %s, which is refused; allowed: OrderedDict",
                      m->path, m->at, lc_value_kind_name(m->stack[m->height - 2]->kind));
    m->height--;
    return LC_OK;
}

static const struct {
    const char *name;
    int (*run)(struct machine *m, int64_t operand);
    int64_t operand;
} opcodes[256] = {
    [0x80] = {"PROTO", op_proto, 1},
    [0x95] = {"FRAME", op_frame, 8},
    ['.'] = {"STOP", op_stop, 0},
    ['('] = {"MARK", op_mark, 0},
    ['}'] = {"EMPTY_DICT", op_empty, LC_VALUE_DICT},
    [']'] = {"EMPTY_LIST", op_empty, LC_VALUE_LIST},
    [')'] = {"EMPTY_TUPLE", op_empty, LC_VALUE_TUPLE},
    ['N'] = {"NONE", op_empty, LC_VALUE_NONE},
    [0x88] = {"NEWTRUE", op_truth, 1},
    [0x89] = {"NEWFALSE", op_truth, 0},
    ['K'] = {"BININT1", op_int, 1},
    ['M'] = {"BININT2", op_int, 2},
    ['J'] = {"BININT", op_int, 4},
    [0x8a] = {"LONG1", op_long1, 0},
    ['G'] = {"BINFLOAT", op_float, 8},
    [0x8c] = {"SHORT_BINUNICODE", op_text, 1},
    ['X'] = {"BINUNICODE", op_text, 4},
    ['t'] = {"TUPLE", op_tuple, -1},
    [0x85] = {"TUPLE1", op_tuple, 1},
    [0x86] = {"TUPLE2", op_tuple, 2},
    [0x87] = {"TUPLE3", op_tuple, 3},
    ['a'] = {"APPEND", op_extend, 1},
    ['e'] = {"APPENDS", op_extend, -1},
    ['s'] = {"SETITEM", op_extend, 2},
    ['u'] = {"SETITEMS", op_extend, -2},
    ['q'] = {"BINPUT", op_put, 1},
    ['r'] = {"LONG_BINPUT", op_put, 4},
    [0x94] = {"MEMOIZE", op_memoize, 0},
    ['h'] = {"BINGET", op_get, 1},
    ['j'] = {"LONG_BINGET", op_get, 4},
    ['c'] = {"GLOBAL", op_global, 0},
    [0x93] = {"STACK_GLOBAL", op_stack_global, 0},
    ['Q'] = {"BINPERSID", op_storage, 0},
    ['R'] = {"REDUCE", op_reduce, 0},
    ['b'] = {"BUILD", op_build, 0},
};

/* Names of opcodes that are refused, so that the message can say more than a number. */
static const char *refused_name(unsigned char op)
{
    static const char *const names[256] = {
        ['i'] = "INST",        ['o'] = "OBJ",
        [0x81] = "NEWOBJ",     [0x92] = "NEWOBJ_EX",
        ['P'] = "PERSID",      [0x82] = "EXT1",
        [0x83] = "EXT2",       [0x84] = "EXT4",
        ['B'] = "BINBYTES",    ['C'] = "SHORT_BINBYTES",
        ['0'] = "POP",         ['1'] = "POP_MARK",
        ['2'] = "DUP",         ['I'] = "INT",
        ['L'] = "LONG",        [0x8b] = "LONG4",
        ['F'] = "FLOAT",       ['S'] = "STRING",
        ['T'] = "BINSTRING",   ['U'] = "SHORT_BINSTRING",
        ['V'] = "UNICODE",     ['g'] = "GET",
        ['p'] = "PUT",         ['d'] = "DICT",
        ['l'] = "LIST",        [0x8d] = "BINUNICODE8",
        [0x8e] = "BINBYTES8",  [0x8f] = "EMPTY_SET",
        [0x90] = "ADDITEMS",   [0x91] = "FROZENSET",
        [0x96] = "BYTEARRAY8",
    };

    return names[op] ? names[op] : "no known opcode";
}

static int run(struct machine *m)
{
    const unsigned char *op = (const unsigned char *)"";
    int rc = LC_OK;

    while (rc == LC_OK && !m->stopped) {
        rc = take(m, 1, &op);
        if (rc != LC_OK)
            return rc;
        if (!opcodes[*op].run)
            return REFUSE(m, "%s: pickle byte %zu: opcode 0x%02x (%s) is refused", m->path, m->at - 1, *op,
                          refused_name(*op));
        rc = opcodes[*op].run(m, opcodes[*op].operand);
    }
    return rc;
}

int lc_pickle_parse(struct lc_pickle *pickle, const char *path, struct lc_map bytes,
                    const struct lc_pickle_storages *storages, struct lc_err *err)
{
    struct machine m = {
        .path = path, .data = bytes.data, .size = bytes.size, .storages = storages, .err = err};
    int rc;

    *pickle = (struct lc_pickle){0};
    if (bytes.size > PICKLE_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: a pickle of %zu bytes; allowed: at most %d", path, bytes.size,
                       PICKLE_MAX);
    rc = run(&m);
    *pickle = (struct lc_pickle){.all = m.all, .root = rc == LC_OK ? m.stack[0] : NULL};
    free(m.stack);
    free(m.memo);
    if (rc != LC_OK)
        lc_pickle_release(pickle);
    return rc;
}

void lc_pickle_release(struct lc_pickle *pickle)
{
    while (pickle->all) {
        struct lc_value *v = pickle->all;
        pickle->all = v->next;
        if (v->kind == LC_VALUE_TUPLE || v->kind == LC_VALUE_LIST || v->kind == LC_VALUE_DICT)
            free(v->as.list.item);
        if (v->kind == LC_VALUE_TENSOR || v->kind == LC_VALUE_STORAGE)
            free(v->as.tensor);
        free(v);
    }
    *pickle = (struct lc_pickle){0};
}
