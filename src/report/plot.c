#include "plot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Text of a figure at its own size, in points: 14 pixels. */
#define OWN_TEXT 10.5

const char *const lc_plot_kind_names[LC_PLOT_KINDS] = {"svg", "pdf", "png"};

const char *lc_plot_color(int i)
{
    static const char *const colors[10] = {LC_BLUE, LC_RED,    LC_GREEN,  LC_ORANGE, LC_PURPLE,
                                           LC_SKY,  "#000000", "#B8A800", "#7A3E00", "#4B2991"};

    return colors[i % 10];
}

/* Files, not pipes: nobody waits for anybody. */
struct streams {
    FILE *in, *out, *err;
};

static void streams_close(struct streams *s)
{
    if (s->in)
        fclose(s->in);
    if (s->out)
        fclose(s->out);
    if (s->err)
        fclose(s->err);
}

static int streams_open(struct streams *s, struct lc_err *err)
{
    *s = (struct streams){tmpfile(), tmpfile(), tmpfile()};
    if (s->in && s->out && s->err)
        return LC_OK;
    LC_FAIL(err, LC_E_IO, "a temporary file cannot be made: %s", strerror(errno));
    streams_close(s);
    return err->code;
}

static int fail_missing(struct lc_err *err)
{
    return LC_FAIL(err, LC_E_LIBRARY, "gnuplot is not on PATH; it draws the figures of a report");
}

static int child_start(pid_t *pid, const struct streams *s, char *const *argv, struct lc_err *err)
{
    posix_spawn_file_actions_t actions;
    int bad = posix_spawn_file_actions_init(&actions);

    if (bad)
        return LC_FAIL(err, LC_E_LIBRARY, "gnuplot cannot be started: %s", strerror(bad));
    bad = posix_spawn_file_actions_adddup2(&actions, fileno(s->in), 0) |
          posix_spawn_file_actions_adddup2(&actions, fileno(s->out), 1) |
          posix_spawn_file_actions_adddup2(&actions, fileno(s->err), 2);
    if (!bad)
        bad = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (bad == ENOENT || bad == EACCES)
        return fail_missing(err);
    return bad ? LC_FAIL(err, LC_E_LIBRARY, "gnuplot cannot be started: %s", strerror(bad)) : LC_OK;
}

