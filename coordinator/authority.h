#pragma once
// The enrolment authority as a folder, which belongs on a machine of its own, not on the coordinator's:
//   authority.key, authority.key.pub   its Ed25519 key; coordinator and devices pin the public half
//   tokens                             the ledger (token_ledger.h), mode 0600
//   revocations                        the newest list (common/protocol/revocation_list.h); copies of it go to coordinators
//   lock                               held by whoever has it open: one process at a time
// One thread.

#include <filesystem>
#include <span>

#include "common/crypto/identity.h"
#include "common/program/file_lock.h"
#include "common/program/files.h"
#include "common/protocol/revocation_list.h"
#include "common/random_source.h"
#include "common/result.h"
#include "coordinator/token_ledger.h"

namespace fedspend::coordinator {

class Authority {
 public:
  // conflict: there is one in this folder.
  static Status create(const std::filesystem::path& folder, RandomSource& random);
  // conflict: another process has it open.
  static Result<Authority> open(const std::filesystem::path& folder);
  Authority(Authority&&) noexcept;
  ~Authority();

  const IdentityKey& key() const { return key_; }
  const TokenLedger& ledger() const { return ledger_; }
  const std::optional<RevocationList>& revocations() const { return revocations_; }  // none: nobody was ever revoked

  // The ledger, and with it files for others: all of them or none, as far as write_files_together goes; the ledger first.
  Status save(TokenLedger ledger, std::span<const program::FileToWrite> others = {});
  // The list, and a copy of it at `copy`.
  Status save(RevocationList revocations, const std::filesystem::path& copy);

 private:
  Authority(std::filesystem::path folder, program::FileLock lock, IdentityKey key);
  std::filesystem::path folder_;
  program::FileLock lock_;
  IdentityKey key_;
  TokenLedger ledger_;
  std::optional<RevocationList> revocations_;
};

}  // namespace fedspend::coordinator
