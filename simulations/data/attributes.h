#pragma once
// What a data description's [attributes] file says of the clients: age band, region, ... the cohorts that reports compare. Held in
// memory whole. A client that the file does not name has no attributes, which is no error: the households' demographics know 801 of
// 2,377. Of several rows with one client the first counts. Read-only once made, so any thread may look things up.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulations/data/data_description.h"
#include "simulations/data/table_file.h"

namespace fedspend::simulations {

struct ClientAttributes {
  std::vector<std::string> names;  // the description's columns, in its order
  TableFile table;

  // As many values as names, or nullptr.
  const std::vector<std::string>* find(std::string_view client) const { return table.find(client); }
};

// nullopt where the description has no [attributes]. Errors name the file: it is missing, not CSV, without a row, or lacks a column.
Result<std::optional<ClientAttributes>> read_attributes(const DataDescription& description);

}  // namespace fedspend::simulations
