/* run.c - the driver of every job: configuration, inputs, units, merging, the result file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lightcone/file.h"
#include "lightcone/handout.h"
#include "lightcone/job.h"
#include "record.h"
#include "run.h"
#include "units.h"

/* One point of a sweep, or all there is. */
struct part {
    const struct lc_study *study;
    void *sums; /* the job's accumulators; NULL: none yet */
    struct lc_cut cut;
};

struct run {
    const struct lc_comm *par;
    const struct lc_job *job;
    struct lc_study study;
    void *work; /* the job's buffers */
    struct part *part;
    int64_t parts;
    struct lc_run_record record;
    double started, printed; /* of the units; of the last line of progress */
};

/* The part that a unit belongs to; *index becomes its place in it. The longest windows come first: they take longest. */
static struct part *part_at(const struct run *run, int64_t *index)
{
    struct part *part = &run->part[run->parts - 1];

    while (*index >= part->cut.units)
        *index -= (part--)->cut.units;
    return part;
}

static int work(void *arg, int64_t index, void (*breathe)(void *), void *breathe_arg, struct lc_err *err)
{
    struct run *run = arg;
    struct part *part = part_at(run, &index);
    struct lc_unit unit = lc_cut_unit(&part->cut, part->study, index);
    double start = lc_seconds();

    unit.breathe = breathe;
    unit.breathe_arg = breathe_arg;
    if (run->job->observe(run->work, part->sums, &unit, err) != LC_OK)
        return err->code;
    run->record.mine.units++;
    run->record.mine.busy_seconds += lc_seconds() - start;
    return LC_OK;
}

static int save(void *arg, struct lc_bytes *out, struct lc_err *err)
{
    struct run *run = arg;
    int rc = LC_OK;

    for (int64_t k = 0; k < run->parts && rc == LC_OK; k++)
        rc = run->job->save(run->part[k].sums, out, err);
    return rc;
}

static int merge(void *arg, struct lc_reader *in, struct lc_err *err)
{
    struct run *run = arg;
    int rc = LC_OK;

    for (int64_t k = 0; k < run->parts && rc == LC_OK; k++)
        rc = run->job->merge(run->part[k].sums, in, err);
    return rc;
}

/* On a terminal a bar that is redrawn, in a log a line a minute. */
static void progress(void *arg, int64_t done, int64_t units)
{
    enum { WIDTH = 30 };
    struct run *run = arg;
    double now = lc_seconds(), spent = now - run->started, left = spent / (double)done * (double)(units - done);
    int terminal = isatty(STDERR_FILENO), bar = (int)(done * WIDTH / units);

    if (now - run->printed < (terminal ? 0.1 : 60.0) && done < units)
        return;
    run->printed = now;
    if (terminal)
        fprintf(stderr, "\r%-10s [%.*s%*s] %" PRId64 "/%" PRId64 " units  %.1f/s  ETA %.0f s  %s", run->job->name, bar,
                "##############################", WIDTH - bar, "", done, units, (double)done / spent, left,
                done == units ? "\n" : "");
    else
        fprintf(stderr, "%s: %" PRId64 " of %" PRId64 " units, %.2f/s, ETA %.0f s\n", run->job->name, done, units,
                (double)done / spent, left);
}

void lc_run_warn(const char *text)
{
    fprintf(stderr, "lightcone: warning: %s\n", text);
}

static int find_job(const struct lc_config *config, const struct lc_job **out, struct lc_err *err)
{
    char allowed[256] = "";
    size_t used = 0;

    *out = lc_job_find(config->job);
    if (*out)
        return lc_job_check(*out, config, err);
    for (const struct lc_job *const *job = lc_jobs; *job && used < sizeof allowed; job++)
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", used ? ", " : "", (*job)->name);
    return LC_FAIL(err, LC_E_CONFIG, "%s: key 'job' is '%s'; allowed: %s", config->source, config->job, allowed);
}

