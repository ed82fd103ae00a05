// The body of decline.
#include "tests/fuzz/fuzz_target.h"

FEDSPEND_FUZZ_BODY(decline)
