#include "services/healthchecker/metrics/definitions.hpp"

namespace concourse::healthchecker::metrics {

const std::vector<Definition>& definitions() {
  static const std::vector<Definition> all{
      {"concourse_worker_service_up", "gauge", "service", "Whether a service answers on its control socket"},
      {"concourse_worker_service_info", "gauge", "service, version", "Always 1; the version that a service runs"},
      {"concourse_worker_service_start_time_seconds", "gauge", "service",
       "When a service was started, in Unix seconds; it changes with each restart, whoever restarts it"},
      {"concourse_worker_service_restarts_total", "counter", "service",
       "Restarts of a service by our supervisor since that was started; absent under systemd"},
      {"concourse_worker_containers", "gauge", "", "Containers that Garden has"},
      {"concourse_worker_tasks", "gauge", "",
       "Processes and threads that are in containers, each container's init among them, as the kernel's pids controller counts"},
      {"concourse_worker_oom_kills_total", "counter", "",
       "Processes that the kernel has killed for memory in containers since Garden's start"},
      {"concourse_worker_volumes", "gauge", "state",
       "Volumes by state: live, init (being made), dead (being removed), quarantined, unsynced (not yet on the disk)"},
      {"concourse_worker_volumes_by_kind", "gauge", "kind",
       "Live volumes by how they were made: empty, import, cow (a copy of another), unknown (by an earlier version)"},
      {"concourse_worker_volume_creations", "gauge", "", "Volumes that are being made for the web node"},
      {"concourse_worker_requests_running", "gauge", "", "Requests that BaggageClaim serves now, streams among them"},
      {"concourse_worker_request_seconds", "histogram", "service, request",
       "Time until the answer to a request begins, by route: POST /containers creates, POST /containers/:handle/processes runs, "
       "DELETE /containers/:handle destroys"},
      {"concourse_worker_requests_failed_total", "counter", "service, request",
       "Requests that were refused or failed, by route; the answer that something isn't there is no failure"},
      {"concourse_worker_registered", "gauge", "",
       "Whether the worker is registered with the cluster, also while it lands or retires"},
      {"concourse_worker_draining", "gauge", "", "Whether the worker lands or retires"},
      {"concourse_worker_heartbeat_age_seconds", "gauge", "",
       "Time since the cluster's last heartbeat; absent before the first one"},
      {"concourse_worker_heartbeats_total", "counter", "", "Heartbeats of the cluster"},
      {"concourse_worker_tsa_connects_total", "counter", "", "Connections to a TSA that were made"},
      {"concourse_worker_tsa_losses_total", "counter", "", "Connections to a TSA that broke"},
      {"concourse_worker_tsa_round_trip_seconds", "gauge", "",
       "Time that the TSA took to answer the last keepalive, one every five seconds; absent before the first answer"},
      {"concourse_worker_tunnel_connections", "gauge", "", "Connections of the web node that are open through the tunnel"},
      {"concourse_worker_tunnel_connections_total", "counter", "", "Connections of the web node through the tunnel"},
      {"concourse_worker_tunnel_bytes_total", "counter", "direction",
       "Bytes through the tunnel: to_services, from_services, and with all that SSH adds wire_in and wire_out"},
      {"concourse_worker_sweep_rounds_total", "counter", "kind", "Garbage collections of containers or volumes"},
      {"concourse_worker_sweep_destroyed_total", "counter", "kind", "Containers or volumes destroyed for the cluster"},
      {"concourse_worker_sweep_failing", "gauge", "kind", "Containers or volumes that could not be destroyed and are tried again"},
      {"concourse_worker_sweep_backlog", "gauge", "kind",
       "Containers or volumes that the cluster wants gone and that are not yet: in line or being destroyed; those that failed wait "
       "outside the line"},
      {"concourse_worker_sweep_running", "gauge", "kind", "Containers or volumes that are being destroyed"},
      {"concourse_worker_sweep_reported", "gauge", "kind", "Containers or volumes in the last report to the cluster"},
      {"concourse_worker_sweep_report_age_seconds", "gauge", "kind",
       "Time since the last report to the cluster; absent before the first one"},
      {"concourse_worker_disk_bytes", "gauge", "state", "The file system of the volumes in bytes: size, free"},
      {"concourse_worker_disk_inodes", "gauge", "state",
       "The file system of the volumes in inodes: size, free; 0 where it counts none"},
      {"concourse_worker_machine_pressure_seconds_total", "counter", "resource, share",
       "Time in which tasks of the machine waited for cpu, io or memory: some of them, or all (full); absent without PSI"},
      {"concourse_worker_machine_oom_kills_total", "counter", "",
       "Processes that the kernel has killed for memory, on the whole machine"},
      {"concourse_worker_healthchecks_total", "counter", "", "Health questions answered"},
      {"concourse_worker_healthchecks_failed_total", "counter", "", "Health questions answered with 503"},
      {"concourse_worker_scrape_seconds", "gauge", "", "Time it took to ask all services for this page"},
  };
  return all;
}

std::string document() {
  std::string text =
      "# Metrics\n\n"
      "`GET /metrics` on the healthcheck's port (`--healthcheck-bind-ip`, `--healthcheck-bind-port`, 8888) in Prometheus' text "
      "format. "
      "Printed by `concourse-healthcheck --describe-metrics`; a test holds this page against it.\n\n"
      "A scrape asks every service on its control socket, for two seconds at most. What a service that is down would have told is "
      "absent, "
      "and its `concourse_worker_service_up` is 0. Counters of a service begin anew when it is restarted. "
      "Under systemd a scrape, as any health question, starts a service whose sockets are open.\n\n"
      "There are no bytes by volume: only a walk over all files knows them, and on a worker with millions that would be most of "
      "its "
      "disk's work. `concourse_worker_disk_bytes` says how full the disk is; `concourse-workerctl volumes du` walks when a person "
      "asks which volume it is.\n\n"
      "Alert rules are in `deploy/prometheus/`, a dashboard in `deploy/grafana/`; tests/system/test_prometheus.py holds both "
      "against a "
      "real Prometheus.\n\n"
      "![Every panel of the dashboard, a quarter of an hour of one worker](dashboard.png)\n\n"
      "Not a screenshot of Grafana: a script drew the dashboard's panels from their own queries, asked of a Prometheus (a scrape "
      "every "
      "five seconds) that watched one worker with builds. Garden, BaggageClaim and the beacon were killed once each, and the TSA "
      "was "
      "away for a while.\n\n"
      "| metric | type | labels | what |\n|---|---|---|---|\n";
  for (const auto& metric : definitions())
    text += "| `" + std::string(metric.name) + "` | " + std::string(metric.type) + " | " + std::string(metric.labels) + " | " +
            std::string(metric.help) + " |\n";
  return text;
}

}  // namespace concourse::healthchecker::metrics
