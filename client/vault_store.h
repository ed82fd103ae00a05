#pragma once
// The vault in an SQLite file (WAL, synchronous = FULL, secure_delete), mode 0600, beside it the seed file (path.seed) with the wrapped
// seed (vault_key.h), and the reserve (path.reserve). How rows are sealed: vault_seal.h. One thread per object; a second process, or object, on the
// file is refused.
//
// Changes of consents, records, accounts and the history are moved from the log into the database at once, so that no log that is lost or cleaned
// away takes them back; where the disk has no room for that, with the next change that it has room for.
//
// What is found: any change to rows, header or seed by somebody without the key, and any damage. The header is checked at opening, a shelf
// when it is first read and before it is first changed (opening stays fast); a row is authenticated each time it is read. Then the error is
// malformed, names the file and says how to mend it, and nothing is repaired or begun anew by itself.
// What is not found: a whole older state (all files together) put back, or an end of the log (path-wal) cut off: that
// needs memory which the owner of the disk cannot set back, in hardware. Nor when all files are taken away: the store is begun anew. One
// of them missing is malformed; the reserve alone when it is read.
// Rows that are exchanged while this process has the file open, by somebody who ignores its locks, are found at the next opening.
// What somebody with the files sees: how many rows each shelf has, their numbers, their padded sizes, the order in which they were written as
// far as numbers and pages tell, and by looking twice which have changed. Not what is in them.
//
// Opening is serialised (flock of the folder); a new file appears under its name only when it is complete; an empty or damaged one is
// not used. A full disk is io, with nothing changed; with space again everything goes on.
//
// wipe(): first the seed file is marked and overwritten, and the protector destroys what it can: from then on no row can be read by
// anybody (crypto-erase). Then the files are removed. After a kill at any point the next open() finds the whole vault, or finishes the wipe
// and begins an empty one. On flash memory an overwritten block may live on out of reach of this program; a key in hardware that the host
// destroys is what makes up for it.

#include <filesystem>
#include <memory>

#include "client/vault.h"
#include "client/vault_key.h"

namespace fedspend::client {

inline constexpr const char* kVaultFile = "device.db";  // in the profile's folder

struct VaultStoreOptions {
  std::uint64_t max_file_bytes = std::uint64_t{64} << 20;  // of the database; its log has up to 4 MB besides, or one change
};

class VaultStore final : public Vault {
 public:
  // Makes the vault where there is none. The folder must be there; `protector` and `random` (of nonces and keys: libsodium's) outlive the
  // object. Before it is made, what was wrapped is unwrapped again: unauthorized where that gives something else. conflict: another process, or another object, has it. malformed: damaged, another program's, or parts of it are missing. Errors
  // of the protector as they are.
  static Result<std::unique_ptr<VaultStore>> open(const std::filesystem::path& path, SeedProtector& protector, RandomSource& random, VaultStoreOptions options = {});
  ~VaultStore() override;

  // Whether open() made it: nothing was there, or it had been wiped.
  bool is_new() const;

  Result<ShelfSize> size_of(Shelf shelf) override;
  Status read(Shelf shelf, std::uint64_t from, const std::function<bool(std::uint64_t number, ByteSpan content)>& visit) override;
  Status change(std::span<const VaultRowId> erase, std::span<const VaultRow> put) override;
  // In place: takes no space but on file systems that copy on write. One that was taken away is made again.
  Status write_reserve(ByteSpan content) override;
  Result<Bytes> read_reserve() override;

  // Afterwards every call fails with not_found, on an error too. On an error, the protector's too, what could be removed is removed, and the words name
  // what is left and whether it can be read; do it again, or open() will.
  Status wipe();
  // The same for a vault that cannot be opened. conflict: somebody has it open.
  static Status wipe(const std::filesystem::path& path, SeedProtector& protector);

 private:
  struct State;
  explicit VaultStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fedspend::client
