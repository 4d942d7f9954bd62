"""The model's tokens, as its server knows them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from inference.grammar.calls.writer import literal
from inference.llamacpp_worker.server import LlamaServer


class Vocabulary:
    """Turns text into tokens and tells which texts are special tokens."""

    def __init__(self, server: LlamaServer) -> None:
        self._server = server
        props = server.get("/props")
        self.template: str = props.get("chat_template") or ""
        self.bos: str = props.get("bos_token") or ""
        self.eos: str = props.get("eos_token") or ""
        bare = self._tokenize("a")
        begun = self._tokenize("a", add_special=True)
        self._opening = begun[: begun.index(bare[0])] if bare and bare[0] in begun else []
        self.size = int(server.get("/v1/models")["data"][0]["meta"]["n_vocab"])
        self.special = lru_cache(maxsize=256)(self._special)

    @property
    def has_chatml(self) -> bool:
        """Whether the model knows the marks of ChatML."""
        return self.special("<|im_start|>") is not None

    def _tokenize(self, text: str, *, add_special: bool = False, special: bool = True) -> list[int]:
        data = {"content": text, "add_special": add_special, "parse_special": special}
        return [int(token) for token in self._server.post("/tokenize", data)["tokens"]]

    def tokens(self, text: str) -> list[int]:
        """The tokens of a prompt, with what the model wants in front of every one."""
        tokens = self._tokenize(text)
        opening = self._opening
        return tokens if tokens[: len(opening)] == opening else [*opening, *tokens]

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens say."""
        return str(self._server.post("/detokenize", {"tokens": list(tokens)})["content"])

    def _special(self, text: str) -> int | None:
        """The id of a text that is one special token; None for any other text."""
        if not text:
            return None
        tokens = self._tokenize(text)
        if len(tokens) != 1 or tokens == self._tokenize(text, special=False):
            return None
        return tokens[0]

    def term(self, text: str) -> str:
        """Lark terms: special tokens by id, the rest in quotes."""
        if self._tokenize(text) == self._tokenize(text, special=False):
            return literal(text)
        data = {"content": text, "with_pieces": True, "parse_special": True}
        written: list[str] = []
        plain = ""
        for token in self._server.post("/tokenize", data)["tokens"]:
            piece = token["piece"]
            index = self.special(piece) if isinstance(piece, str) else None
            if index is None:
                plain += piece if isinstance(piece, str) else bytes(piece).decode(errors="replace")
                continue
            if plain:
                written.append(literal(plain))
            written.append(f"<[{index}]>")
            plain = ""
        return " ".join([*written, literal(plain)] if plain else written)