/* Run and wait; the first line it complains with becomes the error. */
static int child_run(struct streams *s, char *const *argv, struct lc_err *err)
{
    char line[256] = "no reason given";
    pid_t pid;
    int status = 0, rc = child_start(&pid, s, argv, err);

    if (rc != LC_OK)
        return rc;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return LC_FAIL(err, LC_E_LIBRARY, "gnuplot: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return LC_OK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) /* where spawning cannot tell that exec failed */
        return fail_missing(err);
    rewind(s->err);
    while (fgets(line, sizeof line, s->err) && strspn(line, " ^\n") == strlen(line))
        continue;
    line[strcspn(line, "\n")] = '\0';
    return LC_FAIL(err, LC_E_LIBRARY, "gnuplot failed: %s", line);
}

void lc_plot_begin(struct lc_bytes *script, int width, int height, int columns, struct lc_err *err)
{
    lc_bytes_printf(script, err,
                    "set encoding utf8\n"
                    "eval start(%d,%d,%d)\n"
                    "set border 3 lc rgb '#444444'\n"
                    "set tics nomirror\n"
                    "set grid back lc rgb '#e4e4e4' lt 1\n"
                    "set key top left reverse Left samplen 2 spacing 1.15\n"
                    "set style fill solid 0.85 noborder\n",
                    width, height, columns);
}

/* Room of PDF and PNG, and how large text and lines are drawn in it: as large as the whole, but legible. */
static void preamble_size(const struct lc_plot_size *size, struct lc_bytes *script, struct lc_err *err)
{
    if (size->width > 0)
        lc_bytes_printf(script, err, "width(w) = %.6f\nheight(h) = %.6f\n", size->width, size->height);
    else
        lc_bytes_printf(script, err, "width(w) = w/96.0\nheight(h) = h/96.0\n");
    lc_bytes_printf(script, err,
                    "least(a,b) = a < b ? a : b\nmost(a,b) = a > b ? a : b\n"
                    "whole(w,h) = least(width(w)*96/w, height(h)*96/h)\n"
                    "scale(w,h,c) = most(whole(w,h), (8.0-c)/%.3f)\n"
                    "room(w,h,c) = scale(w,h,c) > 1.33*whole(w,h) ? '; crowded = 1' : '; crowded = 0'\n",
                    OWN_TEXT);
}

/* The function that lc_plot_begin() calls in the script: it sets the terminal for a figure of w by h pixels with plots
 * in c columns. */
static void preamble(enum lc_plot_kind kind, const struct lc_plot_size *size, struct lc_bytes *script,
                     struct lc_err *err)
{
    double dots = size->width > 0 ? size->dots_per_inch : 96;

    if (kind == LC_PLOT_SVG) {
        lc_bytes_printf(script, err,
                        "start(w,h,c) = \"set terminal svg noenhanced size \".w.\",\".h.\" font 'sans-serif,14' "
                        "background '#ffffff'; crowded = 0\"\n");
        return;
    }
    preamble_size(size, script, err);
    if (kind == LC_PLOT_PDF)
        lc_bytes_printf(script, err, "dots = 96.0\nextent(x) = gprintf('%%.5fin', x)\nkind = 'pdfcairo color'\n");
    else
        lc_bytes_printf(script, err, "dots = %.6f\nextent(x) = ''.int(x*dots + 0.5)\nkind = 'pngcairo'\n", dots);
    lc_bytes_printf(
        script, err,
        "factor(w,h,c) = gprintf('%%.5f', scale(w,h,c)*dots/96)\n"
        "start(w,h,c) = \"set terminal \".kind.\" noenhanced size \".extent(width(w)).\",\".extent(height(h))"
        ".\" font 'sans,%.3f' fontscale \".factor(w,h,c).\" linewidth \".factor(w,h,c).\" pointscale "
        "\".factor(w,h,c).\" background '#ffffff'\".room(w,h,c)\n",
        OWN_TEXT);
}

static int stream_read(FILE *f, struct lc_bytes *out, struct lc_err *err)
{
    char part[1 << 16];
    size_t n;

    rewind(f);
    while ((n = fread(part, 1, sizeof part, f)) > 0 && err->code == LC_OK)
        lc_bytes_add(out, part, n, err);
    if (ferror(f))
        LC_FAIL(err, LC_E_IO, "the output of gnuplot cannot be read: %s", strerror(errno));
    if (lc_bytes_add(out, "", 1, err) == LC_OK)
        out->size--;
    return err->code;
}

/* Copy from <svg on, with the ids of gnuplot's symbols made this figure's own; pictures keep their sharp cells. */
static int svg_adopt(const struct lc_bytes *raw, const char *name, struct lc_bytes *svg, struct lc_err *err)
{
    static const char *const before[] = {"id='gp", "id=\"gp", "href='#gp", "href=\"#gp", "id=\"gnuplot"};
    const char *p = raw->size ? strstr((const char *)raw->data, "<svg") : NULL;
    const char *title = p ? strstr(p, "<title>") : NULL, *end = title ? strstr(title, "</desc>") : NULL;

    if (!end)
        return LC_FAIL(err, LC_E_LIBRARY, "gnuplot wrote no SVG for figure %s", name);
    /* the title 'Gnuplot' would be the tip under every mouse, the description its version */
    lc_bytes_add(svg, p, (size_t)(title - p), err);
    p = end + strlen("</desc>");
    while (*p && err->code == LC_OK) {
        static const char picture[] = "<image ";
        size_t plain = 1;
        if (strncmp(p, picture, strlen(picture)) == 0) {
            lc_bytes_printf(svg, err, "%sstyle='image-rendering:pixelated' ", picture);
            p += strlen(picture);
        }
        for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
            size_t n = strlen(before[i]), head = strcspn(before[i], "#'\"") + 1;
            if (*p != before[i][0] || strncmp(p, before[i], n) != 0)
                continue;
            head += before[i][head] == '#';
            lc_bytes_printf(svg, err, "%.*s%s-", (int)head, p, name);
            p += head;
            break;
        }
        plain = strcspn(p + 1, "ih<") + 1;
        lc_bytes_add(svg, p, plain, err);
        p += plain;
    }
    return err->code;
}

