#pragma once
// A vault in memory whose changes fail when told to, as those of a full disk do, and whose rows a test can spoil.

#include "client/vault.h"

namespace fedspend::client {

class FallibleVault final : public Vault {
 public:
  Result<ShelfSize> size_of(Shelf shelf) override { return rows.size_of(shelf); }
  Status read(Shelf shelf, std::uint64_t from, const std::function<bool(std::uint64_t, ByteSpan)>& visit) override { return rows.read(shelf, from, visit); }
  Status change(std::span<const VaultRowId> erase, std::span<const VaultRow> put) override {
    ++changes;
    if (fails) return fail(ErrorCode::io, "the disk is full");
    return rows.change(erase, put);
  }
  Status write_reserve(ByteSpan content) override {
    if (reserve_fails) return fail(ErrorCode::io, "the disk does not answer");
    return rows.write_reserve(content);
  }
  Result<Bytes> read_reserve() override {
    if (reserve_is_damaged) return fail(ErrorCode::malformed, "the reserve is not there");
    return rows.read_reserve();
  }

  MemoryVault rows;
  bool fails = false;
  bool reserve_fails = false;
  bool reserve_is_damaged = false;
  int changes = 0;
};

inline std::vector<VaultRow> rows_on(Vault& vault, Shelf shelf) {
  std::vector<VaultRow> rows;
  (void)vault.read(shelf, 0, [&](std::uint64_t number, ByteSpan content) {
    rows.push_back({shelf, number, Bytes(content.begin(), content.end())});
    return true;
  });
  return rows;
}

// Every single-byte change of a few kinds, every shortening, and one byte more.
inline std::vector<Bytes> mutations_of(const Bytes& row) {
  std::vector<Bytes> mutated;
  for (std::size_t i = 0; i < row.size(); ++i) {
    mutated.emplace_back(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(i));
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      mutated.push_back(row);
      mutated.back()[i] = static_cast<std::uint8_t>(mutated.back()[i] ^ flip);
    }
  }
  mutated.push_back(row);
  mutated.back().push_back(0);
  return mutated;
}

}  // namespace fedspend::client
