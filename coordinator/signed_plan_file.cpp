#include "coordinator/signed_plan_file.h"

#include "common/program/files.h"

namespace fedspend::coordinator {
namespace {

std::filesystem::path signature_of(std::filesystem::path plan) { return plan += ".sig"; }

}  // namespace

Result<SignedPlan> read_signed_plan(const std::filesystem::path& plan) {
  SignedPlan signed_plan;
  FEDSPEND_ASSIGN(signed_plan.bytes, program::read_file(plan, kMaxPlanBytes));
  const std::filesystem::path path = signature_of(plan);
  Result<Bytes> text = program::read_file(path, 1024);
  if (!text) return fail(text.error().code, text.error().message, "sign the plan with `fedspend-admin sign-plan --plan " + plan.string() + " --release-key FILE`");
  std::string_view digits = as_text(*text);
  while (!digits.empty() && (digits.back() == '\n' || digits.back() == '\r')) digits.remove_suffix(1);
  if (Status parsed = from_hex(digits, signed_plan.signature); !parsed)
    return fail(ErrorCode::malformed, path.string() + " is not a signature: " + parsed.error().message, "sign the plan again with `fedspend-admin sign-plan`");
  return signed_plan;
}

Status write_plan_signature(const std::filesystem::path& plan, const IdentityKey& release_key) {
  FEDSPEND_ASSIGN(Bytes bytes, program::read_file(plan, kMaxPlanBytes));
  if (Result<Plan> parsed = parse_plan(as_text(bytes)); !parsed) return fail(parsed.error().code, plan.string() + ": " + parsed.error().message, parsed.error().hint);
  const SignedPlan signed_plan = sign_plan(std::move(bytes), release_key);
  return program::write_file_atomically(signature_of(plan), as_bytes(to_hex(signed_plan.signature) + "\n"));
}

}  // namespace fedspend::coordinator
