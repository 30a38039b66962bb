"""Every kind of record that a store keeps."""

from __future__ import annotations

from doorward.records.accounts import BrowserSession, FailedSignIns, HeaderToken, User
from doorward.records.audit import AuditEntry, AuditHead
from doorward.records.doors import AddedDoor, DoorChanges, DoorExamination, ServingProcess
from doorward.records.keys import KeyRecord
from doorward.records.oauth import (
    AccessToken,
    AuthorizationCode,
    AuthorizationRequest,
    Client,
    Consent,
    DeviceAuthorization,
    Grant,
    PushedRequest,
    RefreshToken,
    RegisteredContent,
    RegistrationSlot,
    SeenAssertion,
    SeenProof,
)
from doorward.records.record import Record

RECORD_TYPES: tuple[type[Record], ...] = (
    Client,
    User,
    BrowserSession,
    AuthorizationRequest,
    Grant,
    AuthorizationCode,
    RefreshToken,
    AccessToken,
    HeaderToken,
    PushedRequest,
    SeenProof,
    SeenAssertion,
    DeviceAuthorization,
    Consent,
    FailedSignIns,
    RegisteredContent,
    RegistrationSlot,
    AuditEntry,
    AuditHead,
    KeyRecord,
    DoorExamination,
    AddedDoor,
    DoorChanges,
    ServingProcess,
)
