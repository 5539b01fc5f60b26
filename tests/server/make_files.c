/* make_files merge FOLDER OUT          the shards of a model folder as one safetensors file
 * make_files zip OUT NAME=FILE...      a zip archive; a NAME that begins with '+' is deflated
 * make_files zip64 IN OUT SHIFT        the same archive with zip64 records throughout, SHIFT zero bytes (a hole) before it */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "lightcone/file.h"
#include "lightcone/memory.h"
#include "lightcone/tensor.h"

static void put(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *at, int bytes)
{
    uint64_t value = 0;

    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

/* --- merge --- */

static int merge(const char *folder, const char *out, struct lc_err *err)
{
    struct lc_tensors set;
    struct lc_bytes header = {0}, data = {0}, all = {0};
    unsigned char length[8];

    if (lc_safetensors_open_folder(&set, folder, "model", err) != LC_OK)
        return err->code;
    for (int64_t i = 0; i < set.count; i++) {
        const struct lc_tensor *t = &set.item[i];
        size_t bytes = (size_t)t->count * lc_dtype_size(t->dtype);
        lc_bytes_printf(&header, err, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "{", t->name, lc_dtype_name(t->dtype));
        for (int k = 0; k < t->rank; k++)
            lc_bytes_printf(&header, err, "%s%" PRId64, k ? "," : "", t->shape[k]);
        lc_bytes_printf(&header, err, "],\"data_offsets\":[%zu,%zu]}", data.size, data.size + bytes);
        lc_bytes_add(&data, t->data, bytes, err);
    }
    lc_bytes_printf(&header, err, "}");
    put(length, header.size, 8);
    lc_bytes_add(&all, length, 8, err);
    lc_bytes_add(&all, header.data, header.size, err);
    lc_bytes_add(&all, data.data, data.size, err);
    if (err->code == LC_OK)
        lc_file_write(out, all.data, all.size, err);
    lc_bytes_release(&header);
    lc_bytes_release(&data);
    lc_bytes_release(&all);
    lc_tensors_close(&set);
    return err->code;
}

/* --- zip --- */

static int add_member(zip_t *zip, char *pair, struct lc_err *err)
{
    char *file = strchr(pair, '=');
    int deflated = pair[0] == '+';
    zip_source_t *source;
    zip_int64_t index;

    if (!file)
        return LC_FAIL(err, LC_E_USAGE, "%s: expected NAME=FILE", pair);
    *file++ = '\0';
    source = zip_source_file(zip, file, 0, -1);
    index = source ? zip_file_add(zip, pair + deflated, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0 || zip_set_file_compression(zip, (zip_uint64_t)index, deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 1) != 0)
        return LC_FAIL(err, LC_E_LIBRARY, "%s: %s", file, zip_strerror(zip));
    return LC_OK;
}

static int make_zip(const char *out, char **pairs, int count, struct lc_err *err)
{
    int code = 0;
    zip_t *zip = zip_open(out, ZIP_CREATE | ZIP_TRUNCATE, &code);

    if (!zip)
        return LC_FAIL(err, LC_E_IO, "%s: libzip error %d", out, code);
    for (int i = 0; i < count && err->code == LC_OK; i++)
        add_member(zip, pairs[i], err);
    if (err->code == LC_OK && zip_close(zip) == 0)
        return LC_OK;
    LC_FAIL(err, LC_E_LIBRARY, "%s: %s", out, zip_strerror(zip));
    zip_discard(zip);
    return err->code;
}

/* --- zip64 --- */

enum { EOCD = 22, ENTRY = 46, EXTRA = 28, EOCD64 = 56, LOCATOR = 20 };

/* A directory entry whose sizes and place stand in a zip64 extra field; the other extra fields are left out. */
static size_t entry_widen(const unsigned char *entry, uint64_t shift, struct lc_bytes *out, struct lc_err *err)
{
    unsigned char head[ENTRY], extra[EXTRA] = {0};
    size_t name = (size_t)get(entry + 28, 2), old = (size_t)get(entry + 30, 2), comment = (size_t)get(entry + 32, 2);

    memcpy(head, entry, ENTRY);
    put(extra, 1, 2);
    put(extra + 2, 24, 2);
    put(extra + 4, get(entry + 24, 4), 8);
    put(extra + 12, get(entry + 20, 4), 8);
    put(extra + 20, get(entry + 42, 4) + shift, 8);
    put(head + 20, UINT32_MAX, 4);
    put(head + 24, UINT32_MAX, 4);
    put(head + 30, EXTRA, 2);
    put(head + 32, 0, 2);
    put(head + 42, UINT32_MAX, 4);
    lc_bytes_add(out, head, ENTRY, err);
    lc_bytes_add(out, entry + ENTRY, name, err);
    lc_bytes_add(out, extra, EXTRA, err);
    return ENTRY + name + old + comment;
}

static void end_widen(uint64_t count, uint64_t size, uint64_t offset, struct lc_bytes *out, struct lc_err *err)
{
    unsigned char end[EOCD64 + LOCATOR + EOCD] = {0}, *locator = end + EOCD64, *old = locator + LOCATOR;

    memcpy(end, "PK\6\6", 4);
    put(end + 4, EOCD64 - 12, 8);
    put(end + 12, 45, 2);
    put(end + 14, 45, 2);
    put(end + 24, count, 8);
    put(end + 32, count, 8);
    put(end + 40, size, 8);
    put(end + 48, offset, 8);
    memcpy(locator, "PK\6\7", 4);
    put(locator + 8, offset + size, 8);
    put(locator + 16, 1, 4);
    memcpy(old, "PK\5\6", 4);
    put(old + 8, UINT16_MAX, 2);
    put(old + 10, UINT16_MAX, 2);
    put(old + 12, UINT32_MAX, 4);
    put(old + 16, UINT32_MAX, 4);
    lc_bytes_add(out, end, sizeof end, err);
}

static int write_shifted(const char *out, uint64_t shift, const struct lc_bytes *bytes, struct lc_err *err)
{
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    size_t done = 0;

    while (fd >= 0 && done < bytes->size) {
        ssize_t n = pwrite(fd, bytes->data + done, bytes->size - done, (off_t)(shift + done));
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (fd < 0 || close(fd) != 0 || done < bytes->size)
        return LC_FAIL(err, LC_E_IO, "%s: cannot be written", out);
    return LC_OK;
}

static int make_zip64(const char *in, const char *out, uint64_t shift, struct lc_err *err)
{
    struct lc_bytes bytes = {0};
    struct lc_map map;
    uint64_t count, offset;
    size_t at, begin;

    if (lc_map_open(&map, in, err) != LC_OK)
        return err->code;
    count = get(map.data + map.size - EOCD + 10, 2);
    offset = get(map.data + map.size - EOCD + 16, 4);
    at = (size_t)offset;
    lc_bytes_add(&bytes, map.data, at, err);
    begin = bytes.size;
    for (uint64_t i = 0; i < count; i++)
        at += entry_widen(map.data + at, shift, &bytes, err);
    end_widen(count, bytes.size - begin, offset + shift, &bytes, err);
    lc_map_close(&map);
    if (err->code == LC_OK)
        write_shifted(out, shift, &bytes, err);
    lc_bytes_release(&bytes);
    return err->code;
}

int main(int argc, char **argv)
{
    struct lc_err err = LC_ERR_INIT;

    if (argc == 4 && strcmp(argv[1], "merge") == 0)
        merge(argv[2], argv[3], &err);
    else if (argc >= 4 && strcmp(argv[1], "zip") == 0)
        make_zip(argv[2], argv + 3, argc - 3, &err);
    else if (argc == 5 && strcmp(argv[1], "zip64") == 0)
        make_zip64(argv[2], argv[3], strtoull(argv[4], NULL, 10), &err);
    else
        LC_FAIL(&err, LC_E_USAGE, "make_files merge FOLDER OUT | zip OUT NAME=FILE... | zip64 IN OUT SHIFT");
    if (err.code != LC_OK)
        fprintf(stderr, "make_files: %s\n", err.msg);
    return err.code != LC_OK;
}
