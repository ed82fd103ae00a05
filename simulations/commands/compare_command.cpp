// fedspend-sim compare: two folders of runs, side by side.

#include "common/program/files.h"
#include "simulations/commands/commands.h"
#include "simulations/reports/comparison.h"

namespace fedspend::simulations {
namespace {

Result<program::Report> run(const program::Arguments& arguments) {
  const std::vector<std::string> folders = arguments.texts("run");
  if (folders.size() != 2)
    return fail(ErrorCode::invalid_argument, std::to_string(folders.size()) + (folders.size() == 1 ? " folder is given" : " folders are given") + ", compare takes two", "for example fedspend-sim compare out/a out/b");
  FEDSPEND_ASSIGN(const ComparedRun a, read_compared_run(folders[0]));
  FEDSPEND_ASSIGN(const ComparedRun b, read_compared_run(folders[1]));
  const Comparison comparison = compare_runs(a, b);
  if (const auto html = arguments.optional_text("html")) FEDSPEND_TRY(program::write_file_atomically(*html, as_bytes(comparison_page(comparison))));
  program::Report report;
  report.data = to_json(comparison);
  report.text = to_text(comparison);
  return report;
}

}  // namespace

program::Command compare_command() {
  return {.name = "compare",
          .summary = "two runs side by side: plans, figures, rounds, models",
          .example = "fedspend-sim compare out/a out/b --html out/comparison.html",
          .options = {{.name = "run", .value_name = "DIR", .help = "a folder that `run` or a job of `sweep` has left; two of them", .repeated = true},
                      {.name = "html", .value_name = "FILE", .help = "also write the comparison as a page"}},
          .positional = "run",
          .run = run};
}

}  // namespace fedspend::simulations
