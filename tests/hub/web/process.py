"""The streams of a process: a main connection with JSON messages both ways, and two that carry its output as it is."""

import asyncio
import logging
from dataclasses import dataclass

from hub.jsonstream import JsonStream
from hub.web.http import go_json

log = logging.getLogger("hub.web")
CHUNK = 32 << 10  # Go's copy buffer: a character split over two of them is lost on the way in


class ProcessError(Exception):
    """Waiting for the process has failed."""


@dataclass
class ProcessIO:
    """`stdin` is an async iterator of bytes, or None for a process that gets none (it isn't closed then).

    `stdout` and `stderr` are called with each piece of output, on the loop's thread.
    """

    stdin: object = None
    stdout: object = lambda data: None
    stderr: object = lambda data: None


class Attachment:
    """One set of the three connections. Its `wait` ends with the exit status, or with ProcessError."""

    def __init__(self, stream, io):
        self._main = stream
        self._io = io
        self._messages = JsonStream()
        self._queue = []
        self._outputs = []
        self._streams = [stream]
        self._stdin = None
        self._error = None
        self.process_id = ""

    @classmethod
    async def start(cls, stream, io, open_output):
        """Reads the first message of a hijacked stream, then opens stdout and stderr, one after the other."""
        self = cls(stream, io)
        try:
            first = await self._next()
            self.process_id = first.get("process_id", "")
            if io.stdin is not None:
                self._stdin = asyncio.create_task(self._send_stdin())
            for which, sink in (("stdout", io.stdout), ("stderr", io.stderr)):
                try:
                    output = await open_output(self.process_id, first.get("stream_id", ""), which)
                except Exception as error:
                    self._error = ProcessError(f"connection: failed to hijack stream {which}: {error}")
                    break
                self._streams.append(output)
                self._outputs.append(asyncio.create_task(_copy(output, sink)))
        except BaseException:
            self.close()
            raise
        return self

    async def wait(self):
        """After the last message, and after a lost connection too, the output is read to its end first."""
        try:
            if self._error:
                raise self._error
            while True:
                try:
                    message = await self._next()
                except (OSError, ValueError) as error:
                    await self._outputs_end()
                    raise ProcessError(f"connection: decode failed: {error}") from None
                if message.get("error") is not None:
                    await self._outputs_end()
                    raise ProcessError(f"connection: process error: {message['error']}")
                if message.get("exit_status") is not None:
                    await self._outputs_end()
                    return message["exit_status"]
        finally:
            self.close()

    def send(self, **message):
        self._main.write(go_json({"process_id": self.process_id, **message}))

    def close(self):
        if self._stdin:
            self._stdin.cancel()
        for output in self._outputs:
            output.cancel()
        for stream in self._streams:
            stream.close()

    async def _next(self):
        while not self._queue:
            data = await self._main.reader.read(1 << 16)
            if not data:
                raise StreamEnd("unexpected EOF" if self._messages.pending() else "EOF")
            self._queue += self._messages.feed(data)
        return self._queue.pop(0)

    async def _outputs_end(self):
        await asyncio.gather(*self._outputs)

    async def _send_stdin(self):
        try:
            async for data in self._io.stdin:
                for at in range(0, len(data), CHUNK):
                    self.send(source=0, data=data[at:at + CHUNK].decode("utf-8", "replace"))
                    await self._main.drain()
            self.send(source=0)
        except ConnectionError as error:
            log.info("stdin of %s: %s", self.process_id, error)


class StreamEnd(OSError):
    pass


class Process:
    """A process that is attached to again, as often as its connection is lost: as long as the text of the error ends in EOF."""

    def __init__(self, attachment, rehydrate):
        self._attachment = attachment
        self._rehydrate = rehydrate
        self.process_id = attachment.process_id
        self.attachments = 1

    async def wait(self):
        while True:
            try:
                return await self._attachment.wait()
            except ProcessError as error:
                if not str(error).endswith("EOF"):
                    raise
                log.info("attaching to %s again: %s", self.process_id, error)
            self._attachment = await self._rehydrate()
            self.attachments += 1

    def set_tty(self, columns, rows):
        self._attachment.send(tty={"window_size": {"columns": columns, "rows": rows}})

    def cancel(self):
        """Drops the streams; the process goes on."""
        self._attachment.close()


async def _copy(stream, sink):
    """To the end, or as far as the connection holds: a lost one is no error here."""
    try:
        while data := await stream.reader.read(1 << 16):
            sink(data)
    except OSError as error:
        log.info("output: %s", error)
