#pragma once
// How a vault's rows are sealed, and how it is known which there are. Pure; vault_store.h keeps what this makes.
//
// A row is XChaCha20-Poly1305 (common/crypto/aead.h) with the vault's id, the shelf and the number as associated data: it opens at its own
// place only. Contents are padded to the next of 64, 96, 144, 216 ... bytes (64 * 1.5^k), so that the length of a merchant's name is not seen.
//
// Which rows there are: of each shelf the sum modulo 2^256 of a keyed hash of each row, with their count and the highest number, in one
// sealed header for all shelves. A row that is deleted, doubled, moved, or replaced by an older one of the same place changes the sum, and so
// does a shelf put back as it was earlier. (Clarke, Devadas, van Dijk, Gassend, Suh: Incremental multiset hash functions and their
// application to memory integrity checking, ASIACRYPT 2003: MSet-Add-Hash. Theirs masks the sum with a fresh hash; here the header's
// seal hides it.) One thread per object.

#include <array>
#include <cstdint>

#include "client/vault.h"
#include "client/vault_key.h"
#include "common/random_source.h"

namespace fedspend::client {

inline constexpr std::size_t kShelves = 7;  // Shelf, from 1 on

// A sum modulo 2^256 of hashes of rows.
class SetHash {
 public:
  void add(const SetHash& other);
  void subtract(const SetHash& other);
  void store(MutableByteSpan out) const;  // 32 bytes, little-endian
  static SetHash load(ByteSpan bytes);    // of 32
  bool operator==(const SetHash&) const = default;

 private:
  std::array<std::uint64_t, 4> limbs_{};
};

struct ShelfState {
  ShelfSize size;
  SetHash rows;
};

struct VaultHeader {
  std::uint64_t changes = 0;
  std::array<ShelfState, kShelves> shelves{};

  ShelfState& of(Shelf shelf) { return shelves[static_cast<std::size_t>(shelf) - 1]; }
  const ShelfState& of(Shelf shelf) const { return shelves[static_cast<std::size_t>(shelf) - 1]; }
};

// Of a content and its length, as it lies in a sealed row.
std::size_t padded_bytes(std::size_t content_bytes);

class VaultSeal {
 public:
  explicit VaultSeal(VaultKeys keys) : keys_(std::move(keys)) {}

  Bytes seal_row(Shelf shelf, std::uint64_t number, ByteSpan content, RandomSource& random) const;
  // False: it is not what was written there. The caller wipes `content`.
  bool open_row(Shelf shelf, std::uint64_t number, ByteSpan sealed, Bytes& content) const;
  SetHash hash_of(Shelf shelf, std::uint64_t number, ByteSpan sealed) const;

  Bytes seal_header(const VaultHeader& header, RandomSource& random) const;
  bool open_header(ByteSpan sealed, VaultHeader& header) const;

  const std::array<std::uint8_t, 16>& id() const { return keys_.id; }

 private:
  VaultKeys keys_;
};

}  // namespace fedspend::client
