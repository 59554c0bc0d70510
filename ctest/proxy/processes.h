/* Runs something in many processes, for what happens in each but once. */
#ifndef PROCESSES_H
#define PROCESSES_H

/* Forks `count` children (a word of the command line), one after another, which end with what
 * `run` returns. Returns the exit status of a program that wants 0 of each. */
int in_processes(const char* count, int (*run)(void));

#endif
