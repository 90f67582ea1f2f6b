/* refuse.c - what the contract names and this version does not build: the one table. */
#include <string.h>

#include "cli/args.h"

typedef struct refusal {
    const char *command; /* NULL: any */
    const char *option;  /* NULL: the whole command */
} refusal;

static const refusal refusals[] = {
    {"plugins check", NULL},
    {"plugins new", NULL},
};

static int same(const char *wanted, const char *given)
{
    return wanted && given ? strcmp(wanted, given) == 0 : wanted == given;
}

int dvsi_cli_refused(const char *command, const char *option)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const refusal *r = &refusals[i];

        if (same(r->option, option) && (!r->command || same(r->command, command)))
            return 1;
    }
    return 0;
}
