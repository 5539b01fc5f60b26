/* Checkpoint files without MPI: whatever is cut off or flipped, what is accepted is exactly what was written, and no unit
 * counts twice. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/parallel/checkpoint_set.h"
#include "../../src/parallel/checkpoint_write.h"
#include "lightcone/checkpoint.h"
#include "lightcone/random.h"

enum { UNITS = 100, SEGMENTS = 5, DIGEST = 8, REST = 72 };

static const struct lc_ckpt_identity mine = {
    UNITS, {"lightcone 1.0 saved 1", "job: sparsity\nseed: 1\n", "model abc\ncorpus def\n", "AVX2"}};

/* A file in memory, and what is in it. */
struct image {
    struct lc_bytes bytes, identity;
    struct lc_ckpt_header header;
    struct lc_ckpt_segment segment[SEGMENTS];
    struct lc_ranges ranges[SEGMENTS];
    int64_t end[SEGMENTS]; /* of the payload */
};

static uint64_t draw(uint64_t n)
{
    static uint64_t counter;

    return lc_random_below(5, 0, counter++, n);
}

static void pad(struct lc_bytes *b)
{
    struct lc_err err = LC_ERR_INIT;

    while (b->size % LC_CKPT_BLOCK != 0)
        assert_int_equal(lc_bytes_add(b, "", 1, &err), LC_OK);
}

/* Append a segment to an image's bytes; digests as they should be unless `s` has its own. */
static void add_segment(struct lc_bytes *b, struct lc_ckpt_segment *s, const struct lc_ranges *r, const void *payload,
                        const char *file_digest)
{
    unsigned char head[LC_CKPT_HEAD];
    struct lc_err err = LC_ERR_INIT;
    struct lc_bytes ranges = {0};

    pad(b);
    s->place = (int64_t)b->size;
    s->ranges = r->count;
    assert_int_equal(lc_ranges_save(&ranges, r, &err), LC_OK);
    assert_int_equal(lc_ckpt_segment_digest(s, &ranges, payload, &err), LC_OK);
    assert_int_equal(lc_ckpt_segment_save(head, s, file_digest, &err), LC_OK);
    lc_bytes_add(b, head, sizeof head, &err);
    lc_bytes_add(b, ranges.data, ranges.size, &err);
    assert_int_equal(lc_bytes_add(b, payload, (size_t)s->payload, &err), LC_OK);
    lc_bytes_release(&ranges);
}

static void image_init(struct image *m)
{
    static const int64_t size[SEGMENTS] = {0, 1, 3000, 9000, 100};
    struct lc_err err = LC_ERR_INIT;
    unsigned char payload[9000];

    *m = (struct image){0};
    assert_int_equal(lc_ckpt_identity_save(&m->identity, &mine, &err), LC_OK);
    assert_int_equal(lc_ckpt_header_save(&m->bytes, &m->header, &(struct lc_ckpt_name){3, 0, 1}, &m->identity, &err),
                     LC_OK);
    for (int i = 0; i < SEGMENTS; i++) {
        int64_t unit[] = {i, 10 + 2 * i, 11 + 2 * i, 50 + 3 * i};
        for (int64_t k = 0; k < size[i]; k++)
            payload[k] = (unsigned char)(k * 31 + i);
        assert_int_equal(lc_ranges_make(&m->ranges[i], unit, i == 0 ? 1 : 4, UNITS, &err), LC_OK);
        m->segment[i] = (struct lc_ckpt_segment){.sequence = i, .rank = i % 2, .kind = i == 3, .payload = size[i]};
        add_segment(&m->bytes, &m->segment[i], &m->ranges[i], payload, m->header.digest);
        m->end[i] = (int64_t)m->bytes.size;
    }
}

static void image_release(struct image *m)
{
    for (int i = 0; i < SEGMENTS; i++)
        lc_ranges_release(&m->ranges[i]);
    lc_bytes_release(&m->bytes);
    lc_bytes_release(&m->identity);
}

/* Which segment of the image this is, byte for byte; fails the test if none. */
static int identify(const struct image *m, const struct lc_ckpt_segment *s, const struct lc_ranges *r)
{
    for (int i = 0; i < SEGMENTS; i++)
        if (m->segment[i].place == s->place) {
            assert_memory_equal(&m->segment[i], s, sizeof *s);
            assert_int_equal(r->count, m->ranges[i].count);
            assert_memory_equal(r->at, m->ranges[i].at, (size_t)r->count * sizeof *r->at);
            return i;
        }
    fail_msg("a segment at %lld was never written", (long long)s->place);
    return -1;
}

static int payload_is_right(const unsigned char *payload, const struct image *m, int i)
{
    return memcmp(payload, m->bytes.data + m->end[i] - m->segment[i].payload, (size_t)m->segment[i].payload) == 0;
}