int lc_job_check(const struct lc_job *job, const struct lc_config *config, struct lc_err *err)
{
    if (job->one_length && config->windows.lengths.count > 0)
        return LC_FAIL(err, LC_E_CONFIG, "%s: key 'windows.length' is a list; job '%s' takes an integer", config->source,
                       job->name);
    return LC_OK;
}

/* Rank 0, before hours of work: can the result be put where it shall go? */
static int check_output(const struct lc_config *config, struct lc_err *err)
{
    const char *const read[] = {config->features.from, config->readout_from};
    static const char *const key[] = {"features.from", "readout.from"};

    if (lc_path_is_folder(config->output))
        return LC_FAIL(err, LC_E_IO, "%s: key 'output' names a folder; allowed: a file", config->output);
    for (int i = 0; i < 2; i++)
        if (read[i] && lc_path_is_same(read[i], config->output))
            return LC_FAIL(err, LC_E_CONFIG, "%s: key 'output' is %s, the file of '%s'; allowed: another", config->source,
                           config->output, key[i]);
    return lc_result_check(config->output, err);
}

static int read_config(const struct lc_comm *par, const char *path, const char *const *overrides,
                       int64_t override_count, struct lc_config *config, struct lc_err *err)
{
    struct lc_map map = {0};
    void *bytes = NULL;
    int64_t size = 0;
    int rc;

    if (par->rank == 0 && lc_map_open(&map, path, err) != LC_OK)
        err->code = LC_E_CONFIG; /* the command line names a file that is none */
    else if (par->rank == 0) {
        bytes = (void *)(uintptr_t)map.data;
        size = (int64_t)map.size;
    }
    LC_TRY(rc, lc_comm_agree(par, err));
    LC_TRY(rc, lc_comm_share(par, &bytes, &size, err));
    lc_config_parse(config, path, bytes, (size_t)size, overrides, override_count, err);
    rc = lc_comm_agree(par, err);
done:
    if (par->rank == 0)
        lc_map_close(&map);
    else
        free(bytes);
    return rc;
}

static int put_text(struct lc_result *r, const char *name, const struct lc_bytes *text, struct lc_err *err)
{
    int64_t size = (int64_t)text->size;

    return lc_result_put(r, name, NULL, &size, text->data, err);
}

static int put_config(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    struct lc_bytes text = {0};
    int rc;

    LC_TRY(rc, lc_config_canonical(&study->config, &text, err));
    LC_TRY(rc, put_text(r, "config", &text, err));
    LC_TRY(rc, put_text(r, "provenance/files", &study->provenance, err));
done:
    lc_bytes_release(&text);
    return rc;
}

/* Windows with the tokens that the model saw, BOS included. */
static int put_windows(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    int64_t count = study->windows.count, ends = count + 1, total = 0, *indptr = NULL, *seen = NULL;
    int32_t *token = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&indptr, ends, "windows", err));
    for (int64_t w = 0; w < count; w++)
        indptr[w + 1] = total += lc_study_run_length(study, w);
    LC_TRY(rc, LC_ALLOC(&token, total, "windows", err));
    LC_TRY(rc, LC_ALLOC(&seen, study->vocab, "token counts", err));
    for (int64_t w = 0; w < count; w++) {
        lc_study_tokens(study, w, 1, token + indptr[w]);
        for (int64_t k = indptr[w] + (study->bos >= 0); k < indptr[w + 1]; k++)
            seen[token[k]]++;
    }
    LC_TRY(rc, lc_result_put(r, "windows/start", NULL, &count, study->windows.start, err));
    LC_TRY(rc, lc_result_put(r, "windows/length", NULL, &count, study->windows.length, err));
    LC_TRY(rc, lc_result_put(r, "windows/token_id", NULL, &total, token, err));
    LC_TRY(rc, lc_result_put(r, "windows/indptr", NULL, &ends, indptr, err));
    LC_TRY(rc, lc_result_put(r, "corpus/token_count", NULL, &study->vocab, seen, err));
