"""What volumes ought to be, and a player that does random things to a server and to the model of it, with kills in between.

Whatever an operation does that was cut short by a kill, afterwards the volume is as it was before or as it should be after:
never half of it.
"""

import copy
import os
import random
import threading

from harness.baggageclaim import files_of, tar_of
from harness.baggageclaim_server import LAST_ID
from harness.http import HttpError, StatusError

HANDLES = 8  # of one player
NAMES = ["a", "b", "d/a", "d/b", "d/e/f", "z"]
# What a connection that is cut off looks like.
CUT_OFF = (ConnectionError, HttpError, OSError)


class Model:
    """{handle: volume} of those that are live, and what each lies on. What others lie on keeps its name, destroyed or not."""

    def __init__(self):
        self.volumes = {}
        self.lies_on = {}
        self.kept = {}  # what lies_on was of those that were destroyed when others lay on them: until the next clean-up or start

    def has_children(self, handle):
        return any(handle in layers for layers in [*self.lies_on.values(), *self.kept.values()])

    def clean(self):
        for handle in sorted(self.kept):
            if not self.has_children(handle):
                del self.kept[handle]


class Player:
    """Plays with the handles that begin with `prefix`, and copies from `shared` too, {handle: volume} that nobody changes.

    With `reuse` handles are used again; what a clean-up by others makes of that can't be foretold."""

    def __init__(self, server, seed, log=print, prefix="v", shared=None, reuse=True):
        self.server, self.random, self.log = server, random.Random(seed), log
        self.prefix, self.shared, self.reuse = prefix, shared or {}, reuse
        self.model = Model()
        self.count = self.made = 0

    def new_handle(self):
        self.made += 1
        return f"{self.prefix}{self.random.randrange(HANDLES) if self.reuse else self.made}"

    def play(self, steps, kill_every):
        for step in range(steps):
            operation = self.choose()
            if kill_every and step % kill_every == kill_every - 1:
                self.interrupted(operation)
            else:
                self.whole(operation)
            if step % 10 == 9:
                self.check()
        self.server.restart()
        self.check()

    # An operation is (words, do, change): `do` asks the server, `change` does the same to a model. It may be refused: then
    # `change` is None.

    def choose(self):
        if not self.reuse and len(self.model.volumes) >= HANDLES:
            return self.destroy()
        return self.random.choices([self.create, self.copy, self.destroy, self.stream, self.broken_stream, self.privilege, self.property, self.write, self.clean],
                                   weights=[5, 6, 3, 6, 3, 3, 2, 4, 1])[0]()

    def some(self):
        return self.random.choice(sorted(self.model.volumes) or ["nobody"])

    def content(self):
        self.count += 1
        return b"%d-" % self.count + self.random.randbytes(self.random.choice([0, 10, 5000, 300_000]))

    def create(self):
        handle, privileged = self.new_handle(), self.random.random() < 0.3
        properties = {"n": str(self.count)}
        taken = handle in self.model.volumes or self.model.has_children(handle)

        def change(model):
            model.volumes[handle] = {"privileged": privileged, "properties": properties, "files": {}}
            model.lies_on[handle] = []
            model.kept.pop(handle, None)

        return (f"create {handle}", lambda: self.server.api.create("empty", handle, privileged=privileged, properties=properties), None if taken else change)

    def copy(self):
        parent = self.random.choice(sorted({**self.model.volumes, **self.shared}) or ["nobody"])
        handle, privileged = self.new_handle(), self.random.random() < 0.3
        taken = handle in self.model.volumes or self.model.has_children(handle) or parent not in {**self.model.volumes, **self.shared}

        def change(model):
            files = {**model.volumes, **self.shared}[parent]["files"]
            model.volumes[handle] = {"privileged": privileged, "properties": None, "files": dict(files)}
            # Only overlays lie on their parents.
            model.lies_on[handle] = [parent, *model.lies_on.get(parent, [])] if self.server.driver == "overlay" else []
            model.kept.pop(handle, None)

        return (f"copy {parent} to {handle}", lambda: self.server.api.create({"type": "cow", "volume": parent}, handle, privileged=privileged),
                None if taken else change)

    def destroy(self):
        handle = self.some()

        def change(model):
            if model.has_children(handle):
                model.kept[handle] = model.lies_on[handle]
            del model.volumes[handle]
            del model.lies_on[handle]

        return (f"destroy {handle}", lambda: self.server.api.destroy(handle), change if handle in self.model.volumes else None)

    def quiet(self):
        """A volume that nothing lies on: what is written to one that others lie on may show in them."""
        return self.random.choice(sorted(h for h in self.model.volumes if not self.model.has_children(h)) or ["nobody"])

    def stream(self):
        handle = self.quiet()
        files = {name: self.content() for name in self.random.sample(NAMES, self.random.randint(1, 4))}
        encoding = self.random.choice(["raw", "gzip"])
        body = tar_of(files)
        if encoding == "gzip":
            import gzip
            body = gzip.compress(body, 1)

        def change(model):
            model.volumes[handle]["files"].update(files)

        return (f"stream {sorted(files)} into {handle}", lambda: self.server.api.stream_in(handle, body, encoding=encoding),
                change if handle in self.model.volumes else None)

    def broken_stream(self):
        handle = self.quiet()
        body = tar_of({name: self.content() + bytes(2000) for name in NAMES})
        cut = self.random.randint(600, len(body) - 11_000)
        return (f"stream a broken archive into {handle}", lambda: self.server.api.stream_in(handle, body[:cut - cut % 512 + 100]), None)

    def privilege(self):
        # A walk over a layer shows in those that lie on it; a map doesn't.
        walks = "--baggageclaim-disable-id-mapped-mounts" in self.server.flags
        handle, value = self.quiet() if walks else self.some(), self.random.random() < 0.5

        def change(model):
            model.volumes[handle]["privileged"] = value

        return (f"privileged {handle} {value}", lambda: self.server.api.set_privileged(handle, value), change if handle in self.model.volumes else None)

    def property(self):
        handle, value = self.some(), str(self.count)

        def change(model):
            model.volumes[handle]["properties"] = {**(model.volumes[handle]["properties"] or {}), "p": value}

        return (f"property of {handle}", lambda: self.server.api.call("PUT", f"/volumes/{handle}/properties/p", {"value": value}),
                change if handle in self.model.volumes else None)

    def write(self):
        """As a container does it, past the server."""
        handle = self.quiet()
        if handle not in self.model.volumes:
            return self.create()
        files = self.model.volumes[handle]["files"]
        if files and self.random.random() < 0.4:
            name = self.random.choice(sorted(files))

            def remove():
                os.unlink(self.server.data(handle) / name)

            return (f"remove {name} from {handle}", remove, lambda model: model.volumes[handle]["files"].pop(name))
        name, content = self.random.choice(NAMES), self.content()

        def write():
            path = self.server.data(handle) / name
            root = 0 if self.model.volumes[handle]["privileged"] else LAST_ID
            for folder in reversed(path.relative_to(self.server.data(handle)).parents[:-1]):
                if not (self.server.data(handle) / folder).exists():
                    (self.server.data(handle) / folder).mkdir()
                    os.chown(self.server.data(handle) / folder, root, root)
            path.write_bytes(content)
            os.chown(path, root, root)

        return (f"write {name} in {handle}", write, lambda model: model.volumes[handle]["files"].__setitem__(name, content))

    def clean(self):
        return ("clean up", lambda: self.server.api.call("POST", "/volumes/cleanup-orphans"), Model.clean)

    def whole(self, operation):
        words, do, change = operation
        self.log(words)
        try:
            do()
        except StatusError as error:
            assert change is None, f"{words} was refused: {error}"
        else:
            assert change is not None, f"{words} should have been refused"
            change(self.model)

    def interrupted(self, operation):
        """Kills the server in the middle; what is there afterwards decides which of the two models is true."""
        words, do, change = operation
        self.log(f"{words}, and kill")
        finished = threading.Event()

        def run():
            try:
                do()
            except (StatusError, *CUT_OFF):
                pass
            finally:
                finished.set()

        thread = threading.Thread(target=run)
        thread.start()
        finished.wait(self.random.choice([0, 0.001, 0.003, 0.01, 0.03]))
        self.server.kill()
        thread.join()
        self.server.start()
        self.model.kept = {}
        assert not self.server.status()["recovered"]["quarantined"], self.server.logged("baggageclaim.volume quarantined")
        if change is None:
            return
        if words.startswith(("write", "remove")):  # past the server: its death changes nothing
            change(self.model)
        else:
            self.settle(change)

    def settle(self, change):
        """Learns whether what was under way when the server died has happened."""
        after = copy.deepcopy(self.model)
        change(after)
        after.kept = {}
        try:
            self.check(after)
            self.model = after
        except AssertionError:
            self.check(self.model)

    def check(self, model=None):
        model = model or self.model
        listed = {volume["handle"]: volume for volume in self.server.api.volumes() if volume["handle"].startswith(self.prefix)}
        assert listed.keys() == model.volumes.keys(), (listed.keys(), model.volumes.keys())
        for handle, volume in model.volumes.items():
            assert listed[handle]["privileged"] == volume["privileged"], handle
            assert listed[handle]["properties"] == volume["properties"], handle
            assert files_of(self.server.api.stream_out(handle)) == volume["files"], handle
            root = 0 if volume["privileged"] else LAST_ID
            for name in volume["files"]:
                path = self.server.data(handle) / name
                assert path.read_bytes() == volume["files"][name], path
                assert os.lstat(path).st_uid == os.lstat(path).st_gid == root, path
            assert not list(self.server.data(handle).rglob(".stream-in*"))
        assert all(count == 1 for count in self.server.mounts().values()), self.server.mounts()
        # What was being destroyed keeps its mount until the next clean-up.
        shown = [point for point in self.server.mounts() if "/volumes/dead/" not in point]
        assert len(shown) <= len(self.server.api.handles()), (shown, self.server.api.handles())
