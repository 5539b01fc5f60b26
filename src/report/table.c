#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

enum cell_kind { CELL_TEXT, CELL_INT, CELL_REAL };

struct cell {
    enum cell_kind kind;
    union {
        size_t text; /* where it starts in table.text */
        int64_t integer;
        double real;
    } is;
};

void lc_table_begin(struct lc_table *t, const char *const *names)
{
    *t = (struct lc_table){0};
    while (names[t->columns] && t->columns < LC_TABLE_COLUMNS) {
        t->column[t->columns] = names[t->columns];
        t->columns++;
    }
}

void lc_table_release(struct lc_table *t)
{
    lc_bytes_release(&t->cells);
    lc_bytes_release(&t->text);
}

static void cells_add(struct lc_table *t, struct lc_err *err, const char *kinds, va_list ap)
{
    for (const char *k = kinds; *k && err->code == LC_OK; k++) {
        struct cell c = {.kind = *k == 's' ? CELL_TEXT : *k == 'i' ? CELL_INT : CELL_REAL};
        if (c.kind == CELL_TEXT) {
            const char *text = va_arg(ap, const char *);
            c.is.text = t->text.size;
            lc_bytes_add(&t->text, text, strlen(text) + 1, err);
        } else if (c.kind == CELL_INT) {
            c.is.integer = va_arg(ap, int64_t);
        } else {
            c.is.real = va_arg(ap, double);
        }
        lc_bytes_add(&t->cells, &c, sizeof c, err);
    }
}

void lc_table_row(struct lc_table *t, struct lc_err *err, const char *kinds, ...)
{
    va_list ap;

    va_start(ap, kinds);
    cells_add(t, err, kinds, ap);
    va_end(ap);
}

void lc_table_cells(struct lc_table *t, struct lc_err *err, const char *kinds, ...)
{
    va_list ap;

    va_start(ap, kinds);
    cells_add(t, err, kinds, ap);
    va_end(ap);
}

int64_t lc_table_rows(const struct lc_table *t)
{
    return t->columns ? (int64_t)(t->cells.size / sizeof(struct cell)) / t->columns : 0;
}

static const struct cell *cell_at(const struct lc_table *t, int64_t row, int column)
{
    return (const struct cell *)(const void *)t->cells.data + row * t->columns + column;
}

double lc_table_number(const struct lc_table *t, int64_t row, int column)
{
    const struct cell *c = cell_at(t, row, column);

    return c->kind == CELL_INT ? (double)c->is.integer : c->kind == CELL_REAL ? c->is.real : NAN;
}

static const char *cell_text(const struct lc_table *t, const struct cell *c)
{
    return (const char *)t->text.data + c->is.text;
}

/* A key for sorting: rows by one cell, ties by where they stood. */
struct key {
    const struct lc_table *table;
    const struct cell *cell;
    int64_t row;
};

static double cell_number(const struct cell *c)
{
    if (c->kind == CELL_INT)
        return (double)c->is.integer;
    return isnan(c->is.real) ? -INFINITY : c->is.real;
}

