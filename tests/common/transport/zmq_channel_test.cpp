#include "common/transport/zmq_channel.h"

#include <doctest/doctest.h>
TEST_CASE("x") {}
