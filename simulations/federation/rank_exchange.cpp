#include "simulations/federation/rank_exchange.h"

#include <array>
#include <string>

namespace fedspend::simulations {
namespace {

constexpr std::size_t kLengthBytes = 8;

void append_item(Bytes& to, ByteSpan item) {
  std::array<std::uint8_t, kLengthBytes> length{};
  store_u64(length, item.size());
  to.insert(to.end(), length.begin(), length.end());
  to.insert(to.end(), item.begin(), item.end());
}

// The next item of a rank; false if there is none.
bool take_item(ByteSpan& rest, Bytes& item) {
  if (rest.size() < kLengthBytes) return false;
  const std::uint64_t length = load_u64(rest);
  rest = rest.subspan(kLengthBytes);
  if (length > rest.size()) return false;
  item.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(length));
  rest = rest.subspan(static_cast<std::size_t>(length));
  return true;
}

}  // namespace

bool is_mine(const RankExchange* exchange, std::size_t item) { return exchange == nullptr || item % exchange->size() == exchange->rank(); }

Result<std::vector<Bytes>> gather_items(RankExchange& exchange, const Hash256& point, std::size_t count, const std::function<Bytes(std::size_t item)>& mine) {
  Bytes own;
  append_item(own, point);
  for (std::size_t i = exchange.rank(); i < count; i += exchange.size()) append_item(own, mine(i));
  FEDSPEND_ASSIGN(const std::vector<Bytes> all, exchange.all_gather(own));
  const auto wrong = [](std::size_t rank) {
    return fail(ErrorCode::malformed, "rank " + std::to_string(rank) + " has not given what was its share", "start every rank with the same program and options");
  };
  if (all.size() != exchange.size()) return wrong(all.size());
  std::vector<ByteSpan> rest(all.begin(), all.end());
  Bytes first, other;
  for (std::size_t rank = 0; rank < rest.size(); ++rank) {
    if (!take_item(rest[rank], other)) return wrong(rank);
    if (rank == 0) first = other;
    if (other != first)
      return fail(ErrorCode::conflict, "rank " + std::to_string(rank) + " has come to another model than rank 0", "ranks give the same bits on one instruction set (--isa) with the same program and libraries: see to that, and go on with --resume");
  }
  std::vector<Bytes> items(count);
  for (std::size_t i = 0; i < count; ++i)
    if (!take_item(rest[i % all.size()], items[i])) return wrong(i % all.size());
  for (std::size_t rank = 0; rank < rest.size(); ++rank)
    if (!rest[rank].empty()) return wrong(rank);
  return items;
}

}  // namespace fedspend::simulations
