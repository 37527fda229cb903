"""Google's REST APIs when they hang up: what is asked there may be asked again."""

import socket
import threading

import pytest

from common.errors import TransientError
from infra.gcp.rest import GoogleRest


@pytest.mark.parametrize("verb", ["get", "post"])
def test_a_call_that_is_cut_off_may_be_made_again(verb: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def hang_up() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)

        cutting = threading.Thread(target=hang_up)
        cutting.start()
        google = GoogleRest(lambda _: f"http://127.0.0.1:{port}", dict)

        with pytest.raises(TransientError):
            google.get("service", "path") if verb == "get" else google.post("service", "path", {})

        cutting.join()
        google.close()
