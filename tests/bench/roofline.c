/* roofline.c - every cell's speed against its arithmetic intensity, under the roofs of this machine. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../../src/report/plot.h"
#include "bench.h"
#include "lightcone/file.h"

static const struct {
    const char *path;
    int point; /* gnuplot's */
} series[] = {{"forward", 7}, {"encode", 5}, {"backward", 9}, {"reconstruction", 11}, {"residual", 13}};

enum { SERIES = sizeof series / sizeof series[0], LEFT = 1, RIGHT = 10000 };

static double mean_peak(const json_t *root, const char *key)
{
    const json_t *peaks = json_object_get(root, "peaks");
    double sum = 0.0;

    for (size_t i = 0; i < 2; i++)
        sum += json_number_value(json_object_get(json_array_get(peaks, i), key)) / 2.0;
    return sum;
}

static double value(const json_t *cell, const char *key)
{
    return json_number_value(json_object_get(cell, key));
}

static void put_cells(struct lc_bytes *script, const json_t *root, struct lc_err *err)
{
    const json_t *cells = json_object_get(root, "cells");

    for (int s = 0; s < SERIES; s++) {
        int found = 0;
        lc_bytes_printf(script, err, "$cells%d << EOD\n", s);
        for (size_t i = 0; i < json_array_size(cells); i++) {
            const json_t *cell = json_array_get(cells, i);
            if (strcmp(json_string_value(json_object_get(cell, "path")), series[s].path) != 0 ||
                !(value(cell, "gflop_per_second") > 0.0))
                continue;
            lc_bytes_printf(script, err, "%g %g\n", value(cell, "flop_per_byte"), value(cell, "gflop_per_second"));
            found = 1;
        }
        lc_bytes_printf(script, err, "%sEOD\n", found ? "" : "nan nan\n");
    }
}

/* A roof: the peak from where memory's slope reaches it; its name stands there, above it. */
static void put_roof(struct lc_bytes *script, const char *name, double peak, double triad, struct lc_err *err)
{
    lc_bytes_printf(script, err, "set label \"%s %.0f GFLOP/s\" at %g,%g left offset 2.5,0.7\n", name, peak, peak / triad,
                    peak);
    lc_bytes_printf(script, err, "set arrow from %g,%g to %d,%g nohead lc rgb '%s' lw 1.5\n", peak / triad, peak, RIGHT, peak,
                    LC_GREY);
}

static void put_script(struct lc_bytes *script, const json_t *root, struct lc_err *err)
{
    double triad = mean_peak(root, "triad_gb_per_second"), sgemm = mean_peak(root, "float32");
    double product = mean_peak(root, "product"), screen = mean_peak(root, "screen");
    double most = fmax(sgemm, fmax(product, screen));

    lc_plot_begin(script, 760, 520, 1, err);
    lc_bytes_printf(script, err,
                    "set logscale xy\nset xrange [%d:%d]\nset yrange [%g:%g]\nset grid\nset key bottom right\n"
                    "set xlabel 'FLOP a byte that must move'\nset ylabel 'GFLOP/s, %d ranks'\n",
                    LEFT, RIGHT, pow(10.0, floor(log10(triad * LEFT))), most * 2.0,
                    (int)json_integer_value(json_object_get(root, "ranks")));
    put_cells(script, root, err);
    lc_bytes_printf(script, err, "set arrow from %d,%g to %g,%g nohead lc rgb '%s' lw 1.5\n", LEFT, triad * LEFT,
                    most / triad, most, LC_GREY);
    lc_bytes_printf(script, err, "set label 'memory %.0f GB/s' at %d,%g left offset 1.5,0\n", triad, 2 * LEFT, 2.0 * triad * LEFT);
    put_roof(script, "float32 products", sgemm, triad, err);
    if (product > 1.05 * sgemm)
        put_roof(script, "split products", product, triad, err);
    if (screen > 1.05 * sgemm)
        put_roof(script, "screening", screen, triad, err);
    for (int s = 0; s < SERIES; s++)
        lc_bytes_printf(script, err, "%s$cells%d with points pt %d ps 1.1 lc rgb '%s' title '%s'", s ? ", " : "plot ", s,
                        series[s].point, lc_plot_color(s), series[s].path);
    lc_bytes_printf(script, err, "\n");
}

static int draw(const struct lc_bytes *script, const char *stem, enum lc_plot_kind kind, struct lc_err *err)
{
    const struct lc_plot_size own = {0};
    struct lc_bytes file = {0};
    char path[LC_PATH_MAX + 8];
    int rc;

    if (kind == LC_PLOT_SVG)
        lc_bytes_printf(&file, err, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    snprintf(path, sizeof path, "%s.%s", stem, lc_plot_kind_names[kind]);
    LC_TRY(rc, lc_plot_draw(script, "roofline", kind, &own, &file, err));
    rc = lc_file_write(path, file.data, file.size, err);
    printf("%s\n", path);
done:
    lc_bytes_release(&file);
    return rc;
}

int bench_roofline(const json_t *root, const char *stem, struct lc_err *err)
{
    struct lc_bytes script = {0};

    put_script(&script, root, err);
    if (err->code == LC_OK && draw(&script, stem, LC_PLOT_SVG, err) == LC_OK)
        draw(&script, stem, LC_PLOT_PDF, err);
    lc_bytes_release(&script);
    return err->code;
}
