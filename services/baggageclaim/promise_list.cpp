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

void PromiseList::wake(const Waiting& waiting) {
  for (const auto& one : waiting)
    if (const auto wakeup = one.lock()) wakeup->wake();
}

bool PromiseList::settle(const std::string& handle, const std::shared_ptr<Ticket>& ticket, Result result, bool also_at_end) {
  Waiting waiting;
  {
    const std::lock_guard lock(mutex_);
    auto* entry = find(handle, ticket);
    if (entry == nullptr || (abandoned_ && !also_at_end)) return false;
    entry->result = std::move(result);
    entry->finished = Clock::now();
    waiting.swap(entry->waiting);
  }
  wake(waiting);
  return true;
}

bool PromiseList::fulfill(const std::string& handle, const std::shared_ptr<Ticket>& ticket, protocol::baggageclaim::Volume volume) {
  return settle(handle, ticket, std::move(volume), /*also_at_end=*/true);
}

void PromiseList::reject(const std::string& handle, const std::shared_ptr<Ticket>& ticket, Rejection rejection) {
  settle(handle, ticket, std::move(rejection), /*also_at_end=*/false);
}

std::optional<PromiseList::Result> PromiseList::poll(const std::string& handle, const std::shared_ptr<http::Wakeup>& on_change) {
  const std::lock_guard lock(mutex_);
  expire();
  const auto found = entries_.find(handle);
  if (found == entries_.end()) return std::nullopt;
  auto& entry = found->second;
  if (on_change && std::holds_alternative<std::monostate>(entry.result)) {
    std::erase_if(entry.waiting, [](const auto& one) { return one.expired(); });
    if (abandoned_) on_change->wake();  // nothing waits behind it yet
    else entry.waiting.push_back(on_change);
  }
  return entry.result;
}

bool PromiseList::remove(const std::string& handle) {
  Waiting waiting;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(handle);
    if (found == entries_.end()) return false;
    found->second.ticket->stop_.request_stop();
    waiting.swap(found->second.waiting);
    entries_.erase(found);
  }
  wake(waiting);
  return true;
}

void PromiseList::abandon() {
  Waiting all;
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    for (auto& [handle, entry] : entries_) {
      entry.ticket->stop_.request_stop();
      all.insert(all.end(), entry.waiting.begin(), entry.waiting.end());
      entry.waiting.clear();
    }
  }
  wake(all);
}

std::size_t PromiseList::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace concourse::baggageclaim