/* Bit i: segment i was accepted. -1: the header was not; -2: it is one of another format. */
static int read_back(const struct image *m, const unsigned char *data, int64_t size, int64_t *damaged)
{
    struct lc_ckpt_source in = {.data = data, .size = size};
    struct lc_ckpt_walk walk = {.in = &in, .units = UNITS};
    struct lc_err err = LC_ERR_INIT;
    struct lc_ckpt_segment s;
    struct lc_ckpt_header h;
    struct lc_ranges r;
    int found = 1, accepted = 0;

    if (lc_ckpt_header_read(&h, &in, "f", &err) != LC_OK)
        return err.code == LC_E_FORMAT ? -1 : -2;
    walk.file_digest = h.digest;
    walk.at = h.size;
    while (lc_ckpt_walk_next(&walk, &s, &r, &found, &err) == LC_OK && found) {
        unsigned char *payload;
        struct lc_err its = LC_ERR_INIT;
        int i = identify(m, &s, &r);
        if (lc_ckpt_payload_read(&payload, &in, &s, &its) == LC_OK) {
            assert_true(payload_is_right(payload, m, i));
            assert_int_equal(accepted & 1 << i, 0);
            accepted |= 1 << i;
            free(payload);
        } else {
            walk.damaged++;
        }
        lc_ranges_release(&r);
    }
    assert_int_equal(err.code, LC_OK);
    lc_ckpt_header_release(&h);
    if (damaged)
        *damaged = walk.damaged;
    return accepted;
}

static void round_trip(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ckpt_source in;
    struct lc_ckpt_header h;
    struct image m;
    int64_t damaged;
    size_t size;

    (void)state;
    image_init(&m);
    assert_int_equal(read_back(&m, m.bytes.data, (int64_t)m.bytes.size, &damaged), (1 << SEGMENTS) - 1);
    assert_int_equal(damaged, 0);
    in = (struct lc_ckpt_source){.data = m.bytes.data, .size = (int64_t)m.bytes.size};
    assert_int_equal(lc_ckpt_header_read(&h, &in, "f", &err), LC_OK);
    assert_int_equal(h.name.run, 3);
    assert_int_equal(h.name.generation, 1);
    assert_int_equal(lc_ckpt_identity_units(&h.identity), UNITS);
    assert_memory_equal(lc_ckpt_identity_text(&h.identity, LC_CKPT_KERNEL, &size), "AVX2", 4);
    assert_int_equal(size, 4);
    assert_int_equal(lc_ckpt_identity_compare("f", &h.identity, &m.identity, &err), LC_OK);
    lc_ckpt_header_release(&h);
    image_release(&m);
}

static int whole_before(const struct image *m, int64_t cut)
{
    int mask = 0;

    for (int i = 0; i < SEGMENTS; i++)
        mask |= (m->end[i] <= cut) << i;
    return cut < m->header.size ? -1 : mask;
}

/* A copy of exactly that size, so that a sanitizer sees a read past the end. */
static void check_cut(const struct image *m, int64_t cut)
{
    unsigned char *copy = malloc((size_t)cut + (cut == 0));

    assert_non_null(copy);
    memcpy(copy, m->bytes.data, (size_t)cut);
    assert_int_equal(read_back(m, copy, cut, NULL), whole_before(m, cut));
    free(copy);
}

static void cut_anywhere(void **state)
{
    struct image m;

    (void)state;
    image_init(&m);
    for (int64_t cut = 0; cut <= m.header.size; cut++)
        check_cut(&m, cut);
    for (int i = 0; i < SEGMENTS; i++)
        for (int64_t cut = m.segment[i].place; cut <= m.segment[i].place + LC_CKPT_HEAD + 64 &&
                                               cut <= (int64_t)m.bytes.size; cut++)
            check_cut(&m, cut);
    for (int k = 0; k < 2000; k++)
        check_cut(&m, (int64_t)draw(m.bytes.size + 1));
    image_release(&m);
}

