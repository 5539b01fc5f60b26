/* `lightcone report`: every figure that the given results allow, their tables, and the page. */
#include "lightcone/report.h"

#include <stdio.h>

#include "escape.h"
#include "lightcone/file.h"
#include "page.h"
#include "summary.h"

/* A report being made. */
struct job {
    const char *folder;
    struct lc_choice choice;
    int mixed; /* influences of both choices are there */
    struct lc_bytes page, left_out;
};

static int write_in(const char *folder, const char *part, const char *name, const char *ending,
                    const struct lc_bytes *b, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s%s%s", folder, part, name, ending);

    if (n < 0 || n >= (int)sizeof path)
        return LC_FAIL(err, LC_E_IO, "%.64s...: the path is longer than %d bytes", folder, LC_PATH_MAX - 1);
    return lc_file_write(path, b->data, b->size, err);
}

static int write_table(const char *folder, const char *name, const struct lc_table *t, struct lc_err *err)
{
    struct lc_bytes csv = {0};
    int rc;

    lc_table_csv(t, &csv, err);
    rc = err->code == LC_OK ? write_in(folder, "tables/", name, ".csv", &csv, err) : err->code;
    lc_bytes_release(&csv);
    return rc;
}

/* SVG as a file of its own, with the prolog that the page must not have. */
static int write_svg(const char *folder, const char *name, const struct lc_bytes *svg, struct lc_err *err)
{
    struct lc_bytes whole = {0};
    int rc;

    lc_bytes_printf(&whole, err, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    lc_bytes_add(&whole, svg->data, svg->size, err);
    rc = err->code == LC_OK ? write_in(folder, "figures/", name, ".svg", &whole, err) : err->code;
    lc_bytes_release(&whole);
    return rc;
}

/* A file that the page only links to: PDF or PNG. */
static int write_plot(const struct lc_figure *f, const struct lc_bytes *script, enum lc_plot_kind kind,
                      const struct job *job, struct lc_err *err)
{
    struct lc_bytes file = {0};
    char ending[8];
    int rc = lc_plot_draw(script, f->name, kind, &job->choice.size, &file, err);

    snprintf(ending, sizeof ending, ".%s", lc_plot_kind_names[kind]);
    if (rc == LC_OK)
        rc = write_in(job->folder, "figures/", f->name, ending, &file, err);
    lc_bytes_release(&file);
    return rc;
}

static int keep_figure(const struct lc_figure *f, const struct lc_figure_out *out, struct job *job, struct lc_err *err)
{
    struct lc_bytes svg = {0};
    int rc;

    LC_TRY(rc, lc_plot_draw(&out->script, f->name, LC_PLOT_SVG, &job->choice.size, &svg, err));
    LC_TRY(rc, write_svg(job->folder, f->name, &svg, err));
    for (int kind = LC_PLOT_SVG + 1; kind < LC_PLOT_KINDS; kind++)
        if (job->choice.format[kind])
            LC_TRY(rc, write_plot(f, &out->script, (enum lc_plot_kind)kind, job, err));
    LC_TRY(rc, write_table(job->folder, f->name, &out->table, err));
    if (f->second)
        LC_TRY(rc, write_table(job->folder, f->second, &out->second, err));
    lc_page_figure(&job->page, f, out, &job->choice, &svg, err);
    rc = err->code;
done:
    lc_bytes_release(&svg);
    return rc;
}

static void forget(const char *folder, const char *part, const char *name, const char *ending)
{
    char path[LC_PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s/%s.%s", folder, part, name, ending);
    remove(path);
}

/* An earlier report in the same folder may have had this figure: it would be taken for one of this report. */
static void forget_figure(const struct lc_figure *f, const char *folder)
{
    for (int kind = 0; kind < LC_PLOT_KINDS; kind++)
        forget(folder, "figures", f->name, lc_plot_kind_names[kind]);
    forget(folder, "tables", f->name, "csv");
    if (f->second)
        forget(folder, "tables", f->second, "csv");
}

static int leave_out(const struct lc_figure *f, const struct lc_figure_out *out, struct job *job, struct lc_err *err)
{
    if (!job->choice.all)
        return LC_FAIL(err, LC_E_USAGE, "--figure %s cannot be drawn: %s", f->name, out->left_out);
    forget_figure(f, job->folder);
    if (f->across)
        return LC_OK;
    lc_bytes_printf(&job->left_out, err, "<li>%s: ", f->title);
    lc_escape_text(&job->left_out, LC_ESCAPE_HTML, out->left_out, err);
    return lc_bytes_printf(&job->left_out, err, ".</li>\n");
}

static int draw_figure(const struct lc_figure *f, const struct lc_view *v, struct job *job, struct lc_err *err)
{
    struct lc_figure_out out = {0};
    int rc = f->draw(v, &out, err);

    if (rc == LC_OK)
        rc = out.left_out[0] ? leave_out(f, &out, job, err) : keep_figure(f, &out, job, err);
    lc_bytes_release(&out.script);
    lc_table_release(&out.table);
    lc_table_release(&out.second);
    lc_bytes_release(&out.sentence);
    lc_bytes_release(&out.html);
    return rc;
}

static int write_summaries(const struct lc_view *v, const char *folder, struct lc_err *err)
{
    int rc = LC_OK;

    for (int i = 0; i < lc_summary_table_count && rc == LC_OK; i++) {
        struct lc_table t;
        lc_summary_tables[i].make(v, &t, err);
        rc = err->code == LC_OK ? write_table(folder, lc_summary_tables[i].name, &t, err) : err->code;
        lc_table_release(&t);
    }
    return rc;
}

static int make_folders(const char *folder, struct lc_err *err)
{
    char path[LC_PATH_MAX];
    int rc;

    LC_TRY(rc, lc_path_join(path, folder, "figures", err));
    LC_TRY(rc, lc_folder_make(path, err));
    LC_TRY(rc, lc_path_join(path, folder, "tables", err));
    rc = lc_folder_make(path, err);
done:
    return rc;
}

/* v: by enum lc_view_choice; the second is open where both are there. */
static int write_report(const struct lc_view *v, struct job *job, struct lc_err *err)
{
    int rc;

    for (int kind = 0; kind < LC_PLOT_KINDS; kind++)
        if (job->choice.format[kind])
            LC_TRY(rc, lc_plot_check((enum lc_plot_kind)kind, err));
    LC_TRY(rc, make_folders(job->folder, err));
    LC_TRY(rc, write_summaries(v, job->folder, err));
    lc_page_begin(&job->page, v, err);
    for (int i = 0; i < lc_figures_count; i++)
        if (job->choice.all || job->choice.figure[i])
            LC_TRY(rc, draw_figure(&lc_figures[i], &v[job->mixed ? lc_figures[i].choice : LC_VIEW_ACTIVE], job, err));
    lc_page_end(&job->page, v, &job->left_out, err);
    rc = err->code == LC_OK ? write_in(job->folder, "", "index", ".html", &job->page, err) : err->code;
done:
    return rc;
}

int lc_report_write(const char *const *paths, int64_t count, const char *folder,
                    const struct lc_report_options *options, struct lc_err *err)
{
    struct job job = {.folder = folder};
    int64_t point = options ? options->point : 0;
    struct lc_view v[2] = {0}; /* by enum lc_view_choice */
    int rc;

    LC_TRY(rc, lc_choice_make(&job.choice, options, err));
    LC_TRY(rc, lc_view_open(&v[LC_VIEW_ACTIVE], paths, count, LC_VIEW_ACTIVE, point, err));
    job.mixed = lc_view_is_mixed(v);
    if (job.mixed)
        LC_TRY(rc, lc_view_open(&v[LC_VIEW_CHOSEN], paths, count, LC_VIEW_CHOSEN, point, err));
    rc = write_report(v, &job, err);
done:
    lc_bytes_release(&job.page);
    lc_bytes_release(&job.left_out);
    lc_view_close(&v[LC_VIEW_ACTIVE]);
    lc_view_close(&v[LC_VIEW_CHOSEN]);
    return rc;
}
