#include "simulations/federation/client_source.h"

#include "common/bytes.h"

namespace fedspend::simulations {

Hash256 MemoryClients::digest() const {
  constexpr std::size_t kRowBytes = 29;
  Hasher all("sim-data");
  Bytes rows;
  for (const FederatedClient& client : clients_) {
    rows.resize(kRowBytes * client.rows.size());
    MutableByteSpan rest = rows;
    for (const models::HistoryRow& row : client.rows) {
      store_u64(rest, static_cast<std::uint64_t>(row.time_s));
      store_u64(rest.subspan(8), static_cast<std::uint64_t>(row.amount_minor));
      store_u64(rest.subspan(16), row.merchant_hash);
      store_u32(rest.subspan(24), row.category);
      rest[28] = static_cast<std::uint8_t>(row.direction);
      rest = rest.subspan(kRowBytes);
    }
    all.field(client.label).field(client.device_class).field(client.time_zone).field(rows);
    for (const models::HistoryRow& row : client.rows) {  // of a model that reads them: two names of one hash may have other words
      if (row.text == nullptr) continue;
      for (const std::uint32_t gram : row.text->grams) all.u64(gram);
    }
  }
  return all.finish();
}

}  // namespace fedspend::simulations
