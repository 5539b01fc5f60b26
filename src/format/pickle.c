/* A reader of the pickle subset that torch.save writes. A pickle is a program for a stack machine; this one
 * has no instruction that imports or calls anything: a GLOBAL must have a row in the table of pickle_globals.c,
 * and REDUCE runs that row's C function. Opcodes: Lib/pickletools.py of CPython. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/memory.h"
#include "pickle_machine.h"

enum { PICKLE_MAX = 1 << 30, SMALL = 1 << 16, PROTOCOL_LOW = 2, PROTOCOL_HIGH = 4 };

const char *lc_value_kind_name(enum lc_value_kind kind)
{
    static const char *const names[] = {
        [LC_VALUE_NONE] = "None",       [LC_VALUE_BOOL] = "bool",     [LC_VALUE_INT] = "int",
        [LC_VALUE_REAL] = "float",      [LC_VALUE_TEXT] = "str",      [LC_VALUE_TUPLE] = "tuple",
        [LC_VALUE_LIST] = "list",       [LC_VALUE_DICT] = "dict",     [LC_VALUE_GLOBAL] = "global",
        [LC_VALUE_STORAGE] = "storage", [LC_VALUE_TENSOR] = "tensor", [LC_VALUE_BYTES] = "bytes",
        [LC_VALUE_DTYPE] = "dtype",     [LC_VALUE_ARRAY] = "array",
    };

    return names[kind];
}

/* --- values, stack, memo --- */

/* Values come in chunks: a file of results has millions of them. */
enum { CHUNK = 1023 };

struct lc_value_chunk {
    struct lc_value_chunk *next;
    int64_t count;
    struct lc_value value[CHUNK];
};

int lc_pickle_value_new(struct lc_machine *m, enum lc_value_kind kind, struct lc_value **out)
{
    struct lc_value_chunk *c = m->pickle->chunk;

    if (!c || c->count == CHUNK) {
        c = calloc(1, sizeof *c);
        if (!c)
            return LC_FAIL(m->err, LC_E_MEMORY, "%s: no memory for the values of its pickle", m->path);
        c->next = m->pickle->chunk;
        m->pickle->chunk = c;
    }
    *out = &c->value[c->count++];
    (*out)->kind = kind;
    return LC_OK;
}

/* Grow an array of pointers to hold `need` of them. */
static int grow(struct lc_machine *m, struct lc_value ***array, int64_t *room, int64_t need)
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

static int push(struct lc_machine *m, struct lc_value *v)
{
    int rc = grow(m, &m->stack, &m->room, m->height + 1);

    if (rc == LC_OK)
        m->stack[m->height++] = v;
    return rc;
}

static int64_t floor_of(const struct lc_machine *m)
{
    return m->marks ? m->mark[m->marks - 1] : 0;
}

/* The values above the last mark stay on the stack until `drop`. */
static int need(struct lc_machine *m, int64_t count)
{
    if (m->height - floor_of(m) < count)
        return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: fewer than %" PRId64 " values on the stack", m->path, m->at,
                                count);
    return LC_OK;
}

static int pop_mark(struct lc_machine *m, int64_t *from)
{
    if (m->marks == 0)
        return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: no mark on the stack", m->path, m->at);
    *from = m->mark[--m->marks];
    return LC_OK;
}

static int take(struct lc_machine *m, size_t count, const unsigned char **out)
{
    if (count > m->size - m->at)
        return LC_PICKLE_REFUSE(m, "%s: the pickle ends early: %zu bytes wanted at byte %zu of %zu", m->path, count,
                                m->at, m->size);
    *out = m->data + m->at;
    m->at += count;
    return LC_OK;
}

/* Little-endian unsigned number of 1 to 8 bytes. */
static int take_number(struct lc_machine *m, size_t count, uint64_t *out)
{
    const unsigned char *p = NULL;
    int rc = take(m, count, &p);

    *out = 0;
    for (size_t i = count; rc == LC_OK && i > 0; i--)
        *out = *out << 8 | p[i - 1];
    return rc;
}

static int list_append(struct lc_machine *m, struct lc_value *list, struct lc_value *item)
{
    int rc = grow(m, &list->as.list.item, &list->as.list.room, list->as.list.count + 1);

    if (rc == LC_OK)
        list->as.list.item[list->as.list.count++] = item;
    return rc;
}

/* Move the values from stack height `from` up into a list, tuple or dict. */
static int gather(struct lc_machine *m, struct lc_value *into, int64_t from)
{
    int rc = LC_OK;

    for (int64_t i = from; rc == LC_OK && i < m->height; i++)
        rc = list_append(m, into, m->stack[i]);
    if (rc == LC_OK)
        m->height = from;
    return rc;
}

