/* `lightcone report`: every figure that the given results allow, their tables, and the page. */
#include "lightcone/report.h"

#include <stdio.h>

#include "escape.h"
#include "lightcone/file.h"
#include "page.h"
#include "summary.h"

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

static int keep_figure(const struct lc_figure *f, const struct lc_figure_out *out, const char *folder,
                       int position, struct lc_bytes *page, struct lc_err *err)
{
    struct lc_bytes svg = {0};
    int rc;

    LC_TRY(rc, lc_plot_draw(&out->script, f->name, &svg, err));
    LC_TRY(rc, write_svg(folder, f->name, &svg, err));
    LC_TRY(rc, write_table(folder, f->name, &out->table, err));
    lc_page_figure(page, f, position, out, &svg, err);
    rc = err->code;
done:
    lc_bytes_release(&svg);
    return rc;
}

/* An earlier report in the same folder may have had this figure: it would be taken for one of this report. */
static void forget_figure(const struct lc_figure *f, const char *folder)
{
    char path[LC_PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/figures/%s.svg", folder, f->name);
    remove(path);
    snprintf(path, sizeof path, "%s/tables/%s.csv", folder, f->name);
    remove(path);
}

static int draw_figure(const struct lc_figure *f, const struct lc_view *v, const char *folder, int *drawn,
                       struct lc_bytes *page, struct lc_bytes *left_out, struct lc_err *err)
{
    struct lc_figure_out out = {0};
    int rc = f->draw(v, &out, err);

    if (rc == LC_OK && out.left_out[0]) {
        forget_figure(f, folder);
        lc_bytes_printf(left_out, err, "<li>%s: ", f->title);
        lc_escape_text(left_out, LC_ESCAPE_HTML, out.left_out, err);
        lc_bytes_printf(left_out, err, ".</li>\n");
        rc = err->code;
    } else if (rc == LC_OK) {
        rc = keep_figure(f, &out, folder, ++*drawn, page, err);
    }
    lc_bytes_release(&out.script);
    lc_table_release(&out.table);
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

int lc_report_write(const char *const *paths, int64_t count, const char *folder, struct lc_err *err)
{
    struct lc_bytes page = {0}, left_out = {0};
    struct lc_view v[2] = {0}; /* by enum lc_view_choice */
    int rc, mixed, drawn = 0;

    LC_TRY(rc, lc_view_open(&v[LC_VIEW_ACTIVE], paths, count, LC_VIEW_ACTIVE, err));
    mixed = lc_view_is_mixed(v);
    if (mixed)
        LC_TRY(rc, lc_view_open(&v[LC_VIEW_CHOSEN], paths, count, LC_VIEW_CHOSEN, err));
    LC_TRY(rc, lc_plot_check(err));
    LC_TRY(rc, make_folders(folder, err));
    LC_TRY(rc, write_summaries(v, folder, err));
    lc_page_begin(&page, v, err);
    for (int i = 0; i < lc_figures_count; i++)
        LC_TRY(rc, draw_figure(&lc_figures[i], &v[mixed ? lc_figures[i].choice : LC_VIEW_ACTIVE], folder, &drawn, &page, &left_out, err));
    lc_page_end(&page, v, &left_out, err);
    rc = err->code == LC_OK ? write_in(folder, "", "index", ".html", &page, err) : err->code;
done:
    lc_bytes_release(&page);
    lc_bytes_release(&left_out);
    lc_view_close(&v[LC_VIEW_ACTIVE]);
    lc_view_close(&v[LC_VIEW_CHOSEN]);
    return rc;
}