static void flip_header_bits(void **state)
{
    struct image m;

    (void)state;
    image_init(&m);
    for (int64_t bit = 0; bit < 8 * m.header.size; bit++) {
        m.bytes.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_equal(read_back(&m, m.bytes.data, (int64_t)m.bytes.size, NULL), -1);
        m.bytes.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    image_release(&m);
}

/* Every bit of heads and ranges, and some of every payload: that segment goes, and no other. */
static void flip_segment_bits(void **state)
{
    struct image m;

    (void)state;
    image_init(&m);
    for (int i = 0; i < SEGMENTS; i++) {
        int64_t first = 8 * m.segment[i].place, payload = first + 8 * (LC_CKPT_HEAD + 16 * m.ranges[i].count);
        for (int64_t bit = first; bit < 8 * m.end[i]; bit += bit < payload ? 1 : 61) {
            int64_t damaged, in_magic = bit < first + 64;
            m.bytes.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            assert_int_equal(read_back(&m, m.bytes.data, (int64_t)m.bytes.size, &damaged),
                             ((1 << SEGMENTS) - 1) & ~(1 << i));
            assert_int_equal(damaged, !in_magic);
            m.bytes.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
    }
    image_release(&m);
}

/* Many flips and stretches of noise at once: what is accepted is right (read_back() sees to it), what no flip has
 * touched is accepted. */
static void random_damage(void **state)
{
    struct image m;

    (void)state;
    image_init(&m);
    for (int k = 0; k < 3000; k++) {
        unsigned char *copy = malloc(m.bytes.size);
        int touched = 0, accepted;
        assert_non_null(copy);
        memcpy(copy, m.bytes.data, m.bytes.size);
        for (uint64_t n = draw(6); n > 0; n--) {
            int64_t at = m.header.size + (int64_t)draw(m.bytes.size - (size_t)m.header.size);
            int64_t length = 1 + (int64_t)draw(300);
            for (int64_t b = at; b < at + length && b < (int64_t)m.bytes.size; b++)
                copy[b] = (unsigned char)draw(256);
            for (int i = 0; i < SEGMENTS; i++)
                touched |= (at < m.end[i] && at + length > m.segment[i].place) << i;
        }
        accepted = read_back(&m, copy, (int64_t)m.bytes.size, NULL);
        assert_true(accepted >= 0);
        assert_int_equal(accepted | touched, (1 << SEGMENTS) - 1);
        free(copy);
    }
    image_release(&m);
}

/* A payload that holds segments of its own file, where blocks begin, under a head that is gone. */
static void payloads_are_no_segments(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ckpt_segment s = {.sequence = 9};
    struct lc_ranges r = {0};
    struct image m;
    unsigned char *trap = NULL;
    int64_t unit = 99, damaged, gap, size;

    (void)state;
    image_init(&m);
    gap = LC_CKPT_BLOCK - LC_CKPT_HEAD - 16; /* from the payload's begin to the next block */
    size = (int64_t)m.bytes.size - m.header.size;
    assert_int_equal(lc_alloc((void **)&trap, gap + size, 1, "trap", &err), LC_OK);
    memcpy(trap + gap, m.bytes.data + m.header.size, (size_t)size);
    assert_int_equal(lc_ranges_make(&r, &unit, 1, UNITS, &err), LC_OK);
    s.payload = gap + size;
    add_segment(&m.bytes, &s, &r, trap, m.header.digest);
    memset(m.bytes.data + s.place, 0, LC_CKPT_HEAD);
    assert_int_equal(read_back(&m, m.bytes.data, (int64_t)m.bytes.size, &damaged), (1 << SEGMENTS) - 1);
    assert_int_equal(damaged, SEGMENTS);
    free(trap);
    lc_ranges_release(&r);
    image_release(&m);
}

/* Heads that are whole by their digest and lie. */
static void heads_that_lie(void **state)
{
    static const struct lc_range bad_ranges[][2] = {
        {{5, 1}, {5, 1}}, {{5, 3}, {7, 1}}, {{5, 1}, {6, 1}}, {{7, 1}, {5, 1}}, {{-1, 1}, {5, 1}}, {{5, 0}, {7, 1}},
        {{5, -1}, {7, 1}}, {{5, 1}, {99, 2}}, {{5, 1}, {100, 1}}, {{5, INT64_MAX}, {7, 1}}, {{5, 1}, {7, INT64_MAX}}};
    static const struct lc_ckpt_segment lie[] = {
        {.rank = -1}, {.rank = (int64_t)1 << 40}, {.kind = 2}, {.kind = -1}, {.sequence = -1}};
    static const int64_t sizes[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 16, INT64_MAX / 16 + 1, (int64_t)1 << 60, 2, 0};
    struct lc_err err = LC_ERR_INIT;
    struct image m;
    size_t size;

    (void)state;
    image_init(&m);
    size = m.bytes.size;
    for (size_t k = 0; k < sizeof bad_ranges / sizeof bad_ranges[0]; k++) {
        struct lc_range pair[2] = {bad_ranges[k][0], bad_ranges[k][1]};
        struct lc_ranges r = {pair, 2, 2};
        struct lc_ckpt_segment s = {.payload = 8};
        add_segment(&m.bytes, &s, &r, "payload", m.header.digest);
        assert_int_equal(read_back(&m, m.bytes.data, (int64_t)m.bytes.size, NULL), (1 << SEGMENTS) - 1);
        m.bytes.size = size;
    }
    for (size_t k = 0; k < sizeof lie / sizeof lie[0] + 2 * sizeof sizes / sizeof sizes[0]; k++) {
        struct lc_range one = {99, 1};
        struct lc_ranges r = {&one, 1, 1};
        struct lc_ckpt_segment s = k < 5 ? lie[k] : (struct lc_ckpt_segment){0};
        s.payload = 8;
        add_segment(&m.bytes, &s, &r, "payload", m.header.digest);
        if (k >= 5 && (k - 5) % 2 == 0)
            s.ranges = sizes[(k - 5) / 2];
        else if (k >= 5)
            s.payload = sizes[(k - 5) / 2] == 0 ? 9 : sizes[(k - 5) / 2] == 2 ? -8 : sizes[(k - 5) / 2];
        assert_int_equal(lc_ckpt_segment_save(m.bytes.data + s.place, &s, m.header.digest, &err), LC_OK);
        assert_int_equal(read_back(&m, m.bytes.data, (int64_t)m.bytes.size, NULL), (1 << SEGMENTS) - 1);
        m.bytes.size = size;
    }
    image_release(&m);
}

static void put64(unsigned char *to, int64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)((uint64_t)value >> 8 * i);
}

/* Change one number of the header and put the digest right again. */
static int read_resealed(struct image *m, int64_t at, int64_t value)
{
    unsigned char *copy = malloc(m->bytes.size);
    struct lc_err err = LC_ERR_INIT;
    char hex[LC_HASH_HEX];
    int got;

    assert_non_null(copy);
    memcpy(copy, m->bytes.data, m->bytes.size);
    put64(copy + at, value);
    lc_hash_bytes(hex, copy + REST, (size_t)m->header.size - REST, &err);
    memcpy(copy + DIGEST, hex, 64);
    got = read_back(m, copy, (int64_t)m->bytes.size, NULL);
    free(copy);
    return got;
}

static void headers_that_lie(void **state)
{
    static const int64_t lengths[] = {-1, INT64_MAX, INT64_MIN, 4000, (int64_t)1 << 33};
    struct image m;

    (void)state;
    image_init(&m);
    assert_int_equal(read_resealed(&m, 72, 1), -2); /* another format is no damage */
    assert_int_equal(read_resealed(&m, 72, 3), -2);
    assert_int_equal(read_resealed(&m, 72, 0), -2);
    assert_int_equal(read_resealed(&m, 80, 8192), -1);
    assert_int_equal(read_resealed(&m, 80, INT64_MAX), -1);
    assert_int_equal(read_resealed(&m, 80, -4096), -1);
    assert_int_equal(read_resealed(&m, 112, -1), -1); /* units */
    assert_int_equal(read_resealed(&m, 112, (int64_t)LC_CKPT_UNITS_MOST + 1), -1);
    for (int text = 0; text < LC_CKPT_TEXTS; text++)
        for (int k = 0; k < 5; k++)
            assert_int_equal(read_resealed(&m, 120 + 8 * text, lengths[k]), -1);
    assert_int_equal(read_resealed(&m, 88, 4), 0); /* a header of another run: none of the segments is of that file */
    image_release(&m);
}

static void names(void **state)
{
    static const struct {
        const char *text;
        int kind;
    } each[] = {{"run-0001.node-0000.gen-0002", 1},
                {"run-12345.node-0000.gen-0002", 1},
                {"run-0001.node-0000.gen-0002.4711.partial", 2},
                {"run-01.node-0000.gen-0002", 0},
                {"run-00001.node-0000.gen-0002", 0},
                {"run-0001.node-0000.gen-0002.bak", 0},
                {"run-0001.node-0000.gen-0002~", 0},
                {"run-0001.node-0000", 0},
                {"run--001.node-0000.gen-0002", 0},
                {"run-1234567890.node-0000.gen-0002", 0},
                {"run-999999998.node-0000.gen-0002", 1},
                {"run-999999999.node-0000.gen-0002", 0},
                {" run-0001.node-0000.gen-0002", 0},
                {"", 0},
                {"notes.txt", 0}};
    struct lc_ckpt_name name;

    (void)state;
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
        assert_int_equal(lc_ckpt_name_parse(&name, each[i].text), each[i].kind);
    assert_int_equal(lc_ckpt_name_parse(&name, "run-0007.node-0012.gen-0003"), 1);
    assert_int_equal(name.run * 10000 + name.node * 100 + name.generation, 71203);
}

static void differences_are_named(void **state)
{
    static const struct {
        struct lc_ckpt_identity other;
        const char *says[3];
    } each[] = {
        {{UNITS, {"lightcone 0.9 saved 1", "x", "y", "z"}}, {"version", "lightcone 0.9", "lightcone 1.0"}},
        {{UNITS, {"lightcone 1.0 saved 1", "job: sparsity\nseed: 2\n", "model abc\ncorpus def\n", "AVX2"}},
         {"configuration, line 2", "there 'seed: 2'", "here 'seed: 1'"}},
        {{UNITS, {"lightcone 1.0 saved 1", "job: sparsity\n", "model abc\ncorpus def\n", "AVX2"}},
         {"configuration, line 2", "there ''", "here 'seed: 1'"}},
        {{UNITS, {"lightcone 1.0 saved 1", "job: sparsity\nseed: 1\n", "model abc\ncorpus xyz\n", "AVX2"}},
         {"input files, line 2", "there 'corpus xyz'", "here 'corpus def'"}},
        {{UNITS, {"lightcone 1.0 saved 1", "job: sparsity\nseed: 1\n", "model abc\ncorpus def\n", "AVX512"}},
         {"kernel class", "there 'AVX512'", "here 'AVX2'"}},
        {{7, {"lightcone 1.0 saved 1", "job: sparsity\nseed: 1\n", "model abc\ncorpus def\n", "AVX2"}},
         {"7 units", "100", "--fresh"}},
    };
    struct lc_err fine = LC_ERR_INIT;
    struct lc_bytes ours = {0};

    (void)state;
    assert_int_equal(lc_ckpt_identity_save(&ours, &mine, &fine), LC_OK);
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        struct lc_err err = LC_ERR_INIT;
        struct lc_bytes theirs = {0};
        assert_int_equal(lc_ckpt_identity_save(&theirs, &each[i].other, &err), LC_OK);
        assert_int_equal(lc_ckpt_identity_compare("some/file", &theirs, &ours, &err), LC_E_CONFIG);
        assert_non_null(strstr(err.msg, "some/file: "));
        assert_non_null(strstr(err.msg, "--fresh"));
        for (int k = 0; k < 3; k++)
            assert_non_null(strstr(err.msg, each[i].says[k]));
        lc_bytes_release(&theirs);
    }
    lc_bytes_release(&ours);
}

