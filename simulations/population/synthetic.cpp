#include "simulations/population/synthetic.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "common/check.h"
#include "common/program/runtime.h"
#include "models/transactions/transaction_csv.h"
#include "simulations/parallel.h"
#include "simulations/population/population.h"
#include "simulations/population/unusual.h"

namespace fedspend::simulations {
namespace {

constexpr std::uint64_t kClientsAtATime = 256;

constexpr std::string_view kDescription =
    R"(# What fedspend-sim synth writes. The numbers, shops and customers are invented.
#   fedspend-sim synth --clients 500 --seed 1 --out out/synthetic
#   fedspend-sim baselines --data out/synthetic/synthetic.toml
[files]
transactions = ["transactions.csv"]

[columns]
client = "client"
time = "time"
time_format = "%Y-%m-%dT%H:%M:%SZ"
amount = "amount"
direction = { column = "direction", credit = ["credit"], debit = ["debit"] }
category = "category"
merchant = "merchant"
currency = "currency"
label = "label"                   # the kind of unusual activity; empty: none

[attributes]
file = "customers.csv"
client = "client"
columns = ["age_band", "region", "kind", "income_band", "device_class", "time_zone"]
)";

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class NewFile {
 public:
  explicit NewFile(std::filesystem::path path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wbx")) {}
  Status write(std::string_view text) {
    if (file_ == nullptr || std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) return failed();
    bytes_ += text.size();
    return {};
  }
  Status finish() {
    if (file_ == nullptr || std::fflush(file_.get()) != 0) return failed();
    return {};
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  tl::unexpected<Error> failed() const { return fail(ErrorCode::io, "cannot write " + path_.string(), "check the disk's space and the permissions"); }
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::uint64_t bytes_ = 0;
};

// In the order of kAttributeNames.
std::vector<std::string> values_of(const CustomerAttributes& attributes) {
  return {attributes.age_band, attributes.region, attributes.kind, attributes.income_band, attributes.device_class, attributes.time_zone};
}

tl::unexpected<Error> stopped() { return fail(ErrorCode::io, "stopped by a signal", "nothing was written"); }

// One client's part of the three files.
struct ClientText {
  std::string transactions, attributes, events;
  std::uint64_t rows = 0, unusual = 0, events_count = 0;
};

ClientText text_of(const SyntheticOptions& options, std::uint64_t index) {
  const SyntheticClient client = synthetic_client(options, index);
  const std::string name = synthetic_client_name(index);
  ClientText text{.transactions = {}, .attributes = name, .events = {}, .rows = client.rows.size(), .unusual = 0, .events_count = client.events.size()};
  text.transactions.reserve(client.rows.size() * 96);
  for (const StatementRow& row : client.rows) {
    (text.transactions += name) += ',';
    models::append_transaction_csv(client.transaction(row), text.transactions);
    text.transactions.back() = ',';  // in place of the line's end
    text.transactions.append(to_string(row.unusual)).append("\n");
    text.unusual += row.unusual != Unusual::none;
  }
  for (const std::string& value : values_of(attributes_of(client.customer))) (text.attributes += ',') += value;
  text.attributes += '\n';
  for (const RecordedEvent& event : client.events) text.events.append(name).append(",").append(models::format_rfc3339(event.time_s)).append(",").append(to_string(event.event)).append("\n");
  return text;
}

}  // namespace

std::string synthetic_client_name(std::uint64_t client) {
  std::string digits = std::to_string(client);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return "customer-" + digits;
}

models::Transaction SyntheticClient::transaction(const StatementRow& row) const {
  return {.time_s = row.time_s,
          .amount_minor = row.amount_minor,
          .direction = row.direction,
          .category = std::string(name_of(row.category)),
          .merchant = std::string(merchant(row)),
          .currency = std::string(currency_of(row))};
}

SyntheticClient synthetic_client(const SyntheticOptions& options, std::uint64_t client) {
  FEDSPEND_CHECK(options.months >= 1 && options.months <= 120, "1 to 120 months");
  FEDSPEND_CHECK(options.unusual_in_thousand <= 1000, "a rate in thousandths");
  const Customer customer = draw_customer(options.seed, client);
  Dice dice("synthetic-client", options.seed, client);
  Life life(dice, customer);
  UnusualActivity unusual(options.seed, client, options.unusual_in_thousand);
  for (unsigned month = 0; month < options.months; ++month) {
    life.live_month(month);
    unusual.lay_over(life.statement(), customer);
  }
  return {.customer = customer, .rows = std::move(life.statement().rows()), .text = life.statement().text(), .events = life.events()};
}

std::vector<models::Transaction> synthetic_history(const SyntheticOptions& options, std::uint64_t client) {
  const SyntheticClient lived = synthetic_client(options, client);
  std::vector<models::Transaction> history;
  history.reserve(lived.rows.size());
  for (const StatementRow& row : lived.rows) history.push_back(lived.transaction(row));
  return history;
}

CustomerAttributes synthetic_attributes(const SyntheticOptions& options, std::uint64_t client) { return attributes_of(draw_customer(options.seed, client)); }

Result<Population> synthetic_population(const SyntheticOptions& options, unsigned threads) {
  PopulationBuilder builder;
  ClientAttributes attributes{.names = {kAttributeNames.begin(), kAttributeNames.end()}, .table = {}};
  std::vector<SyntheticClient> clients;
  for (std::uint64_t first = 0; first < options.clients; first += kClientsAtATime) {
    if (program::stop_requested().load()) return stopped();
    clients.assign(std::min(kClientsAtATime, options.clients - first), {});
    for_each_index(clients.size(), threads, [&](std::size_t i, unsigned) { clients[i] = synthetic_client(options, first + i); });
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::string name = synthetic_client_name(first + i);
      for (const StatementRow& row : clients[i].rows) FEDSPEND_TRY(builder.add(name, clients[i].transaction(row), to_string(row.unusual)));
      attributes.table.add(name, values_of(attributes_of(clients[i].customer)));
    }
  }
  return std::move(builder).build(attributes);
}

std::string_view synthetic_description() { return kDescription; }

Result<SyntheticSummary> write_synthetic(const SyntheticOptions& options, const std::filesystem::path& folder, unsigned threads) {
  NewFile transactions(folder / "transactions.csv"), customers(folder / "customers.csv"), events(folder / "events.csv"), description(folder / "synthetic.toml");
  std::string attribute_header = "client";
  for (const std::string_view name : kAttributeNames) attribute_header.append(",").append(name);
  FEDSPEND_TRY(transactions.write("client," + std::string(models::kTransactionCsvHeader) + ",label\n"));
  FEDSPEND_TRY(customers.write(attribute_header + "\n"));
  FEDSPEND_TRY(events.write("client,time,event\n"));
  FEDSPEND_TRY(description.write(kDescription));
  SyntheticSummary summary{.clients = options.clients};
  std::vector<ClientText> texts;
  for (std::uint64_t first = 0; first < options.clients; first += kClientsAtATime) {
    if (program::stop_requested().load()) return stopped();
    texts.assign(std::min(kClientsAtATime, options.clients - first), {});
    for_each_index(texts.size(), threads, [&](std::size_t i, unsigned) { texts[i] = text_of(options, first + i); });
    for (const ClientText& text : texts) {
      FEDSPEND_TRY(transactions.write(text.transactions));
      FEDSPEND_TRY(customers.write(text.attributes));
      FEDSPEND_TRY(events.write(text.events));
      summary.rows += text.rows;
      summary.unusual += text.unusual;
      summary.events += text.events_count;
    }
  }
  for (NewFile* file : {&transactions, &customers, &events, &description}) {
    FEDSPEND_TRY(file->finish());
    summary.bytes += file->bytes();
  }
  return summary;
}

}  // namespace fedspend::simulations
