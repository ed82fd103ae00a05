#pragma once
// What a device keeps, at rest encrypted: numbered rows on a few shelves, each row sealed (XChaCha20-Poly1305) under a key that only the
// device can unwrap. The record, the transactions, the consents and the customer's history all lie in one vault, so that they are
// written, checked and wiped by one piece of code. This header is the interface; vault_store.h keeps it in an SQLite file, MemoryVault is for the
// simulator and the tests.
//
// A change is kept whole, or on an error not at all, and has reached the disk when change() returns. A failure of the disk may still leave
// it behind, found after a restart. Rows are few (tens of thousands) and small; whoever needs an index keeps it in memory.
// One thread per object.

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend::client {

// Values are in files: never renumber.
enum class Shelf : std::uint8_t {
  setting = 1,      // one row per setting, numbered by its user (vault_settings.h)
  record = 2,       // what the device must not forget (device_record.h)
  account = 3,      // what its contributions have cost
  transaction = 4,
  consent = 5,
  history = 6,      // what left the device, and what was refused (transparency.h)
  personal = 7,     // models adapted to the customer
};

struct VaultRow {
  Shelf shelf{};
  std::uint64_t number = 0;  // unique on its shelf; rows are read in this order
  Bytes content;             // at most kMaxVaultRowBytes
  bool for_good = false;     // must not be undone by a journal that goes missing, on whatever shelf (vault_store.h)
};
struct VaultRowId {
  Shelf shelf{};
  std::uint64_t number = 0;
};

inline constexpr std::size_t kMaxVaultRowBytes = std::size_t{1} << 20;
inline constexpr std::uint64_t kMaxVaultRowNumber = std::uint64_t{1} << 62;  // from 1 on
inline constexpr std::size_t kVaultReserveBytes = 2'000;

struct ShelfSize {
  std::uint64_t rows = 0;
  std::uint64_t content_bytes = 0;
  std::uint64_t last_number = 0;  // the highest that was ever used; 0: none. The next row is last_number + 1
};

class Vault {
 public:
  Vault() = default;
  virtual ~Vault() = default;
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  virtual Result<ShelfSize> size_of(Shelf shelf) = 0;
  // The rows from number `from` on, in order, until `visit` returns false. malformed: a row is damaged, missing or was put in from
  // elsewhere (then nothing more of this shelf is trustworthy). `visit` must not change the vault.
  virtual Status read(Shelf shelf, std::uint64_t from, const std::function<bool(std::uint64_t number, ByteSpan content)>& visit) = 0;
  // First erases, then puts; a number that is there is replaced. Erasing what is not there is fine. An erased row's bytes are not left in the
  // file. limit: the vault's size cap; nothing changed.
  virtual Status change(std::span<const VaultRowId> erase, std::span<const VaultRow> put) = 0;

  // A few bytes beside the rows, for which room is kept: to write them takes no space, so that it can be done when nothing else can (a
  // withdrawal on a full disk). Durable and whole when it returns; on an error they are as before, or as given.
  virtual Status write_reserve(ByteSpan content) = 0;  // at most kVaultReserveBytes
  // Empty where nothing was written. malformed: damaged, or taken away.
  virtual Result<Bytes> read_reserve() = 0;
};

class MemoryVault final : public Vault {
 public:
  Result<ShelfSize> size_of(Shelf shelf) override;
  Status read(Shelf shelf, std::uint64_t from, const std::function<bool(std::uint64_t, ByteSpan)>& visit) override;
  Status change(std::span<const VaultRowId> erase, std::span<const VaultRow> put) override;
  Status write_reserve(ByteSpan content) override;
  Result<Bytes> read_reserve() override { return reserve_; }

 private:
  Bytes reserve_;
  std::map<std::pair<Shelf, std::uint64_t>, Bytes> rows_;
  std::map<Shelf, std::uint64_t> last_numbers_;
};

}  // namespace fedspend::client
