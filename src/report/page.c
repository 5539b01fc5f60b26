#include "page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "lightcone/file.h"
#include "summary.h"

enum { ROWS_MOST = 400 }; /* of a table on the page */

static const char style[] =
    "body{font:17px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica "
    "Neue',Arial,sans-serif;color:#1d1f21;"
    "background:#fff;max-width:70rem;margin:0 auto;padding:2rem 1.25rem 4rem}\n"
    "h1{font-size:2rem;line-height:1.2;margin:0 0 .25rem}\n"
    "h2{font-size:1.35rem;margin:2.5rem 0 .5rem;border-bottom:1px solid #ddd;padding-bottom:.25rem}\n"
    "h3{font-size:1.1rem;margin:2.25rem 0 .25rem}\n"
    "p{margin:.4rem 0 .8rem;max-width:46rem}\n"
    ".verdict{font-size:1.1rem;border-left:4px solid #0072B2;padding:.25rem 0 .25rem "
    "1rem;background:#f4f8fb}\n"
    ".small,figcaption{font-size:.86rem;color:#55595d;max-width:46rem}\n"
    "figure{margin:0 0 1rem}\n"
    "figure svg{max-width:100%;height:auto;display:block}\n"
    ".wide{overflow-x:auto;margin:.75rem 0}\n"
    "table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.3rem .65rem;text-align:right;border-bottom:1px solid #e6e6e6;vertical-align:bottom}\n"
    "th{font-weight:600;max-width:8rem}\n"
    "td.text,th:first-child,.words th{text-align:left;vertical-align:top}\n"
    "td.text:first-child{white-space:nowrap}\n"
    ".words td.text{white-space:normal;overflow-wrap:break-word}\n"
    ".tokens{font:15px/1.9 ui-monospace,'DejaVu Sans "
    "Mono',Menlo,Consolas,monospace;max-width:none;white-space:pre-wrap;"
    "border:1px solid #e6e6e6;padding:.6rem .8rem}\n"
    ".tokens span{padding:.15em 0;border-radius:2px}\n"
    ".tokens .readout{outline:2px solid #0072B2}\n"
    "pre{font-size:.8rem;background:#f6f6f6;padding:.75rem;overflow-x:auto}\n"
    "a{color:#00598a}\n";

/* Plain text, each line a paragraph. */
static void paragraphs(struct lc_bytes *page, const char *class, const struct lc_bytes *text,
                       struct lc_err *err)
{
    for (size_t from = 0; from < text->size;) {
        const unsigned char *line = text->data + from, *end = memchr(line, '\n', text->size - from);
        size_t size = end ? (size_t)(end - line) : text->size - from;
        lc_bytes_printf(page, err, "<p class=\"%s\">", class);
        lc_escape_bytes(page, LC_ESCAPE_HTML, line, size, err);
        lc_bytes_printf(page, err, "</p>\n");
        from += size + 1;
    }
}

static void heading(struct lc_bytes *page, const struct lc_view *v, struct lc_err *err)
{
    lc_bytes_printf(page, err, "<p class=\"small\">From %s", v->n_files == 1 ? "" : "these results: ");
    for (int64_t i = 0; i < v->n_files; i++) {
        char *job = NULL;
        lc_bytes_printf(page, err, "%s", i ? ", " : "");
        lc_escape_text(page, LC_ESCAPE_HTML, lc_path_name(v->file[i].path), err);
        if (lc_result_get_text(v->file[i].result, NULL, NULL, "job", &job, err) == LC_OK && job) {
            lc_bytes_printf(page, err, " (");
            lc_escape_text(page, LC_ESCAPE_HTML, job, err);
            lc_bytes_printf(page, err, ")");
        }
        free(job);
    }
    lc_bytes_printf(page, err, "; %" PRId64 " site%s.</p>\n", v->n_sites, v->n_sites == 1 ? "" : "s");
}

static void site_tables(struct lc_bytes *page, const struct lc_view *v, struct lc_err *err)
{
    for (int i = 0; i < lc_summary_table_count; i++) {
        const struct lc_summary_table *s = &lc_summary_tables[i];
        struct lc_table t;
        s->make(v, &t, err);
        if (lc_table_rows(&t) > 0) {
            lc_bytes_printf(page, err, "<h3>%s</h3>\n", s->title);
            if (lc_table_rows(&t) <= ROWS_MOST)
                lc_table_html(&t, page, err);
            else
                lc_bytes_printf(page, err, "<p>%" PRId64 " rows: see the CSV file.</p>\n", lc_table_rows(&t));
            lc_bytes_printf(page, err, "<p class=\"small\">%s <a href=\"tables/%s.csv\">CSV</a></p>\n",
                            s->note, s->name);
        }
        lc_table_release(&t);
    }
}

