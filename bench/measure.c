/*
 * measure.c - runs a command and says what it cost.
 *
 *     measure RESULT COMMAND [ARGUMENT...]
 *
 * Writes {"code":..,"seconds":..,"user":..,"system":..,"peak_kb":..} to the file RESULT; its own exit code is
 * 0 when the command could be started. The peak is ru_maxrss of wait4. Linux counts into it what the process
 * was before exec, so that it must be started by something small: a Python script would add its own 20 MB.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    struct rusage usage;
    int status = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: measure RESULT COMMAND [ARGUMENT...]\n");
        return 64;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t pid = fork();
    if (pid < 0) {
        perror("measure: fork");
        return 1;
    }
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    while (wait4(pid, &status, 0, &usage) < 0) {
        if (errno != EINTR) {
            perror("measure: wait4");
            return 1;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    FILE *result = fopen(argv[1], "w");
    if (result == NULL) {
        perror(argv[1]);
        return 1;
    }
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    fprintf(result, "{\"code\":%d,\"seconds\":%.6f,\"user\":%.6f,\"system\":%.6f,\"peak_kb\":%ld}\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), seconds, seconds_of(usage.ru_utime),
            seconds_of(usage.ru_stime), usage.ru_maxrss);
    return fclose(result) == 0 ? 0 : 1;
}
