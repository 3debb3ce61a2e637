// How a new volume gets its content: the `strategy` object of a create request.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "common/base/json.hpp"
#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"

namespace concourse::baggageclaim {

struct Materials {
  Driver& driver;
  IdPolicy policy;
  std::stop_token stop;
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual const char* name() const = 0;  // the strategy's `type`
  // The handle of the volume that must stay as it is while materialize() runs; nothing if there is none.
  virtual std::optional<std::string> parent() const { return std::nullopt; }
  // Whether the new volume's data is written now, and so has to be flushed one day.
  virtual bool copies_data() const { return false; }
  // Fills `volume`, which is new and in init/. `parent` is given exactly if parent() names one.
  virtual void materialize(const Materials& with, const VolumeDir& volume, const VolumeDir* parent) const = 0;
};

// Throws ClientError for what the peer answers with 422: no object, no or unknown type, cow without a parent.
std::unique_ptr<Strategy> parse_strategy(const Json& strategy);

}  // namespace concourse::baggageclaim
