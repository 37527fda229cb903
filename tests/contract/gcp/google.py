"""Local gRPC servers that speak Google's published protocols, for the clients under test."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

Handler = Callable[[Any, grpc.ServicerContext], Any]


@contextmanager
def grpc_server(service: str, methods: Mapping[str, tuple[Any, Any, Handler]]) -> Iterator[Any]:
    """Serve methods of a service on loopback; yield a channel to it.

    Each method is its request's and its reply's published type, and what answers it.
    """
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=asked.deserialize, response_serializer=replied.serialize
        )
        for name, (asked, replied, answer) in methods.items()
    }
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield channel
        finally:
            server.stop(None).wait()
