#include "coordinator/cohort_log.h"

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "common/program/files.h"

namespace fedspend::coordinator {
namespace {

std::string line_of(std::uint64_t round, const ModelHash& hash, ByteSpan nonce, const std::vector<ClientId>& contributors, const Plan& plan, const EnrolmentList& enrolment) {
  nlohmann::ordered_json line;
  line["round"] = round;
  line["model_hash"] = hash.hex();
  line["attempt"] = to_hex(nonce);
  line["contributors"] = nlohmann::json::array();
  for (const ClientId& client : contributors) {
    const EnrolledDevice* device = enrolment.find(client);
    line["contributors"].push_back(device == nullptr || device->label.empty() ? client.hex() : device->label);
  }
  line["demonstration"] = plan.is_demonstration();
  // Labels come from a file: bytes that are not UTF-8 are replaced, never thrown over.
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace

Status rewrite_cohort_log(const std::filesystem::path& out, Store& store, const Plan& plan, const EnrolmentList& enrolment) {
  FEDSPEND_ASSIGN(const std::vector<PublishedRound> rounds, store.published_rounds());
  std::string text;
  for (const PublishedRound& round : rounds) text += line_of(round.round, round.hash, round.nonce, round.contributors, plan, enrolment);
  return program::write_file_atomically(out / "cohorts.jsonl", as_bytes(text));
}

Status append_cohort_log(const std::filesystem::path& out, const RoundSummary& summary, const ModelHash& hash, const Plan& plan,
                         const EnrolmentList& enrolment) {
  const std::filesystem::path path = out / "cohorts.jsonl";
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file << line_of(summary.round.value, hash, summary.nonce, summary.contributors, plan, enrolment) << std::flush;
  if (!file) return fail(ErrorCode::io, path.string() + " cannot be written", "free some space; the model is stored, start again");
  return {};
}

}  // namespace fedspend::coordinator
