#include "common/program/key_files.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include "common/bytes.h"
#include "common/crypto/random.h"
#include "tests/common/program/capture.h"

using namespace fedspend;
using namespace fedspend::program;
using fedspend::test::content_of;
using fedspend::test::TemporaryFolder;
using fedspend::test::write_text;

namespace {

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

IdentityKey identity(std::uint64_t seed) {
  SeededRandom random(seed);
  return IdentityKey::generate(random);
}

}  // namespace

TEST_CASE("keys come back from their files, the private half with mode 0600") {
  const TemporaryFolder folder;
  const IdentityKey key = identity(1);
  const mode_t old_mask = ::umask(0);
  const Status written = write_identity_key(folder / "device", "identity", key);
  ::umask(old_mask);
  REQUIRE(written);
  CHECK(mode_of(folder / "device") == 0600);
  CHECK(read_identity_key(folder / "device", "identity")->public_key() == key.public_key());
  CHECK(*read_identity_public_key(folder / "device.pub", "identity") == key.public_key());
  CHECK(content_of(folder / "device.pub") == "fedspend-identity-public-v1 " + to_hex(key.public_key().bytes) + "\n");
  CHECK(content_of(folder / "device") == "fedspend-identity-private-v1 " + to_hex(key.seed().expose()) + "\n");

  SeededRandom random(2);
  const CurveKeyPair pair = CurveKeyPair::generate(random);
  REQUIRE(write_curve_key(folder / "curve", pair));
  CHECK(mode_of(folder / "curve") == 0600);
  CHECK(read_curve_key(folder / "curve")->public_key == pair.public_key);
  CHECK(*read_curve_public_key(folder / "curve.pub") == pair.public_key);
}

TEST_CASE("a key is never overwritten, and nothing is left of the attempt") {
  const TemporaryFolder folder;
  REQUIRE(write_identity_key(folder / "key", "release", identity(1)));
  const std::string before = content_of(folder / "key");
  CHECK(write_identity_key(folder / "key", "release", identity(2)).error().code == ErrorCode::conflict);
  CHECK(content_of(folder / "key") == before);

  write_text(folder / "other.pub", "mine");
  CHECK(write_identity_key(folder / "other", "release", identity(2)).error().code == ErrorCode::conflict);
  CHECK(content_of(folder / "other.pub") == "mine");
  CHECK_FALSE(std::filesystem::exists(folder / "other"));
}

TEST_CASE("a private key that others may read is refused") {
  const TemporaryFolder folder;
  REQUIRE(write_identity_key(folder / "key", "identity", identity(1)));
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    ::chmod((folder / "key").c_str(), mode);
    const auto read = read_identity_key(folder / "key", "identity");
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::refused);
    CHECK(read.error().hint.find("chmod 600") != std::string::npos);
  }
  ::chmod((folder / "key").c_str(), 0400);
  CHECK(read_identity_key(folder / "key", "identity"));
}

TEST_CASE("the wrong key file is named for what it is, without its content") {
  const TemporaryFolder folder;
  const IdentityKey key = identity(1);
  REQUIRE(write_identity_key(folder / "key", "identity", key));
  const auto as_public = read_identity_public_key(folder / "key", "identity");
  CHECK(as_public.error().message.find("private key where the public one") != std::string::npos);
  CHECK(as_public.error().hint.find("key.pub") != std::string::npos);
  CHECK(as_public.error().message.find(to_hex(key.seed().expose())) == std::string::npos);
  const auto as_release = read_identity_key(folder / "key", "release");
  CHECK(as_release.error().code == ErrorCode::malformed);
  CHECK(as_release.error().message.find("not a release private key but a identity private one") != std::string::npos);
  CHECK(read_identity_key(folder / "key", "authority").error().hint == "name the right key file");
  REQUIRE(write_identity_key(folder / "authority", "authority", key));
  CHECK(read_identity_key(folder / "authority", "authority")->public_key() == key.public_key());
  CHECK(read_identity_public_key(folder / "authority.pub", "release").error().message.find("authority public one") != std::string::npos);
  REQUIRE(write_identity_key(folder / "beacon", "beacon", key));
  CHECK(*read_identity_public_key(folder / "beacon.pub", "beacon") == key.public_key());
  CHECK(read_identity_public_key(folder / "beacon.pub", "release").error().message.find("beacon public one") != std::string::npos);
  write_text(folder / "none.pub", "none");
  CHECK(read_identity_public_key(folder / "none.pub", "beacon").error().hint == "make one with fedspend-admin beacon-keygen");
  CHECK(read_curve_public_key(folder / "key.pub").error().message.find("identity public") != std::string::npos);
}

TEST_CASE("rubbish is not a key") {
  const TemporaryFolder folder;
  const std::string prefix = "fedspend-curve-public-v1 ";
  for (const std::string& text : {std::string(), std::string("rubbish"), prefix, prefix + std::string(63, '0'), prefix + std::string(65, '0'), prefix + std::string(64, 'g'),
                                  prefix + std::string(64, '0') + " x", std::string(100'000, 'x'), std::string("fedspend-curve-public-v2 ") + std::string(64, '0')}) {
    write_text(folder / "key.pub", text);
    CHECK(read_curve_public_key(folder / "key.pub").error().code == ErrorCode::malformed);
  }
  write_text(folder / "key.pub", prefix + std::string(64, 'a'));  // without the newline
  CHECK(read_curve_public_key(folder / "key.pub"));
  CHECK(read_curve_key(folder / "absent").error().code == ErrorCode::not_found);
  CHECK(read_curve_key(folder.path()).error().code == ErrorCode::invalid_argument);
  CHECK(write_curve_key(folder / "absent/key", CurveKeyPair()).error().code == ErrorCode::not_found);
}