static void ranges_of_units(void **state)
{
    static const int64_t unit[] = {9, 3, 4, 0, 5, 99}, twice[] = {1, 2, 1}, outside[] = {100}, negative[] = {-1};
    static const struct lc_range expected[] = {{0, 1}, {3, 3}, {9, 1}, {99, 1}};
    struct lc_ranges a, b, both, other = {0};
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_int_equal(lc_ranges_make(&a, unit, 6, UNITS, &err), LC_OK);
    assert_int_equal(a.count, 4);
    assert_memory_equal(a.at, expected, sizeof expected);
    assert_int_equal(lc_ranges_units(&a), 6);
    assert_int_equal(lc_ranges_make(&b, (int64_t[]){1, 2, 6}, 3, UNITS, &err), LC_OK);
    assert_int_equal(lc_ranges_join(&both, &a, &b, &err), LC_OK);
    assert_int_equal(both.count, 3);
    assert_int_equal(both.at[0].count, 7);
    assert_int_equal(lc_ranges_join(&other, &both, &b, &err), LC_E_FORMAT);
    assert_null(other.at);
    lc_ranges_release(&both);
    assert_int_equal(lc_ranges_gather(&both, (struct lc_range[]){{9, 2}, {1, 2}, {3, 6}}, 3, &(struct lc_err)LC_ERR_INIT),
                     LC_OK);
    assert_int_equal(both.count, 1);
    assert_int_equal(lc_ranges_make(&other, twice, 3, UNITS, &(struct lc_err)LC_ERR_INIT), LC_E_FORMAT);
    assert_int_equal(lc_ranges_make(&other, outside, 1, UNITS, &(struct lc_err)LC_ERR_INIT), LC_E_FORMAT);
    assert_int_equal(lc_ranges_make(&other, negative, 1, UNITS, &(struct lc_err)LC_ERR_INIT), LC_E_FORMAT);
    lc_ranges_release(&a);
    lc_ranges_release(&b);
    lc_ranges_release(&both);
}