done:
    free(indptr);
    free(token);
    free(seen);
    return rc;
}

static int put_vocabulary(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    int64_t ends = study->vocab + 1, *indptr = NULL;
    struct lc_bytes text = {0};
    int rc;

    LC_TRY(rc, LC_ALLOC(&indptr, ends, "vocabulary", err));
    for (int64_t v = 0; v < study->vocab; v++) {
        size_t size;
        const unsigned char *bytes = lc_tokenizer_bytes(study->tokenizer, (int32_t)v, &size);
        LC_TRY(rc, lc_bytes_add(&text, bytes, size, err));
        indptr[v + 1] = (int64_t)text.size;
    }
    LC_TRY(rc, lc_result_put(r, "vocabulary/indptr", NULL, &ends, indptr, err));
    LC_TRY(rc, put_text(r, "vocabulary/bytes", &text, err));
done:
    free(indptr);
    lc_bytes_release(&text);
    return rc;
}

/* A sweep has no one length at its root, and its points are of one length each. */
static int put_length(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    static const char *const align[] = {"start", "end"};
    int rc;

    if (study->points == 0)
        return lc_result_put_int(r, NULL, NULL, "window_length", study->config.windows.length, err);
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "window_align", align[study->config.windows.align], err));
    LC_TRY(rc, lc_result_put_int(r, NULL, NULL, "points", study->points, err));
done:
    return rc;
}

/* Attributes that say by which definitions the numbers hold. */
static int put_definitions(const struct lc_study *study, struct lc_result *r, struct lc_err *err)
{
    static const char *const bias[] = {"own", "subtract", "ignore"};
    static const char *const readout[] = {"last", "all", "positions", "top_activations"};
    static const char *const features[] = {"active", "list", "select"};
    const struct lc_config *c = &study->config;
    int rc;

    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "job", c->job, err));
    LC_TRY(rc, lc_result_put_real(r, NULL, NULL, "threshold", c->threshold, err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "sae_bias", bias[c->sae_bias], err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "sae_kind", study->site[0].sae.shape.kind, err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "model_family", study->model.shape.family, err));
    LC_TRY(rc, put_length(study, r, err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "bos", study->bos >= 0 ? "each" : "none", err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "readout", readout[c->readout], err));
    LC_TRY(rc, lc_result_put_text(r, NULL, NULL, "features", features[c->features.rule], err));
    LC_TRY(rc, lc_result_put_text(
                   r, NULL, NULL, "definitions",
                   "active: f > threshold, strictly; J(t') = sum_mu (d f / d x[t']_mu)^2, x the output of the token "
                   "embedding; H = -sum P log2 P bits, P = (J + e) / (sum J + e) renormalised, e = 1e-12; sd is the "
                   "population's; intervals: 95 % bootstrap over windows, 1000 rounds, centred on the estimate",
                   err));
done:
    return rc;
}

/* Everything of one point, and then what all say together. */
static int write_points(struct run *run, struct lc_result *r, struct lc_err *err)
{
    const struct lc_int_list *lengths = &run->study.config.windows.lengths;
    void **sums = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&sums, run->parts, "points", err));
    LC_TRY(rc, lc_result_put(r, "points/window_length", NULL, &lengths->count, lengths->value, err));
    for (int64_t k = 0; k < run->parts; k++) {
        lc_result_at(r, k);
        sums[k] = run->part[k].sums;
        LC_TRY(rc, put_definitions(run->part[k].study, r, err));
        LC_TRY(rc, put_windows(run->part[k].study, r, err));
        LC_TRY(rc, run->job->finish(sums[k], r, err));
    }
    lc_result_at(r, -1);
    if (run->job->sweep)
        rc = run->job->sweep(sums, run->parts, r, err);
done:
    free(sums);
    return rc;
}

