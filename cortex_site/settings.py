"""Django settings. Everything a person may change is read from the environment at the top."""

import sys
from pathlib import Path

from agents.limits import DEFAULT_ITERATIONS, MOST_ITERATIONS
from common.disk import umask_private
from cortex_site import __version__, configuration
from inference.types import LIMITS, Sampling

umask_private()  # whatever this process makes is its user's own

BASE_DIR = Path(__file__).resolve().parent.parent

ENV_FILE = configuration.env_file(BASE_DIR)
env = configuration.Environment(ENV_FILE)

# --- What a person may change (README.md has a row for each) -------------------------------------

HOST = env.str("HOST", "127.0.0.1")
PORT = configuration.integer(env, "PORT", 8000, low=0, high=65535)
DEBUG = configuration.boolean(env, "DEBUG", False)
ENVIRONMENT = env.str("ENVIRONMENT", "production")
LOG_LEVEL = configuration.choice(
    env, "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)

DATA_DIR = configuration.folder(env, "DATA_DIR", "var", base=BASE_DIR)
LOG_KEEP_DAYS = configuration.integer(env, "LOG_KEEP_DAYS", 90, low=0)  # 0 is for ever
LOG_KEEP_SIZE = configuration.size(env, "LOG_KEEP_SIZE", 2 << 30)  # 0 is no limit
DATABASE_URL = env.str("DATABASE_URL", f"sqlite:///{DATA_DIR / 'cortex.sqlite3'}")
REDIS_URL = env.str("REDIS_URL", "")
SECRET_KEY = env.str("SECRET_KEY", "") or configuration.secret_key(DATA_DIR / "secret_key")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *configuration.words(env, "ALLOWED_HOSTS")]
ALLOWED_ORIGINS = configuration.origins(
    env, "ALLOWED_ORIGINS", ["http://localhost:3000", "http://localhost:3001"]
)

DEFAULT_MODEL = env.str("DEFAULT_MODEL", "") or configuration.default_model()
SERVED_MODEL = ""  # `manage.py serve --model`; else DEFAULT_MODEL answers
MODEL_CACHE_DIR = configuration.folder(env, "MODEL_CACHE_DIR", "~/.cache/mlx-models", base=BASE_DIR)
MODEL_MEMORY_LIMIT = configuration.size(
    env, "MODEL_MEMORY_LIMIT", configuration.default_memory_limit()
)  # bytes; 0 is no limit
MODEL_IDLE_TIMEOUT = configuration.integer(env, "MODEL_IDLE_TIMEOUT", 1800, low=0)  # s; 0 is never
MAX_QUEUE = configuration.integer(env, "MAX_QUEUE", 64, low=1)
MAX_BATCH = configuration.integer(env, "MAX_BATCH", 16, low=1)
PROMPT_CACHE_LIMIT = (  # None: it follows the model; 0 is off
    configuration.size(env, "PROMPT_CACHE_LIMIT", 0) if env.str("PROMPT_CACHE_LIMIT", "") else None
)
PROMPT_CACHE_DIR = configuration.folder(
    env, "PROMPT_CACHE_DIR", str(DATA_DIR / "prompt-cache"), base=BASE_DIR
)
PROMPT_CACHE_DISK_LIMIT = configuration.size(env, "PROMPT_CACHE_DISK_LIMIT", 4 << 30)  # 0 is off
INTERACTIVE_STALL_MS = configuration.integer(env, "INTERACTIVE_STALL_MS", 500, low=10)

DEFAULT_MAX_TOKENS = configuration.integer(env, "DEFAULT_MAX_TOKENS", 2048, low=1)
# None: as the model's makers say
DEFAULT_TEMPERATURE = configuration.number(env, "DEFAULT_TEMPERATURE", LIMITS["temperature"])
DEFAULT_TOP_P = configuration.number(env, "DEFAULT_TOP_P", LIMITS["top_p"])
REPETITION_GUARD = configuration.boolean(env, "REPETITION_GUARD", Sampling().repetition_guard)

ENABLE_WEB_SEARCH = configuration.boolean(env, "ENABLE_WEB_SEARCH", True)
WEB_SEARCH_BACKENDS = env.str("WEB_SEARCH_BACKENDS", "auto")  # the first value; then the admin's
ENABLE_CODE_EXECUTION = configuration.boolean(env, "ENABLE_CODE_EXECUTION", True)
ENABLE_FILE_OPERATIONS = configuration.boolean(env, "ENABLE_FILE_OPERATIONS", False)
ENABLE_AGENTS = configuration.boolean(env, "ENABLE_AGENTS", True)
MAX_AGENT_ITERATIONS = configuration.integer(
    env, "MAX_AGENT_ITERATIONS", DEFAULT_ITERATIONS, low=1, high=MOST_ITERATIONS
)
AGENT_STEP_TOKENS = configuration.integer(env, "AGENT_STEP_TOKENS", 0, low=0)  # 0: by the model
MAX_AGENT_SECONDS = configuration.integer(env, "MAX_AGENT_SECONDS", 300, low=0)
DEFAULT_AGENT_VERBOSE = configuration.boolean(env, "DEFAULT_AGENT_VERBOSE", True)

# --- Django --------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "inference",
    "tooling",
    "agents",
    "chat",
    "cortex_site",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "cortex_site.access.HostAndOriginMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "cortex_site.security.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "cortex_site.access.OwnerMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "cortex_site.errors.SlashMiddleware",
    "cortex_site.api.ErrorMiddleware",
]

ROOT_URLCONF = "cortex_site.urls"
ASGI_APPLICATION = "cortex_site.asgi.application"
APPEND_SLASH = False  # it would lose a POST's body; SlashMiddleware keeps it

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": configuration.database(DATABASE_URL, base=BASE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {"default": configuration.channel_layer(REDIS_URL)}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_ROOT = BASE_DIR / "static" / "root"  # what is asked for at the root: /favicon.ico
WHITENOISE_AUTOREFRESH = DEBUG

DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # bytes of a request body
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE  # none of which goes to the disk

CORS_ALLOWED_ORIGINS = ALLOWED_ORIGINS
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
CSRF_FAILURE_VIEW = "cortex_site.errors.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["cortex_site.access.OwnerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["common.web.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "common.web.openapi.HandlerSchema",
    "EXCEPTION_HANDLER": "cortex_site.api.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Cortex",
    "DESCRIPTION": "A local AI platform: chat, tools and agents on MLX.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "AUTHENTICATION_WHITELIST": [],  # the owner needs no credentials
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [],  # the default one names enums, and warns where it cannot
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line"}
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "daphne": {"level": "DEBUG" if LOG_LEVEL == "DEBUG" else "WARNING"},
        "django.request": {"level": "ERROR"},  # cortex.requests has a line for each answer
        "ddgs": {"level": "WARNING"},  # these two would write down what people search for
        "primp": {"level": "WARNING"},
    },
}
