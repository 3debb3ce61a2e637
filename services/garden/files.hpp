// Streaming files into and out of a container: one concourse-nstar for each request, which does the work as the container's
// user (services/nstar). Formats and meaning: docs/protocols/garden.md, "Files".
#pragma once

#include <memory>
#include <string>

#include "common/http/message.hpp"
#include "services/garden/container.hpp"
#include "services/garden/options.hpp"

namespace concourse::garden {

struct FilesRequest {
  std::string nstar;   // the program
  std::string user;    // empty: root
  std::string path;    // in the container; a relative one starts in the user's home
  RequestLimit limit;  // for one step of the transfer to move
};

// Extracts the tar archive that is the request's body. Returns when it has been extracted as a whole; else throws Error with
// what nstar said, and what was extracted by then stays.
void stream_in(const Container& container, const FilesRequest& files, http::BodyReader& body);

// Makes the reply's body a tar archive. Throws Error when there is nothing to archive; later failures break the reply off.
void stream_out(const std::shared_ptr<Container>& container, const FilesRequest& files, http::Reply& reply);

}  // namespace concourse::garden
