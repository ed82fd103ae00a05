#include "client/vault.h"

#include <algorithm>

#include "common/check.h"

namespace fedspend::client {

Result<ShelfSize> MemoryVault::size_of(Shelf shelf) {
  ShelfSize size;
  for (auto row = rows_.lower_bound({shelf, 0}); row != rows_.end() && row->first.first == shelf; ++row) {
    ++size.rows;
    size.content_bytes += row->second.size();
  }
  const auto last = last_numbers_.find(shelf);
  if (last != last_numbers_.end()) size.last_number = last->second;
  return size;
}

Status MemoryVault::read(Shelf shelf, std::uint64_t from, const std::function<bool(std::uint64_t, ByteSpan)>& visit) {
  for (auto row = rows_.lower_bound({shelf, from}); row != rows_.end() && row->first.first == shelf; ++row)
    if (!visit(row->first.second, row->second)) break;
  return {};
}

Status MemoryVault::change(std::span<const VaultRowId> erase, std::span<const VaultRow> put) {
  for (const VaultRow& row : put) {
    FEDSPEND_CHECK(row.number >= 1 && row.number <= kMaxVaultRowNumber, "a row's number from 1 on");
    FEDSPEND_CHECK(row.content.size() <= kMaxVaultRowBytes, "a row no longer than a vault takes");
  }
  for (const VaultRowId& row : erase) rows_.erase({row.shelf, row.number});
  for (const VaultRow& row : put) {
    rows_.insert_or_assign({row.shelf, row.number}, row.content);
    std::uint64_t& last = last_numbers_[row.shelf];
    last = std::max(last, row.number);
  }
  return {};
}

Status MemoryVault::write_reserve(ByteSpan content) {
  FEDSPEND_CHECK(content.size() <= kVaultReserveBytes, "no more than room is kept for");
  reserve_.assign(content.begin(), content.end());
  return {};
}

}  // namespace fedspend::client