/* The time at which a PDF was made is not part of the figure. */
static void pdf_forget_date(struct lc_bytes *pdf, size_t from)
{
    static const char key[] = "/CreationDate (D:", date[] = "20000101000000";
    size_t n = strlen(key);

    for (size_t i = from; i + n + strlen(date) <= pdf->size; i++)
        if (memcmp(pdf->data + i, key, n) == 0)
            memcpy(pdf->data + i + n, date, strlen(date));
}

/* Give gnuplot two pieces of script, the second may be NULL; take what it writes to standard output, ended by a NUL
 * beyond raw->size. */
static int converse(const struct lc_bytes *first, const struct lc_bytes *second, struct lc_bytes *raw,
                    struct lc_err *err)
{
    char *argv[] = {"gnuplot", "-d", NULL};
    struct streams s;
    int rc = streams_open(&s, err);

    if (rc != LC_OK)
        return rc;
    if (fwrite(first->data, 1, first->size, s.in) != first->size ||
        (second && fwrite(second->data, 1, second->size, s.in) != second->size) || fflush(s.in) != 0)
        rc = LC_FAIL(err, LC_E_IO, "a temporary file cannot be written: %s", strerror(errno));
    rewind(s.in);
    if (rc == LC_OK)
        rc = child_run(&s, argv, err);
    if (rc == LC_OK)
        rc = stream_read(s.out, raw, err);
    streams_close(&s);
    return rc;
}

int lc_plot_check(enum lc_plot_kind kind, struct lc_err *err)
{
    static const char *const terminal[LC_PLOT_KINDS] = {" svg ", " pdfcairo ", " pngcairo "};
    struct lc_bytes question = {0}, answer = {0};
    int rc;

    lc_bytes_printf(&question, err, "set print '-'\nprint GPVAL_TERMINALS.' '\n");
    rc = err->code == LC_OK ? converse(&question, NULL, &answer, err) : err->code;
    if (rc == LC_OK && !strstr((const char *)answer.data, terminal[kind]))
        rc = LC_FAIL(err, LC_E_LIBRARY,
                     "this gnuplot has no terminal%.*s, which draws --format %s; Debian's package gnuplot-nox has it",
                     (int)strlen(terminal[kind]) - 1, terminal[kind], lc_plot_kind_names[kind]);
    lc_bytes_release(&question);
    lc_bytes_release(&answer);
    return rc;
}

int lc_plot_draw(const struct lc_bytes *script, const char *name, enum lc_plot_kind kind,
                 const struct lc_plot_size *size, struct lc_bytes *out, struct lc_err *err)
{
    struct lc_bytes head = {0}, raw = {0};
    size_t from = out->size;
    int rc;

    preamble(kind, size, &head, err);
    rc = err->code == LC_OK ? converse(&head, script, &raw, err) : err->code;
    if (rc == LC_OK && kind == LC_PLOT_SVG)
        rc = svg_adopt(&raw, name, out, err);
    else if (rc == LC_OK)
        rc = lc_bytes_add(out, raw.data, raw.size, err);
    if (rc == LC_OK && kind == LC_PLOT_PDF)
        pdf_forget_date(out, from);
    if (rc != LC_OK)
        lc_err_prefix(err, name);
    lc_bytes_release(&head);
    lc_bytes_release(&raw);
    return rc;
}
