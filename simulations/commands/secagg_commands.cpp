// fedspend-sim secagg-params and secagg: what the parameters of secure aggregation come to, and what a round of it costs.

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>
#include <thread>

#include "common/executor.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/parts_per_million.h"
#include "simulations/secagg/secure_round.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;
using program::Report;

Result<Threat> threat_of(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string name, arguments.text("threat"));
  if (name == "semi-malicious") return Threat::semi_malicious;
  if (name == "curious") return Threat::curious;
  return fail(ErrorCode::invalid_argument, "--threat '" + name + "' is neither semi-malicious nor curious",
              "semi-malicious: the server may lie about who dropped out; curious: it follows the protocol and looks");
}

std::string rounded(double value, int decimals) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(decimals) << value;
  return text.str();
}

Result<Report> secagg_params(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::int64_t clients, arguments.integer("clients", kMinSecureClients, kMaxSecureClients));
  SecurityGoal goal{.clients = static_cast<std::uint32_t>(clients)};
  FEDSPEND_ASSIGN(goal.corrupt_ppm, parts_per_million(arguments, "corrupt"));
  FEDSPEND_ASSIGN(goal.dropout_ppm, parts_per_million(arguments, "dropout"));
  FEDSPEND_ASSIGN(goal.threat, threat_of(arguments));
  FEDSPEND_ASSIGN(const std::int64_t security, arguments.integer("security-bits", 1, 128));
  goal.security_bits = static_cast<std::uint32_t>(security);
  FEDSPEND_ASSIGN(const GraphSize size, smallest_graph(goal));
  FEDSPEND_ASSIGN(const std::uint32_t quorum, quorum_size(goal, 1));
  FEDSPEND_ASSIGN(const FailureBounds bounds, failure_bounds(goal, size));
  Report report;
  const auto log2_json = [](double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr); };
  const auto log2_text = [](double value) { return std::isfinite(value) ? "2^" + rounded(value, 1) : std::string("impossible"); };
  report.data = {{"clients", goal.clients},
                 {"corrupt", goal.corrupt()},
                 {"dropped", goal.dropped()},
                 {"threat", std::string(to_string(goal.threat))},
                 {"security_bits", goal.security_bits},
                 {"degree", size.degree},
                 {"threshold", size.threshold},
                 {"quorum", quorum},
                 {"security_log2", log2_json(bounds.security_log2)},
                 {"failure_log2", log2_json(bounds.failure_log2)},
                 {"connectivity_log2", log2_json(bounds.connectivity_log2)}};
  report.text = program::format_table({{"parameter", "value", "meaning"},
                                       {"degree k", std::to_string(size.degree), size.degree == goal.clients - 1 ? "neighbours of each client: all others" : "neighbours of each client"},
                                       {"threshold t", std::to_string(size.threshold), "shares that give a secret back"},
                                       {"quorum q", std::to_string(quorum), "signatures over one survivor set"},
                                       {"a secret is exposed", log2_text(bounds.security_log2), "to " + std::to_string(goal.corrupt()) + " corrupt clients and the server, at most"},
                                       {"a round fails", log2_text(bounds.failure_log2), "with " + std::to_string(goal.dropped()) + " lost clients, at most"},
                                       {"the graph falls apart", log2_text(bounds.connectivity_log2), "at most"}});
  return report;
}

nlohmann::json json_of(const SecureRoundOptions& options, const SecureRoundCosts& costs, std::int64_t threads) {
  return {{"clients", options.clients}, {"dimension", options.dimension}, {"bits", options.value_bits}, {"ring_bits", costs.ring_bits},
          {"threat", std::string(to_string(options.threat))}, {"threads", threads},
          {"degree", costs.degree}, {"threshold", costs.threshold}, {"quorum", costs.quorum}, {"dropped", costs.dropped}, {"survivors", costs.survivors},
          {"client_ms", costs.client_ms}, {"quorum_check_ms", costs.quorum_check_ms}, {"client_mask_floor_ms", costs.client_mask_floor_ms},
          {"server_ms", costs.server_ms}, {"server_unmasking_ms", costs.server_unmasking_ms}, {"server_arrival_ms", costs.server_arrival_ms},
          {"mask_floor_ms", costs.mask_floor_ms}, {"masks", costs.masks},
          {"bytes_up_per_client", costs.bytes_up_per_client}, {"bytes_down_per_client", costs.bytes_down_per_client}, {"expansion", costs.expansion},
          {"peak_memory_bytes", costs.peak_memory_bytes}, {"sum_is_right", true}};
}

std::string text_of(const SecureRoundOptions& options, const SecureRoundCosts& costs, std::int64_t threads) {
  const std::string on = threads == 1 ? "one thread" : std::to_string(threads) + " threads";
  return std::to_string(options.clients) + " clients, " + std::to_string(options.dimension) + " values of " + std::to_string(options.value_bits) + " bits in a ring of " +
         std::to_string(costs.ring_bits) + ", " + std::to_string(costs.dropped) + " dropped out before their masked input\n" +
         "degree " + std::to_string(costs.degree) + ", threshold " + std::to_string(costs.threshold) + ", quorum " + std::to_string(costs.quorum) +
         "; the sum of " + std::to_string(costs.survivors) + " survivors is right\n\n" +
         program::format_table({{"cost", "", "of which, or beside it"},
                                {"client, the whole round but the quorum", rounded(costs.client_ms, 1) + " ms", "ChaCha20 alone " + rounded(costs.client_mask_floor_ms, 1) + " ms"},
                                {"client, the quorum check", rounded(costs.quorum_check_ms, 1) + " ms", "one thread; signatures and certificates"},
                                {"server, last masked input to sum", rounded(costs.server_ms, 1) + " ms",
                                 "unmasking on " + on + " " + rounded(costs.server_unmasking_ms, 1) + " ms; ChaCha20 alone " + rounded(costs.mask_floor_ms, 1) + " ms, " +
                                     std::to_string(costs.masks) + " masks"},
                                {"server, on arrival", rounded(costs.server_arrival_ms, 1) + " ms", "signatures, shares, adding up"},
                                {"bytes up, a client", rounded(costs.bytes_up_per_client, 0), "expansion " + rounded(costs.expansion, 3)},
                                {"bytes down, a client", rounded(costs.bytes_down_per_client, 0), ""},
                                {"peak memory", rounded(static_cast<double>(costs.peak_memory_bytes) / 1048576, 0) + " MiB", "the whole process, all clients included"}});
}

