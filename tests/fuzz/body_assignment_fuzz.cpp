// The body of assignment.
#include "tests/fuzz/fuzz_target.h"

FEDSPEND_FUZZ_BODY(assignment)
