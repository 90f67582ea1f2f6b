/* signals.c - SIGINT and SIGTERM. A handler can reach nothing but globals: these are the program's only
 * ones. */
#include "cli/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static _Atomic(dvs_project *) current;
static volatile sig_atomic_t arrived;
static pthread_t main_thread;
static const char *hint;

static const char stopping[] =
    "\ndvsync: stopping at the next checkpoint; press Ctrl-C again to end at once\n";

static int why(int number)
{
    return number == SIGINT ? DVS_STOP_INTERRUPT : DVS_STOP_TERMINATE;
}

static void on_signal(int number)
{
    int saved = errno;
    dvs_project *project;

    /* Only the main thread may look at the project: there, nobody can be freeing it at the same time. */
    if (!pthread_equal(pthread_self(), main_thread)) {
        pthread_kill(main_thread, number);
        errno = saved;
        return;
    }
    if (arrived)
        _exit(128 + number);
    arrived = number;
    if (hint && write(STDERR_FILENO, hint, strlen(hint)) < 0)
        hint = NULL;
    project = atomic_load(&current);
    if (project)
        dvs_project_stop(project, why(number));
    errno = saved;
}

void dvsi_cli_signals_catch(int quiet)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    struct sigaction action;

    main_thread = pthread_self();
    hint = quiet ? NULL : stopping;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction before;

        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

void dvsi_cli_signals_project(dvs_project *project)
{
    atomic_store(&current, project);
    if (project && arrived)
        dvs_project_stop(project, why(arrived));
}

int dvsi_cli_interrupted(void)
{
    return arrived ? 128 + arrived : 0;
}