static int key_compare(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order;

    if (x->cell->kind == CELL_TEXT) {
        order = strcmp(cell_text(x->table, x->cell), cell_text(y->table, y->cell));
    } else {
        double m = cell_number(x->cell), n = cell_number(y->cell);
        order = (m < n) - (m > n);
    }
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int column_find(const struct lc_table *t, const char *by, int *column, struct lc_err *err)
{
    char names[512] = "";
    size_t used = 0;

    for (int i = 0; i < t->columns; i++) {
        if (strcmp(t->column[i], by) == 0) {
            *column = i;
            return LC_OK;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "", t->column[i]);
        if (used >= sizeof names)
            break;
    }
    return LC_FAIL(err, LC_E_USAGE, "no column '%.64s'; allowed: %s", by, names);
}

int lc_table_sort(struct lc_table *t, const char *by, struct lc_err *err)
{
    int64_t n = lc_table_rows(t);
    struct lc_bytes sorted = {0};
    struct key *keys = NULL;
    int column, rc;

    LC_TRY(rc, column_find(t, by, &column, err));
    LC_TRY(rc, LC_ALLOC(&keys, n, "rows of a table", err));
    for (int64_t i = 0; i < n; i++)
        keys[i] = (struct key){t, cell_at(t, i, column), i};
    qsort(keys, (size_t)n, sizeof *keys, key_compare);
    for (int64_t i = 0; i < n; i++)
        lc_bytes_add(&sorted, cell_at(t, keys[i].row, 0), (size_t)t->columns * sizeof(struct cell), err);
    rc = err->code;
    if (rc == LC_OK) {
        lc_bytes_release(&t->cells);
        t->cells = sorted;
    } else {
        lc_bytes_release(&sorted);
    }
done:
    free(keys);
    return rc;
}

static void csv_text(struct lc_bytes *out, const char *text, struct lc_err *err)
{
    if (!strpbrk(text, ",\"\r\n")) {
        lc_bytes_printf(out, err, "%s", text);
        return;
    }
    lc_bytes_add(out, "\"", 1, err);
    for (; *text; text++)
        lc_bytes_add(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1, err);
    lc_bytes_add(out, "\"", 1, err);
}

void lc_table_csv(const struct lc_table *t, struct lc_bytes *out, struct lc_err *err)
{
    int64_t rows = lc_table_rows(t);

    for (int c = 0; c < t->columns; c++)
        lc_bytes_printf(out, err, "%s%s", c ? "," : "", t->column[c]);
    lc_bytes_printf(out, err, "\r\n");
    for (int64_t r = 0; r < rows && err->code == LC_OK; r++) {
        for (int c = 0; c < t->columns; c++) {
            const struct cell *cell = cell_at(t, r, c);
            if (c)
                lc_bytes_add(out, ",", 1, err);
            if (cell->kind == CELL_TEXT)
                csv_text(out, cell_text(t, cell), err);
            else if (cell->kind == CELL_INT)
                lc_bytes_printf(out, err, "%" PRId64, cell->is.integer);
            else if (!isnan(cell->is.real))
                lc_bytes_printf(out, err, "%.17g", cell->is.real);
        }
        lc_bytes_printf(out, err, "\r\n");
    }
}

/* For the eye: 4 digits, a dash for what is not there. */
static void cell_show(const struct lc_table *t, const struct cell *c, enum lc_escape how,
                      struct lc_bytes *out, struct lc_err *err)
{
    if (c->kind == CELL_TEXT)
        lc_escape_text(out, how, cell_text(t, c), err);
    else if (c->kind == CELL_INT)
        lc_bytes_printf(out, err, "%" PRId64, c->is.integer);
    else if (isnan(c->is.real))
        lc_bytes_printf(out, err, "-");
    else
        lc_bytes_printf(out, err, fabs(c->is.real) >= 1000 ? "%.5g" : "%#.4g", c->is.real);
}

void lc_table_html(const struct lc_table *t, struct lc_bytes *out, struct lc_err *err)
{
    int64_t rows = lc_table_rows(t);

    lc_bytes_printf(out, err, "<div class=\"wide\"><table>\n<thead><tr>");
    for (int c = 0; c < t->columns; c++) {
        lc_bytes_printf(out, err, "<th scope=\"col\">");
        for (const char *p = t->column[c]; *p; p++)
            lc_bytes_printf(out, err, "%c", *p == '_' ? ' ' : *p);
        lc_bytes_printf(out, err, "</th>");
    }
    lc_bytes_printf(out, err, "</tr></thead>\n<tbody>\n");
    for (int64_t r = 0; r < rows && err->code == LC_OK; r++) {
        lc_bytes_printf(out, err, "<tr>");
        for (int c = 0; c < t->columns; c++) {
            const struct cell *cell = cell_at(t, r, c);
            lc_bytes_printf(out, err, "<td%s>", cell->kind == CELL_TEXT ? " class=\"text\"" : "");
            cell_show(t, cell, LC_ESCAPE_HTML, out, err);
            lc_bytes_printf(out, err, "</td>");
        }
        lc_bytes_printf(out, err, "</tr>\n");
    }
    lc_bytes_printf(out, err, "</tbody></table></div>\n");
}

/* One cell of plain text, ended with a NUL, in a buffer that is reused. */
static const char *cell_plain(const struct lc_table *t, int64_t row, int column, struct lc_bytes *scratch,
                              struct lc_err *err)
{
    scratch->size = 0;
    cell_show(t, cell_at(t, row, column), LC_ESCAPE_PLAIN, scratch, err);
    lc_bytes_add(scratch, "", 1, err);
    return err->code == LC_OK ? (const char *)scratch->data : "";
}

static void print_padded(FILE *out, const char *text, size_t width, int left, int last)
{
    int pad = left && last ? 0 : (int)(width - lc_escape_width(text));

    if (left)
        fprintf(out, "%s%*s", text, pad, "");
    else
        fprintf(out, "%*s%s", pad, "", text);
}

int lc_table_print(const struct lc_table *t, int64_t top, FILE *out, struct lc_err *err)
{
    int64_t rows = lc_table_rows(t);
    size_t width[LC_TABLE_COLUMNS];
    struct lc_bytes scratch = {0};

    if (rows > top)
        rows = top;
    for (int c = 0; c < t->columns; c++) {
        width[c] = strlen(t->column[c]);
        for (int64_t r = 0; r < rows; r++) {
            size_t w = lc_escape_width(cell_plain(t, r, c, &scratch, err));
            width[c] = w > width[c] ? w : width[c];
        }
    }
    for (int64_t r = -1; r < rows && err->code == LC_OK; r++) {
        for (int c = 0; c < t->columns; c++) {
            int left = rows > 0 && cell_at(t, 0, c)->kind == CELL_TEXT;
            fprintf(out, "%s", c ? "  " : "");
            print_padded(out, r < 0 ? t->column[c] : cell_plain(t, r, c, &scratch, err), width[c], left,
                         c + 1 == t->columns);
        }
        fprintf(out, "\n");
    }
    lc_bytes_release(&scratch);
    return err->code;
}

void lc_table_plot(const struct lc_table *t, const char *block, int64_t from, int64_t to,
                   struct lc_bytes *out, struct lc_err *err)
{
    lc_bytes_printf(out, err, "$%s << EOD\n", block);
    for (int64_t r = from; r < to && err->code == LC_OK; r++) {
        for (int c = 0; c < t->columns; c++) {
            const struct cell *cell = cell_at(t, r, c);
            if (cell->kind == CELL_TEXT)
                lc_bytes_printf(out, err, "\"%s\" ", cell_text(t, cell));
            else if (cell->kind == CELL_INT)
                lc_bytes_printf(out, err, "%" PRId64 " ", cell->is.integer);
            else if (isfinite(cell->is.real))
                lc_bytes_printf(out, err, "%.6g ", cell->is.real);
            else
                lc_bytes_printf(out, err, "NaN ");
        }
        lc_bytes_printf(out, err, "\n");
    }
    lc_bytes_printf(out, err, "EOD\n");
}
