#include "choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"

/* Of one side: what cairo draws without filling the memory, and what holds a figure at all. */
#define LEAST_MM      20.0
#define GREATEST_MM   600.0
#define LEAST_DOTS    100.0
#define GREATEST_DOTS 8000.0

enum { PRINT_DOTS_PER_INCH = 300, SCREEN_DOTS_PER_INCH = 96 };

static int fail_figure(const char *word, int size, struct lc_err *err)
{
    char names[600] = "";
    size_t used = 0;

    for (int i = 0; i < lc_figures_count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s%s%s", i ? ", " : "", lc_figures[i].number,
                                 lc_figures[i].number[0] ? " " : "", lc_figures[i].name);
    return LC_FAIL(err, LC_E_USAGE, "--figure '%.*s': no such figure; allowed: %s", size < 64 ? size : 64, word, names);
}

static int is_word(const char *word, int size, const char *name)
{
    return (int)strlen(name) == size && strncmp(word, name, (size_t)size) == 0;
}

/* One name or number of the paper. */
static int choose_figure(struct lc_choice *c, const char *word, int size, struct lc_err *err)
{
    for (int i = 0; i < lc_figures_count; i++) {
        if (!size || (!is_word(word, size, lc_figures[i].name) && !is_word(word, size, lc_figures[i].number)))
            continue;
        c->figure[i] = 1;
        return LC_OK;
    }
    return fail_figure(word, size, err);
}

static int choose_figures(struct lc_choice *c, const char *list, struct lc_err *err)
{
    for (;;) {
        size_t size = strcspn(list, ",");
        if (choose_figure(c, list, (int)size, err) != LC_OK)
            return err->code;
        if (!list[size])
            return LC_OK;
        list += size + 1;
    }
}

static int choose_formats(struct lc_choice *c, const char *list, struct lc_err *err)
{
    for (;;) {
        size_t size = strcspn(list, ",");
        int kind = 0;
        while (kind < LC_PLOT_KINDS && !is_word(list, (int)size, lc_plot_kind_names[kind]))
            kind++;
        if (kind == LC_PLOT_KINDS)
            return LC_FAIL(err, LC_E_USAGE, "--format '%.*s': allowed: svg, pdf, png", size < 64 ? (int)size : 64,
                           list);
        c->format[kind] = 1;
        if (!list[size])
            return LC_OK;
        list += size + 1;
    }
}

/* Millimetres of each unit of length; a number without one counts pixels. */
static const struct {
    const char *name;
    double mm;
} units[] = {{"mm", 1.0}, {"cm", 10.0}, {"in", 25.4}};
enum { UNITS = sizeof units / sizeof units[0] };

/* Digits with at most one point, then perhaps a unit (index, -1: none); moves *text behind them. 0 when there is no
 * number. */
static int take_length(const char **text, double *value, int *unit)
{
    char number[16];
    size_t n = strspn(*text, "0123456789.");
    char *end;

    if (n == 0 || n >= sizeof number)
        return 0;
    snprintf(number, sizeof number, "%.*s", (int)n, *text);
    *value = strtod(number, &end);
    *text += n;
    *unit = -1;
    for (int i = 0; i < UNITS; i++)
        if (strncmp(*text, units[i].name, 2) == 0)
            *unit = i;
    *text += *unit >= 0 ? 2 : 0;
    return *end == '\0';
}

static int is_within(double a, double b, double least, double greatest)
{
    return a >= least && a <= greatest && b >= least && b <= greatest;
}

/* 1 when the text is a size. One unit, behind the height, serves both sides. */
static int size_parse(const char *text, struct lc_plot_size *size)
{
    double w, h;
    int of_w, of_h;

    if (!take_length(&text, &w, &of_w) || *text++ != 'x' || !take_length(&text, &h, &of_h) || *text)
        return 0;
    if (of_h < 0) {
        *size = (struct lc_plot_size){w / SCREEN_DOTS_PER_INCH, h / SCREEN_DOTS_PER_INCH, SCREEN_DOTS_PER_INCH};
        return of_w < 0 && is_within(w, h, LEAST_DOTS, GREATEST_DOTS);
    }
    w *= units[of_w < 0 ? of_h : of_w].mm;
    h *= units[of_h].mm;
    *size = (struct lc_plot_size){w / 25.4, h / 25.4, PRINT_DOTS_PER_INCH};
    return is_within(w, h, LEAST_MM, GREATEST_MM);
}

static int choose_size(struct lc_choice *c, const char *text, struct lc_err *err)
{
    if (!size_parse(text, &c->size))
        return LC_FAIL(
            err, LC_E_USAGE,
            "--size is '%.64s'; allowed: WIDTHxHEIGHT such as 85mmx60mm, 3.4inx2.4in, or 1200x800 in pixels; "
            "a side from %.0f mm to %.0f mm, or from %.0f to %.0f pixels",
            text, LEAST_MM, GREATEST_MM, LEAST_DOTS, GREATEST_DOTS);
    if (!c->format[LC_PLOT_PDF] && !c->format[LC_PLOT_PNG])
        return LC_FAIL(err, LC_E_USAGE,
                       "--size needs --format pdf or --format png: SVG files have no size of their own");
    return LC_OK;
}

int lc_choice_make(struct lc_choice *c, const struct lc_report_options *options, struct lc_err *err)
{
    int rc = LC_OK;

    *c = (struct lc_choice){.all = !options || options->figures == 0, .format = {[LC_PLOT_SVG] = 1}};
    for (int64_t i = 0; options && i < options->figures; i++)
        LC_TRY(rc, choose_figures(c, options->figure[i], err));
    for (int64_t i = 0; options && i < options->formats; i++)
        LC_TRY(rc, choose_formats(c, options->format[i], err));
    if (options && options->size)
        rc = choose_size(c, options->size, err);
done:
    return rc;
}
