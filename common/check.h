#pragma once
// FEDSPEND_CHECK(condition, "what must hold"): a programmer's mistake ends the process, in release builds too, with the
// place where it was found. Never used for anything that a peer, a file or a user can cause.

#include <cstdio>
#include <cstdlib>

#define FEDSPEND_CHECK(condition, message)                                                            \
  do {                                                                                                \
    if (!(condition)) {                                                                               \
      std::fprintf(stderr, "%s:%d: bug: %s (%s)\n", __FILE__, __LINE__, message, #condition);         \
      std::abort();                                                                                   \
    }                                                                                                 \
  } while (false)
