#pragma once
// aborts(action): whether the action ends the process by FEDSPEND_CHECK. Runs it in a forked child, so call it from tests
// without threads. POSIX only, as the programs are.

#include <csignal>
#include <cstdio>

#include <sys/wait.h>
#include <unistd.h>

namespace fedspend::tests {

template <class Action>
bool aborts(Action action) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    close(STDERR_FILENO);
    action();
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace fedspend::tests
