#include "client/vault_seal.h"

#include <algorithm>
#include <cstring>

#include "common/check.h"
#include "common/crypto/kdf.h"

namespace fedspend::client {
namespace {

constexpr std::uint8_t kRowUse = 1;
constexpr std::uint8_t kHeaderUse = 2;
constexpr std::size_t kHeaderBytes = 8 + kShelves * (3 * 8 + 32);
constexpr std::size_t kSmallest = 64;

// Use, format, vault, shelf and number: of one length, so that no two have the same bytes.
std::array<std::uint8_t, 27> associated(std::uint8_t use, const std::array<std::uint8_t, 16>& id, std::uint8_t shelf, std::uint64_t number) {
  std::array<std::uint8_t, 27> bytes{use, 1};
  std::copy(id.begin(), id.end(), bytes.begin() + 2);
  bytes[18] = shelf;
  store_u64(MutableByteSpan(bytes).subspan(19), number);
  return bytes;
}

}  // namespace

void SetHash::add(const SetHash& other) {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    const std::uint64_t sum = limbs_[i] + other.limbs_[i];
    const std::uint64_t with_carry = sum + carry;
    carry = static_cast<std::uint64_t>(sum < limbs_[i]) | static_cast<std::uint64_t>(with_carry < sum);
    limbs_[i] = with_carry;
  }
}

void SetHash::subtract(const SetHash& other) {
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    const std::uint64_t difference = limbs_[i] - other.limbs_[i];
    const std::uint64_t with_borrow = difference - borrow;
    borrow = static_cast<std::uint64_t>(limbs_[i] < other.limbs_[i]) | static_cast<std::uint64_t>(difference < borrow);
    limbs_[i] = with_borrow;
  }
}

void SetHash::store(MutableByteSpan out) const {
  for (std::size_t i = 0; i < limbs_.size(); ++i) store_u64(out.subspan(8 * i), limbs_[i]);
}

SetHash SetHash::load(ByteSpan bytes) {
  SetHash hash;
  for (std::size_t i = 0; i < hash.limbs_.size(); ++i) hash.limbs_[i] = load_u64(bytes.subspan(8 * i));
  return hash;
}

std::size_t padded_bytes(std::size_t content_bytes) {
  std::size_t bucket = kSmallest;
  while (bucket < content_bytes + 4) bucket += bucket / 2;
  return bucket;
}

Bytes VaultSeal::seal_row(Shelf shelf, std::uint64_t number, ByteSpan content, RandomSource& random) const {
  FEDSPEND_CHECK(content.size() <= kMaxVaultRowBytes, "a row no longer than a vault takes");
  Bytes padded(padded_bytes(content.size()));
  store_u32(padded, static_cast<std::uint32_t>(content.size()));
  std::copy(content.begin(), content.end(), padded.begin() + 4);
  Bytes sealed = seal(keys_.row, associated(kRowUse, keys_.id, static_cast<std::uint8_t>(shelf), number), padded, random);
  wipe(padded);
  return sealed;
}

bool VaultSeal::open_row(Shelf shelf, std::uint64_t number, ByteSpan sealed, Bytes& content) const {
  if (sealed.size() < kSealedOverheadBytes + kSmallest || sealed.size() > kSealedOverheadBytes + padded_bytes(kMaxVaultRowBytes)) return false;
  wipe(content);
  content.resize(sealed.size() - kSealedOverheadBytes);
  if (!open_sealed(keys_.row, associated(kRowUse, keys_.id, static_cast<std::uint8_t>(shelf), number), sealed, content)) return false;
  const std::size_t length = load_u32(content);
  if (length > kMaxVaultRowBytes || padded_bytes(length) != content.size()) return false;
  std::memmove(content.data(), content.data() + 4, length);
  wipe(MutableByteSpan(content).subspan(length));
  content.resize(length);
  return true;
}

SetHash VaultSeal::hash_of(Shelf shelf, std::uint64_t number, ByteSpan sealed) const {
  const SecretBytes<32> hash = KeyDerivation("vault-set-row", keys_.set.expose()).u32(static_cast<std::uint8_t>(shelf)).u64(number).field(sealed).finish();
  return SetHash::load(hash.expose());
}

Bytes VaultSeal::seal_header(const VaultHeader& header, RandomSource& random) const {
  Bytes plain(kHeaderBytes);
  MutableByteSpan rest = plain;
  const auto put = [&rest](std::uint64_t value) {
    store_u64(rest, value);
    rest = rest.subspan(8);
  };
  put(header.changes);
  for (const ShelfState& shelf : header.shelves) {
    put(shelf.size.rows);
    put(shelf.size.content_bytes);
    put(shelf.size.last_number);
    shelf.rows.store(rest);
    rest = rest.subspan(32);
  }
  return seal(keys_.row, associated(kHeaderUse, keys_.id, 0, 0), plain, random);
}

bool VaultSeal::open_header(ByteSpan sealed, VaultHeader& header) const {
  Bytes plain(kHeaderBytes);
  if (!open_sealed(keys_.row, associated(kHeaderUse, keys_.id, 0, 0), sealed, plain)) return false;
  ByteSpan rest = plain;
  const auto take = [&rest] {
    const std::uint64_t value = load_u64(rest);
    rest = rest.subspan(8);
    return value;
  };
  header.changes = take();
  for (ShelfState& shelf : header.shelves) {
    shelf.size.rows = take();
    shelf.size.content_bytes = take();
    shelf.size.last_number = take();
    shelf.rows = SetHash::load(rest);
    rest = rest.subspan(32);
  }
  return true;
}

}  // namespace fedspend::client
