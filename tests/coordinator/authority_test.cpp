// The authority's folder: one process at a time, nothing overwritten, all files of a step or none; and what a coordinator remembers of
// revocation lists.
#include "coordinator/authority.h"

#include <sys/stat.h>

#include <filesystem>

#include <doctest/doctest.h>

#include "coordinator/revocation_file.h"
#include "tests/common/program/capture.h"
#include "tests/rounds/sample.h"

namespace fedspend::coordinator {
namespace {

namespace fs = std::filesystem;
using test::content_of;
using test::TemporaryFolder;

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

Authority open(const fs::path& folder) {
  auto authority = Authority::open(folder);
  REQUIRE_MESSAGE(authority, authority.error().message);
  return std::move(*authority);
}

TokenLedger one_token() {
  TokenLedger ledger;
  ledger.tokens.emplace(testing::release_key().public_key(), LedgerToken{.expires_at_s = 5, .population = "cards", .label = "", .used = {}});
  return ledger;
}

TEST_CASE("an authority is made once, private, and opened by one process at a time") {
  const TemporaryFolder folder;
  const fs::path at = folder / "authority";
  SystemRandom random;
  CHECK(Authority::open(at).error().code == ErrorCode::not_found);
  REQUIRE(Authority::create(at, random));
  CHECK(mode_of(at / "authority.key") == 0600);
  CHECK(mode_of(at / "tokens") == 0600);
  const std::string key = content_of(at / "authority.key");
  CHECK(Authority::create(at, random).error().code == ErrorCode::conflict);
  CHECK(content_of(at / "authority.key") == key);
  {
    const Authority first = open(at);
    CHECK(Authority::open(at).error().code == ErrorCode::conflict);
  }
  CHECK(open(at).ledger() == TokenLedger{});
}

TEST_CASE("the ledger and the files that go with it are saved together, or none of them") {
  const TemporaryFolder folder;
  const fs::path at = folder / "authority";
  SystemRandom random;
  REQUIRE(Authority::create(at, random));
  const std::string before = content_of(at / "tokens");
  {
    Authority authority = open(at);
    const std::vector<program::FileToWrite> files = {{folder / "list", as_bytes("list")}, {folder / "absent/certificates", as_bytes("certificates")}};
    CHECK_FALSE(authority.save(one_token(), files));
    CHECK(authority.ledger() == TokenLedger{});
    CHECK(content_of(at / "tokens") == before);
    CHECK_FALSE(fs::exists(folder / "list"));
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) CHECK(entry.path().string().find(".partial-") == std::string::npos);
    REQUIRE(authority.save(one_token(), std::span(files).first(1)));
    CHECK(content_of(folder / "list") == "list");
  }
  CHECK(open(at).ledger() == one_token());
  CHECK(mode_of(at / "tokens") == 0600);
}

TEST_CASE("revocations stay in the folder, and a copy that somebody changed is not what the next list is made from") {
  const TemporaryFolder folder;
  const fs::path at = folder / "authority";
  SystemRandom random;
  REQUIRE(Authority::create(at, random));
  const ClientId id = testing::device_keys(1).id;
  IdentityPublicKey key;
  {
    Authority authority = open(at);
    CHECK_FALSE(authority.revocations());
    key = authority.key().public_key();
    auto list = RevocationList::create({id}, 1, authority.key());
    REQUIRE(authority.save(std::move(*list), folder / "copy"));
  }
  CHECK(content_of(folder / "copy") == content_of(at / "revocations"));
  CHECK(read_revocation_file(folder / "copy", key)->contains(id));
  CHECK(read_revocation_file(folder / "copy", testing::authority_key().public_key()).error().code == ErrorCode::refused);
  test::write_text(folder / "copy", "");
  CHECK(open(at).revocations()->contains(id));
  test::write_text(at / "revocations", "");
  CHECK_FALSE(Authority::open(at));  // it does not begin anew with nobody revoked
}

TEST_CASE("a coordinator refuses an older revocation list than it has seen, and none after one") {
  const TemporaryFolder folder;
  const IdentityKey key = testing::authority_key();
  const auto accept = [&](std::uint64_t sequence) {
    const auto list = RevocationList::create({}, sequence, key);
    return accept_revocations(folder.path(), key.public_key(), &*list);
  };
  CHECK(accept_revocations(folder.path(), key.public_key(), nullptr));
  CHECK_FALSE(fs::exists(folder / "revocations.seen"));
  CHECK(accept(3));
  CHECK(accept(3));
  CHECK(accept(2).error().code == ErrorCode::refused);
  CHECK(accept_revocations(folder.path(), key.public_key(), nullptr).error().code == ErrorCode::refused);
  CHECK(accept(4));
  CHECK(accept(3).error().code == ErrorCode::refused);
  CHECK(accept_revocations(folder.path(), testing::release_key().public_key(), nullptr));  // another authority's devices, another count
  for (const char* broken : {"", "4\n", "rubbish", "x 4"}) {
    test::write_text(folder / "revocations.seen", broken);
    CHECK(accept(5).error().code == ErrorCode::malformed);
  }
}

}  // namespace
}  // namespace fedspend::coordinator
