#include "simulations/data/attributes.h"

namespace fedspend::simulations {

Result<std::optional<ClientAttributes>> read_attributes(const DataDescription& description) {
  if (!description.attributes) return std::optional<ClientAttributes>();
  const AttributeRules& rules = *description.attributes;
  const auto path = description.data_root / rules.file;
  FEDSPEND_ASSIGN(TableFile table, TableFile::read(path, {.key = rules.client, .columns = rules.columns, .delimiter = description.delimiter, .encoding = description.encoding}));
  if (table.size() == 0) return fail(ErrorCode::malformed, path.string() + ": no client below the header", "give a file with the clients' attributes, or leave [attributes] out of " + description.source);
  return std::optional<ClientAttributes>({.names = rules.columns, .table = std::move(table)});
}

}  // namespace fedspend::simulations