static int push_new(struct lc_machine *m, enum lc_value_kind kind, struct lc_value **out)
{
    int rc = lc_pickle_value_new(m, kind, out);

    return rc == LC_OK ? push(m, *out) : rc;
}

static int push_int(struct lc_machine *m, enum lc_value_kind kind, int64_t value)
{
    struct lc_value *v = NULL;
    int rc = push_new(m, kind, &v);

    if (rc == LC_OK)
        v->as.integer = value;
    return rc;
}

/* Integers of one or two bytes are shared: token ids, positions and counts are most of what results hold. */
static int push_small(struct lc_machine *m, int64_t value)
{
    int rc;

    if (!m->small && !(m->small = calloc(SMALL, sizeof *m->small)))
        return LC_FAIL(m->err, LC_E_MEMORY, "%s: no memory for the values of its pickle", m->path);
    if (m->small[value])
        return push(m, m->small[value]);
    rc = push_int(m, LC_VALUE_INT, value);
    if (rc == LC_OK)
        m->small[value] = m->stack[m->height - 1];
    return rc;
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

static int push_global(struct lc_machine *m, const char *module, size_t module_size, const char *name, size_t name_size)
{
    const struct lc_pickle_global *global = lc_pickle_global_find(module, module_size, name, name_size);
    char a[64], b[64];
    struct lc_value *v = NULL;
    int rc;

    if (!global)
        return LC_PICKLE_REFUSE(m,
                                "%s: the pickle wants the global '%s %s', which is refused; allowed: tensors, "
                                "OrderedDict, Counter and NumPy arrays",
                                m->path, shown(a, module, module_size), shown(b, name, name_size));
    rc = push_new(m, LC_VALUE_GLOBAL, &v);
    if (rc == LC_OK)
        v->as.global = global;
    return rc;
}

/* --- opcodes --- */

static int op_proto(struct lc_machine *m, int64_t size)
{
    uint64_t version;
    int rc = take_number(m, (size_t)size, &version);

    if (rc == LC_OK && (version < PROTOCOL_LOW || version > PROTOCOL_HIGH))
        return LC_PICKLE_REFUSE(m, "%s: pickle protocol %" PRIu64 "; allowed: %d to %d", m->path, version, PROTOCOL_LOW,
                                PROTOCOL_HIGH);
    return rc;
}

static int op_frame(struct lc_machine *m, int64_t size)
{
    uint64_t length;
    int rc = take_number(m, (size_t)size, &length);

    if (rc == LC_OK && length > m->size - m->at)
        return LC_PICKLE_REFUSE(m, "%s: a pickle frame of %" PRIu64 " bytes runs past the end", m->path, length);
    return rc;
}

static int op_stop(struct lc_machine *m, int64_t unused)
{
    (void)unused;
    if (m->height != 1 || m->marks != 0)
        return LC_PICKLE_REFUSE(m, "%s: the pickle stops with %" PRId64 " values and %d marks; wanted: 1 and 0",
                                m->path, m->height, m->marks);
    m->stopped = 1;
    return LC_OK;
}

static int op_mark(struct lc_machine *m, int64_t unused)
{
    (void)unused;
    if (m->marks == LC_PICKLE_MARKS)
        return LC_PICKLE_REFUSE(m, "%s: the pickle nests deeper than %d", m->path, LC_PICKLE_MARKS);
    m->mark[m->marks++] = m->height;
    return LC_OK;
}

static int op_empty(struct lc_machine *m, int64_t kind)
{
    struct lc_value *v = NULL;

    return push_new(m, (enum lc_value_kind)kind, &v);
}

static int op_truth(struct lc_machine *m, int64_t value)
{
    return push_int(m, LC_VALUE_BOOL, value);
}

/* BININT1 and BININT2 are unsigned, BININT is signed. */
static int op_int(struct lc_machine *m, int64_t size)
{
    uint64_t value;
    int rc = take_number(m, (size_t)size, &value);

    if (rc != LC_OK)
        return rc;
    return size == 4 ? push_int(m, LC_VALUE_INT, (int32_t)(uint32_t)value) : push_small(m, (int64_t)value);
}

static int op_long1(struct lc_machine *m, int64_t unused)
{
    uint64_t size, value;
    int rc = take_number(m, 1, &size);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    if (size > 8)
        return LC_PICKLE_REFUSE(m, "%s: the pickle holds an integer of %" PRIu64 " bytes; allowed: at most 8", m->path,
                                size);
    rc = take_number(m, size, &value);
    if (rc != LC_OK)
        return rc;
    /* sign extension */
    if (size > 0 && size < 8 && value >> (8 * size - 1))
        value |= UINT64_MAX << (8 * size);
    return push_int(m, LC_VALUE_INT, (int64_t)value);
}

static int op_float(struct lc_machine *m, int64_t size)
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

/* Borrowed bytes behind their number. */
static int push_string(struct lc_machine *m, enum lc_value_kind kind, int64_t size_bytes)
{
    const unsigned char *p = NULL;
    struct lc_value *v = NULL;
    uint64_t size;
    int rc = take_number(m, (size_t)size_bytes, &size);

    if (rc == LC_OK)
        rc = take(m, size, &p);
    if (rc == LC_OK)
        rc = push_new(m, kind, &v);
    if (rc != LC_OK)
        return rc;
    v->as.text.bytes = (const char *)p;
    v->as.text.size = size;
    return LC_OK;
}

static int op_text(struct lc_machine *m, int64_t size_bytes)
{
    return push_string(m, LC_VALUE_TEXT, size_bytes);
}

static int op_bytes(struct lc_machine *m, int64_t size_bytes)
{
    return push_string(m, LC_VALUE_BYTES, size_bytes);
}

static int op_tuple(struct lc_machine *m, int64_t count)
{
    struct lc_value *tuple = NULL;
    int64_t from = 0;
    int rc = count < 0 ? pop_mark(m, &from) : need(m, count);

    if (rc != LC_OK)
        return rc;
    if (count >= 0)
        from = m->height - count;
    rc = lc_pickle_value_new(m, LC_VALUE_TUPLE, &tuple);
    if (rc == LC_OK)
        rc = gather(m, tuple, from);
    return rc == LC_OK ? push(m, tuple) : rc;
}

/* APPEND, SETITEM (count 1, 2) and APPENDS, SETITEMS (count -1, -2: from the mark) */
static int op_extend(struct lc_machine *m, int64_t count)
{
    enum lc_value_kind kind = count == 1 || count == -1 ? LC_VALUE_LIST : LC_VALUE_DICT;
    int64_t from = m->height - count;
    int rc = count < 0 ? pop_mark(m, &from) : need(m, count + 1);

    if (rc == LC_OK && (from - floor_of(m) < 1 || m->stack[from - 1]->kind != kind))
        return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: items for something that is no %s", m->path, m->at,
                                lc_value_kind_name(kind));
    if (rc == LC_OK && kind == LC_VALUE_DICT && (m->height - from) % 2 != 0)
        return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: a key without a value", m->path, m->at);
    return rc == LC_OK ? gather(m, m->stack[from - 1], from) : rc;
}

