"""The broker put together: one TaskGroup and one AsyncExitStack, every part starts here."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from nuketown_approval.service_manager import ServiceManager
from nuketown_broker.audit.account import Account
from nuketown_broker.audit.auto_counts import auto_approvals
from nuketown_broker.audit.trail import AuditTrail
from nuketown_broker.broker import Broker, Keys
from nuketown_broker.channel_choice import channels_of
from nuketown_broker.channels.command_line import CommandLineChannel
from nuketown_broker.configuration import Configuration
from nuketown_broker.configuration_watch import watch
from nuketown_broker.contract import Channel
from nuketown_broker.intake_socket.operations import Operations
from nuketown_broker.intake_socket.server import IntakeSocket
from nuketown_broker.keys import read_private, read_public
from nuketown_broker.open_list import OpenList
from nuketown_broker.policy.in_force import Policy
from nuketown_broker.surroundings import Surroundings

log = structlog.get_logger(__name__)
_PAUSES_S = (1.0, 5.0, 30.0, 60.0)


async def run(configuration: Configuration, file: Path) -> None:
    """Run the broker until SIGTERM or SIGINT.

    :param file: where the configuration came from, watched for changes
    :raises ApprovalError: it can't start; one sentence says why
    """
    manager = ServiceManager.from_environment()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        trail = await stack.enter_async_context(AuditTrail(configuration.state / "audit"))
        account = Account(trail)
        open_list = OpenList(configuration.state / "pending.json")
        policy = Policy(configuration)
        used = await asyncio.to_thread(auto_approvals, trail.directory)
        policy.count_auto(used, now=time.time())
        broker = Broker(
            policy=policy,
            account=account,
            open_list=open_list,
            host=configuration.host_name,
            keys=_keys(configuration),
        )
        await account.event("started", role=configuration.role)
        stack.push_async_callback(account.event, "stopped")
        await stack.enter_async_context(broker)
        surroundings = Surroundings(configuration, policy, broker, account, open_list)
        command_line = CommandLineChannel()
        broker.channels += [*channels_of(surroundings), command_line]
        if configuration.role != "cluster":
            operations = Operations(broker, policy, account, command_line)
            await stack.enter_async_context(IntakeSocket(broker, operations, configuration.socket))
        async with asyncio.TaskGroup() as group:
            parts = [
                group.create_task(manager.watchdog(), name="watchdog"),
                group.create_task(trail.tell_heads(), name="audit heads"),
                group.create_task(
                    watch(file, configuration, surroundings.reconfigure), name="configuration"
                ),
            ]
            parts += [
                group.create_task(_keep_running(channel), name=channel.name)
                for channel in broker.channels
            ]
            manager.ready()
            manager.status(f"Ready: {configuration.role}")
            log.info("ready", role=configuration.role, socket=str(configuration.socket))
            await stopped.wait()
            log.info("stopping")
            manager.stopping()
            # Askers hear it, popups close and notices are corrected while all of that still runs.
            await broker.stop()
            for part in parts:
                part.cancel()


async def _keep_running(channel: Channel) -> None:
    """A channel that fails is started again; the others, and what needs none, go on meanwhile."""
    for pause_s in itertools.chain(_PAUSES_S, itertools.repeat(_PAUSES_S[-1])):
        try:
            await channel.run()
        except Exception:
            log.exception("a channel failed", channel=channel.name, again_in_s=pause_s)
        else:
            return
        await asyncio.sleep(pause_s)


def _keys(configuration: Configuration) -> Keys:
    signing, verifying = configuration.signing_key_file, configuration.approver_key
    return Keys(
        signing=read_private(signing) if signing else None,
        verifying=read_public(verifying) if verifying else None,
    )
