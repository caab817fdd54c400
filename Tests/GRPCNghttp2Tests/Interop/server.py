"""A grpcio echo server for InteropTests: server.py CERTIFICATE-FOLDER; prints its port."""
import sys
from concurrent import futures

import grpc

folder = sys.argv[1]


def read(name):
    with open(f"{folder}/{name}", "rb") as file:
        return file.read()


def same(message):
    return message


def get(request, context):
    context.set_trailing_metadata(
        [(k, v) for k, v in context.invocation_metadata() if k.startswith("x-")])
    return request


def fail(request, context):
    context.set_trailing_metadata([("why-bin", b"\x00\xff")])
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "no: 100% Ünfug\n")


def collect(requests, context):
    return str(sum(len(r) for r in requests)).encode()


def expand(request, context):
    count, size = (int(n) for n in request.split())
    for number in range(count):
        yield bytes([number % 256]) * size


def update(requests, context):
    yield from requests


def wait(request, context):
    import threading
    done = threading.Event()
    context.add_callback(done.set)
    yield b"started"
    done.wait()


handlers = {
    "Get": grpc.unary_unary_rpc_method_handler(get, same, same),
    "Fail": grpc.unary_unary_rpc_method_handler(fail, same, same),
    "Collect": grpc.stream_unary_rpc_method_handler(collect, same, same),
    "Expand": grpc.unary_stream_rpc_method_handler(expand, same, same),
    "Update": grpc.stream_stream_rpc_method_handler(update, same, same),
    "Wait": grpc.unary_stream_rpc_method_handler(wait, same, same),
}
server = grpc.server(
    futures.ThreadPoolExecutor(16),
    # Else grpcio may share its port with another server of the same tests, whose methods are others.
    options=[("grpc.max_receive_message_length", 8 << 20), ("grpc.so_reuseport", 0)])
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
credentials = grpc.ssl_server_credentials(
    [(read("server.key"), read("server.crt"))], read("ca.crt"), require_client_auth=True)
port = server.add_secure_port("127.0.0.1:0", credentials)
server.start()
print(port, flush=True)
sys.stdin.read()  # until the test ends
server.stop(0)
