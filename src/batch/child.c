#include "child.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

/* What a file without a name holds by now. */
static int read_back(FILE *file, struct lc_bytes *out, struct lc_err *err)
{
    char piece[4096];
    size_t got;
    int rc = LC_OK;

    rewind(file);
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        LC_TRY(rc, lc_bytes_add(out, piece, got, err));
    LC_TRY(rc, lc_bytes_add(out, "", 1, err));
    out->size--;
done:
    return rc;
}

static int start(pid_t *pid, const char *const *argv, FILE *out, FILE *said, struct lc_err *err)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error)
        return LC_FAIL(err, LC_E_MEMORY, "%s: %s", argv[0], strerror(error));
    error = posix_spawn_file_actions_adddup2(&actions, fileno(out), 1);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(said), 2);
    if (!error) /* POSIX forgot a const: the arguments are not changed */
        error = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error == ENOENT)
        return LC_FAIL(err, LC_E_IO, "no program '%s' on PATH", argv[0]);
    return error ? LC_FAIL(err, LC_E_IO, "%s cannot be started: %s", argv[0], strerror(error)) : LC_OK;
}

static int await(pid_t pid, int *status)
{
    int state;

    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR)
            return errno;
    *status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    return 0;
}

int lc_child_run(struct lc_child *child, const char *const *argv, struct lc_err *err)
{
    FILE *out = tmpfile(), *said = tmpfile(); /* files, not pipes: nobody has to read while it writes */
    pid_t pid;
    int rc = LC_OK, error;

    *child = (struct lc_child){0};
    if (!out || !said) {
        rc = LC_FAIL(err, LC_E_IO, "no temporary file for what %s prints: %s", argv[0], strerror(errno));
        goto done;
    }
    LC_TRY(rc, start(&pid, argv, out, said, err));
    error = await(pid, &child->status);
    if (error)
        rc = LC_FAIL(err, LC_E_IO, "%s: no exit status: %s", argv[0], strerror(error));
    if (rc == LC_OK)
        rc = read_back(out, &child->out, err);
    if (rc == LC_OK)
        rc = read_back(said, &child->said, err);
done:
    if (out)
        fclose(out);
    if (said)
        fclose(said);
    if (rc != LC_OK)
        lc_child_release(child);
    return rc;
}

void lc_child_release(struct lc_child *child)
{
    lc_bytes_release(&child->out);
    lc_bytes_release(&child->said);
}
