// The body of check_in.
#include "tests/fuzz/fuzz_target.h"

FEDSPEND_FUZZ_BODY(check_in)
