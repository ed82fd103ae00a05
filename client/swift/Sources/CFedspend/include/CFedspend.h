/* The C ABI as a module of Swift. fedspend/client.h comes from the xcframework, or from client/include in this repository. */
#ifndef CFEDSPEND_H
#define CFEDSPEND_H
#include <fedspend/client.h>
#endif
