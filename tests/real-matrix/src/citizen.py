"""Citizens of a Matrix homeserver, on matrix-nio with encryption. One JSON object a line is asked, one is answered."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import shutil
import sys
import tempfile

import aiohttp
from nio import AsyncClient, AsyncClientConfig, Event, MegolmEvent
from nio.crypto import decrypt_attachment

logging.disable(logging.CRITICAL)
BASE, SECRET = sys.argv[1], sys.argv[2]
CITIZENS = {}


class Citizen:
    def __init__(self, user, password):
        config = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=False, max_limit_exceeded=None)
        self.client = AsyncClient(BASE, user, store_path=tempfile.mkdtemp(), config=config)
        self.password = password
        self.rooms = {}
        self.known = set()

    async def login(self):
        answer = await self.client.login(self.password, device_name="citizen")
        assert self.client.access_token, answer
        if self.client.should_upload_keys:
            await self.client.keys_upload()
        self.client.add_event_callback(self.hear, Event)
        limit = {"room": {"timeline": {"limit": 300}}}
        self.task = asyncio.create_task(self.follow(limit))

    async def follow(self, limit):
        while True:
            try:
                # Short polls: a device that is new to us is asked about soon.
                answer = await self.client.sync(timeout=1000, sync_filter=limit, full_state=not self.client.next_batch)
                if not hasattr(answer, "next_batch"):
                    await asyncio.sleep(0.2)
                await self.keep_keys()
            except Exception:
                await asyncio.sleep(0.2)

    async def keep_keys(self):
        client = self.client
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        if client.should_claim_keys:
            await client.keys_claim(client.get_users_for_key_claiming())
        await client.send_to_device_messages()

    async def hear(self, room, event):
        if event.event_id not in self.known:
            self.known.add(event.event_id)
            self.rooms.setdefault(room.room_id, []).append(event)

    def said(self, room):
        said = []
        events = self.rooms.get(room, [])
        for place, event in enumerate(events):
            if isinstance(event, MegolmEvent):
                try:
                    event = events[place] = self.client.decrypt_event(event)
                except Exception:
                    pass
            source = event.source
            said.append({"id": event.event_id, "sender": event.sender, "type": source.get("type"),
                         "content": source.get("content", {}), "redacts": source.get("redacts"),
                         "decrypted": bool(getattr(event, "decrypted", False))})
        return said

    async def meets(self, room, user):
        """Waits until the other is in the room with a device we can write to."""
        for _ in range(600):
            known = self.client.rooms.get(room)
            if known and user in known.users and user not in known.invited_users:
                if any(True for _ in self.client.device_store.active_user_devices(user)):
                    return
                self.client.olm.users_for_key_query.add(user)
                await self.keep_keys()
            await asyncio.sleep(0.05)
        raise AssertionError("the other never came with a device")


async def raw(method, path, body=None, token=None):
    headers = {"Authorization": "Bearer " + token} if token else {}
    async with aiohttp.ClientSession() as session:
        async with session.request(method, BASE + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()


async def register(user, password, admin):
    _, nonce = await raw("GET", "/_synapse/admin/v1/register")
    nonce = nonce["nonce"]
    parts = [nonce, user, password, "admin" if admin else "notadmin"]
    mac = hmac.new(SECRET.encode(), b"\x00".join(part.encode() for part in parts), hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": user, "password": password, "admin": admin, "mac": mac}
    status, answer = await raw("POST", "/_synapse/admin/v1/register", body)
    assert status == 200, answer
    return answer


async def do(ask):
    what = ask["do"]
    if what == "register":
        return await register(ask["user"], ask["password"], ask.get("admin", False))
    if what == "raw":
        status, answer = await raw(ask["method"], ask["path"], ask.get("body"), ask.get("token"))
        return {"status": status, "answer": answer}
    if what == "login":
        citizen = CITIZENS[ask["user"]] = Citizen(ask["user"], ask["password"])
        await citizen.login()
        return {"device": citizen.client.device_id}
    citizen = CITIZENS[ask["user"]]
    client = citizen.client
    if what == "call":
        # A call of the client-server API that nio has no name for, with the citizen's token.
        status, answer = await raw(ask["method"], "/_matrix/client/v3" + ask["path"], ask.get("body"), client.access_token)
        assert status == 200, answer
        return answer
    if what == "send":
        if ask.get("to"):
            await citizen.meets(ask["room"], ask["to"])
        sent = await client.room_send(ask["room"], ask["type"], ask["content"], ignore_unverified_devices=True)
        assert hasattr(sent, "event_id"), sent
        return sent.event_id
    if what == "rotate":
        client.invalidate_outbound_session(ask["room"])
        return None
    if what == "said":
        return citizen.said(ask["room"])
    if what == "media":
        file = ask["file"]
        server, media = file["url"][len("mxc://"):].split("/")
        answer = await client.download(mxc=file["url"])
        assert hasattr(answer, "body"), answer
        plain = decrypt_attachment(answer.body, file["key"]["k"], file["hashes"]["sha256"], file["iv"])
        return base64.b64encode(plain).decode()
    raise AssertionError("unknown: " + what)


def answer(number, value=None, error=None):
    line = {"id": number, "value": value} if error is None else {"id": number, "error": error}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def serve(ask):
    try:
        answer(ask["id"], await do(ask))
    except Exception as error:
        answer(ask["id"], error=f"{ask['do']}: {type(error).__name__}: {error}")


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asyncio.create_task(serve(json.loads(line)))
    for citizen in CITIZENS.values():
        shutil.rmtree(citizen.client.store_path, ignore_errors=True)


asyncio.run(main())
