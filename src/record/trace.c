#include "lightcone/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/file.h"

enum { SPANS_MOST = 1 << 19, RANK_MOST = 4096, RANK_LEAST = 64, TAG = 3 };

/* What goes before a rank's spans. */
struct heading {
    char host[64];
    double zero;
    int64_t spans, bundled, dropped;
};

/* Rank 0: the file, and the nodes seen so far. */
struct sheet {
    FILE *f;
    char (*host)[64]; /* [hosts] owned, room for one a rank */
    int hosts;
};

int64_t lc_trace_most(int64_t ranks)
{
    int64_t each = SPANS_MOST / ranks;

    return each > RANK_MOST ? RANK_MOST : each < RANK_LEAST ? RANK_LEAST : each;
}

/* Hosts' names are letters, digits, dots and hyphens, but who knows. */
static void print_text(FILE *f, const char *text)
{
    for (; *text; text++)
        fputc(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' || (unsigned char)*text > '~' ? '?' : *text, f);
}

static int find_host(struct sheet *s, const char *name)
{
    int k = 0;

    while (k < s->hosts && strcmp(s->host[k], name) != 0)
        k++;
    if (k < s->hosts)
        return k;
    memcpy(s->host[s->hosts++], name, sizeof *s->host);
    fprintf(s->f, ",\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":\"", k);
    print_text(s->f, name);
    fprintf(s->f, "\"}}");
    return k;
}

/* One unit, in which a segment of the checkpoint may have been written. */
static int is_one_unit(const struct lc_span *s)
{
    return s->units == 1 && s->wait == 0.0;
}

static void print_name(FILE *f, const struct lc_span *s)
{
    if (is_one_unit(s))
        fprintf(f, "unit %" PRId64, s->first);
    else if (s->units > 0)
        fprintf(f, "%" PRId64 " units", s->units);
    else
        fprintf(f, "%s", lc_phase_name[s->phase]);
}

static void print_span(FILE *f, const struct lc_span *s, double zero, int host, int rank)
{
    double begin = s->begin > zero ? (s->begin - zero) * 1e6 : 0.0, end = s->end > zero ? (s->end - zero) * 1e6 : 0.0;

    fprintf(f, ",\n{\"name\":\"");
    print_name(f, s);
    fprintf(f, "\",\"cat\":\"%s\",\"ph\":\"X\",\"ts\":%.3f,\"dur\":%.3f,\"pid\":%d,\"tid\":%d", lc_phase_name[s->phase], begin,
            end - begin, host, rank);
    if (is_one_unit(s))
        fprintf(f, ",\"args\":{\"unit\":%" PRId64 ",\"point\":%" PRId32 ",\"windows\":\"%" PRId64 "-%" PRId64
                   "\",\"checkpoint_s\":%.9f}",
                s->first, s->point, s->windows_first, s->windows_first + s->windows - 1, s->checkpoint);
    else if (s->units > 0)
        fprintf(f, ",\"args\":{\"units\":\"%" PRId64 "-%" PRId64 "\",\"unit_s\":%.9f,\"checkpoint_s\":%.9f,\"wait_s\":%.9f}",
                s->first, s->last, s->unit, s->checkpoint, s->wait);
    fprintf(f, "}");
}

static void print_rank(struct sheet *s, int rank, const struct heading *h, const struct lc_span *span)
{
    int host = find_host(s, h->host);

    fprintf(s->f, ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":\"rank %d\"}}", host,
            rank, rank);
    fprintf(s->f, ",\n{\"name\":\"thread_sort_index\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"args\":{\"sort_index\":%d}}", host,
            rank, rank);
    for (int64_t i = 0; i < h->spans; i++)
        print_span(s->f, &span[i], h->zero, host, rank);
}

static void send_rank(const struct lc_comm *par, struct heading *h, const struct lc_span *span)
{
    MPI_Send(h, (int)sizeof *h, MPI_BYTE, 0, TAG, par->comm);
    MPI_Send(span, (int)(h->spans * (int64_t)sizeof *span), MPI_BYTE, 0, TAG, par->comm);
}

/* The others' after one's own, in turn. `room` is for RANK_MOST spans. */
static void print_all(const struct lc_comm *par, struct sheet *s, struct heading *h, const struct lc_span *mine,
                      struct lc_span *room)
{
    int64_t bundled = h->bundled, dropped = h->dropped;

    print_rank(s, 0, h, mine);
    for (int r = 1; r < par->size; r++) {
        MPI_Recv(h, (int)sizeof *h, MPI_BYTE, r, TAG, par->comm, MPI_STATUS_IGNORE);
        MPI_Recv(room, (int)(h->spans * (int64_t)sizeof *room), MPI_BYTE, r, TAG, par->comm, MPI_STATUS_IGNORE);
        print_rank(s, r, h, room);
        bundled += h->bundled;
        dropped += h->dropped;
    }
    fprintf(s->f,
            "\n],\n\"otherData\":{\"ranks\":%d,\"spans_a_rank_at_most\":%" PRId64 ",\"put_together\":%" PRId64
            ",\"left_out\":%" PRId64 "}}\n",
            par->size, lc_trace_most(par->size), bundled, dropped);
}

static int close_draft(FILE *f, const char *draft, const char *path, struct lc_err *err)
{
    int bad = ferror(f);

    if (fclose(f) != 0 || bad) {
        unlink(draft);
        return LC_FAIL(err, LC_E_IO, "%s: cannot be written: %s", draft, strerror(errno));
    }
    return lc_draft_publish(draft, path, err);
}

int lc_trace_write(const struct lc_comm *par, const struct lc_timeline *t, const char *path, const char *job,
                   struct lc_err *err)
{
    struct heading h = {.zero = t->zero, .spans = t->spans, .bundled = t->bundled, .dropped = t->dropped};
    struct lc_span *room = NULL;
    struct sheet s = {0};
    char draft[LC_PATH_MAX];

    gethostname(h.host, sizeof h.host - 1);
    if (par->rank == 0 && LC_ALLOC(&room, lc_trace_most(par->size), "trace", err) == LC_OK &&
        LC_ALLOC(&s.host, par->size, "trace", err) == LC_OK && lc_draft_path(draft, path, err) == LC_OK) {
        s.f = fopen(draft, "w");
        if (!s.f)
            LC_FAIL(err, LC_E_IO, "%s: cannot be written: %s", draft, strerror(errno));
    }
    if (lc_comm_agree(par, err) != LC_OK)
        goto done;
    if (par->rank == 0) {
        fprintf(s.f, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{\"name\":\"job\",\"ph\":\"M\",\"pid\":0,\"args\":"
                     "{\"name\":\"%s\"}}", job);
        print_all(par, &s, &h, t->span, room);
        close_draft(s.f, draft, path, err);
    } else {
        send_rank(par, &h, t->span);
    }
    lc_comm_agree(par, err);
done:
    free(room);
    free(s.host);
    return err->code;
}
