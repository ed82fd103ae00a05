// The one place where the TOML parser's bodies are compiled (CMakeLists.txt, fedspend_toml).

#include <version>

// Where the standard library reads floats without streams, so is it here: toml++ 3.3 does not trust any GCC or Clang to.
#ifdef __cpp_lib_to_chars
#define TOML_FLOAT_CHARCONV 1
#endif
#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
