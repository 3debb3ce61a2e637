#include "services/baggageclaim/strategies/strategy.hpp"

#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/strategies/cow_strategy.hpp"
#include "services/baggageclaim/strategies/empty_strategy.hpp"
#include "services/baggageclaim/strategies/import_strategy.hpp"

namespace concourse::baggageclaim {

namespace {

// The peer takes a field of the wrong type for an absent one.
std::string text_or_empty(const Json& object, const char* key) {
  const Json* field = find_field(object, key);
  return field != nullptr && field->is_string() ? field->get<std::string>() : "";
}

bool true_or_false(const Json& object, const char* key) {
  const Json* field = find_field(object, key);
  return field != nullptr && field->is_boolean() && field->get<bool>();
}

}  // namespace

std::unique_ptr<Strategy> parse_strategy(const Json& strategy) {
  if (!strategy.is_object()) throw unprocessable("the request has no strategy");
  const auto type = text_or_empty(strategy, "type");
  if (type == "empty") return std::make_unique<EmptyStrategy>();
  if (type == "import")
    return std::make_unique<ImportStrategy>(text_or_empty(strategy, "path"), true_or_false(strategy, "follow_symlinks"));
  if (type != "cow") throw unprocessable("unknown strategy '" + type + "': empty, import or cow");
  const auto parent = text_or_empty(strategy, "volume");
  if (parent.empty()) throw unprocessable("strategy cow names no parent volume");
  return std::make_unique<CowStrategy>(parent);
}

}  // namespace concourse::baggageclaim
