// The one place where the TOML parser's bodies are compiled (CMakeLists.txt, fedspend_toml).

#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
