#include "services/baggageclaim/stream/stream_out.hpp"

#include <thread>

#include "common/base/scope_exit.hpp"

namespace concourse::baggageclaim {

void stream_out(const TarSource& source, const IdView& view, Encoding encoding, ByteSink& sink) {
  BlockPipe pipe;
  std::thread archiver([&] { create_tar(source, view, pipe); });
  const ScopeExit join([&] {
    pipe.abandon();
    archiver.join();
  });
  const auto encoder = make_encoder(encoding, sink);
  for (auto block = pipe.next(); !block.empty(); block = pipe.next()) encoder->write(block);
  encoder->finish();
}

}  // namespace concourse::baggageclaim
