#include "coordinator/token_ledger.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "common/protocol/enrolment_request.h"
#include "common/protocol/messages.h"
#include "common/protocol/plain_text.h"

namespace fedspend::coordinator {
namespace {

constexpr std::string_view kHeader = "fedspend-tokens-v1";
constexpr std::string_view kNextSerial = "next-serial\t";
constexpr std::string_view kUnused = "-";

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t end = line.find('\t');
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return fields;
    line.remove_prefix(end + 1);
  }
}

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Status read_entry(std::string_view line, TokenLedger& ledger) {
  const std::vector<std::string_view> fields = split(line);
  IdentityPublicKey key;
  LedgerToken token;
  if (fields.size() != 5 && fields.size() != 6) return fail(ErrorCode::malformed, "a line has five or six fields");
  FEDSPEND_TRY(from_hex(fields[0], key.bytes));
  if (!read_number(fields[1], token.expires_at_s)) return fail(ErrorCode::malformed, "a time is a number");
  token.population = fields[2];
  if (token.population.empty() || token.population.size() > kMaxTextBytes || !is_plain_text(token.population)) return fail(ErrorCode::malformed, "not the name of a population");
  FEDSPEND_TRY(check_device_label(fields[3]));
  token.label = fields[3];
  if (fields.size() == 6) {
    IdentityPublicKey identity;
    FEDSPEND_TRY(from_hex(fields[4], identity.bytes));
    FEDSPEND_ASSIGN(const Bytes bytes, from_hex(fields[5]));
    FEDSPEND_ASSIGN(token.used, decode_certificate(identity, bytes));
    if (token.used->serial >= ledger.next_serial) return fail(ErrorCode::malformed, "a serial that was not given out yet");
  } else if (fields[4] != kUnused) {
    return fail(ErrorCode::malformed, "neither used nor unused");
  }
  if (!ledger.tokens.emplace(key, std::move(token)).second) return fail(ErrorCode::malformed, "a token that is there already");
  return {};
}

}  // namespace

std::string TokenLedger::text() const {
  std::string text = std::string(kHeader) + '\n' + std::string(kNextSerial) + std::to_string(next_serial) + '\n';
  for (const auto& [key, token] : tokens) {
    text += to_hex(key.bytes) + '\t' + std::to_string(token.expires_at_s) + '\t' + token.population + '\t' + token.label + '\t';
    text += token.used ? to_hex(token.used->identity.bytes) + '\t' + to_hex(encode_certificate(*token.used)) : std::string(kUnused);
    text += '\n';
  }
  return text;
}

Result<TokenLedger> TokenLedger::parse(std::string_view text) {
  TokenLedger ledger;
  std::size_t number = 0;
  const auto broken = [&](const std::string& what) {
    return fail(ErrorCode::malformed, "token ledger, line " + std::to_string(number) + ": " + what, "take the authority's folder back from a copy");
  };
  if (!text.ends_with('\n')) return number = 1, broken("the file is cut off");
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (++number == 1) {
      if (line != kHeader) return broken("not \"" + std::string(kHeader) + "\"");
    } else if (number == 2) {
      if (!line.starts_with(kNextSerial) || !read_number(line.substr(kNextSerial.size()), ledger.next_serial) || ledger.next_serial == 0) return broken("no next serial");
    } else if (const Status entry = read_entry(line, ledger); !entry) {
      return broken(entry.error().message);
    }
  }
  if (number < 2) return broken("the file is cut off");
  return ledger;
}

void TokenLedger::prune(std::uint64_t now_s) {
  std::erase_if(tokens, [&](const auto& entry) {
    const std::uint64_t over = entry.second.used ? entry.second.used->expires_at_s : entry.second.expires_at_s;
    return now_s > over && now_s - over > kLedgerMemory_s;
  });
}

bool TokenLedger::has_certified(const ClientId& id) const {
  return std::any_of(tokens.begin(), tokens.end(), [&](const auto& entry) { return entry.second.used && client_id_of(entry.second.used->identity) == id; });
}

}  // namespace fedspend::coordinator