static int memo_put(struct lc_machine *m, uint64_t index)
{
    int rc = need(m, 1);

    /* an honest pickle numbers its values from 0, each of which took a byte */
    if (rc == LC_OK && index >= m->size)
        return LC_PICKLE_REFUSE(m, "%s: the pickle has a memo index %" PRIu64 " in %zu bytes", m->path, index, m->size);
    if (rc == LC_OK)
        rc = grow(m, &m->memo, &m->memo_room, (int64_t)index + 1);
    if (rc != LC_OK)
        return rc;
    m->memo[index] = m->stack[m->height - 1];
    if ((int64_t)index >= m->memos)
        m->memos = (int64_t)index + 1;
    return LC_OK;
}

static int op_put(struct lc_machine *m, int64_t size)
{
    uint64_t index;
    int rc = take_number(m, (size_t)size, &index);

    return rc == LC_OK ? memo_put(m, index) : rc;
}

static int op_memoize(struct lc_machine *m, int64_t unused)
{
    (void)unused;
    return memo_put(m, (uint64_t)m->memos);
}

static int op_get(struct lc_machine *m, int64_t size)
{
    uint64_t index;
    int rc = take_number(m, (size_t)size, &index);

    if (rc == LC_OK && (index >= (uint64_t)m->memos || !m->memo[index]))
        return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: memo %" PRIu64 " was never set", m->path, m->at, index);
    return rc == LC_OK ? push(m, m->memo[index]) : rc;
}

static int take_line(struct lc_machine *m, const char **out, size_t *size)
{
    const char *start = (const char *)m->data + m->at, *end = memchr(start, '\n', m->size - m->at);

    if (!end)
        return LC_PICKLE_REFUSE(m, "%s: the pickle ends within the name of a global", m->path);
    *out = start;
    *size = (size_t)(end - start);
    m->at += *size + 1;
    return LC_OK;
}

