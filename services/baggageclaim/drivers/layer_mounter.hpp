// Mounts overlays from a place of its own: a thread with a private mount namespace in which the layers directory stands twice,
// as it is (`p`) and with ids mapped (`s`).
//
// Why a thread: overlayfs acts with the credentials of whoever mounted it. On id-mapped layers it must act as the id that
// stands for root there, or the overlay comes up read-only; fsuid and fsgid are a thread's own. Why a namespace: overlayfs
// takes id-mapped layers only by path (before Linux 6.5), and nobody else should see those paths, or have to clean them up
// after kill -9. Short relative paths also leave room for many layers in the one page that mount(2) takes.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.hpp"

namespace concourse::baggageclaim {

struct Layer {
  std::string handle;
  bool mapped = false;  // through the id map
};

struct OverlaySpec {
  std::vector<Layer> lower;  // uppermost first
  Layer upper;               // its work directory is work/<handle>
  std::string source;        // shown in the mount table, to recognise the mount by
};

// The id map for layers: the namespace that holds it, and the id by which it shows root.
struct LayerMap {
  UniqueFd user_namespace;
  std::uint32_t root = 0;
};

class LayerMounter {
 public:
  // `layers`: the directory of all layers. Throws Error(unavailable) if the kernel or our rights don't allow it.
  LayerMounter(const std::filesystem::path& layers, const std::optional<LayerMap>& map);
  ~LayerMounter();
  LayerMounter(const LayerMounter&) = delete;
  LayerMounter& operator=(const LayerMounter&) = delete;

  // A detached overlay mount. Throws Error, also when it would come up read-only. Any thread.
  UniqueFd mount(const OverlaySpec& spec);

  // Whether that many layers with such names fit in one mount.
  static bool fits(const std::vector<Layer>& lower, const Layer& upper);

 private:
  void enter_namespace(const std::filesystem::path& layers);
  UniqueFd mount_here(const OverlaySpec& spec);
  void on_thread(const std::function<void()>& job);

  const int user_namespace_;  // -1: no map
  const std::uint32_t root_;
  std::string features_;  // mount options that this kernel takes

  std::mutex calls_;  // one call at a time
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  const std::function<void()>* job_ = nullptr;
  bool job_done_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace concourse::baggageclaim
