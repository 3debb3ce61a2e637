// What is durably known of a volume from its making: the record format.json.
//
//   {"version":1,"driver":"overlay","strategy":"cow","root":"0","layers":["parent","grandparent"],"uids":[[0,1000],[1000,0]],
//    "gids":[…],"volatile":"BOOT","privileged":false,"properties":null}
//
// root        the id that container root's files have in this volume's own data: "0", container ids as they are, or "max", the
//             highest valid id, as the Go worker stores unprivileged volumes
// strategy    how it was made: empty, import or cow
// layers      handles whose layers lie below this volume's own, uppermost first (driver overlay)
// uids, gids  pairs [stored, shown] of container ids that this volume shows otherwise than they are stored, in all its layers
// volatile    boot id since which the volume is mounted as a volatile overlay, whose data is never flushed; absent if it isn't
// privileged, properties  as made. The files of the same names, which the Go worker reads, go before; these are for when a
//             power loss has torn those: only this record is flushed while a volume is made
//
// A volume without the record was made by the Go worker: its owners are stored as its `privileged` flag shows them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/paths.hpp"
#include "services/baggageclaim/uidgid/id_map.hpp"
#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

struct VolumeFormat {
  std::string driver;
  bool shifted = false;  // root is stored as "max"
  std::string strategy;  // how it was made: "empty", "import" or "cow"; empty for a volume of an earlier version
  std::vector<std::string> layers;
  IdMap owners;  // from stored to the container's, `shifted` undone before
  std::string volatile_since;
  bool made_privileged = false;
  std::optional<protocol::baggageclaim::Properties> made_properties;

  bool operator==(const VolumeFormat&) const = default;
};

// Nothing if there is no record. Throws Error(invalid) if it can't be understood, a later version included.
std::optional<VolumeFormat> read_format(const VolumeDir& volume);
// Whether there is a record without content: the machine went down before a new volume's was on the disk, while its name was
// there already. Nothing else leaves that: a live volume's record is replaced as a whole.
bool is_record_torn(const VolumeDir& volume);
void write_format(const VolumeDir& volume, const VolumeFormat& format);
void remove_format(const VolumeDir& volume);

// From the stored ids of data with this format to the host's under `view`; `max` is the highest valid id.
IdMap shown_map(const VolumeFormat& format, const IdView& view, std::uint32_t max);

}  // namespace concourse::baggageclaim
