/* Any bytes as a checkpoint file: as they are, and as pieces (two bytes of length, then so many) that begin a block each,
 * with the digests of the header and of every block that begins as a segment put right, so that what lies behind them is
 * reached. Whatever is accepted lies inside the file and names units
 * inside the job, each once. Built and run by `make fuzz`. */
#include <stdlib.h>
#include <string.h>

#include "../../src/parallel/checkpoint_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DIGEST = 8, REST = 72, HEX = 64, AT_SIZE = 80, AT_RANGES = 168, AT_RANGES_DIGEST = 184 };
enum { AT_PAYLOAD = 176, AT_PAYLOAD_DIGEST = 248, MOST_UNITS = 1 << 20 };

static void stop_unless(int holds)
{
    if (!holds)
        abort();
}

static void check_ranges(const struct lc_ranges *r, int64_t units)
{
    int64_t least = 0;

    for (int64_t i = 0; i < r->count; i++) {
        stop_unless(r->at[i].first >= least && r->at[i].count > 0 && r->at[i].count <= units - r->at[i].first);
        least = r->at[i].first + r->at[i].count;
    }
}

static int64_t walk(const struct lc_ckpt_source *in, const struct lc_ckpt_header *h, int64_t units)
{
    struct lc_ckpt_walk w = {.in = in, .file_digest = h->digest, .units = units, .at = h->size};
    struct lc_ckpt_segment s;
    struct lc_ranges r;
    int64_t last = h->size, segments = 0;
    int found = 1;

    while (found) {
        struct lc_err err = LC_ERR_INIT;
        unsigned char *payload = NULL;
        stop_unless(lc_ckpt_walk_next(&w, &s, &r, &found, &err) == LC_OK);
        if (!found)
            break;
        stop_unless(s.place >= last && s.payload >= 0 && s.place + LC_CKPT_HEAD + 16 * s.ranges + s.payload <= in->size);
        last = s.place + lc_ckpt_segment_span(&s);
        check_ranges(&r, units);
        segments += lc_ckpt_payload_read(&payload, in, &s, &err) == LC_OK;
        free(payload);
        lc_ranges_release(&r);
    }
    return segments;
}

static void read_file(const uint8_t *data, size_t size)
{
    struct lc_ckpt_source in = {.data = data, .size = (int64_t)size};
    struct lc_err err = LC_ERR_INIT;
    struct lc_ckpt_header h;
    size_t length;
    volatile char sum = 0; /* so that the reads are not left out */

    if (lc_ckpt_header_read(&h, &in, "fuzz", &err) != LC_OK) {
        stop_unless(err.code != LC_OK && !h.identity.data);
        return;
    }
    for (int i = 0; i < LC_CKPT_TEXTS; i++) {
        const char *text = lc_ckpt_identity_text(&h.identity, i, &length);
        for (size_t k = 0; k < length; k++)
            sum = (char)(sum ^ text[k]);
    }
    stop_unless(lc_ckpt_identity_compare("fuzz", &h.identity, &h.identity, &err) == LC_OK);
    walk(&in, &h, lc_ckpt_identity_units(&h.identity) < MOST_UNITS ? lc_ckpt_identity_units(&h.identity) : MOST_UNITS);
    lc_ckpt_header_release(&h);
}

static void put_digest(uint8_t *to, const uint8_t *data, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    char hex[LC_HASH_HEX];

    if (lc_hash_bytes(hex, data, size, &err) == LC_OK)
        memcpy(to, hex, HEX);
}

static int64_t get(const uint8_t *from)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return (int64_t)value;
}

/* A head's digests over what it says is its ranges and payload, as far as that is there. */
static void seal_segment(uint8_t *head, size_t left, const uint8_t *file_digest)
{
    int64_t ranges = get(head + AT_RANGES), payload = get(head + AT_PAYLOAD), room = (int64_t)left - LC_CKPT_HEAD;

    memcpy(head + REST, file_digest, HEX);
    if (ranges >= 0 && ranges <= room / 16) {
        put_digest(head + AT_RANGES_DIGEST, head + LC_CKPT_HEAD, (size_t)ranges * 16);
        if (payload >= 0 && payload <= room - ranges * 16)
            put_digest(head + AT_PAYLOAD_DIGEST, head + LC_CKPT_HEAD + ranges * 16, (size_t)payload);
    }
    put_digest(head + DIGEST, head + REST, LC_CKPT_HEAD - REST);
}

static void seal(uint8_t *data, size_t size)
{
    int64_t header = size > AT_SIZE + 8 ? get(data + AT_SIZE) : 0;

    if (header <= AT_SIZE + 8 || header > (int64_t)size)
        return;
    put_digest(data + DIGEST, data + REST, (size_t)header - REST);
    for (size_t at = (size_t)header; at + LC_CKPT_HEAD <= size; at += LC_CKPT_BLOCK)
        if (data[at] == 0x89)
            seal_segment(data + at, size - at, data + DIGEST);
}

enum { BLOCKS = 16, LONGEST = 2 * LC_CKPT_BLOCK };

/* Bytes of the file that the pieces make; `out` has room for BLOCKS of LONGEST each and is zero. */
static size_t lay_out(uint8_t *out, const uint8_t *data, size_t size)
{
    size_t end = 0, at = 0;

    for (int block = 0; block < BLOCKS && at + 2 <= size; block++) {
        size_t length = (size_t)(data[at] | data[at + 1] << 8) % LONGEST, start = (end + LC_CKPT_BLOCK - 1);
        at += 2;
        length = length < size - at ? length : size - at;
        start -= start % LC_CKPT_BLOCK;
        memcpy(out + start, data + at, length);
        end = start + length;
        at += length;
    }
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = calloc(BLOCKS, LONGEST), *exact;
    struct lc_ckpt_name name;
    char text[64] = "";
    size_t length;

    if (!file)
        return 0;
    read_file(data, size);
    length = lay_out(file, data, size);
    exact = realloc(file, length ? length : 1); /* so that a read past the end is seen */
    if (exact && length > 0) {
        seal(exact, length);
        read_file(exact, length);
    }
    free(exact ? exact : file);
    if (size > 0)
        memcpy(text, data, size < 63 ? size : 63);
    lc_ckpt_name_parse(&name, text);
    return 0;
}
