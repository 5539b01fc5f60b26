#include "merge_points.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/hash.h"

int lc_merge_points_init(struct lc_merge_points *p, int64_t sources, struct lc_err *err)
{
    struct lc_column c;
    int rc;

    *p = (struct lc_merge_points){0};
    while (lc_column_get(p->columns, &c))
        p->columns++;
    LC_TRY(rc, LC_ALLOC(&p->source, sources, "results to be merged", err));
    rc = LC_ALLOC(&p->axis, p->columns, "axes", err);
done:
    if (rc != LC_OK)
        lc_merge_points_release(p);
    return rc;
}

void lc_merge_points_release(struct lc_merge_points *p)
{
    for (int64_t i = 0; i < p->sources; i++) {
        free(p->source[i].path);
        free(p->source[i].config);
        free(p->source[i].provenance);
    }
    for (int64_t i = 0; i < p->count; i++) {
        for (int k = 0; k < p->columns; k++)
            lc_value_release(&p->point[i].value[k]);
        free(p->point[i].value);
    }
    free(p->source);
    free(p->point);
    free(p->axis);
    *p = (struct lc_merge_points){0};
}

int lc_merge_points_add_source(struct lc_merge_points *p, const char *path, const char *config, const char *provenance,
                               struct lc_err *err)
{
    struct lc_merge_source *s = &p->source[p->sources++];
    int rc;

    LC_TRY(rc, lc_strdup(&s->path, path, err));
    LC_TRY(rc, lc_strdup(&s->config, config, err));
    rc = lc_strdup(&s->provenance, provenance, err);
done:
    return rc;
}

/* The configuration of a result, or of a point of it: the canonical form has no output, and `sweep` ends one that has
 * points. */
static int config_parse(struct lc_config *config, const struct lc_merge_source *s, const char *const *set, int64_t sets,
                        struct lc_err *err)
{
    const char *sweep = strstr(s->config, "\nsweep:\n"), **all = NULL;
    size_t size = sweep ? (size_t)(sweep + 1 - s->config) : strlen(s->config);
    char name[LC_PATH_MAX + 16];
    int rc;

    LC_TRY(rc, LC_ALLOC(&all, sets + 1, "settings of a point", err));
    for (int64_t i = 0; i < sets; i++)
        all[i] = set[i];
    all[sets] = "output=merged.h5";
    snprintf(name, sizeof name, "%s (config)", s->path);
    rc = lc_config_parse(config, name, s->config, size, all, sets + 1, err);
    if (rc == LC_E_CONFIG)
        err->code = rc = LC_E_FORMAT; /* a result's, not the user's */
done:
    free(all);
    return rc;
}

int lc_merge_points_add(struct lc_merge_points *p, int64_t at, const char *const *set, int64_t sets, struct lc_err *err)
{
    void *more = realloc(p->point, (size_t)(p->count + 1) * sizeof *p->point);
    struct lc_merge_point *point;
    struct lc_config config;
    int rc;

    if (!more)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for %" PRId64 " points", p->count + 1);
    p->point = more;
    point = &p->point[p->count];
    *point = (struct lc_merge_point){.source = p->sources - 1, .at = at, .of = p};
    LC_TRY(rc, LC_ALLOC(&point->value, p->columns, "values of a point", err));
    p->count++;
    LC_TRY(rc, config_parse(&config, &p->source[p->sources - 1], set, sets, err));
    for (int k = 0; k < p->columns && rc == LC_OK; k++)
        rc = lc_value_get(&config, k, &point->value[k], err);
    lc_config_release(&config);
done:
    return rc;
}

static enum lc_value_kind kind_of(int column)
{
    struct lc_column c = {0};

    lc_column_get(column, &c);
    return c.kind;
}

static const char *key_of(int column)
{
    struct lc_column c = {.key = ""};

    lc_column_get(column, &c);
    return c.key;
}

/* Do the points differ in this key? Where it is a map at all of them, or has no meaning at some, others keys tell. */
static int is_axis(const struct lc_merge_points *p, int column)
{
    const struct lc_value *first = &p->point[0].value[column];
    int maps = 1, differ = 0;

    for (int64_t i = 0; i < p->count; i++) {
        const struct lc_value *v = &p->point[i].value[column];
        if (v->form == LC_VALUE_NONE)
            return 0;
        maps &= v->form == LC_VALUE_MAP;
        differ |= lc_value_compare(first, v, kind_of(column)) != 0;
    }
    return differ && !maps;
}

static void find_axes(struct lc_merge_points *p)
{
    p->axes = 0;
    for (int k = 0; k < p->columns; k++)
        if (is_axis(p, k))
            p->axis[p->axes++] = k;
}