void lc_page_begin(struct lc_bytes *page, const struct lc_view *v, struct lc_err *err)
{
    struct lc_bytes verdict = {0};

    lc_bytes_printf(page, err,
                    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<title>Lightcone report</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>How far "
                    "features reach back</h1>\n",
                    style);
    heading(page, v, err);
    lc_figure_verdict(v, &verdict, err);
    lc_figure_saturation_verdict(v, &verdict, err);
    paragraphs(page, "verdict", &verdict, err);
    lc_bytes_release(&verdict);
    lc_bytes_printf(page, err, "<h2>Summary</h2>\n");
    site_tables(page, v, err);
    paragraphs(page, "small", &v->notes, err);
    lc_bytes_printf(page, err, "<h2>Figures</h2>\n");
}

static void figure_files(struct lc_bytes *page, const struct lc_figure *f, const struct lc_choice *choice,
                         struct lc_err *err)
{
    static const char *const labels[LC_PLOT_KINDS] = {"SVG", "PDF", "PNG"};

    lc_bytes_printf(page, err, " Files:");
    for (int kind = 0; kind < LC_PLOT_KINDS; kind++)
        if (choice->format[kind])
            lc_bytes_printf(page, err, " <a href=\"figures/%s.%s\">%s</a>,", f->name, lc_plot_kind_names[kind],
                            labels[kind]);
    lc_bytes_printf(page, err, " <a href=\"tables/%s.csv\">CSV</a>", f->name);
    if (f->second)
        lc_bytes_printf(page, err, ", <a href=\"tables/%s.csv\">%s.csv</a>", f->second, f->second);
    lc_bytes_printf(page, err, ".");
}

void lc_page_figure(struct lc_bytes *page, const struct lc_figure *f, const struct lc_figure_out *out,
                    const struct lc_choice *choice, const struct lc_bytes *svg, struct lc_err *err)
{
    lc_bytes_printf(page, err, "<figure id=\"%s\">\n<h3>%s%s%s", f->name, f->number, f->number[0] ? ". " : "",
                    f->title);
    if (f->number[0])
        lc_bytes_printf(page, err, " <span class=\"small\">(the paper's figure %s)</span>", f->number);
    lc_bytes_printf(page, err, "</h3>\n");
    paragraphs(page, "say", &out->sentence, err);
    lc_bytes_add(page, svg->data, svg->size, err);
    lc_bytes_add(page, out->html.data, out->html.size, err);
    lc_bytes_printf(page, err, "<figcaption>");
    lc_escape_text(page, LC_ESCAPE_HTML, f->caption, err);
    figure_files(page, f, choice, err);
    lc_bytes_printf(page, err, "</figcaption>\n</figure>\n");
}

/* A text dataset in a fold, e.g. the configuration. */
static void text_dataset(struct lc_bytes *page, const struct lc_result *r, const char *name,
                         const char *title, struct lc_err *err)
{
    struct lc_array a;

    if (!lc_result_has(r, name, NULL) || lc_result_get(r, name, NULL, &a, err) != LC_OK)
        return;
    lc_bytes_printf(page, err, "<details><summary>%s</summary><pre>", title);
    lc_escape_lines(page, LC_ESCAPE_HTML, a.data, (size_t)a.count, err);
    lc_bytes_printf(page, err, "</pre></details>\n");
    lc_array_release(&a);
}

static void result_details(struct lc_bytes *page, const struct lc_view *v, int64_t i, struct lc_err *err)
{
    struct lc_table definitions;

    lc_bytes_printf(page, err, "<h3>");
    lc_escape_text(page, LC_ESCAPE_HTML, lc_path_name(v->file[i].path), err);
    lc_bytes_printf(page, err, "</h3>\n");
    lc_summary_definitions(v->file[i].result, &definitions, err);
    lc_bytes_printf(page, err, "<div class=\"words\">\n");
    if (lc_table_rows(&definitions) > 0)
        lc_table_html(&definitions, page, err);
    lc_bytes_printf(page, err, "</div>\n");
    lc_table_release(&definitions);
    text_dataset(page, v->file[i].result, "config", "Configuration, every default written out", err);
    text_dataset(page, v->file[i].result, "provenance/files",
                 "Provenance: SHA-256, size, role and name of every input file", err);
}

void lc_page_end(struct lc_bytes *page, const struct lc_view *v, const struct lc_bytes *left_out,
                 struct lc_err *err)
{
    if (left_out->size > 0) {
        lc_bytes_printf(page, err, "<h2>Figures left out</h2>\n<ul>\n");
        lc_bytes_add(page, left_out->data, left_out->size, err);
        lc_bytes_printf(page, err, "</ul>\n");
    }
    lc_bytes_printf(page, err, "<h2>Definitions and provenance</h2>\n");
    for (int64_t i = 0; i < v->n_files; i++)
        result_details(page, v, i, err);
    lc_bytes_printf(page, err, "</body>\n</html>\n");
}
