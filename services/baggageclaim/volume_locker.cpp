#include "services/baggageclaim/volume_locker.hpp"

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

VolumeLocker::Held& VolumeLocker::Held::operator=(Held&& other) noexcept {
  if (this == &other) return *this;
  release();
  locker_ = std::exchange(other.locker_, nullptr);
  handle_ = std::move(other.handle_);
  which_ = other.which_;
  mode_ = other.mode_;
  return *this;
}

void VolumeLocker::Held::release() {
  if (locker_ == nullptr) return;
  const std::lock_guard guard(locker_->mutex_);
  auto& entry = *locker_->entries_.at(handle_);
  auto& lock = part(entry, which_);
  if (mode_ == Mode::exclusive) lock.exclusive = false;
  else --lock.shared;
  entry.changed.notify_all();
  locker_->drop_user(handle_);
  locker_ = nullptr;
}

void VolumeLocker::drop_user(const std::string& handle) {
  const auto found = entries_.find(handle);
  if (--found->second->users == 0) entries_.erase(found);
}

VolumeLocker::Held VolumeLocker::lock(const std::string& handle, Which which, Mode mode, Deadline deadline) {
  std::unique_lock guard(mutex_);
  auto& slot = entries_[handle];
  if (!slot) slot = std::make_unique<Entry>();
  ++slot->users;  // from here on the entry stays, also while we wait without the mutex
  Entry& entry = *slot;
  Lock& wanted = part(entry, which);
  const auto free = [&] { return !wanted.exclusive && (mode == Mode::shared || wanted.shared == 0); };
  if (!entry.changed.wait_until(guard, deadline.when(), free)) {
    drop_user(handle);
    throw Error(ErrorKind::timeout, "volume '" + handle + "' was in use for too long");
  }
  if (mode == Mode::exclusive) wanted.exclusive = true;
  else ++wanted.shared;
  Held held;
  held.locker_ = this;
  held.handle_ = handle;
  held.which_ = which;
  held.mode_ = mode;
  return held;
}

std::pair<VolumeLocker::Held, VolumeLocker::Held> VolumeLocker::lock_pair(const std::string& first, const std::string& second,
                                                                          Deadline deadline) {
  std::pair<Held, Held> held;
  if (first <= second) held.first = lock(first, Which::state, Mode::exclusive, deadline);
  if (first != second) held.second = lock(second, Which::state, Mode::shared, deadline);
  if (first > second) held.first = lock(first, Which::state, Mode::exclusive, deadline);
  return held;
}

std::size_t VolumeLocker::entries() const {
  const std::lock_guard guard(mutex_);
  return entries_.size();
}

}  // namespace concourse::baggageclaim