static int point_compare(const void *a, const void *b)
{
    const struct lc_merge_point *x = a, *y = b;
    int order = 0;

    for (int i = 0; i < x->of->axes && order == 0; i++) {
        int k = x->of->axis[i];
        order = lc_value_compare(&x->value[k], &y->value[k], kind_of(k));
    }
    return order;
}

/* Sort; the first of two points that are the same, or -1. */
static int64_t sort(struct lc_merge_points *p)
{
    find_axes(p);
    qsort(p->point, (size_t)p->count, sizeof *p->point, point_compare);
    for (int64_t i = 0; i + 1 < p->count; i++)
        if (point_compare(&p->point[i], &p->point[i + 1]) == 0)
            return i;
    return -1;
}

/* What one result says of the files of one role: which they are, and what is in them. */
struct contents {
    char roles[LC_HASH_HEX], all[LC_HASH_HEX]; /* SHA-256 of the roles; of the whole lines */
};

/* A line: SHA-256, two spaces, size, two spaces, role, two spaces, name. */
static const char *role_of(const char *line)
{
    for (int field = 0; field < 2; field++) {
        line += strcspn(line, " \n");
        line += strspn(line, " ");
    }
    return line;
}

static int contents_get(struct contents *c, const char *provenance, const char *role, struct lc_err *err)
{
    struct lc_bytes roles = {0}, all = {0};
    int rc = LC_OK;

    for (const char *line = provenance; *line && rc == LC_OK;) {
        const char *at = role_of(line), *end = line + strcspn(line, "\n");
        size_t length = strcspn(at, " \n"), wanted = strlen(role);
        if (length >= wanted && strncmp(at, role, wanted) == 0 && (length == wanted || at[wanted] == ':')) {
            LC_TRY(rc, lc_bytes_add(&roles, at, (size_t)(end - at), err));
            LC_TRY(rc, lc_bytes_add(&all, line, (size_t)(end - line), err));
        }
        line = end + (*end == '\n');
    }
    LC_TRY(rc, lc_hash_bytes(c->roles, roles.data, roles.size, err));
    rc = lc_hash_bytes(c->all, all.data, all.size, err);
done:
    lc_bytes_release(&roles);
    lc_bytes_release(&all);
    return rc;
}

/* Do two points with the same name in `column` read other files of the same roles? Then contents tell them apart. */
static int names_hide(const struct lc_merge_points *p, int column, const struct contents *c)
{
    for (int64_t i = 0; i < p->count; i++)
        for (int64_t k = 0; k < i; k++) {
            const struct contents *x = &c[p->point[i].source], *y = &c[p->point[k].source];
            if (strcmp(p->point[i].value[column].text, p->point[k].value[column].text) == 0 &&
                strcmp(x->roles, y->roles) == 0 && strcmp(x->all, y->all) != 0)
                return 1;
        }
    return 0;
}

static int name_contents(struct lc_value *v, const struct contents *c, struct lc_err *err)
{
    struct lc_bytes text = {0}, yaml = {0};
    int rc;

    LC_TRY(rc, lc_bytes_printf(&text, err, "%s (sha256 %.8s)", v->text, c->all));
    LC_TRY(rc, lc_bytes_add(&text, "", 1, err));
    LC_TRY(rc, lc_bytes_printf(&yaml, err, "'%s'", (const char *)text.data));
    LC_TRY(rc, lc_bytes_add(&yaml, "", 1, err));
    lc_value_release(&(struct lc_value){.text = v->text, .yaml = v->yaml});
    v->text = (char *)text.data;
    v->yaml = (char *)yaml.data;
    return LC_OK;
done:
    lc_bytes_release(&text);
    lc_bytes_release(&yaml);
    return rc;
}

/* Names in a configuration have no folders: where they hide a difference, say it by what the files hold. */
static int tell_apart(struct lc_merge_points *p, struct lc_err *err)
{
    static const struct {
        const char *key, *role;
    } named[] = {{"model.path", "model"}, {"sae.path", "sae"}, {"corpus.path", "corpus"}};
    struct contents *c = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&c, p->sources, "files of results", err));
    for (size_t n = 0; n < sizeof named / sizeof *named; n++) {
        int column = lc_column_find(named[n].key);
        for (int64_t i = 0; i < p->sources; i++)
            LC_TRY(rc, contents_get(&c[i], p->source[i].provenance, named[n].role, err));
        for (int64_t i = 0, hide = names_hide(p, column, c); hide && i < p->count; i++)
            LC_TRY(rc, name_contents(&p->point[i].value[column], &c[p->point[i].source], err));
    }
done:
    free(c);
    return rc;
}

