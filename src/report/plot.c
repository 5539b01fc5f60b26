#include "plot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

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

int lc_plot_check(struct lc_err *err)
{
    char *argv[] = {"gnuplot", "--version", NULL};
    struct streams s;
    int rc = streams_open(&s, err);

    if (rc != LC_OK)
        return rc;
    rc = child_run(&s, argv, err);
    streams_close(&s);
    return rc;
}

void lc_plot_begin(struct lc_bytes *script, int width, int height, struct lc_err *err)
{
    lc_bytes_printf(script, err,
                    "set encoding utf8\n"
                    "set terminal svg noenhanced size %d,%d font 'sans-serif,14' background '#ffffff'\n"
                    "set border 3 lc rgb '#444444'\n"
                    "set tics nomirror\n"
                    "set grid back lc rgb '#e4e4e4' lt 1\n"
                    "set key top left reverse Left samplen 2 spacing 1.15\n"
                    "set style fill solid 0.85 noborder\n",
                    width, height);
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
    return lc_bytes_add(out, "", 1, err);
}

/* Copy from <svg on, with the ids of gnuplot's symbols made this figure's own. */
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
        size_t plain = 1;
        for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
            size_t n = strlen(before[i]), head = strcspn(before[i], "#'\"") + 1;
            if (*p != before[i][0] || strncmp(p, before[i], n) != 0)
                continue;
            head += before[i][head] == '#';
            lc_bytes_printf(svg, err, "%.*s%s-", (int)head, p, name);
            p += head;
            break;
        }
        plain = strcspn(p + 1, "ih") + 1;
        lc_bytes_add(svg, p, plain, err);
        p += plain;
    }
    return err->code;
}

int lc_plot_draw(const struct lc_bytes *script, const char *name, struct lc_bytes *svg, struct lc_err *err)
{
    char *argv[] = {"gnuplot", "-d", NULL};
    struct lc_bytes raw = {0};
    struct streams s;
    int rc = streams_open(&s, err);

    if (rc != LC_OK)
        return rc;
    if (fwrite(script->data, 1, script->size, s.in) != script->size || fflush(s.in) != 0)
        rc = LC_FAIL(err, LC_E_IO, "a temporary file cannot be written: %s", strerror(errno));
    rewind(s.in);
    if (rc == LC_OK)
        rc = child_run(&s, argv, err);
    if (rc == LC_OK)
        rc = stream_read(s.out, &raw, err);
    if (rc == LC_OK)
        rc = svg_adopt(&raw, name, svg, err);
    if (rc != LC_OK)
        lc_err_prefix(err, name);
    lc_bytes_release(&raw);
    streams_close(&s);
    return rc;
}
