#include "cluster.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"

static int find_program(char out[LC_PATH_MAX], struct lc_err *err)
{
    ssize_t size = readlink("/proc/self/exe", out, LC_PATH_MAX - 1);

    if (size < 0)
        return LC_FAIL(err, LC_E_IO, "/proc/self/exe: %s", strerror(errno));
    out[size] = '\0';
    return LC_OK;
}

static int is_scripts(const char *folder)
{
    char path[LC_PATH_MAX];

    return snprintf(path, sizeof path, "%s/common.sh", folder) < LC_PATH_MAX && lc_path_is_file(path);
}

/* BUILD/MODE/lightcone stands beside slurm/, PREFIX/bin/lightcone beside share/. */
static int find_scripts(struct lc_cluster *c, struct lc_err *err)
{
    char bin[LC_PATH_MAX], above[LC_PATH_MAX], root[LC_PATH_MAX], installed[LC_PATH_MAX];
    int rc;

    lc_path_folder(bin, c->program);
    lc_path_folder(above, bin);
    lc_path_folder(root, above);
    LC_TRY(rc, lc_path_join(c->scripts, root, "slurm", err));
    LC_TRY(rc, lc_path_join(installed, above, "share/lightcone/slurm", err));
    if (is_scripts(c->scripts))
        return LC_OK;
    if (!is_scripts(installed))
        return LC_FAIL(err, LC_E_IO, "no batch scripts: neither %.300s nor %.300s has common.sh", c->scripts, installed);
    memcpy(c->scripts, installed, sizeof installed);
done:
    return rc;
}

/* For sbatch and its jobs. */
static int set(struct lc_cluster *c, const char *name, const char *value, struct lc_err *err)
{
    int rc;

    if (setenv(name, value, 1) != 0)
        return LC_FAIL(err, LC_E_MEMORY, "environment: %s", strerror(errno));
    LC_TRY(rc, lc_bytes_add(&c->set, name, strlen(name), err));
    LC_TRY(rc, lc_bytes_add(&c->set, "=", 1, err));
    rc = lc_bytes_add(&c->set, value, strlen(value) + 1, err);
done:
    return rc;
}

/* Site files are written for bash; it also says what they set. */
static int read_site(struct lc_cluster *c, const char *site, struct lc_err *err)
{
    const char *const argv[] = {"bash", "-c", "set -a; . \"$1\" >&2 && exec env -0", "bash", site, NULL};
    struct lc_child child;
    int rc = lc_child_run(&child, argv, err);

    if (rc != LC_OK)
        return rc;
    if (child.status != 0)
        rc = LC_FAIL(err, LC_E_IO, "%s: bash cannot read it: %.400s", site, (const char *)child.said.data);
    for (size_t at = 0; rc == LC_OK && at < child.out.size;) {
        char *entry = (char *)child.out.data + at, *equals = strchr(entry, '=');
        const char *before;
        at += strlen(entry) + 1;
        if (!equals || (strncmp(entry, "SBATCH_", 7) != 0 && strncmp(entry, "LIGHTCONE", 9) != 0))
            continue;
        *equals = '\0';
        before = getenv(entry);
        if (!before || strcmp(before, equals + 1) != 0)
            rc = set(c, entry, equals + 1, err);
    }
    lc_child_release(&child);
    return rc;
}

/* What main chose for this machine's processor is not for those of the nodes. */
static void forget_kernels(void)
{
    if (!getenv("LIGHTCONE_BLAS_REPAIRED"))
        return;
    unsetenv("LIGHTCONE_BLAS_REPAIRED");
    unsetenv("OPENBLAS_CORETYPE");
}

int lc_cluster_open(struct lc_cluster *c, struct lc_err *err)
{
    const char *named = getenv("LIGHTCONE_SITE");
    char site[LC_PATH_MAX];
    int rc;

    forget_kernels();
    LC_TRY(rc, find_program(c->program, err));
    LC_TRY(rc, find_scripts(c, err));
    LC_TRY(rc, lc_path_join(site, named ? "" : c->scripts, named ? named : "site.conf", err));
    if (lc_path_is_file(site))
        rc = read_site(c, site, err);
    if (rc == LC_OK && !getenv("LIGHTCONE")) /* the jobs run this program */
        rc = set(c, "LIGHTCONE", c->program, err);
done:
    return rc;
}

