"""One worker as a step sees it: makes volumes and containers in the order of calls of the web node."""

import asyncio
import json
import logging
import os
import uuid
from dataclasses import dataclass, field
from urllib.parse import quote

from hub.web.baggageclaim import Baggageclaim, NotFound, VolumeError
from hub.web.garden import Garden, GardenError
from hub.web.spec import Artifact
from hub.web.waits import VOLUME_LOCK

log = logging.getLogger("hub.web")
LEAVE_OWNER = (-1, -1)
LOCK_RETRY = 1.0  # seconds


@dataclass
class Volume:
    handle: str
    path: str
    parent: str | None = None


@dataclass
class Container:
    handle: str
    spec: object
    volumes: dict = field(default_factory=dict)  # mount path → Volume


@dataclass
class Image:
    url: str
    privileged: bool
    env: list = field(default_factory=list)
    user: str = ""


class WorkerClient:
    def __init__(self, hub, name):
        self._hub = hub
        self._atc = hub.atc
        self.name = name
        self.garden = Garden(hub.network, hub.atc, name, hub.waits)
        self.baggageclaim = Baggageclaim(hub.network, hub.atc, name, hub.waits)
        self._creating = set()  # handles of volumes that a step is making

    @property
    def row(self):
        return self._atc.worker(self.name)

    # Volumes.

    async def volume(self, handle, strategy, privileged=False, owner=LEAVE_OWNER, **row):
        """Finds or creates one: what the database calls created must be there. One step makes it; another that wants it looks again
        each second, as in the web."""
        while handle in self._creating:
            await self._hub.waits.pause(VOLUME_LOCK, LOCK_RETRY)
        known = self._atc.volumes.rows.get(handle)
        if known and known.state == "created":
            found = await self.baggageclaim.lookup(handle)
            if found is None:
                raise VolumeError(f"volume '{handle}' disappeared from worker '{self.name}'", 404)
        else:
            found = await self._create_volume(handle, strategy, privileged, owner, row)
        return Volume(handle, found["path"], strategy.get("volume"))

    async def _create_volume(self, handle, strategy, privileged, owner, row):
        self._creating.add(handle)
        try:
            self._atc.volumes.creating(handle, self.name, **row)
            try:
                found = await self.baggageclaim.lookup(handle) or await self.baggageclaim.create(handle, strategy, privileged, owner)
            except BaseException:
                self._atc.volumes.failed(handle)
                raise
            self._atc.volumes.created(handle)
            return found
        finally:
            self._creating.discard(handle)

    async def _for_container(self, container, strategy, privileged, owner):
        return await self.volume(str(uuid.uuid4()), strategy, privileged, owner, parent=strategy.get("volume"), container=container)

    async def base_volume(self, type_name):
        """The volume that all containers of a resource type are copies of; imported once per worker and version."""
        base = self.row.resource_type(type_name)
        handle = self._hub.shared_volume((self.name, base.type, base.version))
        strategy = {"type": "import", "path": base.image, "follow_symlinks": False}
        return await self.volume(handle, strategy, base.privileged, None, kept=True)

    async def local(self, artifact, privileged, owner, container):
        """The handle of the artifact's volume on this worker; one of another worker is streamed here, from worker to worker if the
        hub is asked to and it works, else through the hub."""
        if artifact.worker == self.name:
            return artifact.handle
        copy = await self._for_container(container, {"type": "empty"}, privileged, owner)
        source = self._hub.client(artifact.worker).baggageclaim
        if self._hub.p2p:
            try:
                await source.stream_p2p_out(artifact.handle, ".", await self.baggageclaim.stream_in_url(copy.handle, "."))
                return copy.handle
            except (VolumeError, OSError, ValueError, asyncio.TimeoutError) as error:
                log.warning("peer-to-peer from %s to %s: %s; streaming through the hub", artifact.worker, self.name, error)
        await self.baggageclaim.stream_in(copy.handle, ".", source.stream_out(artifact.handle, "."))
        return copy.handle

    # Containers.

    async def container(self, handle, spec):
        """Finds or creates the container of a step, with everything that is mounted into it."""
        known = self._atc.containers.rows.get(handle)
        if known is None:
            self._atc.containers.creating(handle, self.name)
        listed = handle in await self.garden.containers()
        container = self._hub.containers.get(handle)
        if container is not None and known and known.state == "created":
            if not listed:
                raise GardenError(f"unknown handle: {handle}", "ContainerNotFoundError", 404)
        else:
            try:
                container = await self._create(handle, spec)
            except BaseException:
                self._atc.containers.failed(handle)
                raise
            self._atc.containers.created(handle)
            self._hub.containers[handle] = container
        for path, volume in container.volumes.items():
            if await self.baggageclaim.lookup(volume.handle) is None:
                raise VolumeError(f"volume mounted to container is missing '{volume.handle}' from worker '{self.name}' ({path})", 404)
        return container

    async def _create(self, handle, spec):
        volumes = {}
        image, volumes["/"] = await self._image(spec, handle)
        owner = await self._owner(spec, image)
        made = lambda strategy: self._for_container(handle, strategy, image.privileged, owner)  # noqa: E731
        volumes["/scratch"] = await made({"type": "empty"})
        parents = await asyncio.gather(*[self.local(artifact, image.privileged, owner, handle) for artifact in spec.inputs.values()])
        mounted = {path: await made({"type": "cow", "volume": parent}) for path, parent in zip(spec.inputs, parents)}
        for path in spec.outputs:
            if path not in mounted:
                mounted[path] = await made({"type": "empty"})
        for path in spec.caches:
            cache = self._hub.task_caches.get((self.name, spec.directory, path))
            if cache and await self.baggageclaim.lookup(cache) is None:
                cache = None
            mounted[path] = await made({"type": "cow", "volume": cache} if cache else {"type": "empty"})
        if spec.directory and spec.directory not in mounted:
            volumes[spec.directory] = await made({"type": "empty"})
        volumes.update(sorted(mounted.items()))
        mounts = [(volume.path, path, 1) for path, volume in volumes.items() if path != "/"]
        if spec.certs and self.row.payload.certs_path:
            certs = await self.volume(self._hub.shared_volume((self.name, "certs", self.row.payload.certs_path)),
                                      {"type": "import", "path": self.row.payload.certs_path, "follow_symlinks": True},
                                      False, None, kept=True)
            mounts.append((certs.path, "/etc/ssl/certs", 0))
        worker = self.row.payload
        proxies = [f"{name}={value}" for name, value in (("http_proxy", worker.http_proxy_url), ("https_proxy", worker.https_proxy_url),
                                                         ("no_proxy", worker.no_proxy)) if value]
        await self.garden.create(spec.container_json(handle, image.url, image.privileged, mounts, image.env, image.user, proxies))
        return Container(handle, spec, volumes)

    async def _image(self, spec, container):
        if not isinstance(spec.image, Artifact):
            privileged = self.row.resource_type(spec.image).privileged
            base = await self.base_volume(spec.image)
            copy = await self._for_container(container, {"type": "cow", "volume": base.handle}, privileged, LEAVE_OWNER)
            return Image("raw://" + quote(copy.path), privileged), copy
        parent = await self.local(spec.image, spec.privileged, LEAVE_OWNER, container)
        copy = await self._for_container(container, {"type": "cow", "volume": parent}, spec.privileged, LEAVE_OWNER)
        source = self._hub.client(spec.image.worker).baggageclaim
        metadata = json.loads(await source.read_file(spec.image.handle, "metadata.json"))
        return Image("raw://" + quote(os.path.join(copy.path, "rootfs")), spec.privileged, metadata.get("env") or [],
                     metadata.get("user") or ""), copy

    async def _owner(self, spec, image):
        """Numeric ids of the user that the step runs as, from the image's own files; (-1, -1) leaves owners alone."""
        user = spec.user or image.user
        if not isinstance(spec.image, Artifact) or user in ("", "root"):
            return LEAVE_OWNER
        try:
            source = self._hub.client(spec.image.worker).baggageclaim
            files = [await source.read_file(spec.image.handle, f"rootfs/etc/{name}") for name in ("passwd", "group")]
        except (VolumeError, NotFound) as error:
            log.info("no owner for user '%s': %s", user, error)
            return LEAVE_OWNER
        return _ids(user, *[text.decode() for text in files])


def _ids(user, passwd, group):
    name, _, group_name = user.partition(":")
    users = {row[0]: (int(row[2]), int(row[3])) for row in (line.split(":") for line in passwd.splitlines()) if len(row) > 3}
    groups = {row[0]: int(row[2]) for row in (line.split(":") for line in group.splitlines()) if len(row) > 2}
    if name.isdigit():
        uid, gid = int(name), int(name)
    elif name in users:
        uid, gid = users[name]
    else:
        return LEAVE_OWNER
    if group_name:
        gid = int(group_name) if group_name.isdigit() else groups.get(group_name, gid)
    return uid, gid
