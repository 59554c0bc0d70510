/* SPDX-License-Identifier: MIT */
#include "children.h"

#include "check.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Convolutions here take milliseconds; a slow checker (valgrind) makes it seconds. */
enum { SECONDS = 30 };

void in_a_child(void (*work)(void*), void* argument)
{
    int failures_before = check_failures();
    pid_t child = fork();
    if(child == 0) {
        alarm(SECONDS);
        work(argument);
        _exit(check_failures() > failures_before);
    }
    int status = 0;
    if(!CHECK(child > 0) || !CHECK(waitpid(child, &status, 0) == child)) {
        return;
    }
    CHECK_THAT(!WIFSIGNALED(status), "the child %s",
        WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    CHECK_THAT(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "checks of the child failed");
}
