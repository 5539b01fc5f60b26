/* checkpoint_set.h - what a folder of checkpoint files holds, and which of its segments count; no MPI. */
#ifndef LC_CHECKPOINT_SET_H
#define LC_CHECKPOINT_SET_H

#include "checkpoint_format.h"

struct lc_ckpt_file {
    struct lc_ckpt_name name;
    int64_t size, age; /* bytes; seconds since the last write, by file time */
    struct lc_ckpt_header header;
    int usable;      /* 1: the header is right and the identity is ours */
    int64_t damaged; /* segments; 1 when the file as a whole is */
};

enum lc_ckpt_state {
    LC_CKPT_LEFT = 0, /* not needed: superseded, or its units are covered otherwise */
    LC_CKPT_CHOSEN,   /* counts, if its payload is whole */
    LC_CKPT_TAKEN,    /* counts: its payload was merged */
    LC_CKPT_BAD,      /* its payload is damaged */
};

struct lc_ckpt_found {
    struct lc_ckpt_segment segment;
    struct lc_ranges ranges;
    int64_t units, run;
    int64_t file;  /* index */
    int32_t state; /* enum lc_ckpt_state */
    int32_t best;  /* of those with the same run, rank and sequence */
};

struct lc_ckpt_set {
    char folder[LC_PATH_MAX];
    struct lc_ckpt_file *file; /* ascending by run, node, generation */
    int64_t files, file_room;
    int64_t first, step; /* this rank reads files first, first + step, ... */
    struct lc_ckpt_found *found; /* newest run first, then by rank, then by sequence */
    int64_t count, room;
    int64_t strays, partial; /* names that are not ours; files half written */
    char stray[64];          /* one of them */
};

/* The names in `folder`; all files are this rank's to read. */
int lc_ckpt_set_list(struct lc_ckpt_set *set, const char *folder, struct lc_err *err);
/* A rank's part of a set that rank 0 has listed. */
int lc_ckpt_set_share(struct lc_ckpt_set *set, const char *folder, const struct lc_ckpt_name *name, int64_t count,
                      int64_t first, int64_t step, struct lc_err *err);
void lc_ckpt_set_release(struct lc_ckpt_set *set);
/* folder/NAME of a file. */
int lc_ckpt_set_path(char out[LC_PATH_MAX], const char *folder, const struct lc_ckpt_name *name, struct lc_err *err);

/* Read the headers. A damaged file is not usable; one of another format or, if `ours` is not NULL, of another identity is
 * LC_E_CONFIG; one that cannot be opened is LC_E_IO, unless it has gone (a live job removes files). */
int lc_ckpt_set_headers(struct lc_ckpt_set *set, const struct lc_bytes *ours, struct lc_err *err);
/* Find the segments of the usable files. Payloads are not read. */
int lc_ckpt_set_scan(struct lc_ckpt_set *set, int64_t units, struct lc_err *err);
/* What one rank has read, to that of another; then in order, before the choice. Identities are left out. */
int lc_ckpt_set_save(const struct lc_ckpt_set *set, struct lc_bytes *out, struct lc_err *err);
int lc_ckpt_set_merge(struct lc_ckpt_set *set, struct lc_reader *in, struct lc_err *err);
void lc_ckpt_set_sort(struct lc_ckpt_set *set);

/* Of all files and segments, sorted. Choose: of every run and rank the whole segment with the highest sequence and the added ones above it; of segments
 * with one sequence (an attempt that was reported as failed may be on disk all the same) the one with most units; and of
 * those, newest run first, whatever covers no unit that is covered already: a unit never counts twice. What is TAKEN
 * stays; what is BAD is passed over. done[units] becomes what is TAKEN or CHOSEN. Returns the number that are CHOSEN. */
int64_t lc_ckpt_set_choose(struct lc_ckpt_set *set, unsigned char *done, int64_t units);

/* After the choice: segments that are damaged, and, if more, those that are missing in a rank's sequence; segments left
 * out because some but not all of their units were covered. */
struct lc_ckpt_losses {
    int64_t damaged, missing, contradictions;
};
void lc_ckpt_set_losses(const struct lc_ckpt_set *set, const unsigned char *done, struct lc_ckpt_losses *out);

int64_t lc_ckpt_set_last_run(const struct lc_ckpt_set *set); /* 0: none */
int64_t lc_ckpt_set_runs(const struct lc_ckpt_set *set);     /* that have files */

/* Remove the files of runs before `run`, and half written ones. Returns how many could not be. */
int64_t lc_ckpt_remove_before(const char *folder, int64_t run);

/* Open for reading; the size is that of now. */
int lc_ckpt_source_open(struct lc_ckpt_source *in, const char *path, struct lc_err *err);
void lc_ckpt_source_close(struct lc_ckpt_source *in);

#endif
