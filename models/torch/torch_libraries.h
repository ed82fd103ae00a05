#pragma once
// Which libraries compute, and whether several threads may compute with them at once. Thread-safe.

#include <string>

#include "common/result.h"

namespace fedspend::models {

// As one line; two runs of torch's trainers give the same bits where it is the same:
// "libtorch 1.13.1 AVX2, OpenBLAS 0.3.21 ... Haswell ...": the second part where libtorch's products are OpenBLAS's.
std::string torch_libraries();

// conflict where libtorch's products are those of OpenBLAS' sequential build. It hands out its work buffers without a lock (unless
// built with USE_LOCKING, which it does not say; Debian's is not), so that two threads may get the same one and wrong products:
// OpenMathLib/OpenBLAS, issues 2126 and 2711, pull request 2136. Another BLAS is not asked.
Status check_torch_libraries();

}  // namespace fedspend::models