/* ---- files: ranks of one node, played by several writers of this process ---- */

enum { RANKS = 3 };

struct job {
    char folder[64];
    struct lc_ckpt_node node;
    struct lc_bytes identity;
    struct lc_ckpt_writer rank[RANKS];
    struct lc_bytes holds[RANKS]; /* payload of a whole segment: all units, as int64 */
};

static void job_begin(struct job *j, int64_t run)
{
    struct lc_err err = LC_ERR_INIT;

    j->node = (struct lc_ckpt_node){0};
    lc_bytes_release(&j->identity);
    assert_int_equal(lc_ckpt_identity_save(&j->identity, &mine, &err), LC_OK);
    for (int r = 0; r < RANKS; r++) {
        struct lc_ckpt_writer *w = &j->rank[r];
        *w = (struct lc_ckpt_writer){.node = &j->node, .identity = &j->identity, .run = run, .node_size = RANKS,
                                     .rank = r, .units = UNITS, .growth_floor = INT64_MAX / 2, .fd = -1};
        memcpy(w->folder, j->folder, sizeof j->folder);
        if (r == 0)
            assert_int_equal(lc_ckpt_writer_make_first(w, &err), LC_OK);
        assert_int_equal(lc_ckpt_writer_open(w, &err), LC_OK);
        j->holds[r].size = 0;
    }
}

static void job_end(struct job *j)
{
    for (int r = 0; r < RANKS; r++) {
        lc_ckpt_writer_close(&j->rank[r]);
        lc_bytes_release(&j->holds[r]);
    }
    lc_bytes_release(&j->identity);
}

static int job_new(struct job *j, int64_t run)
{
    *j = (struct job){.folder = "/tmp/lightcone.XXXXXX"};
    assert_non_null(mkdtemp(j->folder));
    job_begin(j, run);
    return 0;
}

static void job_remove(struct job *j)
{
    job_end(j);
    assert_int_equal(lc_ckpt_remove_before(j->folder, INT64_MAX), 0);
    assert_int_equal(rmdir(j->folder), 0);
}

static int add(struct job *j, int r, int kind, const int64_t *unit, int64_t count)
{
    struct lc_bytes own = {.data = (unsigned char *)(uintptr_t)unit, .size = (size_t)count * sizeof *unit};
    struct lc_err err = LC_ERR_INIT;
    int rc;

    assert_int_equal(lc_bytes_add(&j->holds[r], own.data, own.size, &err), LC_OK);
    rc = lc_ckpt_writer_append(&j->rank[r], kind, unit, count, kind == LC_CKPT_WHOLE ? &j->holds[r] : &own, &err);
    if (rc != LC_OK)
        j->holds[r].size -= own.size;
    return rc;
}

static void adds(struct job *j, int r, int kind, int64_t unit)
{
    assert_int_equal(add(j, r, kind, &unit, 1), LC_OK);
}

static void read_one(struct lc_ckpt_set *set, struct lc_ckpt_found *f, int *count)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ckpt_source in;
    unsigned char *payload;
    char path[LC_PATH_MAX];

    assert_int_equal(lc_ckpt_set_path(path, set->folder, &set->file[f->file].name, &err), LC_OK);
    assert_int_equal(lc_ckpt_source_open(&in, path, &err), LC_OK);
    f->state = LC_CKPT_BAD;
    if (lc_ckpt_payload_read(&payload, &in, &f->segment, &err) == LC_OK) {
        assert_true(f->segment.payload >= 8 * f->units);
        for (int64_t i = 0; i < f->units; i++) {
            int64_t unit;
            memcpy(&unit, payload + 8 * i, 8);
            count[unit]++;
        }
        f->state = LC_CKPT_TAKEN;
        free(payload);
    }
    lc_ckpt_source_close(&in);
}

