// The seed of a vault, and the key file that wraps it: made once, for this user alone, and nothing else accepted in its place.

#include "client/vault_key.h"

#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "tests/client/temporary_folder.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;

SecretBytes<32> seed_of(std::uint8_t first) {
  SecretBytes<32> seed;
  seed.expose_mutable()[0] = first;
  return seed;
}

class KeyBench {
 public:
  fs::path file() const { return folder.path() / kStoreKeyFile; }
  FileSeedProtector protector() { return {file(), random}; }
  Result<std::uint8_t> unwrapped(ByteSpan wrapped) {
    FEDSPEND_ASSIGN(const SecretBytes<32> seed, protector().unwrap(wrapped));
    return seed.expose()[0];
  }
  ErrorCode error_of(ByteSpan wrapped) {
    const auto seed = unwrapped(wrapped);
    REQUIRE_FALSE(seed);
    CHECK(seed.error().message.find(file().string()) != std::string::npos);
    CHECK_FALSE(seed.error().hint.empty());
    const auto again = protector().wrap(seed_of(1));  // what cannot be read is not used, nor made anew
    if (seed.error().code != ErrorCode::not_found && seed.error().code != ErrorCode::unauthorized) CHECK_FALSE(again);
    return seed.error().code;
  }

  TemporaryFolder folder;
  SystemRandom random;
};

TEST_CASE("the key file is made once, for this user alone, whatever the umask, and unwraps what it wrapped") {
  KeyBench bench;
  const mode_t before = umask(0);
  const Bytes wrapped = bench.protector().wrap(seed_of(7)).value();
  umask(before);
  struct stat status {};
  REQUIRE(stat(bench.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(status.st_nlink == 1);
  const std::string key = read_text(bench.file());
  const Bytes other = bench.protector().wrap(seed_of(8)).value();
  CHECK(read_text(bench.file()) == key);
  CHECK(bench.unwrapped(wrapped).value() == 7);
  CHECK(bench.unwrapped(other).value() == 8);
  CHECK(names_in(bench.folder.path()) == std::vector<std::string>{kStoreKeyFile});
}

TEST_CASE("a key file that others can read, a link, a folder, a pipe, and one that is gone are refused") {
  KeyBench bench;
  const Bytes wrapped = bench.protector().wrap(seed_of(7)).value();
  for (const mode_t mode : {0640U, 0604U, 0610U, 0660U, 0644U}) {
    REQUIRE(chmod(bench.file().c_str(), mode) == 0);
    CHECK(bench.error_of(wrapped) == ErrorCode::refused);
  }
  REQUIRE(chmod(bench.file().c_str(), 0600) == 0);
  fs::rename(bench.file(), bench.folder.path() / "elsewhere");
  CHECK(bench.unwrapped(wrapped).error().code == ErrorCode::not_found);
  fs::create_symlink(bench.folder.path() / "elsewhere", bench.file());
  CHECK(bench.error_of(wrapped) == ErrorCode::refused);
  fs::remove(bench.file());
  fs::create_symlink(bench.folder.path() / "nowhere", bench.file());
  CHECK(bench.error_of(wrapped) == ErrorCode::refused);
  CHECK_FALSE(fs::exists(bench.folder.path() / "nowhere"));  // nothing is made through a link
  fs::remove(bench.file());
  fs::create_directory(bench.file());
  CHECK(bench.error_of(wrapped) == ErrorCode::refused);
  fs::remove(bench.file());
  REQUIRE(mkfifo(bench.file().c_str(), 0600) == 0);  // nobody waits for who writes into it
  CHECK(bench.error_of(wrapped) == ErrorCode::refused);
  CHECK(bench.protector().destroy());
  CHECK_FALSE(fs::exists(bench.file()));
  fs::rename(bench.folder.path() / "elsewhere", bench.file());
  CHECK(bench.unwrapped(wrapped).value() == 7);
}

TEST_CASE("a key file with any bit flipped, cut or emptied is damaged; another's key is said to be the wrong one") {
  KeyBench bench;
  const Bytes wrapped = bench.protector().wrap(seed_of(7)).value();
  const std::string good = read_text(bench.file());
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    write_text(bench.file(), bad);
    CHECK(bench.error_of(wrapped) == ErrorCode::malformed);
  }
  for (const std::string& bad : {std::string(), good.substr(1), good.substr(0, good.size() - 1), good + "x"}) {
    write_text(bench.file(), bad);
    CHECK(bench.error_of(wrapped) == ErrorCode::malformed);
  }
  write_text(bench.file(), good);
  KeyBench other;
  CHECK(other.unwrapped(wrapped).error().code == ErrorCode::not_found);
  REQUIRE(other.protector().wrap(seed_of(1)));
  CHECK(other.error_of(wrapped) == ErrorCode::unauthorized);
  for (std::size_t bit = 0; bit < 8 * wrapped.size(); ++bit) {
    Bytes bad = wrapped;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    CHECK_FALSE(bench.unwrapped(bad));
  }
}

TEST_CASE("a key that is destroyed is gone, overwritten, and what was wrapped stays closed") {
  KeyBench bench;
  const Bytes wrapped = bench.protector().wrap(seed_of(7)).value();
  fs::create_hard_link(bench.file(), bench.folder.path() / "another name");  // so that the bytes can be looked at
  REQUIRE(bench.protector().destroy());
  CHECK_FALSE(fs::exists(bench.file()));
  const std::string left = read_text(bench.folder.path() / "another name");
  CHECK(left == std::string(left.size(), '\0'));
  REQUIRE(bench.protector().destroy());  // fine
  REQUIRE(bench.protector().wrap(seed_of(8)));
  CHECK(bench.unwrapped(wrapped).error().code == ErrorCode::unauthorized);
}

TEST_CASE("the keys of a vault differ from each other and from those of another seed") {
  const VaultKeys keys = VaultKeys::derive(seed_of(1));
  const VaultKeys again = VaultKeys::derive(seed_of(1));
  const VaultKeys other = VaultKeys::derive(seed_of(2));
  CHECK(std::ranges::equal(keys.row.bytes.expose(), again.row.bytes.expose()));
  CHECK(std::ranges::equal(keys.set.expose(), again.set.expose()));
  CHECK(keys.id == again.id);
  CHECK_FALSE(std::ranges::equal(keys.row.bytes.expose(), keys.set.expose()));
  CHECK_FALSE(std::ranges::equal(keys.row.bytes.expose(), other.row.bytes.expose()));
  CHECK_FALSE(std::ranges::equal(keys.set.expose(), other.set.expose()));
  CHECK(keys.id != other.id);
  CHECK_FALSE(std::ranges::equal(keys.id, keys.row.bytes.expose().first(16)));
}

}  // namespace
}  // namespace fedspend::client