static int write_contents(struct run *run, struct lc_result *r, struct lc_err *err)
{
    int sweep = run->study.points > 0, rc;

    if (!sweep)
        LC_TRY(rc, put_windows(&run->study, r, err));
    LC_TRY(rc, put_vocabulary(&run->study, r, err));
    rc = sweep ? write_points(run, r, err) : run->job->finish(run->part[0].sums, r, err);
done:
    return rc;
}

/* Rank 0: one of the job's files, but for what all ranks fill. The second one leaves out what only the first needs. */
static int build_file(struct run *run, const struct lc_job_beside *beside, const char *path, struct lc_result **out,
                      struct lc_err *err)
{
    struct lc_result *r = NULL;
    int rc;

    LC_TRY(rc, lc_result_create(&r, path, err));
    LC_TRY(rc, put_definitions(&run->study, r, err));
    LC_TRY(rc, put_config(&run->study, r, err));
    LC_TRY(rc, beside ? beside->finish(run->part[0].sums, r, err) : write_contents(run, r, err));
    *out = r;
done:
    if (rc != LC_OK)
        lc_result_abandon(r);
    return rc;
}

struct filler {
    struct run *run;
    int (*fill)(void *sums, const struct lc_comm *par, struct lc_result *result, struct lc_err *err);
};

static int fill(void *arg, struct lc_result *r, struct lc_err *err)
{
    const struct filler *f = arg;

    return f->fill(f->run->part[0].sums, f->run->par, r, err);
}

static int write_file(struct run *run, const struct lc_job_beside *beside, const char *path, struct lc_err *err)
{
    struct filler filler = {.run = run, .fill = beside ? beside->fill : run->job->fill};
    struct lc_result *r = NULL;

    if (run->par->rank == 0)
        build_file(run, beside, path, &r, err);
    if (lc_comm_agree(run->par, err) != LC_OK) {
        lc_result_abandon(r);
        return err->code;
    }
    return lc_result_publish(r, run->par, path, fill, &filler, err);
}

/* The path of the file beside the result, "" where there is none. */
static int second_path(const struct run *run, char out[LC_PATH_MAX], struct lc_err *err)
{
    const struct lc_job_beside *beside = run->job->beside;

    out[0] = '\0';
    return beside && beside->wanted(&run->study)
               ? lc_record_path(out, run->study.config.output, beside->suffix, "h5", err)
               : LC_OK;
}

/* The result, after the file beside it, if there is one, and before the run record. What fails leaves none of them. */
static int write_files(struct run *run, double start, struct lc_err *err)
{
    const struct lc_job_beside *beside = run->job->beside;
    const char *output = run->study.config.output;
    char second[LC_PATH_MAX] = "";
    int rc;

    LC_TRY(rc, second_path(run, second, err));
    if (second[0])
        LC_TRY(rc, write_file(run, beside, second, err));
    LC_TRY(rc, write_file(run, NULL, output, err));
    run->record.write_seconds = lc_seconds() - start;
    rc = lc_record_write(run->par, &run->study, &run->record, err);
    if (rc != LC_OK && run->par->rank == 0)
        unlink(output);
done:
    if (rc != LC_OK && second[0] && run->par->rank == 0)
        unlink(second);
    return rc;
}

static void print_end(const struct run *run)
{
    char lengths[48] = "";

    if (run->study.points > 0)
        snprintf(lengths, sizeof lengths, " at %" PRId64 " lengths", run->study.points);
    fprintf(stderr, "%s: %" PRId64 " windows%s, %" PRId64 " sites, %.1f s of computing, %s\n", run->job->name,
            run->study.windows.count, lengths, run->study.sites, run->record.compute_seconds, run->study.config.output);
}

/* From merged accumulators to files. */
static int conclude(struct run *run, struct lc_err *err)
{
    int rc = write_files(run, lc_seconds(), err);

    if (rc == LC_OK && run->par->rank == 0)
        print_end(run);
    return rc;
}

