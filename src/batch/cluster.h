/* cluster.h - what `submit` must know of a cluster: where its scripts lie, what the site file sets, what nodes there are.
 * Private to src/batch. */
#ifndef LC_CLUSTER_H
#define LC_CLUSTER_H

#include "lightcone/file.h"
#include "lightcone/memory.h"

/* The least of a partition's nodes. */
struct lc_nodes {
    int64_t cores;        /* of a node; threads of one core count once */
    double memory;        /* bytes of a node; 0: not known */
    int64_t count;        /* of nodes; 0: not known */
    double seconds;       /* time limit; 0: none, or not known */
    const char *from;     /* who says so: "sinfo", "LIGHTCONE_CORES", "this machine" */
};

struct lc_cluster {
    char program[LC_PATH_MAX]; /* this one */
    char scripts[LC_PATH_MAX]; /* slurm/ of the source tree it was built in, or of share/lightcone where it is installed */
    struct lc_bytes set;       /* "NAME=value", each with its zero byte: what was set for sbatch; owned */
};

/* Find program and scripts, and take over what the site file ($LIGHTCONE_SITE, or site.conf beside the scripts) sets of
 * variables SBATCH_* and LIGHTCONE*, into this process's environment. LC_E_IO when there are no scripts or the site file
 * fails. Release with lc_cluster_close(), whatever it returned. */
int lc_cluster_open(struct lc_cluster *cluster, struct lc_err *err);
void lc_cluster_close(struct lc_cluster *cluster);

/* The nodes of a partition ("": the default one) as sinfo knows them; LIGHTCONE_CORES overrides the cores, and where there is
 * no sinfo this machine stands for a node. LC_E_USAGE when sinfo has no such partition. */
int lc_cluster_nodes(struct lc_nodes *nodes, const char *partition, struct lc_err *err);

/* Seconds of Slurm's "[days-][[hours:]minutes:]seconds"; 0 for anything else, such as "infinite". */
double lc_cluster_seconds(const char *text);

#endif
