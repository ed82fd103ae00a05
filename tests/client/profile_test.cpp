#include "client/agent/profile.h"

#include <doctest/doctest.h>

#include "tests/client/temporary_folder.h"

namespace fedspend::client {
namespace {

constexpr const char* kOneRow = "time,amount,direction,category,merchant,currency\n2026-01-02T03:04:05Z,1.50,debit,FOOD,,\n";

TEST_CASE("a client is a folder with transactions or with a store; the root counts too, and other folders do not") {
  const TemporaryFolder folder;
  const auto found = [&] { return find_profiles(folder.path()); };
  REQUIRE_FALSE(found());
  CHECK(found().error().code == ErrorCode::not_found);
  for (const char* name : {"b", "a", "c"}) std::filesystem::create_directories(folder.path() / name);
  write_text(folder.path() / "b/transactions.csv", kOneRow);
  write_text(folder.path() / "a/device.db", "");
  CHECK(found().value() == std::vector<std::filesystem::path>{folder.path() / "a", folder.path() / "b"});
  write_text(folder.path() / "transactions.csv", kOneRow);
  CHECK(found().value().size() == 3);
  CHECK_FALSE(find_profiles(folder.path() / "nothing"));
}

TEST_CASE("errors of the transactions and of the label name the file") {
  const TemporaryFolder folder;
  write_text(folder.path() / "transactions.csv", kOneRow);
  const auto rows = read_transactions(folder.path());
  REQUIRE(rows);
  CHECK(rows->size() == 1);
  write_text(folder.path() / "transactions.csv", "rubbish");
  const auto broken = read_transactions(folder.path());
  REQUIRE_FALSE(broken);
  CHECK(broken.error().message.find((folder.path() / "transactions.csv").string()) == 0);
  CHECK(read_label(folder.path()).value().empty());
  write_text(folder.path() / "label", "till 4\r\n");
  CHECK(read_label(folder.path()).value() == "till 4");
  write_text(folder.path() / "label", "till\x1b[2J");
  const auto label = read_label(folder.path());
  REQUIRE_FALSE(label);
  CHECK(label.error().message.find((folder.path() / "label").string()) == 0);
}

}  // namespace
}  // namespace fedspend::client