void lc_cluster_close(struct lc_cluster *c)
{
    lc_bytes_release(&c->set);
}

double lc_cluster_seconds(const char *text)
{
    static const double unit[] = {1.0, 60.0, 3600.0};
    double part[3], days = 0.0, seconds = 0.0;
    char *end = NULL;
    int parts = 0;

    for (const char *at = text; parts < 3; at = end + 1) {
        if (!isdigit((unsigned char)*at))
            return 0.0;
        part[parts] = strtod(at, &end);
        if (*end == '-' && parts == 0 && days == 0.0)
            days = part[0];
        else if (*end == ':')
            parts++;
        else {
            parts++;
            break;
        }
    }
    for (int k = 0; k < parts; k++)
        seconds += part[k] * unit[parts - 1 - k];
    return 86400.0 * days + seconds;
}

/* One line "sockets|cores|threads|MB|nodes|limit|partition" into the least of all. */
static int add_line(struct lc_nodes *n, const char *line, const char *partition)
{
    int64_t sockets, cores, nodes;
    double megabytes, seconds;
    char limit[32], name[128];

    if (sscanf(line, "%" SCNd64 "|%" SCNd64 "|%*d|%lf|%" SCNd64 "|%31[^|]|%127[^|]", &sockets, &cores, &megabytes, &nodes,
               limit, name) != 6)
        return 0;
    if (!partition[0] && name[strlen(name) - 1] != '*') /* the default one has a star */
        return 0;
    seconds = lc_cluster_seconds(limit);
    n->cores = n->count == 0 || sockets * cores < n->cores ? sockets * cores : n->cores;
    n->memory = n->count == 0 || megabytes * 1048576.0 < n->memory ? megabytes * 1048576.0 : n->memory;
    n->seconds = n->seconds == 0.0 || (seconds > 0.0 && seconds < n->seconds) ? seconds : n->seconds;
    n->count += nodes;
    return 1;
}

static int ask_sinfo(struct lc_nodes *n, const char *partition, struct lc_err *err)
{
    char named[160];
    const char *const argv[] = {"sinfo", "--noheader", "--exact", "--format=%X|%Y|%Z|%m|%D|%l|%P",
                                partition[0] ? named : NULL, NULL};
    struct lc_err absent = LC_ERR_INIT;
    struct lc_child child;
    int found = 0;

    snprintf(named, sizeof named, "--partition=%s", partition);
    if (lc_child_run(&child, argv, &absent) != LC_OK)
        return LC_OK; /* the caller sees that there are no nodes */
    for (char *line = child.status == 0 ? (char *)child.out.data : NULL; line && *line;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        found += add_line(n, line, partition);
        line = next;
    }
    if (child.status == 0 && found == 0 && partition[0])
        LC_FAIL(err, LC_E_USAGE, "sinfo knows no nodes of partition '%s'", partition);
    lc_child_release(&child);
    return err->code;
}

static int take_cores(struct lc_nodes *n, struct lc_err *err)
{
    const char *set = getenv("LIGHTCONE_CORES");
    char *end;

    if (set && set[0]) {
        n->cores = strtoll(set, &end, 10);
        n->from = "LIGHTCONE_CORES";
        if (*end || n->cores < 1 || n->cores > 4096)
            return LC_FAIL(err, LC_E_USAGE, "LIGHTCONE_CORES is '%s'; allowed: a whole number from 1 to 4096", set);
    } else if (n->count == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        n->cores = cores > 0 ? cores : 1;
        n->from = "this machine";
    }
    return LC_OK;
}

int lc_cluster_nodes(struct lc_nodes *n, const char *partition, struct lc_err *err)
{
    *n = (struct lc_nodes){.from = "sinfo"};
    if (ask_sinfo(n, partition, err) != LC_OK)
        return err->code;
    if (n->memory <= 1048576.0) /* what Slurm says where nobody told it */
        n->memory = 0.0;
    return take_cores(n, err);
}