/* What a resume would take over: how often each unit counts. */
static struct lc_ckpt_losses look(const char *folder, int count[UNITS])
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ckpt_losses lost;
    struct lc_ckpt_set set;
    unsigned char done[UNITS];

    memset(count, 0, UNITS * sizeof *count);
    assert_int_equal(lc_ckpt_set_list(&set, folder, &err), LC_OK);
    assert_int_equal(lc_ckpt_set_headers(&set, NULL, &err), LC_OK);
    assert_int_equal(lc_ckpt_set_scan(&set, UNITS, &err), LC_OK);
    while (lc_ckpt_set_choose(&set, done, UNITS) > 0)
        for (int64_t i = 0; i < set.count; i++)
            if (set.found[i].state == LC_CKPT_CHOSEN)
                read_one(&set, &set.found[i], count);
    for (int u = 0; u < UNITS; u++)
        assert_int_equal(count[u], done[u]); /* in particular, no unit twice */
    lc_ckpt_set_losses(&set, done, &lost);
    lc_ckpt_set_release(&set);
    return lost;
}

/* Exactly these count, as a text of units below 10. */
static void expect(const struct job *j, const char *digits, int64_t damaged, int64_t missing, int64_t contradictions)
{
    struct lc_ckpt_losses lost;
    int count[UNITS];
    char found[UNITS + 1] = "";

    lost = look(j->folder, count);
    for (int u = 0, n = 0; u < 10; u++)
        if (count[u])
            found[n++] = (char)('0' + u);
    assert_string_equal(found, digits);
    assert_int_equal(lost.damaged, damaged);
    assert_int_equal(lost.missing, missing);
    assert_int_equal(lost.contradictions, contradictions);
}

static void open_file(const struct job *j, const struct lc_ckpt_writer *w, int64_t generation, int *fd)
{
    struct lc_ckpt_name name = {w->run, 0, generation};
    struct lc_err err = LC_ERR_INIT;
    char path[LC_PATH_MAX];

    assert_int_equal(lc_ckpt_set_path(path, j->folder, &name, &err), LC_OK);
    *fd = open(path, O_RDWR);
}

