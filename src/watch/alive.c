#include "lightcone/alive.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lightcone/clock.h"
#include "lightcone/json.h"
#include "lightcone/random.h"
#include "lightcone/record.h"

enum { FILE_MOST = 16384, TRIES = 5 };

/* The file is a flat object of these. */
static const struct field {
    const char *key;
    enum { TEXT, WHOLE, REAL } type;
    size_t offset, size;
} fields[] = {
#define FIELD(key, type) {#key, type, offsetof(struct lc_alive, key), sizeof((struct lc_alive *)0)->key}
    FIELD(job, TEXT),      FIELD(version, TEXT), FIELD(host, TEXT),   FIELD(slurm, TEXT),     FIELD(pid, WHOLE),
    FIELD(id, WHOLE),      FIELD(started, REAL), FIELD(written, REAL), FIELD(beat, WHOLE),    FIELD(phase, TEXT),
    FIELD(ranks, WHOLE),   FIELD(workers, WHOLE), FIELD(busy, WHOLE), FIELD(units, WHOLE),    FIELD(done, WHOLE),
    FIELD(restarts, WHOLE), FIELD(memory_bytes, WHOLE), FIELD(rate, REAL), FIELD(left, REAL),
#undef FIELD
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

/* An array's task goes by the array's number and its own, as in squeue. */
static void name_slurm_job(char out[32])
{
    const char *array = getenv("SLURM_ARRAY_JOB_ID"), *task = getenv("SLURM_ARRAY_TASK_ID");
    const char *id = getenv("SLURM_JOB_ID");

    out[0] = '\0';
    if (array && task)
        snprintf(out, 32, "%.15s_%.15s", array, task);
    else if (id)
        snprintf(out, 32, "%.31s", id);
}

void lc_alive_init(struct lc_alive *a, const char *job, const char *version)
{
    uint64_t drawn;

    *a = (struct lc_alive){.pid = getpid(), .started = lc_wall_seconds(), .ranks = 1, .workers = -1, .busy = -1, .units = -1,
                           .done = -1, .restarts = -1, .memory_bytes = -1, .rate = -1.0, .left = -1.0};
    snprintf(a->job, sizeof a->job, "%s", job);
    snprintf(a->version, sizeof a->version, "%s", version);
    snprintf(a->phase, sizeof a->phase, "loading");
    gethostname(a->host, sizeof a->host - 1);
    name_slurm_job(a->slurm);
    drawn = lc_random_bits((uint64_t)a->pid, (uint64_t)(a->started * 1e9), (uint64_t)(lc_seconds() * 1e9));
    a->id = (int64_t)(drawn >> 12) + 1; /* below 2^53, as JSON's readers like it */
}

static char *to_text(const struct lc_alive *a)
{
    json_t *json = json_object();
    char *text;

    for (int i = 0; i < FIELDS; i++) {
        const void *at = (const char *)a + fields[i].offset;
        json_t *value = fields[i].type == TEXT    ? json_string(at)
                        : fields[i].type == WHOLE ? json_integer(*(const int64_t *)at)
                                                  : json_real(*(const double *)at);
        json_object_set_new(json, fields[i].key, value);
    }
    text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    return text;
}

int lc_alive_write(const char *output, struct lc_alive *a, struct lc_err *err)
{
    struct lc_err disk = LC_ERR_INIT;
    char path[LC_PATH_MAX];
    char *text;

    if (lc_record_path(path, output, "status", "json", err) != LC_OK)
        return err->code;
    a->beat++;
    a->written = lc_wall_seconds();
    text = to_text(a);
    if (!text)
        return LC_FAIL(err, LC_E_LIBRARY, "%s: a sign of life cannot be put into JSON", path);
    if (lc_file_write(path, text, strlen(text), &disk) != LC_OK && utimensat(AT_FDCWD, path, NULL, 0) != 0)
        *err = disk;
    free(text);
    return err->code;
}

/* The whole file at once, without a mapping: it may be replaced meanwhile. *size is 0 where there is none. */
static int read_file(const char *path, char *text, size_t *size, struct stat *st, struct lc_err *err)
{
    for (int try = 0; try < TRIES; try++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), bad;
        ssize_t n;
        *size = 0;
        if (fd < 0 && errno == ENOENT)
            return LC_OK;
        n = fd >= 0 && fstat(fd, st) == 0 ? read(fd, text, FILE_MOST) : -1;
        bad = errno;
        if (fd >= 0)
            close(fd);
        if (n >= 0) {
            *size = (size_t)n;
            return LC_OK;
        }
        if (bad != ESTALE) /* NFS: replaced under our hands */
            return LC_FAIL(err, LC_E_IO, "%s: %s", path, strerror(bad));
    }
    return LC_FAIL(err, LC_E_IO, "%s: replaced faster than it can be read", path);
}

static int take_field(const struct lc_json *json, const struct field *f, struct lc_alive *out, struct lc_err *err)
{
    void *at = (char *)out + f->offset;
    const char *text = "";

    if (f->type == WHOLE)
        return lc_json_int(json, NULL, f->key, 1, -1, INT64_MAX, at, err);
    if (f->type == REAL)
        return lc_json_real(json, NULL, f->key, 1, -1.0, 1e300, at, err);
    if (lc_json_text(json, NULL, f->key, 1, &text, err) == LC_OK)
        snprintf(at, f->size, "%s", text);
    return err->code;
}

static int parse(const char *path, const char *text, size_t size, struct lc_alive *out, struct lc_err *err)
{
    struct lc_json json = {.path = path, .root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL)};
    int rc = LC_OK;

    if (!json_is_object(json.root))
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: not a JSON object", path);
    for (int i = 0; i < FIELDS && rc == LC_OK; i++)
        rc = take_field(&json, &fields[i], out, err);
    if (rc == LC_OK && out->id < 1)
        rc = LC_FAIL(err, LC_E_FORMAT, "%s: key 'id' is below 1", path);
    json_decref(json.root);
    return rc;
}

int lc_alive_read(const char *output, struct lc_alive *out, struct lc_err *err)
{
    char path[LC_PATH_MAX], text[FILE_MOST];
    struct stat st;
    size_t size;
    double changed;

    *out = (struct lc_alive){0};
    if (lc_record_path(path, output, "status", "json", err) != LC_OK || read_file(path, text, &size, &st, err) != LC_OK ||
        size == 0)
        return err->code;
    if (parse(path, text, size, out, err) != LC_OK)
        return err->code;
    changed = (double)st.st_mtim.tv_sec + 1e-9 * (double)st.st_mtim.tv_nsec;
    out->age = lc_wall_seconds() - changed;
    out->ahead = out->written - changed;
    return LC_OK;
}

void lc_alive_remove(const char *output, const struct lc_alive *mine)
{
    struct lc_err ignored = LC_ERR_INIT;
    char path[LC_PATH_MAX];
    struct lc_alive there;

    if (lc_record_path(path, output, "status", "json", &ignored) != LC_OK)
        return;
    lc_draft_sweep(path);
    if (lc_alive_read(output, &there, &ignored) == LC_OK && there.id == mine->id)
        unlink(path);
}
