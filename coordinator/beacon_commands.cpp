#include "coordinator/beacon_commands.h"

#include <filesystem>

#include "common/crypto/random.h"
#include "common/program/files.h"
#include "common/program/runtime.h"
#include "coordinator/beacon_signer.h"

namespace fedspend::coordinator {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

Result<Report> make_key(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  FEDSPEND_TRY(program::ensure_writable_directory(out));
  const std::string key = fs::path(out) / "beacon.key";
  SystemRandom random;
  FEDSPEND_TRY(create_beacon(key, random));
  Report report;
  report.data = {{"beacon_key", key}, {"ledger", key + ".ledger"}};
  report.text = key + " signs rosters, each attempt once; keep it and its ledger away from the coordinator. Coordinator and devices pin " + key + ".pub\n";
  return report;
}

Result<Report> sign(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string key, arguments.text("beacon-key"));
  const std::vector<std::string> request = arguments.texts("request");
  SessionId assignment;
  Hash256 root{};
  if (request.size() != 2 || !from_hex(request[0], assignment.bytes) || !from_hex(request[1], root))
    return fail(ErrorCode::invalid_argument, "what is to be signed is an assignment id and a roster root, 64 hexadecimal digits each", "fedspend-coordinator gives both to its --beacon-command");
  FEDSPEND_ASSIGN(const BeaconDraw draw, sign_once(key, assignment, root, program::unix_time_s()));
  Report report;
  report.data = {{"signature", to_hex(draw.signature)}};
  report.text = to_hex(draw.signature) + "\n";
  return report;
}

}  // namespace

std::vector<program::Command> beacon_commands() {
  return {{.name = "beacon-keygen",
           .summary = "make the key of an external beacon: it signs each attempt's roster once, so that nobody chooses the masking graph",
           .example = "fedspend-admin beacon-keygen --out beacon",
           .options = {{.name = "out", .value_name = "DIR", .help = "where beacon.key (mode 0600), beacon.key.pub and beacon.key.ledger go", .required = true}},
           .positional = "",
           .run = make_key},
          {.name = "beacon-sign",
           .summary = "sign a roster as the external beacon, and never a second one of the same attempt; prints the signature",
           .example = "fedspend-admin beacon-sign --beacon-key beacon/beacon.key 2127d2b1... 8f0c11aa...",
           .options = {{.name = "beacon-key", .value_name = "FILE", .help = "the private beacon key; its ledger is FILE.ledger", .required = true},
                       {.name = "request", .value_name = "HEX", .help = "assignment id, then roster root: 64 hexadecimal digits each", .required = true, .repeated = true}},
           .positional = "request",
           .run = sign}};
}

}  // namespace fedspend::coordinator
