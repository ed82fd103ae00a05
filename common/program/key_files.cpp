#include "common/program/key_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "common/bytes.h"
#include "common/check.h"
#include "common/crypto/secret.h"

namespace fedspend::program {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kHexDigits = 2 * kKeyBytes;
constexpr std::size_t kMaxFileBytes = 256;

enum class Half { private_half, public_half };

std::string prefix_of(std::string_view kind, Half half) {
  return "fedspend-" + std::string(kind) + (half == Half::private_half ? "-private-v1 " : "-public-v1 ");
}

// The text of a key file, wiped when it goes: a std::string would leave copies of a secret behind.
struct KeyText {
  std::array<std::uint8_t, kMaxFileBytes> bytes{};
  std::size_t size = 0;

  KeyText() = default;
  ~KeyText() { wipe(bytes); }
  KeyText(const KeyText&) = delete;
  KeyText& operator=(const KeyText&) = delete;

  void append(std::string_view text) {
    FEDSPEND_CHECK(size + text.size() <= bytes.size(), "a key file is one short line");
    std::memcpy(bytes.data() + size, text.data(), text.size());
    size += text.size();
  }
  void append_hex(ByteSpan key) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const std::uint8_t byte : key) {
      append(digits.substr(byte >> 4, 1));
      append(digits.substr(byte & 15, 1));
    }
  }
  std::string_view view() const { return as_text(ByteSpan(bytes.data(), size)); }
};

std::filesystem::path public_path(std::filesystem::path path) {
  path += ".pub";
  return path;
}

tl::unexpected<Error> failed(const char* what, const std::filesystem::path& path, int error) {
  if (error == EEXIST) return fail(ErrorCode::conflict, path.string() + " exists; a key is never overwritten", "choose another path, or move it away");
  const ErrorCode code = error == ENOENT ? ErrorCode::not_found : error == EACCES || error == ENOTDIR || error == EROFS ? ErrorCode::invalid_argument : ErrorCode::io;
  return fail(code, std::string(what) + " " + path.string() + ": " + std::strerror(error), "check the path and its permissions");
}

Status write_new(const std::filesystem::path& path, const KeyText& text, mode_t mode) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0) return failed("cannot write", path, errno);
  int error = ::fchmod(descriptor, mode) == 0 ? 0 : errno;  // whatever the umask is
  std::string_view rest = text.view();
  while (error == 0 && !rest.empty()) {
    const ssize_t written = ::write(descriptor, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && ::fsync(descriptor) != 0) error = errno;
  if (::close(descriptor) != 0 && error == 0) error = errno;
  if (error == 0) return {};
  ::unlink(path.c_str());  // ours: O_EXCL created it
  return failed("cannot write", path, error);
}

Status write_pair(const std::filesystem::path& path, std::string_view kind, ByteSpan secret, ByteSpan public_key) {
  KeyText private_text;
  private_text.append(prefix_of(kind, Half::private_half));
  private_text.append_hex(secret);
  private_text.append("\n");
  KeyText public_text;
  public_text.append(prefix_of(kind, Half::public_half));
  public_text.append_hex(public_key);
  public_text.append("\n");
  FEDSPEND_TRY(write_new(path, private_text, 0600));
  if (const Status status = write_new(public_path(path), public_text, 0644); !status) {
    ::unlink(path.c_str());  // both or none
    return status;
  }
  return {};
}