Result<Report> secagg(const Arguments& arguments) {
  SecureRoundOptions options;
  FEDSPEND_ASSIGN(const std::int64_t clients, arguments.integer("clients", kMinSecureClients, kMaxSecureClients));
  FEDSPEND_ASSIGN(const std::int64_t dimension, arguments.integer("dimension", 1, std::int64_t{1} << 24));
  FEDSPEND_ASSIGN(const std::int64_t bits, arguments.integer("bits", 1, 31));
  FEDSPEND_ASSIGN(const std::int64_t seed, arguments.integer("seed", 0, INT64_MAX));
  FEDSPEND_ASSIGN(const std::int64_t security, arguments.integer("security-bits", 1, 128));
  const std::int64_t cores = std::max<std::int64_t>(std::thread::hardware_concurrency(), 1);
  std::int64_t threads = cores;
  if (arguments.has("threads")) {
    FEDSPEND_ASSIGN(threads, arguments.integer("threads", 1, 256));
  }
  options.clients = static_cast<std::uint32_t>(clients);
  options.dimension = static_cast<std::uint64_t>(dimension);
  options.value_bits = static_cast<unsigned>(bits);
  options.seed = static_cast<std::uint64_t>(seed);
  options.security_bits = static_cast<std::uint32_t>(security);
  FEDSPEND_ASSIGN(options.dropout_ppm, parts_per_million(arguments, "dropout"));
  FEDSPEND_ASSIGN(options.corrupt_ppm, parts_per_million(arguments, "corrupt"));
  FEDSPEND_ASSIGN(options.threat, threat_of(arguments));
  options.tolerated_ppm = std::max<std::uint32_t>(options.dropout_ppm, 50'000);
  if (arguments.has("tolerated-dropout")) {
    FEDSPEND_ASSIGN(options.tolerated_ppm, parts_per_million(arguments, "tolerated-dropout"));
    if (options.tolerated_ppm < options.dropout_ppm)
      return fail(ErrorCode::invalid_argument, "--tolerated-dropout is below --dropout", "the round would end without a sum");
  }
  ThreadExecutor executor(static_cast<unsigned>(threads));
  FEDSPEND_ASSIGN(const SecureRoundCosts costs, run_secure_round(options, executor));
  return Report{json_of(options, costs, threads), text_of(options, costs, threads)};
}

program::Option corrupt_option() {
  return {.name = "corrupt", .value_name = "G", .help = "fraction of clients that collude with the server", .default_text = "0.1"};
}
program::Option threat_option() {
  return {.name = "threat", .value_name = "T", .help = "semi-malicious: the server lies about who dropped out; curious: it only looks", .default_text = "semi-malicious"};
}
program::Option security_option() { return {.name = "security-bits", .value_name = "B", .help = "chances against the protocol are at most 2^-B", .default_text = "40"}; }

}  // namespace

program::Command secagg_params_command() {
  return {.name = "secagg-params",
          .summary = "degree, threshold and quorum of secure aggregation for a number of clients",
          .example = "fedspend-sim secagg-params --clients 1000 --corrupt 0.1 --dropout 0.1 --threat semi-malicious",
          .options = {{.name = "clients", .value_name = "N", .help = "clients on the roster", .required = true},
                      corrupt_option(),
                      {.name = "dropout", .value_name = "D", .help = "fraction that may be lost from roster to unmasking", .default_text = "0.1"},
                      threat_option(),
                      security_option()},
          .positional = "",
          .run = secagg_params};
}

program::Command secagg_command() {
  return {.name = "secagg",
          .summary = "run one round of secure aggregation in this process and say what it costs",
          .example = "fedspend-sim secagg --clients 1000 --dimension 100000 --dropout 0.1",
          .options = {{.name = "clients", .value_name = "N", .help = "clients on the roster", .required = true},
                      {.name = "dimension", .value_name = "D", .help = "values of each client", .required = true},
                      {.name = "dropout", .value_name = "F", .help = "fraction that drops out before its masked input", .default_text = "0"},
                      {.name = "bits", .value_name = "B", .help = "bits of each value; the ring has log2 N more", .default_text = "16"},
                      corrupt_option(),
                      threat_option(),
                      {.name = "tolerated-dropout", .value_name = "D", .help = "what the parameters allow for; by default the larger of --dropout and 0.05"},
                      security_option(),
                      {.name = "threads", .value_name = "N", .help = "threads of the server, and clients at the same time; by default all cores"},
                      {.name = "seed", .value_name = "S", .help = "of keys, values and of who drops out", .default_text = "1"}},
          .positional = "",
          .run = secagg};
}

}  // namespace fedspend::simulations
