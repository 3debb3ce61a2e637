"""How the web reaches one worker: its address is looked up in the workers' table, kept, and looked up anew after an error."""

from hub.atc.errors import AtcError
from hub.web import http
from hub.web.retry import BAGGAGECLAIM_LIMIT, GARDEN_LIMIT, WorkerMissing, WorkerUnreachable, retry


class Transport:
    """`api` is "addr" (Garden) or "baggageclaim": the column of the worker's row that has the address."""

    def __init__(self, network, atc, worker, api, waits):
        self.network = network
        self.worker = worker
        self._atc = atc
        self._api = api
        self._waits = waits
        self._cached = None
        self.limit = GARDEN_LIMIT if api == "addr" else BAGGAGECLAIM_LIMIT
        self._header_timeout = 300.0 if api == "addr" else 60.0

    def address(self):
        if self._cached is None:
            try:
                row = self._atc.worker(self.worker)
            except AtcError:
                raise WorkerMissing(f"worker {self.worker} disappeared while trying to reach it") from None
            self._cached = getattr(row, self._api)
            if self._cached is None:
                raise WorkerUnreachable(f"worker '{self.worker}' is unreachable (state is '{row.state}')")
        return self._cached

    async def request(self, method, path, body=None, **options):
        """A whole exchange, tried again as long as nothing of a body has been read by a connection."""
        return await self._retry(http.request, method, path, body, options)

    async def open_request(self, method, path, body=None, **options):
        """Up to the head of the answer: (stream, response)."""
        return await self._retry(http.open_request, method, path, body, options)

    async def _retry(self, function, method, path, body, options):
        sent = False

        async def attempt():
            nonlocal sent
            try:
                stream_network = _Watched(self.network)
                return await function(stream_network, self.address(), method, path, body=body,
                                      header_timeout=self._header_timeout, **options)
            except Exception:
                sent = stream_network.dialed and (body is not None or options.get("pieces") is not None)
                self._cached = None
                raise

        return await retry(attempt, self.limit, self._waits, lambda: not sent)

    async def hijack(self, method, path, body=None, content_type=None):
        """A request on a connection of its own that is taken over after the head of a 2xx answer: (stream, response).

        As Go's client does, it takes an answer that can't keep its connection (no length and not chunked, `Connection: close`,
        HTTP/1.0) for an error, and it has no time limit.
        """
        sent = False

        async def attempt():
            nonlocal sent
            stream = None
            try:
                address = self.address()
                stream = await self.network.dial(address)
                headers = [("Content-Length", str(len(body)))] if body else []
                headers += [("Content-Type", content_type)] if content_type else []
                sent = body is not None
                stream.write(http.head(method, path, http.host_of(address), headers) + (body or b""))
                await stream.drain()
                response = await self._hijacked_head(stream)
            except BaseException:
                self._cached = None
                if stream:
                    stream.close()
                raise
            return stream, response

        return await retry(attempt, self.limit, self._waits, lambda: not sent)

    async def _hijacked_head(self, stream):
        try:
            response = await http.read_head(stream.reader)
        except http.HttpError:
            raise http.HttpError("unexpected EOF") from None
        framed = "content-length" in response.headers or "chunked" in response.headers.get("transfer-encoding", "")
        if not framed or response.headers.get("connection", "").lower() == "close" or response.version == "HTTP/1.0":
            raise http.HttpError("persistent connection closed")
        return response


class _Watched:
    """A network that remembers whether a connection was made."""

    def __init__(self, network):
        self._network = network
        self.dialed = False

    async def dial(self, address):
        stream = await self._network.dial(address)
        self.dialed = True
        return stream
