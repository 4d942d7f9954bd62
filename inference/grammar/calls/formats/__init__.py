"""How model families write tool calls, one file a family; in the model's process.

Adding one is a file in this folder and a line here.
"""

from inference.grammar.calls.formats import (
    gemma,
    glm47,
    kimi_k2,
    kimi_k3,
    longcat,
    minicpm5,
    minimax_m2,
    mistral,
    muse_spark,
    pythonic,
    qwen3_coder,
)
from inference.grammar.calls.formats.base import CallFormat

FORMATS: dict[str, CallFormat] = {  # by the names of mlx_lm.tool_parsers
    "function_gemma": gemma.FUNCTION_GEMMA,
    "gemma4": gemma.GEMMA4,
    "glm47": glm47.FORMAT,
    "kimi_k2": kimi_k2.FORMAT,
    "kimi_k3": kimi_k3.FORMAT,
    "laguna": glm47.FORMAT,
    "longcat": longcat.FORMAT,
    "minicpm5": minicpm5.FORMAT,
    "minimax_m2": minimax_m2.FORMAT,
    "mistral": mistral.FORMAT,
    "muse_spark": muse_spark.FORMAT,
    "pythonic": pythonic.FORMAT,
    "qwen3_coder": qwen3_coder.FORMAT,
}
