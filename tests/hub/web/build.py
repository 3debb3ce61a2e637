"""A build: steps that the hub runs on a worker, one call a step."""

import asyncio
import json
import logging
import uuid
from dataclasses import dataclass

from hub.web.baggageclaim import pieces_of
from hub.web.process import ProcessIO
from hub.web.spec import Artifact, ContainerSpec, ProcessSpec, working_directory
from hub.web.waits import GET_LOCK

log = logging.getLogger("hub.web")
EXIT_STATUS = "concourse:exit-status"
RESULT = "concourse:resource-result"
EXTERNAL_URL = "http://localhost:8080"
TASK_WINDOW = (500, 500)
STOP_GRACE = 10.0
GET_RETRY = 5.0  # seconds


class Aborted(Exception):
    pass


@dataclass
class StepResult:
    status: int
    stdout: bytes = b""
    stderr: bytes = b""
    container: str = ""
    artifact: Artifact | None = None  # get, put: what the step left
    outputs: dict | None = None  # task: output name → Artifact
    version: dict | None = None
    metadata: list | None = None
    attachments: int = 1  # how often its process was attached to

    @property
    def succeeded(self):
        return self.status == 0


class Build:
    """Steps of one name find their container again, as after a restart of the web: calling one twice attaches to the first.

    `on_output(step, stream, data)` sees all output as it comes. A build that is not interruptible is waited for by a landing
    or retiring worker.
    """

    def __init__(self, hub, worker, name="1", interruptible=False, on_output=None):
        self._hub = hub
        self._client = hub.client(worker)
        self.worker = worker
        self.workers = {worker}
        self.name = name
        self.interruptible = interruptible
        self._on_output = on_output or (lambda *_: None)
        self._handles = {}
        self._abort = asyncio.Event()
        hub.atc.builds.add(self)

    # Steps.

    async def check(self, type_name, source):
        container = await self._container(f"check-{type_name}", self._resource_spec(type_name, ""))
        result = await self._process(container, "check", ProcessSpec("/opt/resource/check"), _json({"source": source}), attach=False)
        if result.succeeded:
            result.version = json.loads(result.stdout)
        return result

    async def get(self, step, type_name, source=None, version=None, params=None):
        """Always runs the script."""
        result = await self._resource(step, "get", "in", type_name, {}, source, params, version)
        if result.succeeded:
            volume = self._hub.containers[result.container].volumes["/tmp/build/get"]
            await self._client.baggageclaim.set_privileged(volume.handle, False)
            result.artifact = Artifact(self.worker, volume.handle)
        return result

    async def cached_get(self, step, type_name, source=None, version=None, params=None):
        """As in a pipeline: what an earlier build has got on this worker is looked up, and one step at a time gets what nobody has."""
        caches, key = self._hub.resource_caches, (self.worker, _json([type_name, source, version, params]))
        while key in self._hub.getting:
            await self._hub.waits.pause(GET_LOCK, GET_RETRY)
        if (known := caches.get(key)) and await self._client.baggageclaim.lookup(known.artifact.handle):
            return known
        self._hub.getting.add(key)
        try:
            result = await self.get(step, type_name, source, version, params)
        finally:
            self._hub.getting.discard(key)
        if result.succeeded:
            self._hub.atc.volumes.rows[result.artifact.handle].kept = True
            caches[key] = result
        return result

    async def put(self, step, type_name, source=None, params=None, inputs=None):
        mounts = {f"/tmp/build/put/{name}": artifact for name, artifact in (inputs or {}).items()}
        return await self._resource(step, "put", "out", type_name, mounts, source, params, None)

    async def task(self, step, image, run, inputs=None, outputs=(), caches=(), params=None, user="", dir="", **spec):
        """`run` is the program and its arguments; `inputs` maps names to artifacts; `spec` are more fields of ContainerSpec."""
        directory = working_directory(step)
        env = [f"ATC_EXTERNAL_URL={EXTERNAL_URL}"] + [f"{name}={value}" for name, value in (params or {}).items()]
        container_spec = ContainerSpec(image, directory, {f"{directory}/{name}": artifact for name, artifact in (inputs or {}).items()},
                                       [f"{directory}/{name}" for name in outputs], [f"{directory}/{path}" for path in caches],
                                       env, user, **spec)
        container = await self._container(step, container_spec)
        process = ProcessSpec(run[0], list(run[1:]), "task", dir=f"{directory}/{dir}".rstrip("/"), user=user, tty=TASK_WINDOW)
        try:
            result = await self._process(container, step, process, None, attach=True)
        finally:
            await self._keep_caches(container, container_spec)
        result.outputs = {name: Artifact(self.worker, container.volumes[f"{directory}/{name}"].handle) for name in outputs}
        return result

    async def upload(self, archive):
        """A volume from a gzipped tar, as `fly execute` sends it."""
        handle = str(uuid.uuid4())
        self._hub.atc.volumes.creating(handle, self.worker, kept=True)
        await self._client.baggageclaim.create(handle, {"type": "empty"})
        self._hub.atc.volumes.created(handle)
        await self._client.baggageclaim.stream_in(handle, "/", pieces_of(archive))
        return Artifact(self.worker, handle)

    async def download(self, artifact):
        """The gzipped tar of an artifact."""
        await self._client.baggageclaim.lookup(artifact.handle)
        return b"".join([piece async for piece in self._client.baggageclaim.stream_out(artifact.handle, "/")])

    def abort(self):
        """What Abort in the web does: stop, wait 10 s, stop for good. Running steps raise Aborted."""
        self._abort.set()

    def finish(self, keep=()):
        """The build is over. Its containers go to the garbage collector, less those of the steps to `keep` for an interception."""
        self._hub.atc.builds.discard(self)
        for step, handle in self._handles.items():
            if step not in keep and handle in self._hub.atc.containers.rows:
                self._hub.atc.containers.destroy(handle)

    # How they are run.

    async def _container(self, step, spec):
        handle = self._handles.setdefault(step, str(uuid.uuid4()))
        return await self._client.container(handle, spec)

    def _resource_spec(self, type_name, directory, inputs=None):
        env = [f"BUILD_NAME={self.name}", "BUILD_TEAM_ID=1", "BUILD_TEAM_NAME=main", f"ATC_EXTERNAL_URL={EXTERNAL_URL}"]
        return ContainerSpec(type_name, directory, inputs or {}, env=env, certs=True)

    async def _resource(self, step, kind, script, type_name, inputs, source, params, version):
        directory = f"/tmp/build/{kind}"
        container = await self._container(step, self._resource_spec(type_name, directory, inputs))
        properties = await self._client.garden.properties(container.handle)
        if properties.get(RESULT):
            result = StepResult(0, container=container.handle)
            answer = json.loads(properties[RESULT])
        else:
            request = {"source": source or {}}
            request.update({name: value for name, value in (("params", params), ("version", version)) if value})
            process = ProcessSpec(f"/opt/resource/{script}", [directory], "resource")
            result = await self._process(container, step, process, _json(request), attach=True)
            if not result.succeeded:
                return result
            answer = json.loads(result.stdout) if result.stdout.strip() else {}
            if answer.get("version") is None:
                raise ValueError(f"resource script (/opt/resource/{script} {directory}) output a null version")
            kept = {name: answer[name] for name in ("version", "metadata") if answer.get(name)}
            await self._client.garden.set_property(container.handle, RESULT, _json(kept).decode())
        result.version, result.metadata = answer["version"], answer.get("metadata")
        return result

    async def _process(self, container, step, spec, request, attach):
        """Attach first: only a process that was never started is run."""
        garden, handle = self._client.garden, container.handle
        result = StepResult(-1, container=handle)
        collected = {"stdout": bytearray(), "stderr": bytearray()}

        def sink(stream):
            def receive(data):
                collected[stream] += data
                self._on_output(step, stream, data)
            return receive

        io = ProcessIO(pieces_of(request) if request is not None else None, sink("stdout"), sink("stderr"))
        process = None
        if attach:
            done = (await garden.properties(handle)).get(EXIT_STATUS, "")
            if done.lstrip("-").isdigit():
                result.status = int(done)
                return result
            try:
                process = await garden.attach(handle, spec.id, io)
            except Exception as error:
                log.debug("attach to %s of %s: %s", spec.id, handle, error)
        if process is None:
            properties = await garden.properties(handle)
            process = await garden.run(handle, spec.json(properties.get("user", "")), io)
        result.status = await self._wait(process, handle)
        result.attachments = process.attachments
        result.stdout, result.stderr = bytes(collected["stdout"]), bytes(collected["stderr"])
        await garden.set_property(handle, EXIT_STATUS, str(result.status))
        return result

    async def _wait(self, process, handle):
        waiting, aborted = asyncio.ensure_future(process.wait()), asyncio.ensure_future(self._abort.wait())
        try:
            await asyncio.wait({waiting, aborted}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            stop = asyncio.ensure_future(self._client.garden.stop(handle, False))
            if not (await asyncio.wait({waiting}, timeout=STOP_GRACE))[0]:
                log.info("%s did not end in %g s: forcing it", handle, STOP_GRACE)
                kill = asyncio.ensure_future(self._client.garden.stop(handle, True))
                process.cancel()
                await asyncio.wait({kill}, timeout=STOP_GRACE)
            await asyncio.wait({stop}, timeout=STOP_GRACE)
            raise Aborted("build aborted")
        finally:
            aborted.cancel()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    async def _keep_caches(self, container, spec):
        """A cache that was empty before is the volume itself; a copy is imported into a new volume."""
        for path in spec.caches:
            volume, handle = container.volumes[path], container.volumes[path].handle
            if volume.parent:
                handle = str(uuid.uuid4())
                await self._client.volume(handle, {"type": "import", "path": volume.path, "follow_symlinks": False},
                                          spec.privileged, None)
            self._hub.atc.volumes.rows[handle].kept = True
            self._hub.task_caches[(self.worker, spec.directory, path)] = handle


def _json(value):
    return json.dumps(value, separators=(",", ":")).encode()
