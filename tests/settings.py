"""Settings for the tests: the product's own, with data in a folder that the test run owns."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

DATA = tempfile.mkdtemp(prefix="cortex-test-")
atexit.register(shutil.rmtree, DATA, ignore_errors=True)

os.environ["DATA_DIR"] = DATA
os.environ["ENV_FILE"] = os.devnull  # a developer's .env is for the server
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # no test reaches a hub
os.environ["OLLAMA_MODELS"] = os.environ["LMSTUDIO_HOME"] = os.path.join(DATA, "nothing")
os.environ["DEFAULT_MODEL"] = "smollm2-135m-instruct"
os.environ["MODEL_CACHE_DIR"] = str(Path("~/.cache/cortex-tests/models").expanduser())
# Each test process has a core of its own: BLAS threads that wait for each other would fight for it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
for name in ("HOST", "PORT", "DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "ALLOWED_ORIGINS"):
    os.environ.pop(name, None)

from cortex_site.settings import *  # noqa: E402, F403
from cortex_site.settings import DATABASES  # noqa: E402

if "sqlite" in DATABASES["default"]["ENGINE"]:
    # Work on other threads needs a database that lives in a file.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(DATA) / "test.sqlite3")}
