#include "tests/paths.h"

namespace fedspend::tests {

std::string source_dir() { return FEDSPEND_SOURCE_DIR; }
std::string bin_dir() { return FEDSPEND_BIN_DIR; }

}  // namespace fedspend::tests
