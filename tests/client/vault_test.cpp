// What every vault does, on the one in memory; the one on disk runs the same cases in vault_store_test.cpp.

#include "client/vault.h"

#include <doctest/doctest.h>

#include "tests/client/vault_cases.h"

namespace fedspend::client {
namespace {

TEST_CASE("in memory: a vault keeps rows by shelf and number, in order") {
  MemoryVault vault;
  check_keeps_rows(vault);
}

TEST_CASE("in memory: a vault does any series of changes as a map would") { check_as_a_map([] { return std::make_unique<MemoryVault>(); }); }

}  // namespace
}  // namespace fedspend::client