/* Flip a bit at `offset` from the place of the segment with this number, all segments here being one block long. */
static void damage(const struct job *j, int64_t generation, int64_t block, int64_t offset)
{
    int64_t at = j->rank[0].header.size + block * LC_CKPT_BLOCK + offset;
    unsigned char byte;
    int fd;

    open_file(j, &j->rank[0], generation, &fd);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

enum { IN_PAYLOAD = LC_CKPT_HEAD + 16 + 3, IN_HEAD = 150 };

static void whole_supersedes_added(void **state)
{
    struct job j;

    (void)state;
    job_new(&j, 1);
    adds(&j, 0, LC_CKPT_ADDED, 0);
    adds(&j, 1, LC_CKPT_ADDED, 1);
    adds(&j, 0, LC_CKPT_ADDED, 2);
    adds(&j, 0, LC_CKPT_WHOLE, 3);
    adds(&j, 0, LC_CKPT_ADDED, 4);
    expect(&j, "01234", 0, 0, 0);
    assert_int_equal(add(&j, 0, LC_CKPT_ADDED, (int64_t[]){4}, 1), LC_E_FORMAT); /* handed in before */
    assert_int_equal(add(&j, 0, LC_CKPT_ADDED, (int64_t[]){UNITS}, 1), LC_E_FORMAT);
    assert_int_equal(add(&j, 0, LC_CKPT_ADDED, NULL, 0), LC_OK);
    expect(&j, "01234", 0, 0, 0);
    damage(&j, 0, 3, IN_PAYLOAD + 24); /* the whole one: what it had superseded is there still, its own unit is not */
    expect(&j, "0124", 1, 1, 0);
    damage(&j, 0, 1, IN_HEAD); /* rank 1's only one */
    expect(&j, "024", 2, 1, 0);
    job_remove(&j);
}

static void holes_hide_nothing(void **state)
{
    struct job j;

    (void)state;
    job_new(&j, 1);
    adds(&j, 0, LC_CKPT_ADDED, 0);
    atomic_fetch_add(&j.node.end[0], 5 * LC_CKPT_BLOCK); /* a rank reserved and died */
    adds(&j, 1, LC_CKPT_ADDED, 1);
    atomic_fetch_add(&j.node.end[0], (int64_t)1 << 22);
    adds(&j, 2, LC_CKPT_ADDED, 2);
    expect(&j, "012", 0, 0, 0);
    job_remove(&j);
}

/* A magic number that is damaged is not seen, but the sequence tells. */
static void missing_ones_are_noticed(void **state)
{
    struct job j;

    (void)state;
    job_new(&j, 1);
    for (int u = 0; u < 4; u++)
        adds(&j, 0, LC_CKPT_ADDED, u);
    damage(&j, 0, 1, 0);
    expect(&j, "023", 0, 1, 0);
    job_remove(&j);
}

static void generations(void **state)
{
    struct job j;
    int fd;

    (void)state;
    job_new(&j, 1);
    adds(&j, 0, LC_CKPT_ADDED, 0);
    adds(&j, 1, LC_CKPT_ADDED, 1);
    for (int r = 0; r < RANKS; r++)
        j.rank[r].growth_floor = 0;
    assert_int_equal(lc_ckpt_writer_wants_whole(&j.rank[0]), 0);
    for (int u = 2; u < 7; u++)
        adds(&j, 0, LC_CKPT_ADDED, u);
    assert_int_equal(lc_ckpt_writer_wants_whole(&j.rank[0]), 1);
    adds(&j, 0, LC_CKPT_WHOLE, 7);
    assert_int_equal(j.node.generation, 1);
    assert_int_equal(lc_ckpt_writer_wants_whole(&j.rank[0]), 0);
    assert_int_equal(lc_ckpt_writer_wants_whole(&j.rank[1]), 1);
    expect(&j, "01234567", 0, 0, 0);
    adds(&j, 1, LC_CKPT_ADDED, 8); /* still into the old one */
    expect(&j, "012345678", 0, 0, 0);
    open_file(&j, &j.rank[0], 0, &fd);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(add(&j, 1, LC_CKPT_WHOLE, NULL, 0), LC_OK);
    assert_int_equal(add(&j, 2, LC_CKPT_WHOLE, NULL, 0), LC_OK); /* holds nothing: goes over without a segment */
    open_file(&j, &j.rank[0], 0, &fd);
    assert_true(fd < 0);
    expect(&j, "012345678", 0, 0, 0);
    adds(&j, 2, LC_CKPT_ADDED, 9);
    expect(&j, "0123456789", 0, 0, 0);
    job_remove(&j);
}

/* The disk is full, as far as this process may tell: nothing is lost, nothing counts twice, and later it goes on. */
static void full_disk(void **state)
{
    struct rlimit old, small;
    struct job j;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    for (int64_t room = 0; room < LC_CKPT_HEAD + 64; room += 7) {
        job_new(&j, 1);
        adds(&j, 0, LC_CKPT_ADDED, 0);
        adds(&j, 1, LC_CKPT_ADDED, 1);
        getrlimit(RLIMIT_FSIZE, &old);
        small = old;
        small.rlim_cur = (rlim_t)(j.node.end[0] + room);
        setrlimit(RLIMIT_FSIZE, &small);
        if (add(&j, 0, LC_CKPT_ADDED, (int64_t[]){2}, 1) == LC_OK)
            assert_true(room >= LC_CKPT_HEAD + 24);
        else
            assert_true(room < LC_CKPT_HEAD + 24);
        setrlimit(RLIMIT_FSIZE, &old);
        expect(&j, room < LC_CKPT_HEAD + 24 ? "01" : "012", 0, 0, 0);
        if (room < LC_CKPT_HEAD + 24)
            assert_int_equal(add(&j, 0, LC_CKPT_ADDED, (int64_t[]){3, 2}, 2), LC_OK);
        else
            adds(&j, 0, LC_CKPT_ADDED, 3);
        adds(&j, 1, LC_CKPT_ADDED, 4);
        expect(&j, "01234", 0, 0, 0);
        assert_int_equal(j.node.end[0], j.rank[0].header.size + (room < LC_CKPT_HEAD + 24 ? 4 : 5) * LC_CKPT_BLOCK);
        job_remove(&j);
    }
}

/* A process of its own appends until it is killed. */
static void append_for_ever(struct job *j)
{
    enum { LARGE = 1 << 20 };
    unsigned char *payload = calloc(LARGE, 1);
    struct lc_bytes bytes = {.data = payload, .size = LARGE};
    struct lc_err err = LC_ERR_INIT;
    int rc = payload ? LC_OK : LC_E_MEMORY;

    for (int64_t u = 0; u < UNITS && rc == LC_OK; u++) {
        memcpy(payload, &u, sizeof u);
        rc = lc_ckpt_writer_append(&j->rank[0], LC_CKPT_ADDED, &u, 1, &bytes, &err);
    }
    _exit(rc);
}

static void killed_while_writing(void **state)
{
    (void)state;
    for (int k = 0; k < 40; k++) {
        struct timespec nap = {.tv_nsec = 100000 * (long)draw(300)};
        struct lc_ckpt_losses lost;
        struct job j;
        int count[UNITS], status;
        pid_t child;
        job_new(&j, 1);
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
            append_for_ever(&j);
        nanosleep(&nap, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
        lost = look(j.folder, count);
        assert_int_equal(lost.damaged, 0); /* a kill leaves no damage, */
        assert_int_equal(lost.missing, 0); /* nor a gap */
        for (int u = 1; u < UNITS; u++)
            assert_true(count[u] <= count[u - 1]);
        job_remove(&j);
    }
}

/* fsync failed and the segment is on disk all the same; the next try carries the same number and more units. */
static void an_attempt_counts_once(void **state)
{
    struct job j;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct lc_ranges owned;
        job_new(&j, 1);
        adds(&j, 0, LC_CKPT_ADDED, 0);
        owned = j.rank[0].owned;
        j.rank[0].owned = (struct lc_ranges){0};
        assert_int_equal(lc_ranges_make(&j.rank[0].owned, (int64_t[]){0}, 1, UNITS, &(struct lc_err)LC_ERR_INIT), LC_OK);
        adds(&j, 0, LC_CKPT_ADDED, 1);
        j.rank[0].sequence--; /* as if that had failed */
        lc_ranges_release(&j.rank[0].owned);
        j.rank[0].owned = owned;
        j.holds[0].size = 8;
        assert_int_equal(add(&j, 0, kind, (int64_t[]){2, 1}, 2), LC_OK);
        adds(&j, 0, LC_CKPT_ADDED, 3);
        expect(&j, "0123", 0, 0, 0);
        damage(&j, 0, 2, IN_PAYLOAD); /* the later one; the earlier will do */
        expect(&j, "013", 1, 0, 0);
        job_remove(&j);
    }
}

/* Run 2 took over run 1's and holds it in a whole segment: that counts, whether or not the old file is still there. */
static void runs_supersede_by_unit(void **state)
{
    struct job j;

    (void)state;
    job_new(&j, 1);
    adds(&j, 0, LC_CKPT_ADDED, 0);
    adds(&j, 1, LC_CKPT_ADDED, 1);
    job_end(&j);
    job_begin(&j, 2);
    adds(&j, 2, LC_CKPT_ADDED, 0); /* as taken over: one segment each */
    adds(&j, 2, LC_CKPT_WHOLE, 5);
    adds(&j, 1, LC_CKPT_ADDED, 6);
    expect(&j, "0156", 0, 0, 0);
    damage(&j, 0, 1, IN_PAYLOAD);
    damage(&j, 0, 0, IN_PAYLOAD);
    expect(&j, "016", 2, 0, 0); /* back to run 1's */
    job_remove(&j);
}

/* A file of run 1 that run 2 did not see is there again. */
static void contradictions(void **state)
{
    struct job j;

    (void)state;
    job_new(&j, 1);
    assert_int_equal(add(&j, 0, LC_CKPT_ADDED, (int64_t[]){0, 1, 2}, 3), LC_OK);
    adds(&j, 0, LC_CKPT_ADDED, 3);
    job_end(&j);
    job_begin(&j, 2);
    assert_int_equal(add(&j, 0, LC_CKPT_ADDED, (int64_t[]){2, 4}, 2), LC_OK);
    assert_int_equal(add(&j, 1, LC_CKPT_ADDED, (int64_t[]){4, 5}, 2), LC_OK); /* two ranks, one unit: left out, too */
    expect(&j, "234", 0, 0, 2);
    job_remove(&j);
}

static void inspection(void **state)
{
    struct lc_checkpoint_state s;
    struct lc_err err = LC_ERR_INIT;
    char path[128];
    struct job j;
    FILE *f;

    (void)state;
    assert_int_equal(lc_checkpoint_inspect("/nowhere/at/all", &s, &err), LC_E_IO);
    err = (struct lc_err)LC_ERR_INIT;
    job_new(&j, 4);
    adds(&j, 0, LC_CKPT_ADDED, 0);
    assert_int_equal(add(&j, 1, LC_CKPT_ADDED, (int64_t[]){1, 7}, 2), LC_OK);
    adds(&j, 0, LC_CKPT_ADDED, 2);
    damage(&j, 0, 0, IN_HEAD);
    assert_int_equal(lc_checkpoint_inspect(j.folder, &s, &err), LC_OK);
    assert_int_equal(s.units, UNITS);
    assert_int_equal(s.done, 3);
    assert_int_equal(s.runs, 1);
    assert_int_equal(s.files, 1);
    assert_int_equal(s.damaged, 1);
    assert_true(s.bytes > 3 * LC_CKPT_BLOCK);
    assert_true(s.age_seconds < 60);
    assert_string_equal(s.version, "lightcone 1.0 saved 1");
    assert_string_equal(s.kernel_class, "AVX2");
    snprintf(path, sizeof path, "%s/run-0009.node-0000.gen-0000", j.folder);
    assert_non_null(f = fopen(path, "w"));
    fclose(f);
    assert_int_equal(lc_checkpoint_inspect(j.folder, &s, &err), LC_OK);
    assert_int_equal(s.done, 3);
    assert_int_equal(s.damaged, 2);
    job_remove(&j);
}

/* A file that has another's name must not count as that: (run, rank) would be wrong. */
static void renamed_files(void **state)
{
    struct lc_err err = LC_ERR_INIT;
    char from[128], to[128];
    struct lc_ckpt_set set;
    struct job j;

    (void)state;
    job_new(&j, 2);
    adds(&j, 0, LC_CKPT_ADDED, 0);
    snprintf(from, sizeof from, "%s/run-0002.node-0000.gen-0000", j.folder);
    snprintf(to, sizeof to, "%s/run-0001.node-0000.gen-0000", j.folder);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(lc_ckpt_set_list(&set, j.folder, &err), LC_OK);
    assert_int_equal(lc_ckpt_set_headers(&set, &j.identity, &err), LC_OK);
    assert_int_equal(set.file[0].damaged, 1);
    assert_int_equal(set.file[0].usable, 0);
    lc_ckpt_set_release(&set);
    job_remove(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(flip_header_bits),
        cmocka_unit_test(flip_segment_bits),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(payloads_are_no_segments),
        cmocka_unit_test(heads_that_lie),
        cmocka_unit_test(headers_that_lie),
        cmocka_unit_test(names),
        cmocka_unit_test(differences_are_named),
        cmocka_unit_test(ranges_of_units),
        cmocka_unit_test(whole_supersedes_added),
        cmocka_unit_test(holes_hide_nothing),
        cmocka_unit_test(missing_ones_are_noticed),
        cmocka_unit_test(generations),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(killed_while_writing),
        cmocka_unit_test(an_attempt_counts_once),
        cmocka_unit_test(runs_supersede_by_unit),
        cmocka_unit_test(contradictions),
        cmocka_unit_test(inspection),
        cmocka_unit_test(renamed_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