static int op_global(struct lc_machine *m, int64_t unused)
{
    const char *module = "", *name = "";
    size_t module_size = 0, name_size = 0;
    int rc = take_line(m, &module, &module_size);

    (void)unused;
    if (rc == LC_OK)
        rc = take_line(m, &name, &name_size);
    return rc == LC_OK ? push_global(m, module, module_size, name, name_size) : rc;
}

static int op_stack_global(struct lc_machine *m, int64_t unused)
{
    const struct lc_value *module, *name;
    int rc = need(m, 2);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    module = m->stack[m->height - 2], name = m->stack[m->height - 1];
    if (module->kind != LC_VALUE_TEXT || name->kind != LC_VALUE_TEXT)
        return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: a global whose name is no text", m->path, m->at);
    m->height -= 2;
    return push_global(m, module->as.text.bytes, module->as.text.size, name->as.text.bytes, name->as.text.size);
}

/* ("storage", type, key, location, number of values[, None]); the None is the old format's, for a storage that is no
 * view of another. */
static int read_storage_id(struct lc_machine *m, const struct lc_value *id, struct lc_storage_id *out)
{
    const struct lc_value *tag, *type, *key, *count;
    int64_t parts = id->kind == LC_VALUE_TUPLE ? id->as.list.count : 0;

    if (parts != 5 && !(parts == 6 && lc_pickle_argument(id, 5, LC_VALUE_NONE)))
        return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: a persistent id that is not a tuple of 5", m->path, m->at);
    tag = lc_pickle_argument(id, 0, LC_VALUE_TEXT), type = lc_pickle_argument(id, 1, LC_VALUE_GLOBAL);
    key = lc_pickle_argument(id, 2, LC_VALUE_TEXT), count = lc_pickle_argument(id, 4, LC_VALUE_INT);
    if (!tag || !lc_pickle_same("storage", tag->as.text.bytes, tag->as.text.size) || !type ||
        type->as.global->dtype < 0 || !key || !count || count->as.integer < 0)
        return LC_PICKLE_REFUSE(
            m, "%s: pickle byte %zu: a persistent id that is not ('storage', type, key, location, count)", m->path,
            m->at);
    *out = (struct lc_storage_id){.key = key->as.text.bytes,
                                  .key_size = key->as.text.size,
                                  .dtype = (enum lc_dtype)type->as.global->dtype,
                                  .count = count->as.integer,
                                  .type = type->as.global->name};
    return LC_OK;
}

static int op_storage(struct lc_machine *m, int64_t unused)
{
    struct lc_storage_id id = {0};
    struct lc_value *storage = NULL;
    struct lc_map bytes = {0};
    int64_t size;
    char text[64];
    int rc = need(m, 1);

    (void)unused;
    if (rc == LC_OK)
        rc = read_storage_id(m, m->stack[m->height - 1], &id);
    if (rc != LC_OK)
        return rc;
    m->height--;
    rc = lc_pickle_tensor_new(m, LC_VALUE_STORAGE, &storage);
    if (rc == LC_OK)
        rc = m->storages->find(m->storages->context, &id, &bytes, m->err);
    if (rc != LC_OK)
        return rc;
    storage->as.tensor->dtype = id.dtype;
    storage->as.tensor->count = id.count;
    storage->as.tensor->data = bytes.data;
    if (lc_mul_overflows(id.count, (int64_t)lc_dtype_size(id.dtype), &size) || (uint64_t)size > bytes.size)
        return LC_PICKLE_REFUSE(m, "%s: storage '%s' holds %zu bytes, too few for its %" PRId64 " values of %s",
                                m->path, shown(text, id.key, id.key_size), bytes.size, id.count, id.type);
    return push(m, storage);
}

static int op_reduce(struct lc_machine *m, int64_t unused)
{
    const struct lc_value *function, *arguments;
    struct lc_value *out = NULL;
    int rc = need(m, 2);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    function = m->stack[m->height - 2], arguments = m->stack[m->height - 1];
    if (function->kind != LC_VALUE_GLOBAL || !function->as.global->reduce || arguments->kind != LC_VALUE_TUPLE)
        return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: a call of a %s%s%s, which is refused", m->path, m->at,
                                lc_value_kind_name(function->kind), function->kind == LC_VALUE_GLOBAL ? " " : "",
                                function->kind == LC_VALUE_GLOBAL ? function->as.global->name : "");
    rc = function->as.global->reduce(m, arguments, &out);
    if (rc != LC_OK)
        return rc;
    m->height -= 2;
    return push(m, out);
}

