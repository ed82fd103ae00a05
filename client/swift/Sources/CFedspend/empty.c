/* SwiftPM builds no target without a source. */
#include <CFedspend.h>
