// A shared library for torch_module_test.cpp: with FEDSPEND_OTHER_TAG a module of another build, without it nothing of the kind.
#ifdef FEDSPEND_OTHER_TAG
#include <cstdlib>

extern "C" {
__attribute__((visibility("default"))) const char* fedspend_torch_module_tag() { return "another build"; }
__attribute__((visibility("default"))) const void* fedspend_torch_module(const char*) { std::abort(); }  // never to be called
}
#endif
