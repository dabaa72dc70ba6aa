"""How artifacts may be fetched, as one plain value that the Airflow connection fills."""

from __future__ import annotations

from dataclasses import dataclass, field

MIB = 1024 * 1024
#: Bytes that are in memory at once of an artifact of any size.
CHUNK = MIB


@dataclass(frozen=True)
class StorageSettings:
    """Where artifacts may come from, how large they may be, and how patient we are.

    :param allow_private_hosts: whether they may be fetched from private, loopback and link-local addresses (the
        sandbox's are) and whether a redirect may lead from https to http.
    :param max_artifact_mib: MiB; a larger artifact is refused.
    :param max_pixels: width times height; a larger image is refused, and is never decoded.
    :param max_artifacts: how many artifacts of one job are saved.
    :param max_job_mib: MiB of all artifacts of one job together.
    :param save_timeout: seconds for saving one job in one try of its task; a retry goes on from there.
    :param connect_timeout: seconds to reach a host.
    :param read_timeout: seconds without a byte.
    :param total_timeout: seconds for one try of one artifact as a whole, so that a trickle ends too.
    :param attempts: how often one artifact is tried.
    :param dead_attempts: how often, among these, while its URL is dead (401, 403, 404, 410): right after the end of a
        job a store may not know the file yet. Only a new poll gives another URL.
    :param backoff_base: seconds; the n-th pause is ``base * 2**n`` and a random part of that.
    :param max_pause: seconds; the longest pause between two tries, also when a server asks for more.
    :param proxy: URL of a proxy; None: what the environment says.
    :param strict_proxy: behind a proxy, refuse host names that this machine cannot resolve to public addresses: the
        proxy may know them as names of its private network.
    :param ca_path: file of certificates to trust instead of the system's.
    :param max_redirects: how many redirects of one URL are followed.
    :param thumbnails: write a small WebP beside each image.
    """

    allow_private_hosts: bool = False
    max_artifact_mib: float = 256
    max_pixels: int = 200_000_000
    max_artifacts: int = 256
    max_job_mib: float = 4096
    save_timeout: float = 3600.0
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    attempts: int = 4
    dead_attempts: int = 3
    proxy: str | None = field(default=None, repr=False)
    strict_proxy: bool = False
    ca_path: str | None = None
    max_redirects: int = 5
    total_timeout: float = 1800.0
    backoff_base: float = 0.5
    max_pause: float = 60.0
    thumbnails: bool = True

    @property
    def max_job_bytes(self) -> int:
        """The size limit of all artifacts of a job in bytes."""
        return int(self.max_job_mib * MIB)

    @property
    def max_bytes(self) -> int:
        """The size limit in bytes."""
        return int(self.max_artifact_mib * MIB)
