"""Keeps what a job made: fetch it, check it, write it to an ObjectStoragePath, and the manifest last."""

from __future__ import annotations

from airflow_provider_orux.storage.destination import check_destination
from airflow_provider_orux.storage.manifest import SavedArtifact, SavedJob, read_manifest, verify_manifest
from airflow_provider_orux.storage.save import save_job
from airflow_provider_orux.storage.settings import StorageSettings
from airflow_provider_orux.storage.spool import DestinationError

__all__ = [
    "DestinationError",
    "SavedArtifact",
    "SavedJob",
    "StorageSettings",
    "check_destination",
    "read_manifest",
    "save_job",
    "verify_manifest",
]
