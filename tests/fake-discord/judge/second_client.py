"""Lets another client, discord.py, read everything that was recorded: gateway events and REST answers.

    python second_client.py RECORDING.json

Ends with 1 and a list when something cannot be read, or is read as something else than it is.
"""

import asyncio
import json
import sys
from collections import Counter

import discord
from discord import app_commands


async def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        recording = json.load(file)
    client = discord.Client(intents=discord.Intents.default())
    # Nothing here reaches a network: the client only parses.
    client.http.token = "none"
    state = client._connection
    heard = []
    state.dispatch = lambda name, *arguments: heard.append((name, arguments))
    problems, read = [], Counter()

    for frame in recording["frames"]:
        if frame["op"] == 0:
            listen(state, frame, heard, problems, read)
        elif frame["op"] == 10:
            read["hello"] += int(frame["d"]["heartbeat_interval"] > 0)
    for exchange in recording["exchanges"]:
        if not exchange["scripted"]:
            read_answer(state, exchange, problems, read)

    for wanted in ("READY", "RESUMED", "GUILD_CREATE", "MESSAGE_CREATE", "INTERACTION_CREATE", "message", "poll",
                   "direct conversation", "command", "error", "limit", "voters"):
        if not read[wanted]:
            problems.append(f"nothing of the kind was read: {wanted}")
    for name, count in sorted(read.items()):
        print(f"{name}: {count} read")
    for problem in sorted(set(problems)):
        print("PROBLEM", problem, file=sys.stderr)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    return 1 if problems else 0


def listen(state, frame, heard, problems, read):
    name, data = frame["t"], frame["d"]
    before = len(heard)
    try:
        state.parsers[name](json.loads(json.dumps(data)))
    except Exception as error:  # whatever it is, this client could not read it
        problems.append(f"event {name}: {type(error).__name__}: {error}")
        return
    arguments = [arguments for _, arguments in heard[before:] if arguments]
    if name == "MESSAGE_CREATE":
        message = arguments[0][0]
        if str(message.id) != data["id"] or message.content != data["content"]:
            problems.append("event MESSAGE_CREATE: read as another message")
    if name == "INTERACTION_CREATE":
        interaction = arguments[0][0]
        person = (data.get("user") or data["member"]["user"])["id"]
        same = str(interaction.user.id) == person and interaction.type.value == data["type"]
        if not same or interaction.locale.value != data["locale"] or str(interaction.channel_id) != data["channel_id"]:
            problems.append("event INTERACTION_CREATE: read as another interaction")
        if data["type"] == 3 and not interaction.message.components:
            problems.append("event INTERACTION_CREATE: pressed on a message without components")
    read[name] += 1


def read_answer(state, exchange, problems, read):
    path, answer = exchange["path"].strip("/").split("/"), exchange["response"]
    try:
        kind = parse(state, exchange, path, answer)
    except Exception as error:
        problems.append(f"answer to {exchange['method']} /{'/'.join(path[:3])}…: {type(error).__name__}: {error}")
        return
    if kind:
        read[kind] += 1


# By their ids, as they were read.
SERVERS = {}


class Response:
    """As much of an HTTP response as discord.py's errors ask for."""

    def __init__(self, status):
        self.status, self.reason = status, "refused"


def parse(state, exchange, path, answer):
    """Reads one answer, and says what it was."""
    status = exchange["status"]
    if status == 429:
        if not isinstance(answer["retry_after"], (int, float)) or not isinstance(answer["global"], bool):
            raise ValueError("a limit without its length")
        return "limit"
    if status >= 400:
        error = discord.HTTPException(Response(status), answer)
        if error.code != answer["code"] or not error.text:
            raise ValueError("an error without its code")
        return "error"
    match [exchange["method"], *path]:
        case ["GET", "gateway", "bot"]:
            return "gateway" if answer["session_start_limit"]["max_concurrency"] else None
        case ["GET", "users", "@me"]:
            return "user" if discord.ClientUser(state=state, data=answer).bot else None
        case ["GET", "applications", "@me"]:
            return "application" if discord.AppInfo(state, answer).id else None
        case ["GET", "users", "@me", "guilds"]:
            return "servers" if all(int(guild["id"]) for guild in answer) else None
        case ["POST", "users", "@me", "channels"]:
            opened = discord.DMChannel(me=state.user, state=state, data=answer)
            return "direct conversation" if opened.recipient else None
        case ["PUT", "applications", _, "commands"]:
            for command in answer:
                app_commands.AppCommand(data=command, state=state)
            return "command"
        case ["GET", "guilds", _]:
            server = discord.Guild(data=answer, state=state)
            SERVERS[server.id] = server
            return "server" if server.owner_id and server.default_role else None
        case ["GET", "guilds", server, "members", _]:
            member = discord.Member(data=answer, guild=SERVERS[int(server)], state=state)
            return "member" if member.guild_permissions.send_messages else None
        case ["GET", "channels", _]:
            return "channel" if int(answer["guild_id"]) and discord.ChannelType(answer["type"]) else None
        case ["GET", "channels", _, "polls", _, "answers", _]:
            for user in answer["users"]:
                discord.User(state=state, data=user)
            return "voters"
        case ["GET", "channels", channel, "messages"]:
            for message in answer:
                message_of(state, channel, message)
            return "messages"
        case [_, "channels" | "webhooks", channel, *_] if isinstance(answer, dict):
            message = message_of(state, answer.get("channel_id", channel), answer)
            if message.poll is not None:
                if [option.text for option in message.poll.answers] == []:
                    raise ValueError("a poll without answers")
                return "poll"
            return "message"
    return None


def message_of(state, channel, data):
    place = discord.PartialMessageable(state=state, id=int(channel))
    message = discord.Message(state=state, channel=place, data=data)
    if str(message.id) != data["id"] or len(message.components) != len(data["components"]):
        raise ValueError("read as another message")
    return message


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
