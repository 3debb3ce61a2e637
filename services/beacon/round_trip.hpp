// How long a peer takes to answer keepalives. Answers carry no name; they come in the order of the questions.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "common/base/deadline.hpp"

namespace concourse::beacon {

class RoundTrip {
 public:
  void sent(Clock::time_point now) { questions_.push_back(now); }

  // To be told whenever something was received: how many questions have no answer yet.
  void unanswered(std::size_t count, Clock::time_point now) {
    for (; questions_.size() > count; questions_.pop_front()) last_ = now - questions_.front();
  }

  std::optional<Duration> last() const { return last_; }

 private:
  std::deque<Clock::time_point> questions_;  // few: a peer that leaves some unanswered is given up
  std::optional<Duration> last_;
};

}  // namespace concourse::beacon
