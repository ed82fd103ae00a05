// The body of update.
#include "tests/fuzz/fuzz_target.h"

FEDSPEND_FUZZ_BODY(update)
