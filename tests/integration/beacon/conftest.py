"""The beacon as a process, the TSA beside it, and stand-ins for Garden and BaggageClaim on Unix sockets."""
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time

import asyncssh
import pytest

from fake_tsa import FakeTsa

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get('CONCOURSE_BUILD', ROOT / 'build' / 'dev'))


def find_program(name):
    for candidate in [BUILD / 'services' / name.split('-')[1] / name, BUILD / 'bin' / name]:
        if candidate.exists():
            return candidate
    pytest.exit(f'{name} is not in {BUILD}: build it first (or set CONCOURSE_BUILD)', 1)


def wait_until(condition, what, timeout=30):
    """For what nobody can be waited for at: another process's state."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f'waited {timeout} s for {what}'
        time.sleep(0.02)


@pytest.fixture(scope='session')
def keys(tmp_path_factory):
    """Host key, worker key and a stranger's, made once."""
    folder = tmp_path_factory.mktemp('keys')
    made = {}
    for name in ['host', 'worker', 'stranger']:
        key = asyncssh.generate_private_key('ssh-rsa', key_size=2048)
        key.write_private_key(str(folder / name), 'pkcs1-pem')
        key.write_public_key(str(folder / (name + '.pub')))
        made[name] = key
    made['folder'] = folder
    return made


class Service:
    """A stand-in for Garden or BaggageClaim: hands every connection to `handler` on a thread of its own."""

    def __init__(self, path, handler):
        self.path, self.handler = path, handler
        self.connections = []
        self.listener = None

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(1024)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
            os.unlink(self.path)

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.handler(connection)
        except OSError:
            pass


def echo(connection):
    with connection:
        while data := connection.recv(1 << 16):
            connection.sendall(data)


class Beacon:
    def __init__(self, folder, keys, tsa_hosts, arguments=(), environment=None, host_keys=('host',)):
        self.runtime = folder / 'run'
        self.runtime.mkdir(exist_ok=True)
        public = folder / 'tsa.pub'
        public.write_text('# the TSA\n' + ''.join((keys['folder'] / (name + '.pub')).read_text() for name in host_keys))
        self.arguments = [str(find_program('concourse-beacon')), f'--runtime-dir={self.runtime}', f'--tsa-public-key={public}',
                          f'--tsa-worker-private-key={keys["folder"] / "worker"}', '--log-level=debug',
                          *[f'--tsa-host={h}' for h in tsa_hosts], *arguments]
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith('CONCOURSE_')} | (environment or {})
        self.log_path = folder / 'beacon.log'
        self.process = None

    def start(self):
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log, env=self.environment)
        return self

    def log(self):
        lines = []
        for line in self.log_path.read_text(errors='replace').splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({'message': line, 'level': 'raw', 'data': {}})
        return lines

    def logged(self, message, **data):
        return [l for l in self.log() if message in l['message'] and all(str(v) in str(l['data'].get(k)) for k, v in data.items())]

    def wait_log(self, message, timeout=30, **data):
        return wait_until(lambda: self.logged(message, **data), f'the log line {message!r} {data}', timeout)

    def ask(self, command, **more):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(self.runtime / 'control' / 'beacon.sock'))
            body = json.dumps({'command': command, **more}).encode()
            s.sendall(struct.pack('<I', len(body)) + body)
            data = b''
            while chunk := s.recv(1 << 16):
                data += chunk
        return json.loads(data[4:])

    def status(self):
        return self.ask('status')['beacon']

    def wait_status(self, condition, what, timeout=30):
        return wait_until(lambda: (lambda s: s if condition(s) else None)(self.status()), what, timeout)

    def rss(self):
        for line in open(f'/proc/{self.process.pid}/status'):
            if line.startswith('VmRSS'):
                return int(line.split()[1]) * 1024

    def wait_exit(self, timeout=30):
        return self.process.wait(timeout)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            finally:
                if self.process.poll() is None:
                    self.process.kill()
                    self.process.wait()


@pytest.fixture
def make_tsa(keys):
    made = []

    def make(host_key='host', worker_keys=('worker',), **options):
        tsa = FakeTsa(keys[host_key], [keys[k].convert_to_public() for k in worker_keys], **options)
        made.append(tsa)
        return tsa.start()

    yield make
    for tsa in made:
        tsa.close()


@pytest.fixture
def make_beacon(tmp_path, keys):
    made = []

    def make(tsa, *arguments, start=True, **options):
        hosts = [t if isinstance(t, str) else t.address for t in (tsa if isinstance(tsa, (list, tuple)) else [tsa])]
        beacon = Beacon(tmp_path, keys, hosts, ['--name=w1', *arguments], **options)
        made.append(beacon)
        return beacon.start() if start else beacon

    yield make
    for beacon in made:
        beacon.stop()
        assert beacon.process is None or beacon.process.returncode in (0, 1, 2, 10, 11, 12, -9), beacon.log_path.read_text()[-4000:]


@pytest.fixture
def services(tmp_path):
    """Echoing stand-ins for both services; give `services.garden.handler` another function for more."""
    class Both:
        pass
    (tmp_path / 'run').mkdir(exist_ok=True)
    both = Both()
    both.garden = Service(tmp_path / 'run' / 'garden.sock', echo).start()
    both.baggageclaim = Service(tmp_path / 'run' / 'baggageclaim.sock', echo).start()
    yield both
    both.garden.stop()
    both.baggageclaim.stop()


def pytest_runtest_makereport(item, call):
    """A failed case shows the end of the beacon's log."""
    if call.excinfo and 'tmp_path' in item.funcargs:
        log = item.funcargs['tmp_path'] / 'beacon.log'
        if log.exists():
            item.add_report_section(call.when, 'beacon.log', log.read_text(errors='replace')[-8000:])
