"""Makes Python stubs of job.proto in a temporary folder and loads them."""
import atexit
import os
import shutil
import sys
import tempfile

import grpc
import grpc_tools
from grpc_tools import protoc


def load(proto_folder):
    """The message module, the service module and grpc itself."""
    includes = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    target = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    code = protoc.main(["protoc", f"-I{proto_folder}", f"-I{includes}", f"--python_out={target}",
                        f"--grpc_python_out={target}", f"{proto_folder}/job.proto"])
    assert code == 0, f"protoc failed with {code}"
    sys.path.insert(0, target)
    import job_pb2
    import job_pb2_grpc
    return job_pb2, job_pb2_grpc, grpc
