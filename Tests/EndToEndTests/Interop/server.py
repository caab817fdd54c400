"""A grpcio server of the same proto, for our client to talk to; prints its port and waits.

usage: server.py PROTO_FOLDER CERTS
"""
import sys
from concurrent import futures

from stubs import load


def main():
    folder, certs = sys.argv[1:]
    messages, services, grpc = load(folder)

    class Jobs(services.JobServiceServicer):
        def ListJobs(self, request, context):
            job = messages.Job(id="00112233445566aa", name="from-python", owner="alice",
                               command=["echo", "hello"], state=messages.FINISHED)
            return messages.ListJobsResponse(jobs=[job])

        def GetJob(self, request, context):
            context.abort(grpc.StatusCode.NOT_FOUND, f"no job '{request.job}': 100 % gone")

        def StreamOutput(self, request, context):
            for index in range(1000):
                chunk = messages.OutputChunk(stream=messages.STDOUT, data=b"x" * 1024,
                                             offset=index * 1024,
                                             cursor=f"00112233445566aa.{index + 1}")
                yield messages.StreamOutputResponse(chunk=chunk)
            end = messages.OutputEnd(complete=True, stdout_bytes=1024000,
                                     cursor="00112233445566aa.1000")
            end.job.id = "00112233445566aa"
            end.job.state = messages.FINISHED
            end.job.exit.code = 0
            end.job.exit.reason = messages.EXITED
            yield messages.StreamOutputResponse(end=end)

    def read(name):
        with open(f"{certs}/{name}", "rb") as file:
            return file.read()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    services.add_JobServiceServicer_to_server(Jobs(), server)
    credentials = grpc.ssl_server_credentials(
        [(read("server.key"), read("server.crt"))], read("ca.crt"), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    print(f"port {port} ", flush=True)
    server.wait_for_termination()


main()