Status read_text(const std::filesystem::path& path, Half half, KeyText& text) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failed("cannot read the key", path, errno);
  struct stat status {};
  int error = ::fstat(descriptor, &status) == 0 ? 0 : errno;
  const bool regular = S_ISREG(status.st_mode);
  while (error == 0 && regular && text.size < text.bytes.size()) {
    const ssize_t count = ::read(descriptor, text.bytes.data() + text.size, text.bytes.size() - text.size);
    if (count == 0) break;
    if (count > 0) {
      text.size += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  ::close(descriptor);
  if (error != 0) return failed("cannot read the key", path, error);
  if (!regular) return fail(ErrorCode::invalid_argument, path.string() + " is not a regular file", "name a key file");
  if (half == Half::private_half && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(ErrorCode::refused, "the private key " + path.string() + " can be read by others", "chmod 600 " + path.string());
  return {};
}

std::string hint_of(std::string_view kind) {
  return std::string("make one with fedspend-admin ") + (kind == "authority" ? "authority" : kind == "beacon" ? "beacon-keygen" : "keygen");
}

// Says what the file holds instead, so that a swapped path is mended at once. Never quotes the file.
tl::unexpected<Error> wrong_content(const std::filesystem::path& path, std::string_view kind, Half half, std::string_view text) {
  const bool wants_private = half == Half::private_half;
  if (!wants_private && text.starts_with(prefix_of(kind, Half::private_half)))
    return fail(ErrorCode::malformed, path.string() + " is a private key where the public one is asked for", "name " + path.string() + ".pub");
  const std::string wanted = std::string(kind) + (wants_private ? " private" : " public");
  const std::size_t space = text.find(' ');
  const std::string_view first = text.substr(0, std::min(space, text.size()));
  for (const std::string_view other : {"identity", "release", "authority", "beacon", "curve"}) {
    for (const Half other_half : {Half::private_half, Half::public_half}) {
      const std::string prefix = prefix_of(other, other_half);
      if (first.size() + 1 != prefix.size() || !prefix.starts_with(first) || (other == kind && other_half == half)) continue;
      return fail(ErrorCode::malformed, path.string() + " is not a " + wanted + " key but a " + std::string(other) + (other_half == Half::private_half ? " private" : " public") + " one",
                  "name the right key file");
    }
  }
  return fail(ErrorCode::malformed, path.string() + " does not hold a " + wanted + " key", hint_of(kind));
}

Status read_key(const std::filesystem::path& path, std::string_view kind, Half half, MutableByteSpan key) {
  KeyText text;
  FEDSPEND_TRY(read_text(path, half, text));
  std::string_view line = text.view();
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  const std::string prefix = prefix_of(kind, half);
  const bool formed = line.starts_with(prefix) && line.size() == prefix.size() + kHexDigits;
  if (!formed || !from_hex(line.substr(prefix.size()), key)) return wrong_content(path, kind, half, line);
  return {};
}

void check_kind(std::string_view kind) { FEDSPEND_CHECK(kind == "identity" || kind == "release" || kind == "authority" || kind == "beacon", "a kind of Ed25519 key"); }

}  // namespace

Status write_identity_key(const std::filesystem::path& path, std::string_view kind, const IdentityKey& key) {
  check_kind(kind);
  return write_pair(path, kind, key.seed().expose(), key.public_key().bytes);
}

Result<IdentityKey> read_identity_key(const std::filesystem::path& path, std::string_view kind) {
  check_kind(kind);
  SecretBytes<kKeyBytes> seed;
  FEDSPEND_TRY(read_key(path, kind, Half::private_half, seed.expose_mutable()));
  return IdentityKey::from_seed(seed);
}

Result<IdentityPublicKey> read_identity_public_key(const std::filesystem::path& path, std::string_view kind) {
  check_kind(kind);
  IdentityPublicKey key;
  FEDSPEND_TRY(read_key(path, kind, Half::public_half, key.bytes));
  return key;
}

Status write_curve_key(const std::filesystem::path& path, const CurveKeyPair& key) {
  return write_pair(path, "curve", key.secret_key.expose(), key.public_key.bytes);
}

Result<CurveKeyPair> read_curve_key(const std::filesystem::path& path) {
  SecretBytes<kKeyBytes> secret;
  FEDSPEND_TRY(read_key(path, "curve", Half::private_half, secret.expose_mutable()));
  return CurveKeyPair::from_secret(std::move(secret));
}

Result<CurvePublicKey> read_curve_public_key(const std::filesystem::path& path) {
  CurvePublicKey key;
  FEDSPEND_TRY(read_key(path, "curve", Half::public_half, key.bytes));
  return key;
}

}  // namespace fedspend::program
