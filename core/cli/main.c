/* main.c - dvsync, the command line. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/help.h"
#include "cli/session.h"

/* Whoever starts us without one of the three standard files must not find results or messages in a database
 * that got its number. Reading is all that the stand-in for an output can do, so writes to it still fail. */
static void open_standard_files(void)
{
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            _exit(DVSI_CLI_EXIT_FAILED);
    }
}

static int wants_color(const dvsi_cli_args *args, int fd)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    if (args->color && strcmp(args->color, "auto") != 0)
        return strcmp(args->color, "always") == 0;
    if ((no_color && *no_color) || (terminal && strcmp(terminal, "dumb") == 0))
        return 0;
    return isatty(fd);
}

static int set_up(dvsi_cli *cli)
{
    const dvsi_cli_args *args = &cli->args;
    const char *terminal = getenv("TERM");
    unsigned level = DVSI_CLI_WARNING + args->verbose;

    cli->out.fd = STDOUT_FILENO;
    cli->out.color = wants_color(args, STDOUT_FILENO);
    cli->console.json = args->log_format && strcmp(args->log_format, "json") == 0;
    cli->console.color = wants_color(args, STDERR_FILENO);
    cli->console.terminal =
        isatty(STDERR_FILENO) && !cli->console.json && !(terminal && strcmp(terminal, "dumb") == 0);
    cli->console.level =
        args->quiet ? DVSI_CLI_ERROR : (int32_t)(level > DVSI_CLI_DEBUG ? DVSI_CLI_DEBUG : level);
    return pthread_mutex_init(&cli->console.mutex, NULL);
}

/* What could not be written was not delivered. A reader that has seen enough (`| head`) needs no telling. */
static int finish_output(dvsi_cli *cli, int code)
{
    if (dvsi_cli_flush(&cli->out) == 0)
        return code;
    if (cli->out.error == ENOMEM)
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "memory ran out while the result was printed");
    else if (cli->out.error != EPIPE)
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "the result could not be written to standard output: %s",
                     strerror(cli->out.error));
    return dvsi_cli_exit_worse(code, DVSI_CLI_EXIT_FAILED);
}

static int run(dvsi_cli *cli)
{
    int code;

    if (cli->args.help) {
        dvsi_cli_print_help(&cli->out, cli->command);
        return 0;
    }
    if (!cli->command && !cli->args.version) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "no command was given; see 'dvsync --help'");
        return DVSI_CLI_EXIT_USAGE;
    }
    if (cli->command && cli->command->hidden) /* help and completion need nothing but the option tables */
        return cli->command->run(cli);
    code = dvsi_cli_start(cli);
    if (code)
        return code;
    return cli->args.version ? dvsi_cli_version(cli) : cli->command->run(cli);
}

int main(int argc, char **argv)
{
    dvsi_cli cli = {0};
    dvsi_cli_mistake mistake;
    int bad;
    int code;

    open_standard_files();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe must not kill a sync in the middle */
    signal(SIGXFSZ, SIG_IGN); /* nor a file that may not grow: the write fails, as on a full disk */
    /* So that the width of characters is known: our output is UTF-8 whatever the environment says. Nothing
     * else depends on it. */
    setlocale(LC_CTYPE, "C.UTF-8");
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 2); /* an arena a reader thread would keep 10 MB more, and be no faster */
#endif
    bad = dvsi_cli_parse(argc, argv, &cli.args, &cli.command, &mistake);
    if (set_up(&cli))
        return DVSI_CLI_EXIT_FAILED;
    if (bad) {
        dvsi_cli_say(&cli.console, DVSI_CLI_ERROR, "%s", mistake.message);
        code = DVSI_CLI_EXIT_USAGE;
    } else {
        code = finish_output(&cli, run(&cli));
    }
    dvs_context_free(cli.context);
    dvsi_buf_free(&cli.out.buffer);
    pthread_mutex_destroy(&cli.console.mutex);
    dvsi_cli_args_free(&cli.args);
    return code;
}
