// The body of come_back.
#include "tests/fuzz/fuzz_target.h"

FEDSPEND_FUZZ_BODY(come_back)
