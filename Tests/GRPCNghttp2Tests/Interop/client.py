"""A grpcio client against the echo server of InteropTests: client.py PORT CERTIFICATE-FOLDER."""
import sys
import threading
import time

import grpc

port, folder = sys.argv[1], sys.argv[2]


def read(name):
    with open(f"{folder}/{name}", "rb") as file:
        return file.read()


def credentials(identity):
    if identity is None:
        return grpc.ssl_channel_credentials(read("ca.crt"))
    return grpc.ssl_channel_credentials(
        read("ca.crt"), read(f"{identity}.key"), read(f"{identity}.crt"))


def channel(identity="alice"):
    return grpc.secure_channel(
        f"localhost:{port}", credentials(identity),
        options=[("grpc.max_receive_message_length", 8 << 20),
                 ("grpc.max_send_message_length", 8 << 20)])


def same(message):
    return message


def check(name, condition, detail=""):
    if not condition:
        sys.exit(f"{name}: failed {detail}")
    print(f"{name}: passed", flush=True)


def code_of(call):
    try:
        call()
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


with channel() as c:
    get = c.unary_unary("/test.Echo/Get", same, same)
    for size in (0, 1, 65535, 65536, 3_000_000):
        message = bytes(range(256)) * (size // 256) + bytes(size % 256)
        check(f"unary {size}", get(message) == message)
    answer, call = get.with_call(b"x", metadata=(("x-text", "v"), ("x-b-bin", b"\x00\xff")))
    trailers = dict((k, v) for k, v in call.trailing_metadata())
    check("metadata", trailers.get("x-b-bin") == b"\x00\xff" and trailers.get("x-text") == "v")
    try:
        c.unary_unary("/test.Echo/Fail", same, same)(b"")
        check("status", False)
    except grpc.RpcError as error:
        check("status", error.code() == grpc.StatusCode.PERMISSION_DENIED
              and error.details() == "no: 100% Ünfug\n", repr(error.details()))
        check("binary trailer", dict(error.trailing_metadata())["why-bin"] == b"\x00\xff")
    check("unknown method", code_of(lambda: c.unary_unary("/test.Echo/No", same, same)(b""))
          == grpc.StatusCode.UNIMPLEMENTED)
    collect = c.stream_unary("/test.Echo/Collect", same, same)
    check("client stream", collect(iter([b"x" * 10_000] * 300)) == b"3000000")
    expand = c.unary_stream("/test.Echo/Expand", same, same)
    sizes = [len(m) for m in expand(b"1024 65536")]
    check("server stream", sizes == [65536] * 1024)
    update = c.stream_stream("/test.Echo/Update", same, same)
    check("bidirectional", list(update(iter([b"a" * n for n in range(200)])))
          == [b"a" * n for n in range(200)])
    check("message too large", code_of(lambda: get(bytes(5 << 20)))
          == grpc.StatusCode.RESOURCE_EXHAUSTED)
    check("compression", code_of(lambda: get(b"x" * 1000, compression=grpc.Compression.Gzip))
          == grpc.StatusCode.UNIMPLEMENTED)
    wait = c.unary_stream("/test.Echo/Wait", same, same)
    check("deadline", code_of(lambda: list(wait(b"", timeout=0.2)))
          == grpc.StatusCode.DEADLINE_EXCEEDED)
    held = wait(b"")
    next(held)
    held.cancel()
    check("cancel", code_of(lambda: list(held)) == grpc.StatusCode.CANCELLED)
    # The handlers of `deadline` and `cancel` have been told.
    cancelled = c.unary_unary("/test.Echo/Cancelled", same, same)
    while cancelled(b"") != b"2":
        time.sleep(0.01)
    check("cancellation reaches the handler", True)
    results = []
    threads = [threading.Thread(target=lambda: results.append(get(b"y"))) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("64 at once", results == [b"y"] * 64)

for identity in (None, "mallory", "expired", "no-usage"):
    with channel(identity) as c:
        get = c.unary_unary("/test.Echo/Get", same, same)
        check(f"refused: {identity}", code_of(lambda: get(b"", timeout=5))
              in (grpc.StatusCode.UNAVAILABLE,))
