"""How far a file may unpack before it is refused: a kilobyte that becomes a terabyte is no export."""

from __future__ import annotations

from dataclasses import dataclass

from event_assets.landing.record_batches import FileRejected

TOO_LARGE = "too_large"
#: So much may be unpacked from any file, however small: the ratio tells nothing of small ones.
_RATIO_FROM_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What compressed input may unpack to, .gz, .zst and the pages of Parquet alike."""

    unpacked_bytes: int = 10**12
    ratio: int = 1000
    """Unpacked bytes for each byte of the file."""

    @property
    def reasons(self) -> tuple[str, str]:
        """Why files are refused under these limits. Under others they are worth another look."""
        return (
            f"{TOO_LARGE}: unpacks to more than {self.unpacked_bytes} bytes",
            f"{TOO_LARGE}: unpacks to more than {self.ratio} times its size",
        )

    def check(self, unpacked: int, packed: int) -> None:
        """FileRejected where so many bytes unpacked from so many are too many."""
        too_many, too_dense = self.reasons
        if unpacked > self.unpacked_bytes:
            raise FileRejected(too_many)
        if unpacked > max(_RATIO_FROM_BYTES, packed * self.ratio):
            raise FileRejected(too_dense)


DEFAULT_LIMITS = Limits()
