// fedspend-admin: keys, signatures, the enrolment authority, and the external beacon. See coordinator/README.md.

#include <filesystem>
#include <utility>

#include "common/crypto/random.h"
#include "common/program/files.h"
#include "common/program/key_files.h"
#include "common/program/program.h"
#include "coordinator/authority_commands.h"
#include "coordinator/beacon_commands.h"
#include "coordinator/signed_plan_file.h"

namespace fedspend::coordinator {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

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

Result<Report> gateway_keygen(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  FEDSPEND_TRY(program::ensure_writable_directory(out));
  const fs::path path = fs::path(out) / "gateway.key";
  SystemRandom random;
  FEDSPEND_TRY(program::write_curve_key(path, CurveKeyPair::generate(random)));
  Report report;
  report.data = {{"gateway_key", path.string()}};
  report.text = path.string() + "  a gateway's CURVE key; the coordinator gets " + path.string() + ".pub (--gateway-key)\n";
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

program::ProgramSpec admin_program() {
  program::ProgramSpec spec{
      .name = "fedspend-admin",
      .summary = "keys, plan signatures, and the devices: authority, tokens, certificates, revocation; and the external beacon",
      .commands = {{.name = "keygen",
                    .summary = "make the release key and the coordinator's CURVE key",
                    .example = "fedspend-admin keygen --out keys",
                    .options = {{.name = "out", .value_name = "DIR", .help = "where the keys go (private halves: mode 0600)", .required = true}},
                    .positional = "",
                    .run = keygen},
                   {.name = "gateway-keygen",
                    .summary = "make a gateway's CURVE key",
                    .example = "fedspend-admin gateway-keygen --out gateway",
                    .options = {{.name = "out", .value_name = "DIR", .help = "where the key goes (private half: mode 0600)", .required = true}},
                    .positional = "",
                    .run = gateway_keygen},
                   {.name = "sign-plan",
                    .summary = "sign a plan with the release key",
                    .example = "fedspend-admin sign-plan --plan plan.toml --release-key keys/release.key",
                    .options = {{.name = "plan", .value_name = "FILE", .help = "the plan; the signature goes to FILE.sig", .required = true},
                                {.name = "release-key", .value_name = "FILE", .help = "the private release key", .required = true}},
                    .positional = "",
                    .run = sign}}};
  for (program::Command& command : authority_commands()) spec.commands.push_back(std::move(command));
  for (program::Command& command : beacon_commands()) spec.commands.push_back(std::move(command));
  return spec;
}

}  // namespace
}  // namespace fedspend::coordinator

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  return fedspend::program::run_program(fedspend::coordinator::admin_program(), argc, argv);
}
