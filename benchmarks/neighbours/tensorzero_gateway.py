"""TensorZero's embedded HTTP gateway. It chooses its port: that is written beside the configuration, then the port asked for opens."""

import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from openai import OpenAI
from tensorzero import patch_openai_client

config, port = Path(sys.argv[1]), int(sys.argv[2])
client = patch_openai_client(OpenAI(api_key="none"), config_file=str(config), async_setup=False)
config.with_suffix(".port").write_text(str(urlsplit(str(client.base_url)).port))
with socket.create_server(("127.0.0.1", port)) as ready:
    ready.accept()[0].close()
while True:
    time.sleep(3600)
