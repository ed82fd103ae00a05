#pragma once
// Which libraries compute, as one line. Two runs of torch's trainers give the same bits where this is the same. Thread-safe.

#include <string>

namespace fedspend::models {

// "libtorch 1.13.1 AVX2, OpenBLAS 0.3.21 ... Haswell ...": the second part where libtorch's products are OpenBLAS's.
std::string torch_libraries();

}  // namespace fedspend::models
