#include "common/http/wakeup.hpp"

#include <utility>

namespace concourse::http {

void Wakeup::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  if (const auto call = std::exchange(on_wake_, nullptr)) call();
}

void Wakeup::attach(std::function<void()> on_wake) {
  const std::lock_guard lock(mutex_);
  if (!woken_) on_wake_ = std::move(on_wake);
}

void Wakeup::detach() {
  const std::lock_guard lock(mutex_);
  on_wake_ = nullptr;
}

bool Wakeup::woken() {
  const std::lock_guard lock(mutex_);
  return woken_;
}

}  // namespace concourse::http
