#include "services/supervisor/options.hpp"

#include "common/config/groups.hpp"

namespace concourse::supervisor {

namespace {

using config::Group;
using config::Type;

Group identity_group() {
  return {"Worker",
          {{.name = "name", .help = "Name of the worker.", .required = true},
           {.name = "team", .help = "Team of the worker, if it belongs to one."}}};
}

}  // namespace

config::Program worker_program() {
  return {
      .name = "concourse worker",
      .summary = "Runs a Concourse worker and registers it. SIGTERM stops it in place, SIGUSR1 lands it, SIGUSR2 retires it.",
      .groups = {config::worker_group(), config::work_dir_group(), config::tsa_group(), config::garden_listen_group(),
                 config::healthcheck_group(), config::runtime_group(), config::garden_group(), config::containerd_group(),
                 config::containerd_network_group(), config::baggageclaim_group(), config::tracing_group(), config::common_group()},
      .example =
          "  concourse worker --work-dir /opt/concourse/worker --tsa-host ci.example.com:2222 \\\n"
          "    --tsa-public-key tsa_host_key.pub --tsa-worker-private-key worker_key"};
}

config::Program land_worker_program() {
  return {.name = "concourse land-worker",
          .summary = "Tells the cluster to give the worker no new work and to let its builds end. Doesn't wait for that.",
          .groups = {identity_group(), config::tsa_group(), config::log_group()},
          .example =
              "  concourse land-worker --name worker-1 --tsa-host ci.example.com:2222 \\\n"
              "    --tsa-public-key tsa_host_key.pub --tsa-worker-private-key worker_key"};
}

config::Program retire_worker_program() {
  return {
      .name = "concourse retire-worker",
      .summary =
          "Tells the cluster to give the worker no new work and to forget it once its builds have ended. Doesn't wait for that.",
      .groups = {identity_group(), config::tsa_group(), config::log_group()},
      .example =
          "  concourse retire-worker --name worker-1 --tsa-host ci.example.com:2222 \\\n"
          "    --tsa-public-key tsa_host_key.pub --tsa-worker-private-key worker_key"};
}

config::Program generate_key_program() {
  return {.name = "concourse generate-key",
          .summary = "Makes an RSA key pair for a worker or a TSA.",
          .groups = {{"Key",
                      {{.name = "type",
                        .short_name = 't',
                        .type = Type::choice,
                        .value = "rsa",
                        .help = "rsa writes the private key only, ssh the public key as well, to <filename>.pub.",
                        .choices = {"rsa", "ssh"}},
                       {.name = "filename", .short_name = 'f', .help = "File for the private key.", .required = true},
                       {.name = "bits",
                        .short_name = 'b',
                        .type = Type::integer,
                        .value = "4096",
                        .help = "Length of the key.",
                        .at_least = "1024"}}}},
          .example = "  concourse generate-key -t ssh -f worker_key"};
}

}  // namespace concourse::supervisor
