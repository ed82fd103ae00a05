#pragma once
// An allocation that fails: linking failing_memory.cpp replaces operator new, for the shared libraries of the process, too. Thread-safe.

namespace fedspend::testing {

void fail_allocation(long number);  // that one from now on, 0: the next; of any thread
bool has_failed();                  // since fail_allocation()
bool stop_failing();                // no more; whether it has

}  // namespace fedspend::testing
