"""The resource `mock` of the recordings, as a script of the fake worker."""

SOURCE = {"create_files": {"hello.txt": "hi"}, "mirror_self": True}


async def mock(process):
    """The mock resource, and tasks that say hello."""
    answer = {"/opt/resource/check": b'[{"version":"mock"}]\n', "/opt/resource/in": b'{"version":{"version":"mock"},"metadata":null}',
              "/opt/resource/out": b'{"version":{"version":"v2"},"metadata":null}'}.get(process.spec["path"])
    if answer:
        await process.stdin_closed.wait()
    await process.write("stdout", answer or b"hello\r\n")
    return 0
