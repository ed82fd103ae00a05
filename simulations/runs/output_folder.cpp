#include "simulations/runs/output_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "common/program/files.h"

namespace fedspend::simulations {
namespace {

constexpr std::string_view kMarkName = ".fedspend-output";
constexpr std::size_t kMaxMarkBytes = 16 << 20;

using std::filesystem::path;

std::set<std::string> names_in(const path& folder) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) names.insert(entry.path().filename().string());
  names.erase(std::string(kMarkName));
  return names;
}

std::string mark_of(const std::string& made_by, const std::set<std::string>& names) {
  std::string mark = made_by + "\n";
  for (const std::string& name : names) mark += name + "\n";
  return mark;
}

Status check_place(const path& place, const std::string& made_by) {
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(place, ignored);
  if (!std::filesystem::exists(status)) return {};
  if (!std::filesystem::is_directory(status)) return fail(ErrorCode::conflict, place.string() + " is there and is not a folder", "name a folder that does not exist yet");
  const std::set<std::string> names = names_in(place);
  const auto mark = program::read_file(place / kMarkName, kMaxMarkBytes);
  const bool empty = names.empty() && !mark;
  if (empty || (mark && as_text(*mark) == mark_of(made_by, names))) return {};
  return fail(ErrorCode::conflict, place.string() + " holds files that " + made_by + " has not made", "name another folder, or empty it");
}

// A descriptor that holds the lock on a folder until it is closed, or -1: another process holds it. A file system without locks is
// one without this protection.
int lock_folder(const path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0 || ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  ::close(descriptor);
  return -1;
}

Status remove_left_over(const path& parent, const std::string& prefix) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(prefix) || !entry.is_directory(ignored)) continue;
    const int lock = lock_folder(entry.path());
    if (lock < 0) return fail(ErrorCode::conflict, entry.path().string() + " belongs to a process that is at work", "wait until it has ended, or name another folder");
    std::filesystem::remove_all(entry.path(), ignored);
    ::close(lock);
  }
  return {};
}

}  // namespace

OutputFolder::OutputFolder(path place, path partial, std::string made_by, int lock)
    : place_(std::move(place)), partial_(std::move(partial)), lock_(lock), made_by_(std::move(made_by)) {}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : place_(std::move(other.place_)), partial_(std::exchange(other.partial_, path())), lock_(std::exchange(other.lock_, -1)), made_by_(std::move(other.made_by_)) {}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!partial_.empty()) std::filesystem::remove_all(partial_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

Result<OutputFolder> OutputFolder::create(const path& place, const std::string& made_by) {
  path clean = place.lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();  // "DIR/"
  if (clean.filename().empty() || clean.filename() == "." || clean.filename() == "..")
    return fail(ErrorCode::invalid_argument, "\"" + place.string() + "\" cannot be replaced as a whole", "name a folder of its own, such as out/name");
  FEDSPEND_TRY(check_place(clean, made_by));
  const path parent = clean.has_parent_path() ? clean.parent_path() : path(".");
  FEDSPEND_TRY(program::ensure_writable_directory(parent));
  const std::string prefix = clean.filename().string() + ".partial-";
  FEDSPEND_TRY(remove_left_over(parent, prefix));
  FEDSPEND_TRY(remove_left_over(parent, clean.filename().string() + ".old-"));  // replaced, and its remover killed
  path partial = parent / (prefix + std::to_string(::getpid()));
  std::error_code error;
  if (!std::filesystem::create_directory(partial, error))
    return fail(error == std::errc::no_space_on_device ? ErrorCode::io : ErrorCode::invalid_argument,
                "cannot create the folder " + partial.string() + (error ? ": " + error.message() : ": it is there already"), "name another folder");
  const int lock = lock_folder(partial);
  return OutputFolder(std::move(clean), std::move(partial), made_by, lock);
}

Status OutputFolder::commit() {
  const std::string mark = mark_of(made_by_, names_in(partial_));
  FEDSPEND_TRY(program::write_file_atomically(partial_ / kMarkName, as_bytes(mark)));
  FEDSPEND_TRY(check_place(place_, made_by_));  // again: somebody may have come in between
  std::error_code error;
  path old;
  if (std::filesystem::exists(place_, error)) {
    old = place_;
    old += ".old-" + std::to_string(::getpid());
    std::filesystem::rename(place_, old, error);
  }
  if (!error) std::filesystem::rename(partial_, place_, error);
  if (error) return fail(ErrorCode::io, "cannot put the results at " + place_.string() + ": " + error.message(), "check the folder's permissions");
  partial_.clear();
  if (!old.empty()) std::filesystem::remove_all(old, error);
  return {};
}

}  // namespace fedspend::simulations