static int check_jobs(const struct lc_merge_points *p, struct lc_err *err)
{
    int job = lc_column_find("job");

    for (int64_t i = 1; i < p->count; i++)
        if (strcmp(p->point[i].value[job].text, p->point[0].value[job].text) != 0)
            return LC_FAIL(err, LC_E_USAGE, "%s is of job %s, %s of job %s; allowed: results of one job",
                           p->source[p->point[0].source].path, p->point[0].value[job].text,
                           p->source[p->point[i].source].path, p->point[i].value[job].text);
    return LC_OK;
}

/* " (threshold 0.2, windows.length 8)", or nothing. */
static void point_show(char *out, size_t room, const struct lc_merge_point *point)
{
    size_t used = 0;

    *out = '\0';
    for (int i = 0; i < point->of->axes && used < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%s %s%s", i ? ", " : " (", key_of(point->of->axis[i]),
                                 point->value[point->of->axis[i]].text, i + 1 == point->of->axes ? ")" : "");
}

int lc_merge_points_order(struct lc_merge_points *p, struct lc_err *err)
{
    char where[256];
    int64_t same;
    int rc;

    LC_TRY(rc, check_jobs(p, err));
    same = sort(p);
    if (same >= 0) {
        LC_TRY(rc, tell_apart(p, err));
        same = sort(p);
    }
    if (same >= 0) {
        point_show(where, sizeof where, &p->point[same]);
        rc = LC_FAIL(err, LC_E_USAGE,
                     "%s and %s hold the same point%s: no key of their configurations differs there; allowed: each point once",
                     p->source[p->point[same].source].path, p->source[p->point[same + 1].source].path, where);
    }
done:
    return rc;
}

static int axis_write(const struct lc_merge_points *p, int column, struct lc_bytes *out, struct lc_err *err)
{
    const char *comma = "";
    int rc;

    LC_TRY(rc, lc_bytes_printf(out, err, "  %s: [", key_of(column)));
    for (const struct lc_value *last = NULL;;) { /* each value once, ascending */
        const struct lc_value *next = NULL;
        for (int64_t i = 0; i < p->count; i++) {
            const struct lc_value *v = &p->point[i].value[column];
            if ((!last || lc_value_compare(v, last, kind_of(column)) > 0) &&
                (!next || lc_value_compare(v, next, kind_of(column)) < 0))
                next = v;
        }
        if (!next)
            break;
        LC_TRY(rc, lc_bytes_printf(out, err, "%s%s", comma, next->yaml));
        comma = ", ";
        last = next;
    }
    rc = lc_bytes_printf(out, err, "]\n");
done:
    return rc;
}

/* The first point that came out of a sweep, whose `windows.align` has a meaning, or the first. */
static const struct lc_merge_point *typical(const struct lc_merge_points *p)
{
    int align = lc_column_find("windows.align");

    for (int64_t i = 0; i < p->count; i++)
        if (p->point[i].value[align].form == LC_VALUE_GIVEN)
            return &p->point[i];
    return &p->point[0];
}

int lc_merge_points_config(const struct lc_merge_points *p, struct lc_bytes *out, struct lc_err *err)
{
    unsigned char *apart = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&apart, p->columns, "keys of axes", err));
    for (int i = 0; i < p->axes; i++)
        apart[p->axis[i]] = 1;
    LC_TRY(rc, lc_values_canonical(typical(p)->value, apart, out, err));
    if (p->axes > 0)
        LC_TRY(rc, lc_bytes_printf(out, err, "sweep:\n"));
    for (int i = 0; i < p->axes; i++)
        LC_TRY(rc, axis_write(p, p->axis[i], out, err));
done:
    free(apart);
    return rc;
}

/* 1 when the first `size` bytes of text hold the line. */
static int has_line(const char *text, size_t size, const char *line, size_t length)
{
    for (const char *at = text, *end = text + size; at < end;) {
        size_t own = strcspn(at, "\n");
        if (own == length && memcmp(at, line, length) == 0)
            return 1;
        at += own + (at[own] == '\n');
    }
    return 0;
}

/* Results of one sweep read the same files: what was looked at last is most of what comes. */
int lc_merge_points_provenance(const struct lc_merge_points *p, struct lc_bytes *out, struct lc_err *err)
{
    size_t start = out->size;
    const char *last = "";
    int rc = LC_OK;

    for (int64_t i = 0; i < p->count; i++) {
        const char *text = p->source[p->point[i].source].provenance;
        if (strcmp(text, last) == 0)
            continue;
        last = text;
        for (const char *line = text; *line;) {
            size_t length = strcspn(line, "\n");
            LC_TRY(rc, lc_bytes_add(out, "", 1, err)); /* ends what has_line() reads */
            out->size--;
            if (length > 0 && !has_line((const char *)out->data + start, out->size - start, line, length))
                LC_TRY(rc, lc_bytes_printf(out, err, "%.*s\n", (int)length, line));
            line += length + (line[length] == '\n');
        }
    }
done:
    return rc;
}
