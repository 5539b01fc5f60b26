#include "lightcone/handout.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handout_internal.h"

enum { FEW_RANKS = 8 };  /* up to here rank 0 works too */
enum { SHARE = 4 };      /* an answer is this part of a worker's share of what is left */
enum { MOST_UNITS = 64 };

static volatile sig_atomic_t caught, asked;
static const char *_Atomic reason; /* of lc_handout_interrupt() */

static void on_signal(int number)
{
    caught = number;
}

static void on_question(int number)
{
    asked = number;
}

void lc_handout_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    const int numbers[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};
    struct sigaction before;

    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    for (int i = 0; i < 4; i++) {
        sigaction(numbers[i], &action, &before);
        if (numbers[i] == SIGHUP && before.sa_handler == SIG_IGN) /* nohup: the job outlives its terminal */
            sigaction(SIGHUP, &before, NULL);
    }
    action.sa_handler = on_question;
    sigaction(SIGUSR2, &action, NULL);
}

void lc_handout_interrupt(const char *why)
{
    reason = why;
}

int lc_handout_signalled(void)
{
    return caught != 0 || reason;
}

static const char *signal_name(int number)
{
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : number == SIGHUP ? "SIGHUP" : "SIGUSR1";
}

int lc_signal_check(struct lc_err *err)
{
    if (!lc_handout_signalled())
        return LC_OK;
    if (!caught)
        return LC_FAIL(err, LC_E_STOPPED, "stopped before the last unit: %s", reason);
    return LC_FAIL(err, LC_E_STOPPED, "by signal %d (%s) before the last unit", (int)caught, signal_name(caught));
}

int lc_signal_asked(int take)
{
    int was = asked != 0;

    if (take)
        asked = 0;
    return was;
}

int lc_handout_check(const struct lc_handout *h, struct lc_err *err)
{
    if (lc_signal_check(err) != LC_OK || !h->stop)
        return err->code;
    return h->stop(h->arg, err);
}

void lc_doze(long *ns, long longest)
{
    enum { SHORTEST = 20000 };
    struct timespec nap = {0};

    *ns = *ns == 0 ? SHORTEST : 2 * *ns < longest ? 2 * *ns : longest;
    nap.tv_nsec = *ns;
    nanosleep(&nap, NULL);
}

int64_t lc_handout_workers(int64_t ranks)
{
    return ranks <= FEW_RANKS ? ranks : ranks - 1;
}

int64_t lc_handout_batch(int64_t remaining, int64_t workers)
{
    int64_t count = remaining / (SHARE * workers);

    if (remaining < 1)
        return 0;
    return count < 1 ? 1 : count < MOST_UNITS ? count : MOST_UNITS;
}

int lc_handout_run(const struct lc_comm *par, const struct lc_handout *h, struct lc_err *err)
{
    struct lc_coordinator *c = NULL;
    struct lc_watch watch = {0};

    if (par->rank == 0)
        lc_coordinator_open(&c, par, h, &watch, err);
    if (lc_watch_init(&watch, par, h, err) == LC_OK) {
        if (par->rank == 0)
            lc_coordinate(c, err);
        else
            lc_labour(par, h, &watch, err);
        lc_comm_agree(par, err);
    }
    lc_watch_release(&watch);
    lc_coordinator_close(c);
    return err->code;
}
