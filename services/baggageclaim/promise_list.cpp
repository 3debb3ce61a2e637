#include "services/baggageclaim/promise_list.hpp"

namespace concourse::baggageclaim {

void PromiseList::expire() {
  const auto now = Clock::now();
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.finished < now && now - entry.second.finished > expiry_; });
}

std::shared_ptr<PromiseList::Ticket> PromiseList::begin(const std::string& handle) {
  const std::lock_guard lock(mutex_);
  expire();
  const auto found = entries_.find(handle);
  if (found != entries_.end() && !std::holds_alternative<Rejection>(found->second.result)) return nullptr;
  auto ticket = std::make_shared<Ticket>();
  entries_[handle] = Entry{ticket, {}};
  return ticket;
}

PromiseList::Entry* PromiseList::find(const std::string& handle, const std::shared_ptr<Ticket>& ticket) {
  const auto found = entries_.find(handle);
  return found != entries_.end() && found->second.ticket == ticket ? &found->second : nullptr;
}

bool PromiseList::fulfill(const std::string& handle, const std::shared_ptr<Ticket>& ticket, protocol::baggageclaim::Volume volume) {
  const std::lock_guard lock(mutex_);
  auto* entry = find(handle, ticket);
  if (entry == nullptr) return false;
  entry->result = std::move(volume);
  entry->finished = Clock::now();
  return true;
}

void PromiseList::reject(const std::string& handle, const std::shared_ptr<Ticket>& ticket, Rejection rejection) {
  const std::lock_guard lock(mutex_);
  auto* entry = find(handle, ticket);
  if (entry == nullptr || abandoned_) return;
  entry->result = std::move(rejection);
  entry->finished = Clock::now();
}

std::optional<PromiseList::Result> PromiseList::poll(const std::string& handle) {
  const std::lock_guard lock(mutex_);
  expire();
  const auto found = entries_.find(handle);
  if (found == entries_.end()) return std::nullopt;
  return found->second.result;
}

bool PromiseList::remove(const std::string& handle) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(handle);
  if (found == entries_.end()) return false;
  found->second.ticket->stop_.request_stop();
  entries_.erase(found);
  return true;
}

void PromiseList::abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  for (auto& [handle, entry] : entries_) entry.ticket->stop_.request_stop();
}

std::size_t PromiseList::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace concourse::baggageclaim
