#pragma once
/* The C ABI as a module of Swift. fedspend/client.h comes from the xcframework, or from client/include in this repository. */
#include <fedspend/client.h>
