/* exit.c - exit codes. */
#include "cli/session.h"

#include "cli/signals.h"

int dvsi_cli_exit_of(const dvs_error *err)
{
    switch (err->status) {
    case DVS_E_USAGE:
        return DVSI_CLI_EXIT_USAGE;
    case DVS_E_CONFIG:
        return DVSI_CLI_EXIT_CONFIG;
    case DVS_E_LOCKED:
        return DVSI_CLI_EXIT_LOCKED;
    case DVS_E_GUARD:
        return DVSI_CLI_EXIT_GUARD;
    case DVS_E_CANCELLED: /* `cancel`, when it was no signal of ours */
        return dvsi_cli_interrupted() ? dvsi_cli_interrupted() : DVSI_CLI_EXIT_TERMINATED;
    default:
        return DVSI_CLI_EXIT_FAILED;
    }
}

int dvsi_cli_exit_worse(int a, int b)
{
    static const int order[] = {DVSI_CLI_EXIT_INTERRUPTED, DVSI_CLI_EXIT_TERMINATED, DVSI_CLI_EXIT_USAGE,
                                DVSI_CLI_EXIT_CONFIG,      DVSI_CLI_EXIT_LOCKED,     DVSI_CLI_EXIT_GUARD,
                                DVSI_CLI_EXIT_FAILED,      DVSI_CLI_EXIT_PARTIAL,    DVSI_CLI_EXIT_FOUND};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (a == order[i] || b == order[i])
            return order[i];
    }
    return a ? a : b;
}

int dvsi_cli_fail(dvsi_cli *cli, const dvs_error *err)
{
    dvsi_cli_say(&cli->console, DVSI_CLI_ERROR, "%s",
                 err->message[0] ? err->message : "the library failed without a message");
    return dvsi_cli_exit_of(err);
}
