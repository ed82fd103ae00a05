// The body of update_reply.
#include "tests/fuzz/fuzz_target.h"

FEDSPEND_FUZZ_BODY(update_reply)
