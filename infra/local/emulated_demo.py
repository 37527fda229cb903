"""`countersign demo --emulator`: the quiet morning over Google's Pub/Sub emulator."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from infra.local.app_backend import AppBackend
from infra.local.demo import MORNING, USER, Morning
from infra.local.driver import Driver
from infra.local.narrator import Narrator
from infra.local.pubsub.emulator import pubsub_emulator
from infra.local.pubsub.emulator_bus import ATTEMPTS, EmulatedBus
from infra.local.report import Check, Report
from infra.local.stack import PROJECT, Stack, User, local_stack
from infra.runtime.settings import env_var
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock


def emulated_morning(folder: Path, narrator: Narrator) -> Report:
    """Walk the order's way with one refused delivery, then have one message given up.

    Raises NoEmulatorError where there is no emulator to run and none is running.
    """
    with ExitStack() as running:
        start = running.enter_context
        address = env_var("PUBSUB_EMULATOR_HOST")
        if not address:
            (folder / "emulator").mkdir(parents=True)
            narrator.step("Start", "Google's Pub/Sub emulator")
            address = start(pubsub_emulator(folder / "emulator", PROJECT))
        narrator.step("Emulator", f"{address}, with push subscriptions, retries and dead letters")
        simulator = start(SimulatedBroker(SimulatedClock(MORNING)))
        users = [User(USER)]
        stack = start(
            local_stack(folder, simulator, AppBackend(), users, keep=False, emulator=address)
        )
        if not isinstance(stack.bus, EmulatedBus):
            raise TypeError("the stack did not take the emulator")
        return _morning(stack, stack.bus, narrator)


def _morning(stack: Stack, bus: EmulatedBus, narrator: Narrator) -> Report:
    driver = Driver(stack)
    bus.refuse("orders-approved", 1)
    report = Morning(stack, driver, narrator).run()
    attempts = bus.most_attempts("orders-approved")
    narrator.step(
        "Redelivery", f"the approved order was refused once and delivered {attempts} times"
    )
    bus.refuse("snapshots-ingested", ATTEMPTS)
    driver.advance(timedelta(minutes=1))
    driver.ingest()
    given_up = [letter.attempts for letter in bus.dead_letters()]
    narrator.step(
        "Dead letter", f"a message refused {ATTEMPTS} times went to the dead-letter topic"
    )
    checks = [
        Check("deliveries of the approved order", 2, attempts),
        Check("dead letters, by their refusals", [ATTEMPTS], given_up),
    ]
    return replace(report, checks=[*report.checks, *checks])
