#include "services/garden/grace_timer.hpp"

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"

namespace concourse::garden {

namespace {
// How late a container may be destroyed; also how often all are looked at.
constexpr auto kPeriod = std::chrono::milliseconds(500);
constexpr auto kStatusLimit = std::chrono::seconds(10);
}  // namespace

GraceTimer::GraceTimer(ContainerStore& store) : store_(store), thread_([this] { run(); }) {}

GraceTimer::~GraceTimer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void GraceTimer::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kPeriod, [this] { return stopping_; })) {
    lock.unlock();
    for (const auto& handle : store_.expired()) {
      try {
        look_at(handle);
      } catch (const std::exception& e) {
        log::error("could not destroy a container at the end of its grace time, trying again",
                   {{"handle", handle}, {"error", e.what()}});
      }
    }
    lock.lock();
  }
}

void GraceTimer::look_at(const std::string& handle) {
  const auto container = store_.find(handle);
  if (bool_field(container->shim().status(Deadline::in(kStatusLimit)), "attached")) return container->use_ended();
  log::info("grace time is over", {{"handle", handle}});
  store_.destroy(handle);
}

}  // namespace concourse::garden
