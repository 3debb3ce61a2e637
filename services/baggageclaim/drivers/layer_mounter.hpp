// Mounts overlays from a place of its own: a thread with a private mount namespace in which the layers' directory stands once
// for each id map in use.
//
// Why a thread: overlayfs acts with the credentials of whoever mounted it. On id-mapped layers it must act as the id that
// stands for root there, or the overlay comes up read-only; fsuid and fsgid are a thread's own. Why a namespace: overlayfs
// takes id-mapped layers only by path (before Linux 6.5), and nobody else should see those paths, or have to clean them up
// after kill -9. Short relative paths also leave room for many layers in the one page that mount(2) takes.
#pragma once

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/uidgid/user_namespace.hpp"

namespace concourse::baggageclaim {

struct Layer {
  std::string handle;
  IdMap map;  // from what is stored to what is shown
};

struct OverlaySpec {
  std::vector<Layer> lower;  // uppermost first
  Layer upper;               // its work directory is work/<handle>
  std::string source;        // shown in the mount table, to recognise the mount by
  bool is_volatile = false;  // never flushed: not by fsync(2) in it, nor by its end
};

class LayerMounter {
 public:
  // `layers`: the directory of all layers. `namespaces`: for the id maps; nullptr where there will be none. Throws
  // Error(unavailable) if the kernel or our rights don't allow it.
  LayerMounter(const std::filesystem::path& layers, UserNamespaces* namespaces);
  ~LayerMounter();
  LayerMounter(const LayerMounter&) = delete;
  LayerMounter& operator=(const LayerMounter&) = delete;

  // A detached overlay mount. Throws Error, also when it would come up read-only. Any thread.
  UniqueFd mount(const OverlaySpec& spec);

  // Whether an overlay that writes to the layer of that handle is mounted somewhere, in whichever namespace. Any thread.
  bool is_written_by_overlay(const std::string& handle);

  // Whether that many layers with such names fit in one mount.
  static bool fits(const std::vector<Layer>& lower, const Layer& upper);

 private:
  struct View {
    IdMap map;
    std::string directory;
    std::uint64_t used = 0;
  };

  void enter_namespace(const std::filesystem::path& layers);
  using Namespaces = std::map<IdMap, std::shared_ptr<const UniqueFd>>;
  Namespaces namespaces_for(const OverlaySpec& spec) const;
  std::string view_for(const IdMap& map, const Namespaces& namespaces);
  std::string options_for(const OverlaySpec& spec, const Namespaces& namespaces);
  UniqueFd mount_here(const OverlaySpec& spec, const Namespaces& namespaces);
  static bool is_written_here(const std::string& handle);
  void on_thread(const std::function<void()>& job);
  void end_thread();

  UserNamespaces* const namespaces_;
  std::string features_;  // mount options that this kernel takes

  std::vector<View> views_;  // the thread's alone, as is clock_
  std::uint64_t clock_ = 0;

  std::mutex calls_;  // one call at a time
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  const std::function<void()>* job_ = nullptr;
  bool job_done_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace concourse::baggageclaim
