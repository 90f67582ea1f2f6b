#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

static int complain(const char *message)
{
    fprintf(stderr, "dvsync-sim: %s\n", message);
    return 1;
}

static int add_faults(struct sim *sim)
{
    const struct sim_options *options = sim->options;
    for (size_t i = 0; i < options->n_faults; i++) {
        char message[256];
        char *ids = sim_faults_add(sim->faults, options->faults[i], strlen(options->faults[i]), message,
                                   sizeof message);
        free(ids);
        if (ids == NULL) {
            fprintf(stderr, "dvsync-sim: --fault: %s\n", message);
            return SIM_EXIT_USAGE;
        }
    }
    return 0;
}

/* Tables are planned before the first is made: lookups between them point to rows that will exist. */
static int generate(struct sim *sim, int only_plan)
{
    const struct sim_options *options = sim->options;
    for (size_t i = 0; i < options->n_rows; i++) {
        const struct sim_rows *rows = &options->rows[i];
        struct sim_error error = {"out of memory"};
        char *name = strndup(rows->name, rows->name_length);
        int rc = -1;
        if (name != NULL)
            rc = only_plan ? sim_store_plan(sim->store, name, rows->rows, &error)
                           : sim_store_generate(sim->store, name, rows->rows, rows->columns, &error);
        free(name);
        if (rc != 0)
            return complain(error.message);
    }
    return 0;
}

static int fill(struct sim *sim)
{
    const struct sim_options *options = sim->options;
    struct sim_error error = {{0}};
    sim->store = sim_store_new(options->seed, sim_clock_now(&sim->clock));
    if (sim->store == NULL)
        return complain("out of memory");
    if (generate(sim, 1) != 0 || generate(sim, 0) != 0)
        return 1;
    for (size_t i = 0; i < options->n_data; i++)
        if (sim_store_load(sim->store, options->data[i], &error) != 0)
            return complain(error.message);
    return 0;
}

/* Whoever waits for the file finds the whole address in it: it gets its name when it is complete. */
static int write_ready_file(const char *path, const char *address)
{
    char *new_path;
    if (asprintf(&new_path, "%s.new", path) < 0)
        return complain("out of memory");
    FILE *file = fopen(new_path, "w");
    int bad = file == NULL || fprintf(file, "%s\n", address) < 0;
    if (file != NULL && fclose(file) != 0)
        bad = 1;
    if (bad || rename(new_path, path) != 0) {
        fprintf(stderr, "dvsync-sim: cannot write %s: %s\n", path, strerror(errno));
        bad = 1;
    }
    free(new_path);
    return bad;
}

static int serve(struct sim *sim, const sigset_t *signals)
{
    char message[256], address[64];
    struct sim_server *server = sim_server_start(sim, message, sizeof message);
    if (server == NULL)
        return complain(message);
    snprintf(address, sizeof address, "http://127.0.0.1:%u", (unsigned)sim_server_port(server));
    int rc = sim->options->ready_file == NULL ? 0 : write_ready_file(sim->options->ready_file, address);
    if (rc == 0 && (printf("%s\n", address) < 0 || fflush(stdout) != 0))
        rc = complain("cannot write to standard output");
    int received;
    if (rc == 0)
        sigwait(signals, &received);
    sim_server_stop(server);
    return rc;
}

int main(int argc, char **argv)
{
    struct sim_options options;
    struct sim sim;
    char message[256];
    memset(&sim, 0, sizeof sim);
    int rc = 0;
    if (sim_options_read(&options, argc, argv, message, sizeof message) != 0) {
        complain(message);
        rc = SIM_EXIT_USAGE;
        goto out;
    }
    if (options.help) {
        rc = fputs(sim_options_help, stdout) < 0 || fflush(stdout) != 0;
        goto out;
    }
    /* Blocked before there are threads, so that only sigwait() sees them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (sim_init(&sim, &options) != 0)
        rc = complain("out of memory");
    if (rc == 0)
        rc = add_faults(&sim);
    if (rc == 0)
        rc = fill(&sim);
    if (rc == 0)
        rc = serve(&sim, &signals);
    sim_free(&sim);
out:
    sim_options_free(&options);
    return rc;
}