/* An OrderedDict of state_dict() carries attributes (_metadata); they say nothing of the values. */
static int op_build(struct lc_machine *m, int64_t unused)
{
    struct lc_value *value, *state;
    int rc = need(m, 2);

    (void)unused;
    if (rc != LC_OK)
        return rc;
    value = m->stack[m->height - 2], state = m->stack[m->height - 1];
    if (value->kind == LC_VALUE_DTYPE || value->kind == LC_VALUE_ARRAY)
        rc = lc_pickle_numpy_build(m, value, state);
    else if (value->kind != LC_VALUE_DICT || state->kind != LC_VALUE_DICT)
        return LC_PICKLE_REFUSE(
            m, "%s: pickle byte %zu: BUILD on a %s, which is refused; allowed: OrderedDict and NumPy's", m->path, m->at,
            lc_value_kind_name(value->kind));
    m->height--;
    return rc;
}

static const struct {
    const char *name;
    int (*run)(struct lc_machine *m, int64_t operand);
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
    ['C'] = {"SHORT_BINBYTES", op_bytes, 1},
    ['B'] = {"BINBYTES", op_bytes, 4},
    [0x8e] = {"BINBYTES8", op_bytes, 8},
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
        ['i'] = "INST",        ['o'] = "OBJ",       [0x81] = "NEWOBJ",
        [0x92] = "NEWOBJ_EX",  ['P'] = "PERSID",    [0x82] = "EXT1",
        [0x83] = "EXT2",       [0x84] = "EXT4",     ['0'] = "POP",
        ['1'] = "POP_MARK",    ['2'] = "DUP",       ['I'] = "INT",
        ['L'] = "LONG",        [0x8b] = "LONG4",    ['F'] = "FLOAT",
        ['S'] = "STRING",      ['T'] = "BINSTRING", ['U'] = "SHORT_BINSTRING",
        ['V'] = "UNICODE",     ['g'] = "GET",       ['p'] = "PUT",
        ['d'] = "DICT",        ['l'] = "LIST",      [0x8d] = "BINUNICODE8",
        [0x8f] = "EMPTY_SET",  [0x90] = "ADDITEMS", [0x91] = "FROZENSET",
        [0x96] = "BYTEARRAY8",
    };

    return names[op] ? names[op] : "no known opcode";
}

static int run(struct lc_machine *m)
{
    const unsigned char *op = (const unsigned char *)"";
    int rc = LC_OK;

    while (rc == LC_OK && !m->stopped) {
        rc = take(m, 1, &op);
        if (rc != LC_OK)
            return rc;
        if (!opcodes[*op].run)
            return LC_PICKLE_REFUSE(m, "%s: pickle byte %zu: opcode 0x%02x (%s) is refused", m->path, m->at - 1, *op,
                                    refused_name(*op));
        rc = opcodes[*op].run(m, opcodes[*op].operand);
    }
    return rc;
}

int lc_pickle_parse(struct lc_pickle *pickle, const char *path, struct lc_map bytes,
                    const struct lc_pickle_storages *storages, struct lc_err *err)
{
    struct lc_machine m = {.path = path,
                           .data = bytes.data,
                           .size = bytes.size < PICKLE_MAX ? bytes.size : PICKLE_MAX,
                           .storages = storages,
                           .pickle = pickle,
                           .err = err};
    int rc;

    *pickle = (struct lc_pickle){0};
    rc = run(&m);
    pickle->root = rc == LC_OK ? m.stack[0] : NULL;
    pickle->size = m.at;
    free(m.stack);
    free(m.memo);
    free(m.small);
    if (rc != LC_OK)
        lc_pickle_release(pickle);
    return rc;
}

static void value_release(struct lc_value *v)
{
    if (v->kind == LC_VALUE_TUPLE || v->kind == LC_VALUE_LIST || v->kind == LC_VALUE_DICT)
        free(v->as.list.item);
    if (v->kind == LC_VALUE_TENSOR || v->kind == LC_VALUE_STORAGE || v->kind == LC_VALUE_ARRAY)
        free(v->as.tensor);
    if (v->kind == LC_VALUE_BYTES && v->owned)
        free((void *)(uintptr_t)v->as.text.bytes);
}

void lc_pickle_release(struct lc_pickle *pickle)
{
    while (pickle->chunk) {
        struct lc_value_chunk *c = pickle->chunk;
        pickle->chunk = c->next;
        for (int64_t i = 0; i < c->count; i++)
            value_release(&c->value[i]);
        free(c);
    }
    *pickle = (struct lc_pickle){0};
}
