#include "services/baggageclaim/stream/stream_out.hpp"

#include <thread>

#include "common/base/scope_exit.hpp"

namespace concourse::baggageclaim {

void stream_out(TarSource source, const IdView& view, Encoding encoding, ByteSink& sink, Holes holes) {
  BlockPipe pipe;
  std::thread archiver([&] { create_tar(source, view, holes, pipe); });
  const ScopeExit join([&] {
    pipe.abandon();
    if (archiver.joinable()) archiver.join();
  });
  const auto encoder = make_encoder(encoding, sink);
  for (auto block = pipe.next(); !block.empty(); block = pipe.next()) encoder->write(block);
  archiver.join();
  source.fd.reset();
  encoder->finish();
}

}  // namespace concourse::baggageclaim
