"""A grpcio client of worker: starts a job, follows its output and checks what comes back.

usage: client.py PROTO_FOLDER CERTS IDENTITY ADDRESS
"""
import sys

from stubs import load


def main():
    folder, certs, identity, address = sys.argv[1:]
    messages, services, grpc = load(folder)

    def read(name):
        with open(f"{certs}/{name}", "rb") as file:
            return file.read()

    credentials = grpc.ssl_channel_credentials(
        read("ca.crt"), read(f"{identity}.key"), read(f"{identity}.crt"))
    with grpc.secure_channel(address, credentials) as channel:
        jobs = services.JobServiceStub(channel)
        spec = messages.JobSpec(command=["sh", "-c", "echo out; echo err >&2; exit 3"])
        job = jobs.StartJob(messages.StartJobRequest(spec=spec), timeout=30).job
        output = {messages.STDOUT: b"", messages.STDERR: b""}
        end = None
        request = messages.StreamOutputRequest(job=job.id, follow=True)
        for response in jobs.StreamOutput(request, timeout=30):
            if response.WhichOneof("event") == "chunk":
                output[response.chunk.stream] += response.chunk.data
            else:
                end = response.end
        assert output == {messages.STDOUT: b"out\n", messages.STDERR: b"err\n"}, output
        assert end.complete and end.stdout_bytes == 4 and end.stderr_bytes == 4, end
        finished = jobs.WaitJob(messages.WaitJobRequest(job=job.id), timeout=30).job
        assert finished.exit.code == 3 and finished.exit.reason == messages.EXITED, finished
        expect(grpc, grpc.StatusCode.NOT_FOUND,
               lambda: jobs.GetJob(messages.GetJobRequest(job="ffffffffffffffff"), timeout=30))
        missing = messages.JobSpec(command=["/no/such/program"])
        error = expect(grpc, grpc.StatusCode.INVALID_ARGUMENT,
                       lambda: jobs.StartJob(messages.StartJobRequest(spec=missing), timeout=30))
        assert "No such file or directory" in error.details(), error.details()
        expect_deadline(grpc, jobs, messages)
        expect_cancel(jobs, messages)
    without = grpc.ssl_channel_credentials(read("ca.crt"))
    with grpc.secure_channel(address, without) as channel:
        jobs = services.JobServiceStub(channel)
        expect(grpc, grpc.StatusCode.UNAVAILABLE,
               lambda: jobs.ListJobs(messages.ListJobsRequest(), timeout=30))
    print("interop client ok")


def expect(grpc, code, call):
    """Runs `call`, which must fail with `code`."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()}: {error.details()}"
        return error
    raise AssertionError(f"no error, expected {code}")


def expect_deadline(grpc, jobs, messages):
    spec = messages.JobSpec(command=["sleep", "1000"])
    job = jobs.StartJob(messages.StartJobRequest(spec=spec), timeout=30).job
    expect(grpc, grpc.StatusCode.DEADLINE_EXCEEDED,
           lambda: jobs.WaitJob(messages.WaitJobRequest(job=job.id), timeout=0.3))
    request = messages.StopJobRequest(job=job.id)
    request.grace.seconds = 0
    stopped = jobs.StopJob(request, timeout=30).job
    assert stopped.exit.reason == messages.STOPPED, stopped


def expect_cancel(jobs, messages):
    """A follower that leaves harms nobody."""
    spec = messages.JobSpec(command=["sh", "-c", "while :; do echo x; done"])
    job = jobs.StartJob(messages.StartJobRequest(spec=spec), timeout=30).job
    stream = jobs.StreamOutput(messages.StreamOutputRequest(job=job.id, follow=True))
    for _ in range(3):
        next(stream)
    stream.cancel()
    request = messages.StopJobRequest(job=job.id)
    request.grace.seconds = 0
    jobs.StopJob(request, timeout=30)


main()
