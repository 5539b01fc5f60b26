#include "heart.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lightcone/memory.h"

struct lc_heart {
    char output[LC_PATH_MAX];
    struct lc_alive alive; /* guarded by `lock`, as is `stop` */
    int stop, at_once, warned; /* at_once: the next sign of life is due */
    pthread_mutex_t lock;
    pthread_cond_t woken;
    pthread_t thread;
    void (*warn)(const char *text);
};

/* Take over what is told, but for whose it is and the count. */
static void take(struct lc_alive *a, const struct lc_alive *told)
{
    struct lc_alive own = *a;

    *a = *told;
    a->id = own.id;
    a->beat = own.beat;
    a->started = own.started;
}

/* A disk that takes nothing is said once until it does again. */
static void beat(struct lc_heart *h)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_alive copy = h->alive;

    pthread_mutex_unlock(&h->lock); /* a slow disk keeps nobody who has something to tell */
    if (lc_alive_write(h->output, &copy, &err) != LC_OK && !h->warned) {
        lc_err_prefix(&err, "no sign of life can be written, `lightcone status` will call this job dead");
        h->warn(err.msg);
    }
    h->warned = err.code != LC_OK;
    pthread_mutex_lock(&h->lock);
    h->alive.beat = copy.beat;
}

static void *live(void *arg)
{
    struct lc_heart *h = arg;
    struct timespec until;

    pthread_mutex_lock(&h->lock);
    while (!h->stop) {
        int slept = 0;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)LC_ALIVE_EVERY;
        while (!h->stop && !h->at_once && slept == 0)
            slept = pthread_cond_timedwait(&h->woken, &h->lock, &until);
        h->at_once = 0;
        if (!h->stop)
            beat(h);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* Signals are for the thread that computes. */
static int start_thread(struct lc_heart *h, struct lc_err *err)
{
    pthread_condattr_t clock;
    sigset_t all, old;
    int bad;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&h->woken, &clock);
    pthread_condattr_destroy(&clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bad = pthread_create(&h->thread, NULL, live, h);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (bad)
        return LC_FAIL(err, LC_E_LIBRARY, "a thread cannot be started: %s", strerror(bad));
    return LC_OK;
}

int lc_heart_start(struct lc_heart **heart, const char *output, const struct lc_alive *first,
                   void (*warn)(const char *text), struct lc_err *err)
{
    struct lc_heart *h = NULL;
    int rc;

    LC_TRY(rc, LC_ALLOC(&h, 1, "signs of life", err));
    h->alive = *first;
    h->warn = warn;
    snprintf(h->output, sizeof h->output, "%s", output);
    pthread_mutex_init(&h->lock, NULL);
    pthread_mutex_lock(&h->lock);
    beat(h);
    pthread_mutex_unlock(&h->lock);
    rc = start_thread(h, err);
    if (rc != LC_OK)
        lc_alive_remove(output, &h->alive);
done:
    if (rc == LC_OK)
        *heart = h;
    else
        free(h);
    return rc;
}

void lc_heart_tell(struct lc_heart *h, const struct lc_alive *how_far)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    if (strcmp(h->alive.phase, how_far->phase) != 0) {
        h->at_once = 1;
        pthread_cond_signal(&h->woken);
    }
    take(&h->alive, how_far);
    pthread_mutex_unlock(&h->lock);
}

void lc_heart_stop(struct lc_heart *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stop = 1;
    pthread_cond_signal(&h->woken);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    lc_alive_remove(h->output, &h->alive);
    pthread_cond_destroy(&h->woken);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
