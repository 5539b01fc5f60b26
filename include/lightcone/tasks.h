/* tasks.h - a configuration as tasks: sets of its sweep's points that share a forward pass. */
#ifndef LC_TASKS_H
#define LC_TASKS_H

#include <stdio.h>

#include "lightcone/comm.h"
#include "lightcone/file.h"
#include "lightcone/grid.h"
#include "lightcone/job.h"

struct lc_task {
    int64_t points;
    int64_t *point;      /* [points] their numbers in the grid, ascending; owned */
    unsigned char *over; /* [points] 1: the point's result is there (finished.h); owned */
};

struct lc_tasks {
    struct lc_grid grid;
    struct lc_task *task; /* [count]; one without a sweep */
    int64_t count;
    char output[LC_PATH_MAX]; /* the configuration's: of a sweep the file that joins the points' */
    char folder[LC_PATH_MAX]; /* of a sweep OUTPUT.points, where the points' files are; "" without one */
    void *bytes;              /* of the configuration file; owned */
    int root;                 /* rank 0: the folder goes again when nothing was put into it */
};

/* Read the configuration, check every point of it, find its jobs, and see whether results can be put where they shall go.
 * On success release with lc_tasks_release(). Collective; agrees on errors. */
int lc_tasks_open(struct lc_tasks *tasks, const struct lc_comm *par, const char *path, const char *const *overrides,
                  int64_t override_count, struct lc_err *err);
void lc_tasks_release(struct lc_tasks *tasks);

/* The configuration of a point, its output the point's own file, and its job. On success *config is the caller's to
 * release. */
int lc_tasks_config(const struct lc_tasks *tasks, int64_t point, struct lc_config *config, const struct lc_job **job,
                    struct lc_err *err);

/* What a study of a task is made of, as lc_study_open() takes it. */
struct lc_task_inputs {
    const struct lc_job *job;
    struct lc_config all;     /* its output, a path that nothing is at, tells where checkpoint and run record stand */
    struct lc_config *member; /* [members] owned */
    int64_t members;          /* the task's points; 0 without a sweep */
};
int lc_tasks_inputs(const struct lc_tasks *tasks, int64_t index, struct lc_task_inputs *out, struct lc_err *err);
void lc_task_inputs_release(struct lc_task_inputs *in); /* what the study has not taken over */

/* Put the task behind the message of an error of it. Nothing without a sweep. Returns err->code. */
int lc_tasks_name(const struct lc_tasks *tasks, int64_t index, struct lc_err *err);

/* The last part of such a line, with a zero byte behind it. Appended to *out. */
int lc_tasks_describe(const struct lc_tasks *tasks, int64_t index, struct lc_bytes *out, struct lc_err *err);
/* Leave that list in the folder of the points, for lc_tasks_look(). Nothing without a sweep. Serial. */
int lc_tasks_note(const struct lc_tasks *tasks, struct lc_err *err);
/* How far a sweep is by the files in OUTPUT.points; no tasks where it has not begun. Serial. */
struct lc_tasks_state {
    int64_t tasks, finished, points, written; /* written: points whose file is there */
};
int lc_tasks_look(const char *folder, struct lc_tasks_state *state, struct lc_err *err);

/* 1 when all its points are over. */
int lc_task_is_over(const struct lc_task *task);

/* Join the files of all points in `output`. Serial. */
int lc_tasks_join(const struct lc_tasks *tasks, struct lc_err *err);

/* A line for each task: "INDEX<TAB>OUTPUT[,OUTPUT...]<TAB>key=value[ key=value...]". Of a key that differs within the task
 * the value is a list. Appended to *out. */
int lc_tasks_list(const struct lc_tasks *tasks, struct lc_bytes *out, struct lc_err *err);

#endif