static int merge_parts(struct run *run, struct lc_err *err)
{
    const struct lc_mergeable mergeable = {.save = save, .merge = merge, .arg = run};
    int rc = LC_OK;

    if (!run->job->gather)
        return lc_comm_merge(run->par, &mergeable, err);
    for (int64_t k = 0; k < run->parts && rc == LC_OK; k++)
        rc = run->job->gather(run->part[k].sums, run->par, err);
    return rc;
}

static int compute(struct run *run, struct lc_err *err)
{
    struct lc_handout handout = {.work = work, .arg = run, .progress = progress, .progress_arg = run};
    int rc;

    for (int64_t k = 0; k < run->parts; k++)
        handout.units += run->part[k].cut.units;
    run->started = run->printed = lc_seconds();
    LC_TRY(rc, lc_handout_run(run->par, &handout, err));
    run->record.compute_seconds = lc_seconds() - run->started;
    run->record.mine.flop = run->job->flop(run->work);
    LC_TRY(rc, merge_parts(run, err));
    run->record.merge_seconds = lc_seconds() - run->started - run->record.compute_seconds;
done:
    return rc;
}

static int begin_parts(struct run *run, struct lc_err *err)
{
    int rc;

    run->parts = run->study.points > 0 ? run->study.points : 1;
    LC_TRY(rc, LC_ALLOC(&run->part, run->parts, "points", err));
    for (int64_t k = 0; k < run->parts; k++) {
        struct part *part = &run->part[k];
        part->study = run->study.points > 0 ? &run->study.point[k] : &run->study;
        LC_TRY(rc, lc_cut_make(&part->cut, run->job, &run->study, part->study, err));
        LC_TRY(rc, run->job->begin(&part->sums, part->study, err));
    }
done:
    return rc;
}

static void end_parts(struct run *run)
{
    for (int64_t k = 0; run->part && k < run->parts; k++)
        if (run->part[k].sums)
            run->job->end(run->part[k].sums);
    free(run->part);
}

static int run_study(struct run *run, struct lc_err *err)
{
    char second[LC_PATH_MAX];
    struct lc_cut cut;
    int rc, opened = 0;

    if (run->par->rank == 0 && second_path(run, second, err) == LC_OK && second[0])
        lc_result_check(second, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
    opened = lc_cut_make(&cut, run->job, &run->study, &run->study, err) == LC_OK &&
             run->job->open(&run->work, &run->study, cut.each, err) == LC_OK;
    if (opened)
        begin_parts(run, err);
    LC_TRY(rc, lc_comm_agree(run->par, err));
    LC_TRY(rc, compute(run, err));
    LC_TRY(rc, conclude(run, err));
done:
    end_parts(run);
    if (opened)
        run->job->close(run->work);
    return rc;
}

int lc_run_prepare(const struct lc_comm *par, const char *path, const char *const *overrides, int64_t override_count,
                   struct lc_config *config, const struct lc_job **job, struct lc_err *err)
{
    int rc = read_config(par, path, overrides, override_count, config, err);

    if (rc != LC_OK)
        return rc;
    if (find_job(config, job, err) == LC_OK && par->rank == 0)
        check_output(config, err);
    rc = lc_comm_agree(par, err);
    if (rc != LC_OK)
        lc_config_release(config);
    return rc;
}

int lc_run(const struct lc_comm *par, const char *config_path, const char *const *overrides, int64_t override_count,
           const char *version, struct lc_err *err)
{
    struct run run = {.par = par, .record.version = version};
    struct lc_config config = {0};
    struct lc_needs needs;
    double start = lc_seconds();
    int rc;

    lc_handout_catch_signals();
    LC_TRY(rc, lc_record_check_class(par, err));
    LC_TRY(rc, lc_run_prepare(par, config_path, overrides, override_count, &config, &run.job, err));
    needs = run.job->needs(&config);
    LC_TRY(rc, lc_study_open(&run.study, par, &config, &needs, lc_run_warn, err));
    run.record.load_seconds = lc_seconds() - start;
    rc = run_study(&run, err);
    lc_study_close(&run.study);
done:
    return rc;
}
