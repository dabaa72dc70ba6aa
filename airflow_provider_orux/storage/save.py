"""Saves a job: keep what is already there, fetch what is missing, write the manifest last."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import IO, Any, Literal

import httpx

from airflow_provider_orux.metrics import count
from airflow_provider_orux.models.errors import (
    ArtifactError,
    ArtifactRejectedError,
    ArtifactURLExpiredError,
    ConfigurationError,
)
from airflow_provider_orux.models.job import Artifact, Job
from airflow_provider_orux.storage import inline, manifest
from airflow_provider_orux.storage.destination import Folder, safe_job_id
from airflow_provider_orux.storage.download import Downloader
from airflow_provider_orux.storage.manifest import MANIFEST, SavedArtifact, SavedJob
from airflow_provider_orux.storage.media import HEADERLESS, IMAGES, MEDIA_TYPES, Media, inspect
from airflow_provider_orux.storage.settings import StorageSettings
from airflow_provider_orux.storage.spool import DestinationError, Spool, sha256_of, too_large
from airflow_provider_orux.storage.texts import announces_text, text_in
from airflow_provider_orux.storage.thumbnail import draw_thumbnail, thumbnail_name

log = logging.getLogger(__name__)

#: Artifacts of one job whose errors are told one by one.
TOLD = 8

_ARTIFACT_NAME = re.compile(rf"([1-9][0-9]*)\.({'|'.join(MEDIA_TYPES)})")


def save_job(
    job: Job,
    save_to: str,
    *,
    settings: StorageSettings,
    provenance: Mapping[str, Any],
    conn_id: str | None = None,
    on_partial: Literal["fail", "accept"] = "fail",
    transport: httpx.BaseTransport | None = None,
    record_urls: bool = True,
) -> SavedJob:
    """Save the artifacts of a job as ``{save_to}/{job id}/{n}.{ext}`` and, last, a ``manifest.json`` beside them.

    Beside each image it writes a small WebP, ``{n}.thumb.webp``, unless ``settings.thumbnails`` is off.

    Safe to repeat: if the files match their manifest, nothing is fetched. Without a manifest, complete files are kept
    and missing ones are fetched.

    :param job: a job that succeeded, with fresh URLs or inline artifacts.
    :param save_to: URI or absolute path of a folder; many jobs may share it, also at the same time.
    :param settings: where artifacts may come from and how large they may be.
    :param provenance: what else the manifest says about the job. Without the key ``prompt`` (the author wants no
        prompts kept), prompts rewritten by the model are left out too.
    :param conn_id: the Airflow connection of the store.
    :param on_partial: what happens when some artifacts cannot be saved: ``fail`` keeps the others and raises,
        ``accept`` writes a manifest that names the missing ones.
    :param transport: an httpx transport instead of the network.
    :param record_urls: whether the manifest holds the gateway's URLs, which may work for anyone until they expire.
    :raises ConfigurationError: the destination or an argument cannot be used.
    :raises DestinationError: the destination does not take what is written to it.
    :raises ArtifactRejectedError: artifacts are missing and another try cannot help, or the result of another job is
        in the way.
    :raises ArtifactError: artifacts are missing and a retry may fetch them.
    """
    if on_partial not in ("fail", "accept"):
        raise ConfigurationError(
            f"on_partial must be 'fail' or 'accept', not {on_partial!r}", param="on_partial"
        )
    facts = {"job_id": job.job_id, "gateway": job.gateway, **provenance}
    try:
        folder = Folder.at(save_to, conn_id=conn_id).under(safe_job_id(job.job_id))
        return _Saving(job, folder, settings, transport).run(
            facts, on_partial=on_partial, record_urls=record_urls
        )
    except (ArtifactError, ConfigurationError) as e:
        e.gateway, e.job_id, e.charged = job.gateway, job.job_id, job.charged
        if isinstance(e, ConfigurationError):  # its own advice is for the time before anything was paid
            e.next_step = "The job is paid for. Correct the destination or the connection."
        raise


class _Saving:
    """One job on its way into one folder."""

    def __init__(
        self, job: Job, folder: Folder, settings: StorageSettings, transport: httpx.BaseTransport | None
    ) -> None:
        self.job = job
        self.folder = folder
        self.settings = settings
        self.transport = transport

    def run(
        self, provenance: Mapping[str, Any], *, on_partial: Literal["fail", "accept"], record_urls: bool
    ) -> SavedJob:
        """See :func:`save_job`."""
        self.folder.refuse_symlink()
        self.folder.sweep()
        earlier = manifest.load(self.folder)
        if earlier is not None:
            manifest.refuse_other_job(self.folder, earlier, provenance)
            if (complete := self._complete(earlier, on_partial)) is not None:
                return complete
        if not self.job.artifacts:
            raise ArtifactRejectedError(
                "The job succeeded but made no artifact; there is nothing to save",
                next_step="Look at the job at the gateway; a job that makes text has its result in the task's value.",
            )
        saved, errors = self._collect(_digests(earlier))
        total = len(self.job.artifacts)
        if errors and (on_partial == "fail" or not saved):
            raise self._shortfall(errors, total)
        if errors:
            log.warning("%s", self._shortfall(errors, total).message)
        prompts = {
            n: a.revised_prompt
            for n, a in enumerate(self.job.artifacts, start=1)
            if a.revised_prompt is not None
        }
        content = manifest.compose(
            provenance,
            saved,
            returned=total,
            missing=sorted(errors),
            revised_prompts=prompts if "prompt" in provenance else {},
            record_urls=record_urls,
        )
        self.folder.publish_bytes(content, MANIFEST)
        return SavedJob(
            tuple(saved[n] for n in sorted(saved)), self.folder.uri_of(MANIFEST), tuple(sorted(errors))
        )

    def _complete(self, earlier: Mapping[str, Any], on_partial: str) -> SavedJob | None:
        """The result that is there already; None when something of it is missing or damaged."""
        entries = earlier["artifacts"]
        noted = earlier.get("missing")
        missing = tuple(noted) if isinstance(noted, list) else ()
        expected = len(self.job.artifacts)
        if not entries or (missing and on_partial == "fail"):
            return None
        if expected and expected != len(entries) + len(missing):
            return None
        wrong = manifest.problems(self.folder, earlier)
        if wrong:
            log.warning("%s: %s; fetching the damaged files again", self.folder.uri, "; ".join(wrong))
            return None
        log.info("%s is already complete; nothing to fetch", self.folder.uri)
        artifacts = []
        try:
            for entry in entries:
                artifact = SavedArtifact.from_dict(entry)
                # The folder may have been moved or be spelled otherwise today; the URL may be a fresh one.
                match = _ARTIFACT_NAME.fullmatch(entry["name"])
                number = int(match[1]) if match else 0
                fresh = self.job.artifacts[number - 1] if 1 <= number <= expected else artifact
                artifacts.append(
                    replace(
                        artifact,
                        uri=self.folder.uri_of(entry["name"]),
                        url=fresh.url,
                        details={**artifact.details, **fresh.details, **_measured(artifact)},
                    )
                )
        except ValueError:
            return None
        return SavedJob(tuple(artifacts), self.folder.uri_of(MANIFEST), missing)

    def _collect(
        self, digests: Mapping[int, str]
    ) -> tuple[dict[int, SavedArtifact], dict[int, ArtifactError]]:
        """Every artifact, kept or fetched, by number; and why the others are missing."""
        saved: dict[int, SavedArtifact] = {}
        errors: dict[int, ArtifactError] = {}
        names = self._names()
        deadline = time.monotonic() + self.settings.save_timeout
        with Downloader(self.settings, transport=self.transport) as downloader:
            for number, artifact in enumerate(self.job.artifacts, start=1):
                room = self.settings.max_job_bytes - sum(a.bytes for a in saved.values())
                try:
                    self._check_bounds(number, room, deadline)
                    kept = self._kept(number, names.get(number, ()), artifact, digests.get(number))
                    saved[number] = kept or self._fetch(downloader, number, artifact, room, deadline)
                except (DestinationError, ConfigurationError):
                    raise  # the next artifact would meet the same
                except ArtifactError as e:
                    errors[number] = e
                except Exception as e:
                    # What one artifact is made of is no reason to lose the others. Its words may hold the URL.
                    errors[number] = ArtifactError(f"It cannot be fetched ({type(e).__name__})")
                if number in errors and len(errors) <= TOLD:
                    log.warning("Artifact %d of job %s: %s", number, self.job.job_id, errors[number].message)
        return saved, errors

    def _check_bounds(self, number: int, room: int, deadline: float) -> None:
        settings = self.settings
        next_step = "The job is paid for. Raise the setting of the connection, then clear the task."
        if number > settings.max_artifacts:
            raise ArtifactRejectedError(
                f"It is one of more than the {settings.max_artifacts} artifacts that the setting max_artifacts of the "
                "connection allows",
                next_step=next_step,
            )
        if room <= 0:
            raise ArtifactRejectedError(
                f"The job's artifacts are larger than the {settings.max_job_mib:g} MiB that the setting max_job_mib of "
                "the connection allows",
                next_step=next_step,
            )
        if time.monotonic() > deadline:
            raise ArtifactError(
                f"Saving the job took longer than {settings.save_timeout:g} s (the setting save_timeout of the "
                "connection)"
            )

    def _names(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for name in self.folder.names():
            if match := _ARTIFACT_NAME.fullmatch(name):
                found.setdefault(int(match[1]), []).append(name)
        return found

    def _kept(
        self, number: int, names: list[str] | tuple[str, ...], artifact: Artifact, expected: str | None
    ) -> SavedArtifact | None:
        """A file for this artifact that is there already and whole."""
        for name in names:
            try:
                media, sha256, size = self._examine(name)
            except DestinationError:
                raise
            except (ArtifactError, FileNotFoundError) as e:
                log.warning("%s is not kept: %s", self.folder.uri_of(name), getattr(e, "message", e))
                continue
            if media.extension != name.rpartition(".")[2] or (expected is not None and sha256 != expected):
                log.warning("%s is replaced: it is not the file that was saved", self.folder.uri_of(name))
                continue
            if media.extension not in IMAGES and expected is None and not self.folder.keeps_only_whole_files:
                continue  # where a write may have stopped half-way, a clip does not show it
            log.info("%s is already saved", self.folder.uri_of(name))
            saved = self._saved(name, artifact, media, sha256=sha256, size=size)
            return self._with_thumbnail(saved, number, partial(self.folder.open, name))
        return None

    def _examine(self, name: str) -> tuple[Media, str, int]:
        """What a file is that is there already, its digest and its size."""
        declared = MEDIA_TYPES.get(name.rpartition(".")[2])
        declared = declared if declared in HEADERLESS or declared == MEDIA_TYPES["bin"] else None
        if self.folder.is_local:
            with self.folder.open(name) as file:
                sha256, size = sha256_of(file, self.settings.max_bytes)
                if size > self.settings.max_bytes:
                    raise too_large(self.settings.max_bytes)
                media = self._media(file, size, text=announces_text(name), declared=declared)
                return media, sha256, size
        # To go to and fro in a file of a store is slow: it is looked at here.
        with self.folder.spool("check", max_bytes=self.settings.max_bytes) as spool:
            self.folder.copy_into(name, spool)
            media = self._inspect(spool, text=announces_text(name), declared=declared)
            return media, spool.sha256, spool.size

    def _fetch(
        self, downloader: Downloader, number: int, artifact: Artifact, room: int, deadline: float
    ) -> SavedArtifact:
        """Fetch, check and write one artifact.

        :param room: bytes that the job may still have.
        """
        with self.folder.spool(str(number), max_bytes=min(self.settings.max_bytes, room)) as spool:
            if artifact.inline is not None:
                inline.decode(artifact.inline, spool)
                media = self._inspect(spool, declared=artifact.media_type)
            elif artifact.url:
                look = partial(self._inspect, text=announces_text(artifact.url))
                media = downloader.fetch(artifact.url, spool, look, deadline=deadline)
            else:
                raise ArtifactRejectedError("The artifact has neither a URL nor content")
            name = f"{number}.{media.extension}"
            if self.folder.publish(spool, name):
                # Counted where it is written: what a retry finds there was counted before, also if that try failed.
                count("orux.saved_bytes", gateway=self.job.gateway, by=spool.size)
            saved = self._saved(name, artifact, media, sha256=spool.sha256, size=spool.size)
            saved = self._with_thumbnail(saved, number, lambda: nullcontext(spool.file))
        log.info("Saved %s (%s, %d bytes)", saved.uri, saved.media_type, saved.bytes)
        return saved

    def _inspect(self, spool: Spool, *, text: bool = False, declared: str | None = None) -> Media:
        spool.finish()
        return self._media(spool.file, spool.size, text=text, declared=declared)

    def _media(self, file: IO[bytes], size: int, *, text: bool, declared: str | None) -> Media:
        """
        :param text: whether the file's name promises a text.
        :param declared: what the gateway, or the name of a file that was saved, says that it is.
        """
        found = text_in(file, size) if text else None
        return found or inspect(file, size, max_pixels=self.settings.max_pixels, declared=declared)

    def _saved(self, name: str, artifact: Artifact, media: Media, *, sha256: str, size: int) -> SavedArtifact:
        return SavedArtifact(
            uri=self.folder.uri_of(name),
            url=artifact.url,
            media_type=media.media_type,
            width=media.width,
            height=media.height,
            bytes=size,
            sha256=sha256,
            details={**artifact.details, **media.length},
        )

    def _with_thumbnail(
        self, saved: SavedArtifact, number: int, opened: Callable[[], AbstractContextManager[IO[bytes]]]
    ) -> SavedArtifact:
        """The same with a small WebP beside it, where one can be made: never a reason to fail a paid task.

        :param opened: opens it for reading.
        """
        kind = saved.name.rpartition(".")[2]
        if kind not in IMAGES or not self.settings.thumbnails:
            return saved
        try:
            with opened() as file:
                content = draw_thumbnail(file, saved.bytes, kind, max_pixels=self.settings.max_pixels)
            if content is None:
                return saved
            self.folder.publish_bytes(content, thumbnail_name(number))
        except Exception as e:
            log.warning("No thumbnail of %s: %s: %s", saved.uri, type(e).__name__, e)
            return saved
        return replace(saved, thumbnail=thumbnail_name(number))

    def _shortfall(self, errors: Mapping[int, ArtifactError], total: int) -> ArtifactError:
        """One error for all missing artifacts. It is final only when each of them is."""
        first = errors[min(errors)]
        final = all(e.final for e in errors.values())
        if total == 1:
            message = first.message
        else:
            told = sorted(errors.items())[:TOLD]
            each = "; ".join(f"artifact {n}: {e.message.rstrip('.')}" for n, e in told)
            if len(errors) > TOLD:
                each += f"; and {len(errors) - TOLD} more"
            message = f"{len(errors)} of {total} artifacts could not be saved: {each}"
            if len(errors) < total:
                message += f". The others are kept in {self.folder.uri}"
        if final and any(isinstance(e, ArtifactURLExpiredError) for e in errors.values()):
            # A new poll may give fresh URLs, which cures a part of it at least.
            kind: type[ArtifactError] = ArtifactURLExpiredError
        else:
            kind = ArtifactRejectedError if final else ArtifactError
        error = kind(
            message,
            http_status=first.http_status if len(errors) == 1 else None,
            retry_after=max(
                (e.retry_after for e in errors.values() if e.retry_after is not None), default=None
            ),
            next_step=first.next_step if final else None,
        )
        error.__cause__ = first
        return error


def _digests(earlier: Mapping[str, Any] | None) -> dict[int, str]:
    """What an earlier manifest says of each artifact's content, by number."""
    found = {}
    for entry in (earlier or {}).get("artifacts", ()):
        if isinstance(entry, Mapping) and (match := _ARTIFACT_NAME.fullmatch(str(entry.get("name")))):
            found[int(match[1])] = str(entry.get("sha256"))
    return found


def _measured(artifact: SavedArtifact) -> dict[str, str | float]:
    """What its file told: the gateway may round, and says no other length of the same file."""
    return {name: artifact.details[name] for name in ("duration", "fps") if name in artifact.details}
