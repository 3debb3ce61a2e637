// Real requests, as a web node sent them, out of tests/contract/transcripts: seeds for fuzzers.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/base/json.hpp"

namespace concourse::testing {

struct RecordedRequest {
  std::string head;  // up to and without the empty line
  std::string rest;  // the body, and on a hijacked connection what the client sent behind it
};

// The requests on the connections to `api` (garden or baggageclaim), the first of each; binary ones are left out.
inline std::vector<RecordedRequest> recorded_requests(const std::string& api) {
  std::vector<RecordedRequest> requests;
  for (const auto& file : std::filesystem::directory_iterator(CONCOURSE_TRANSCRIPTS)) {
    if (file.path().extension() != ".jsonl") continue;
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);) {
      const Json connection = Json::parse(line);
      if (connection.value("api", "") != api) continue;  // of the other API, or no connection: pacing.jsonl has a request a line
      std::string sent;
      for (const auto& event : connection.at("events"))
        if (event.at("from") == "client") sent += event.value("text", "");
      const auto end = sent.find("\r\n\r\n");
      if (end != std::string::npos) requests.push_back({sent.substr(0, end), sent.substr(end + 4)});
    }
  }
  return requests;
}

}  // namespace concourse::testing
