/* cmd_diff.c - `diff`: what a complete sync would change. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/compare.h"
#include "cli/signals.h"

#define PLAN_BEGINS "{\"dvsync_plan\":"

/* What stands at --plan is replaced by the plan: an older plan may be, another file or a device never. */
static int may_replace(const char *path)
{
    char begin[sizeof(PLAN_BEGINS) - 1];
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int may;

    if (fd < 0)
        return access(path, F_OK) != 0;
    may = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
          (st.st_size == 0 || (read(fd, begin, sizeof(begin)) == (ssize_t)sizeof(begin) &&
                               memcmp(begin, PLAN_BEGINS, sizeof(begin)) == 0));
    close(fd);
    return may;
}

int dvsi_cli_diff(dvsi_cli *cli)
{
    const char *plan = cli->args.plan;
    dvs_project *project = NULL;
    int code;

    if (plan && !may_replace(plan)) {
        dvsi_cli_say(&cli->console, DVSI_CLI_ERROR,
                     "%s is there and is no plan; name another file for --plan", plan);
        return DVSI_CLI_EXIT_USAGE;
    }
    code = dvsi_cli_open(cli, NULL, &project);
    if (code)
        return code;
    dvsi_cli_signals_catch(cli->console.json || cli->args.quiet);
    code = dvsi_cli_compare(cli, project);
    dvs_project_free(project);
    return code;
}
