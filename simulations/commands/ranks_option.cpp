#include "simulations/commands/ranks_option.h"

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/program/runtime.h"
#include "models/torch_module.h"

namespace fedspend::simulations {
namespace {

constexpr std::int64_t kMaxTimeoutS = 7 * 24 * 3600;

class ProcessRanks final : public RankExchange {
 public:
  explicit ProcessRanks(std::unique_ptr<models::ProcessGroup> group) : group_(std::move(group)) {}
  unsigned rank() const override { return group_->rank(); }
  unsigned size() const override { return group_->size(); }
  Result<std::vector<Bytes>> all_gather(ByteSpan mine) override { return group_->all_gather(mine); }

 private:
  std::unique_ptr<models::ProcessGroup> group_;
};

struct Given {
  std::string text;
  std::string from;  // the option or the variable, for messages
};

std::optional<Given> given(const program::Arguments& arguments, const std::string& option, const char* variable) {
  if (const auto text = arguments.optional_text(option)) return Given{*text, "--" + option};
  if (const char* text = std::getenv(variable); text != nullptr && *text != '\0') return Given{text, variable};
  return std::nullopt;
}

Result<std::int64_t> number(const Given& value, std::int64_t least, std::int64_t most) {
  std::int64_t read = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [stopped, error] = std::from_chars(value.text.data(), end, read);
  if (error == std::errc{} && stopped == end && read >= least && read <= most) return read;
  return fail(ErrorCode::invalid_argument, value.from + " " + value.text + " is not a whole number from " + std::to_string(least) + " to " + std::to_string(most), "as in --world-size 2 --rank 0");
}

// torchrun's agent may have its own store at MASTER_PORT, which it says by this; its names begin by the number of the start, so that
// ranks that it starts again do not find what the dead ones left there (torch/distributed/rendezvous.py, _create_c10d_store).
void read_agent(models::ProcessGroupOptions& options) {
  const char *const uses = std::getenv("TORCHELASTIC_USE_AGENT_STORE"), *const starts = std::getenv("TORCHELASTIC_RESTART_COUNT");
  if (uses == nullptr || std::string_view(uses) != "True") return;
  options.server = models::StoreServer::agent;
  options.store_prefix = std::string("/worker/attempt_") + (starts == nullptr ? "0" : starts);
}

// HOST:PORT, [::1]:PORT, or MASTER_ADDR and MASTER_PORT.
Status read_store(const program::Arguments& arguments, models::ProcessGroupOptions& options) {
  Given port;
  if (const auto store = arguments.optional_text("store")) {
    const std::size_t colon = store->rfind(':');
    if (colon == std::string::npos || colon == 0) return fail(ErrorCode::invalid_argument, "--store " + *store + " is not HOST:PORT", "the address of rank 0 and a port that is free there");
    options.host = store->substr(0, colon);
    if (options.host.starts_with('[') && options.host.ends_with(']')) options.host = options.host.substr(1, options.host.size() - 2);
    port = {store->substr(colon + 1), "the port of --store"};
  } else {
    const char *host = std::getenv("MASTER_ADDR"), *text = std::getenv("MASTER_PORT");
    if (host == nullptr || text == nullptr) {
      if (options.size == 1) return {};
      return fail(ErrorCode::invalid_argument, "several ranks need --store HOST:PORT, or MASTER_ADDR and MASTER_PORT", "the address of rank 0 and a port that is free there");
    }
    options.host = host;
    port = {text, "MASTER_PORT"};
    read_agent(options);
  }
  FEDSPEND_ASSIGN(const std::int64_t read, number(port, 1, 65'535));
  options.port = static_cast<std::uint16_t>(read);
  return {};
}

}  // namespace

std::vector<program::Option> ranks_options() {
  return {{.name = "world-size", .value_name = "N", .help = "share the run between N processes, started one by one (also from WORLD_SIZE); the result is the same to the bit"},
          {.name = "rank", .value_name = "R", .help = "which of them this is, from 0 (also from RANK); rank 0 writes the files"},
          {.name = "store", .value_name = "HOST:PORT", .help = "where rank 0 listens (also from MASTER_ADDR, MASTER_PORT); without authentication: for a trusted network"},
          {.name = "join-timeout", .value_name = "S", .help = "seconds to wait until all ranks are there", .default_text = "60"},
          {.name = "exchange-timeout", .value_name = "S", .help = "seconds to wait for the slowest rank of an exchange", .default_text = "600"}};
}

Result<std::optional<models::ProcessGroupOptions>> ranks_of(const program::Arguments& arguments) {
  const auto size = given(arguments, "world-size", "WORLD_SIZE"), rank = given(arguments, "rank", "RANK");
  if (!size && !rank) {
    if (arguments.has("store")) return fail(ErrorCode::invalid_argument, "--store is for several ranks", "give --world-size and --rank too");
    return std::optional<models::ProcessGroupOptions>();
  }
  if (!size || !rank) return fail(ErrorCode::invalid_argument, (size ? size->from + " is given and --rank is not" : rank->from + " is given and --world-size is not"), "every rank needs both (torchrun sets WORLD_SIZE and RANK)");
  models::ProcessGroupOptions options;
  options.stop = &program::stop_requested();
  FEDSPEND_ASSIGN(const std::int64_t n, number(*size, 1, models::kMaxRanks));
  options.size = static_cast<unsigned>(n);
  FEDSPEND_ASSIGN(const std::int64_t r, number(*rank, 0, n - 1));
  options.rank = static_cast<unsigned>(r);
  FEDSPEND_TRY(read_store(arguments, options));
  FEDSPEND_ASSIGN(const std::int64_t join_s, arguments.integer("join-timeout", 1, kMaxTimeoutS));
  options.join_timeout = std::chrono::seconds(join_s);
  FEDSPEND_ASSIGN(const std::int64_t exchange_s, arguments.integer("exchange-timeout", 1, kMaxTimeoutS));
  options.exchange_timeout = std::chrono::seconds(exchange_s);
  return std::optional(options);
}

Result<std::unique_ptr<RankExchange>> join_ranks(const models::ProcessGroupOptions& options) {
  FEDSPEND_ASSIGN(const models::TorchModule* module, models::torch_module());
  FEDSPEND_ASSIGN(std::unique_ptr<models::ProcessGroup> group, module->join(options));
  return std::make_unique<ProcessRanks>(std::move(group));
}

}  // namespace fedspend::simulations
