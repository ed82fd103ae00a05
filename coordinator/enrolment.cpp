#include "coordinator/enrolment.h"

#include <algorithm>
#include <sstream>

namespace fedspend::coordinator {
namespace {

constexpr std::size_t kMaxLabelBytes = 256;

std::string key_text(const CurvePublicKey& key) { return std::string(as_text(key.bytes)); }

Result<EnrolledDevice> parse_line(const std::string& line) {
  std::istringstream fields(line);
  std::string identity;
  std::string transport;
  EnrolledDevice device;
  fields >> identity >> transport;
  std::getline(fields >> std::ws, device.label);
  FEDSPEND_TRY(from_hex(identity, device.identity.bytes));
  FEDSPEND_TRY(from_hex(transport, device.transport.bytes));
  // A label is shown on terminals.
  if (std::any_of(device.label.begin(), device.label.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return fail(ErrorCode::malformed, "a label with control characters");
  if (device.label.size() > kMaxLabelBytes) return fail(ErrorCode::malformed, "a label of more than 256 bytes");
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
                  "a line is: identity key, CURVE key (64 hexadecimal digits each), and a label if you like");
    devices.push_back(std::move(*device));
  }
  return build(std::move(devices), place);
}

std::string EnrolmentList::format_line(const EnrolledDevice& device) {
  std::string line = to_hex(device.identity.bytes) + ' ' + to_hex(device.transport.bytes);
  if (!device.label.empty()) line += ' ' + device.label;
  return line;
}

const EnrolledDevice* EnrolmentList::find(const ClientId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &devices_[found->second];
}

bool EnrolmentList::knows_transport_key(const CurvePublicKey& key) const { return transport_keys_.contains(key_text(key)); }

}  // namespace fedspend::coordinator
