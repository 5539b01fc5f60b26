/* checkpoint_format.h - the bytes of checkpoint files; no MPI. All numbers are signed 64-bit little-endian, all digests
 * SHA-256 as 64 hexadecimal digits.
 *
 * File: header, padded with zeros to a multiple of 4096, then segments, each at a multiple of 4096.
 *     header    0 magic  8 digest of what follows in the header
 *               72 format  80 bytes of the header  88 run  96 node  104 generation
 *               112 identity: units, the lengths of four texts, the texts    (the first 88 bytes are so in every format)
 *     segment   0 magic  8 digest of what follows in the head
 *               72 digest of the file's header  136 own place  144 sequence  152 rank  160 kind
 *               168 ranges  176 bytes of payload  184 digest of the ranges  248 digest of the payload  312 zero
 *               320 ranges (first, count), ascending; then the payload
 * A head names its file and its place, so that a payload's bytes are never taken for one; it is written after the rest,
 * so that a segment that a kill cut short has none. */
#ifndef LC_CHECKPOINT_FORMAT_H
#define LC_CHECKPOINT_FORMAT_H

#include <stdint.h>

#include "lightcone/file.h"
#include "lightcone/hash.h"
#include "lightcone/memory.h"

enum {
    LC_CKPT_BLOCK = 4096,
    LC_CKPT_HEAD = 320,           /* bytes of a segment before its ranges */
    LC_CKPT_HEADER_MOST = 1 << 26, /* bytes of a file header */
    LC_CKPT_UNITS_MOST = 1 << 28, /* a reader keeps a byte for each */
};
enum lc_ckpt_kind { LC_CKPT_ADDED = 0, LC_CKPT_WHOLE = 1 };

struct lc_range {
    int64_t first, count; /* units first .. first + count - 1; count > 0 */
};

struct lc_ranges { /* ascending, not touching */
    struct lc_range *at; /* owned; free by lc_ranges_release() */
    int64_t count, room;
};
void lc_ranges_release(struct lc_ranges *r);
int64_t lc_ranges_units(const struct lc_ranges *r);
/* Of units in any order; one that comes twice or is outside [0, units) is an error. */
int lc_ranges_make(struct lc_ranges *r, const int64_t *unit, int64_t count, int64_t units, struct lc_err *err);
/* Of ranges in any order; a unit in two of them is an error. */
int lc_ranges_gather(struct lc_ranges *r, const struct lc_range *any, int64_t count, struct lc_err *err);
/* a and b together; a unit in both is an error. */
int lc_ranges_join(struct lc_ranges *r, const struct lc_ranges *a, const struct lc_ranges *b, struct lc_err *err);

/* What must be the same for a checkpoint to be continued. */
enum { LC_CKPT_VERSION, LC_CKPT_CONFIG, LC_CKPT_INPUTS, LC_CKPT_KERNEL, LC_CKPT_TEXTS };
struct lc_ckpt_identity {
    int64_t units;
    const char *text[LC_CKPT_TEXTS]; /* not owned */
};
/* As it stands in a header; two identities are the same when these bytes are. */
int lc_ckpt_identity_save(struct lc_bytes *out, const struct lc_ckpt_identity *identity, struct lc_err *err);
/* One text of a saved identity that lc_ckpt_header_read() has checked: not terminated; its length in *size. */
const char *lc_ckpt_identity_text(const struct lc_bytes *saved, int which, size_t *size);
int64_t lc_ckpt_identity_units(const struct lc_bytes *saved);
/* LC_E_CONFIG says which part of `theirs`, found in `path`, differs from `ours`. */
int lc_ckpt_identity_compare(const char *path, const struct lc_bytes *theirs, const struct lc_bytes *ours,
                             struct lc_err *err);

/* Whose file: the name says it and the header repeats it. */
struct lc_ckpt_name {
    int64_t run, node, generation;
};
enum { LC_CKPT_NAME_MAX = 96 };
void lc_ckpt_name_print(char out[LC_CKPT_NAME_MAX], const struct lc_ckpt_name *name);
/* 1 when `text` is such a name, 2 when it is that of a file half written, else 0. */
int lc_ckpt_name_parse(struct lc_ckpt_name *name, const char *text);

/* Where bytes come from: a file, or memory when `data` is not NULL. */
struct lc_ckpt_source {
    int fd;
    const unsigned char *data;
    int64_t size;
};

struct lc_ckpt_header {
    struct lc_ckpt_name name;
    struct lc_bytes identity; /* saved form, owned */
    int64_t size;             /* bytes */
    char digest[LC_HASH_HEX];
};
/* The bytes of a header, and what a reader of them finds (identity left out). */
int lc_ckpt_header_save(struct lc_bytes *out, struct lc_ckpt_header *h, const struct lc_ckpt_name *name,
                        const struct lc_bytes *identity, struct lc_err *err);
/* LC_E_FORMAT: damaged; LC_E_CONFIG: a whole header of another format; LC_E_IO: cannot be read. */
int lc_ckpt_header_read(struct lc_ckpt_header *h, const struct lc_ckpt_source *in, const char *path,
                        struct lc_err *err);
void lc_ckpt_header_release(struct lc_ckpt_header *h);

struct lc_ckpt_segment {
    int64_t place, sequence, rank, kind;
    int64_t ranges, payload; /* number; bytes */
    char ranges_digest[LC_HASH_HEX], payload_digest[LC_HASH_HEX];
};
/* From its place to where the next one may begin; ranges and payload are those of a checked head, or of one's own. */
int64_t lc_ckpt_segment_span(const struct lc_ckpt_segment *s);
/* Digests of the ranges' bytes and of the payload into *s. */
int lc_ckpt_segment_digest(struct lc_ckpt_segment *s, const struct lc_bytes *ranges, const void *payload,
                           struct lc_err *err);
int lc_ckpt_segment_save(unsigned char head[LC_CKPT_HEAD], const struct lc_ckpt_segment *s, const char *file_digest,
                         struct lc_err *err);
int lc_ranges_save(struct lc_bytes *out, const struct lc_ranges *r, struct lc_err *err);

/* Walk over a file: the next segment whose head and ranges are right, its ranges too. `damaged` counts those with a
 * head that is not right, or with ranges that are not, or that end behind the end of the file. */
struct lc_ckpt_walk {
    const struct lc_ckpt_source *in;
    const char *file_digest;
    int64_t units;
    int64_t at;      /* begin with the header's size */
    int64_t damaged; /* begin with 0 */
};
/* *found is 0 at the end. A failure is out of memory or out of reach, never a matter of contents. */
int lc_ckpt_walk_next(struct lc_ckpt_walk *w, struct lc_ckpt_segment *s, struct lc_ranges *r, int *found,
                      struct lc_err *err);

/* The payload, checked against its digest: LC_E_FORMAT when it is not that. */
int lc_ckpt_payload_read(unsigned char **out, const struct lc_ckpt_source *in, const struct lc_ckpt_segment *s,
                         struct lc_err *err);

#endif
