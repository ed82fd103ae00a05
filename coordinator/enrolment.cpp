#include "coordinator/enrolment.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "common/protocol/enrolment_request.h"

namespace fedspend::coordinator {
namespace {

std::string key_text(const CurvePublicKey& key) { return std::string(as_text(key.bytes)); }

Result<EnrolledDevice> parse_line(const std::string& line) {
  std::istringstream fields(line);
  std::string identity;
  std::string transport;
  std::string certificate;
  EnrolledDevice device;
  fields >> identity >> transport >> certificate;
  std::getline(fields >> std::ws, device.label);
  FEDSPEND_TRY(from_hex(identity, device.identity.bytes));
  FEDSPEND_TRY(from_hex(transport, device.transport.bytes));
  std::array<std::uint8_t, kCertificateBytes> bytes{};
  FEDSPEND_TRY(from_hex(certificate, bytes));
  FEDSPEND_ASSIGN(device.certificate, decode_certificate(device.identity, bytes));
  FEDSPEND_TRY(check_device_label(device.label));
  device.id = client_id_of(device.identity);
  return device;
}

}  // namespace

Result<EnrolmentList> EnrolmentList::create(std::vector<EnrolledDevice> devices) {
  return build(std::move(devices), [](std::size_t index) { return "device " + std::to_string(index + 1) + " of the list"; });
}

Result<EnrolmentList> EnrolmentList::build(std::vector<EnrolledDevice> devices, const std::function<std::string(std::size_t)>& place) {
  EnrolmentList list;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const EnrolledDevice& device = devices[i];
    if (device.id != client_id_of(device.identity)) return fail(ErrorCode::malformed, place(i) + ": an id that is not the hash of its identity key");
    if (device.certificate.identity != device.identity) return fail(ErrorCode::malformed, place(i) + ": a certificate for another key");
    if (!list.by_id_.emplace(device.id, i).second)
      return fail(ErrorCode::conflict, place(i) + ": an identity key that is there already", "every device stands once, with keys of its own");
    if (!list.transport_keys_.insert(key_text(device.transport)).second)
      return fail(ErrorCode::conflict, place(i) + ": a CURVE key that is there already", "every device stands once, with keys of its own");
  }
  list.devices_ = std::move(devices);
  return list;
}

Result<EnrolmentList> EnrolmentList::parse(std::string_view text) {
  std::vector<EnrolledDevice> devices;
  std::vector<std::size_t> line_of_device;
  const auto place = [&](std::size_t index) { return "device list, line " + std::to_string(line_of_device[index]); };
  std::istringstream lines{std::string(text)};
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos || line.front() == '#') continue;
    line_of_device.push_back(number);
    Result<EnrolledDevice> device = parse_line(line);
    if (!device)
      return fail(ErrorCode::malformed, place(devices.size()) + ": " + device.error().message,
                  "a line is: identity key, CURVE key (64 hexadecimal digits each), certificate (176), and a label if you like, as `fedspend-admin enrol` writes it");
    devices.push_back(std::move(*device));
  }
  return build(std::move(devices), place);
}

std::string EnrolmentList::format_line(const EnrolledDevice& device) {
  std::string line = to_hex(device.identity.bytes) + ' ' + to_hex(device.transport.bytes) + ' ' + to_hex(encode_certificate(device.certificate));
  if (!device.label.empty()) line += ' ' + device.label;
  return line;
}

Result<EnrolmentList> EnrolmentList::admitted(const AdmissionRules& rules) const {
  std::vector<EnrolledDevice> left;
  std::unordered_map<ClientId, Exclusion> out;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const EnrolledDevice& device = devices_[i];
    const bool expired = is_expired(device.certificate, rules.now_s);
    // An expired certificate, too, must be the authority's: checked in the second in which it was issued.
    const Status valid = verify_certificate(device.certificate, rules.authority, rules.population, expired ? device.certificate.issued_at_s : rules.now_s);
    if (!valid) return fail(ErrorCode::refused, "device " + std::to_string(i + 1) + " of the list: " + valid.error().message, valid.error().hint);
    if (rules.revocations != nullptr && rules.revocations->contains(device.id)) {
      out.emplace(device.id, Exclusion::revoked);
    } else if (expired) {
      out.emplace(device.id, Exclusion::expired);
    } else {
      left.push_back(device);
    }
  }
  FEDSPEND_ASSIGN(EnrolmentList list, create(std::move(left)));
  list.excluded_ = std::move(out);
  return list;
}

std::optional<Exclusion> EnrolmentList::exclusion_of(const ClientId& id) const {
  const auto found = excluded_.find(id);
  return found == excluded_.end() ? std::nullopt : std::optional(found->second);
}

std::size_t EnrolmentList::excluded(Exclusion why) const {
  return static_cast<std::size_t>(std::count_if(excluded_.begin(), excluded_.end(), [&](const auto& entry) { return entry.second == why; }));
}

const EnrolledDevice* EnrolmentList::find(const ClientId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &devices_[found->second];
}

bool EnrolmentList::knows_transport_key(const CurvePublicKey& key) const { return transport_keys_.contains(key_text(key)); }

}  // namespace fedspend::coordinator
