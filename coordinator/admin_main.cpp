// fedspend-admin: keys, signatures and the enrolment list. See coordinator/README.md.

#include <filesystem>
#include <utility>

#include "common/crypto/random.h"
#include "common/program/files.h"
#include "common/program/key_files.h"
#include "common/program/program.h"
#include "coordinator/enrolment.h"
#include "coordinator/signed_plan_file.h"

namespace fedspend::coordinator {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

constexpr std::size_t kMaxListBytes = std::size_t{64} << 20;

Result<Report> keygen(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  FEDSPEND_TRY(program::ensure_writable_directory(out));
  const fs::path release = fs::path(out) / "release.key";
  const fs::path curve = fs::path(out) / "coordinator.key";
  for (const fs::path& path : {release, curve}) {
    std::error_code ignored;
    if (fs::exists(path, ignored)) return fail(ErrorCode::conflict, path.string() + " is there already", "keys are never overwritten: give another --out folder");
  }
  SystemRandom random;
  FEDSPEND_TRY(program::write_identity_key(release, "release", IdentityKey::generate(random)));
  FEDSPEND_TRY(program::write_curve_key(curve, CurveKeyPair::generate(random)));
  Report report;
  report.data = {{"release_key", release.string()}, {"coordinator_key", curve.string()}};
  report.text = release.string() + "      signs plans; keep it off the coordinator. Devices pin " + release.string() + ".pub\n" + curve.string() +
                "  the coordinator's CURVE key. Devices pin " + curve.string() + ".pub\n";
  return report;
}

Result<Report> sign(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string plan, arguments.text("plan"));
  FEDSPEND_ASSIGN(const std::string key_path, arguments.text("release-key"));
  FEDSPEND_ASSIGN(const IdentityKey key, program::read_identity_key(key_path, "release"));
  FEDSPEND_TRY(write_plan_signature(plan, key));
  Report report;
  report.data = {{"plan", plan}, {"signature", plan + ".sig"}};
  report.text = plan + ".sig holds the signature\n";
  return report;
}

Result<EnrolmentList> read_list(const std::string& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxListBytes));
  Result<EnrolmentList> list = EnrolmentList::parse(as_text(bytes));
  if (!list) return fail(list.error().code, path + ": " + list.error().message, list.error().hint);
  return list;
}

Status write_list(const std::string& path, const std::vector<EnrolledDevice>& devices) {
  std::string text = "# identity key, CURVE key, label\n";
  for (const EnrolledDevice& device : devices) text += EnrolmentList::format_line(device) + '\n';
  return program::write_file_atomically(path, as_bytes(text));
}

Result<Report> enrol(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("devices"));
  std::vector<EnrolledDevice> devices;
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    FEDSPEND_ASSIGN(const EnrolmentList present, read_list(path));
    devices = present.devices();
  }
  const std::size_t before = devices.size();
  for (const std::string& added : arguments.texts("list")) {
    FEDSPEND_ASSIGN(const EnrolmentList list, read_list(added));
    devices.insert(devices.end(), list.devices().begin(), list.devices().end());
  }
  FEDSPEND_ASSIGN(const EnrolmentList all, EnrolmentList::create(devices));
  FEDSPEND_TRY(write_list(path, all.devices()));
  Report report;
  report.data = {{"devices", all.devices().size()}, {"added", all.devices().size() - before}};
  report.text = std::to_string(all.devices().size() - before) + " devices added, " + std::to_string(all.devices().size()) + " in " + path + "\n";
  return report;
}

Result<Report> revoke(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("devices"));
  FEDSPEND_ASSIGN(const std::string id_text, arguments.text("id"));
  const Result<ClientId> parsed = ClientId::parse(id_text);
  if (!parsed) return fail(ErrorCode::invalid_argument, "--id '" + id_text + "' is not an id: " + parsed.error().message, "see `fedspend-admin devices --devices " + path + "`");
  const ClientId id = *parsed;
  FEDSPEND_ASSIGN(const EnrolmentList list, read_list(path));
  std::vector<EnrolledDevice> devices = list.devices();
  const auto removed = std::erase_if(devices, [&](const EnrolledDevice& device) { return device.id == id; });
  if (removed == 0) return fail(ErrorCode::not_found, path + " has no device " + id_text, "see `fedspend-admin devices --devices " + path + "`");
  FEDSPEND_TRY(write_list(path, devices));
  Report report;
  report.data = {{"devices", devices.size()}};
  report.text = "removed; " + std::to_string(devices.size()) + " devices in " + path + ". The coordinator reads the list when it starts: restart it\n";
  return report;
}

Result<Report> show_devices(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("devices"));
  FEDSPEND_ASSIGN(const EnrolmentList list, read_list(path));
  std::vector<std::vector<std::string>> rows = {{"id", "label"}};
  Report report;
  report.data["devices"] = nlohmann::json::array();
  for (const EnrolledDevice& device : list.devices()) {
    rows.push_back({device.id.hex(), device.label});
    report.data["devices"].push_back({{"id", device.id.hex()}, {"label", device.label}});
  }
  report.text = program::format_table(rows);
  return report;
}

program::ProgramSpec admin_program() {
  const program::Option devices{.name = "devices", .value_name = "FILE", .help = "the enrolment list", .required = true};
  return {
      .name = "fedspend-admin",
      .summary = "keys, plan signatures and the list of devices",
      .commands = {{.name = "keygen",
                    .summary = "make the release key and the coordinator's CURVE key",
                    .example = "fedspend-admin keygen --out keys",
                    .options = {{.name = "out", .value_name = "DIR", .help = "where the keys go (private halves: mode 0600)", .required = true}},
                    .positional = "",
                    .run = keygen},
                   {.name = "sign-plan",
                    .summary = "sign a plan with the release key",
                    .example = "fedspend-admin sign-plan --plan plan.toml --release-key keys/release.key",
                    .options = {{.name = "plan", .value_name = "FILE", .help = "the plan; the signature goes to FILE.sig", .required = true},
                                {.name = "release-key", .value_name = "FILE", .help = "the private release key", .required = true}},
                    .positional = "",
                    .run = sign},
                   {.name = "enrol",
                    .summary = "add devices to the enrolment list",
                    .example = "fedspend-admin enrol --devices devices.list process-0.list process-1.list",
                    .options = {devices, {.name = "list", .value_name = "FILE", .help = "lines of `fedspend-device keys`", .required = true, .repeated = true}},
                    .positional = "list",
                    .run = enrol},
                   {.name = "revoke",
                    .summary = "take a device off the enrolment list",
                    .example = "fedspend-admin revoke --devices devices.list --id 5f0c...",
                    .options = {devices, {.name = "id", .value_name = "ID", .help = "its id, 64 hexadecimal digits", .required = true}},
                    .positional = "",
                    .run = revoke},
                   {.name = "devices",
                    .summary = "show the enrolment list",
                    .example = "fedspend-admin devices --devices devices.list",
                    .options = {devices},
                    .positional = "",
                    .run = show_devices}}};
}

}  // namespace
}  // namespace fedspend::coordinator

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  return fedspend::program::run_program(fedspend::coordinator::admin_program(), argc, argv);
}
