"""`countersign demo`, `selftest`, `dev`, `answer`, `replay`: the stack on this machine.

Each command imports what it runs by itself: it is heavy, and only one of them is wanted.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from common.config import TradingConfig
from common.model import parse_json
from infra.cli.options import AS_JSON, FILE, FOLDER, examples, number
from infra.runtime.ending import Ending
from infra.runtime.settings import default_limits, env_vars

if TYPE_CHECKING:
    from infra.local.narrator import Narrator
    from infra.local.report import Report

_RECORDED = "Recorded minute bars (CSV), in date order; the last file's session is replayed."


@click.command(
    epilog=examples(
        "countersign demo",
        "countersign demo --keep",
        "countersign demo --replay 2026-02-10.csv --config config.json --answer -10",
    )
)
@AS_JSON
@click.option(
    "--replay",
    "recordings",
    multiple=True,
    type=FILE,
    help=_RECORDED,
)
@click.option(
    "--config",
    "config_file",
    type=FILE,
    help="The user's trading config (JSON); needed with --replay.",
)
@click.option("--answer", type=str, help="What every question is answered (-10 to +10).")
@click.option(
    "--emulator",
    is_flag=True,
    help="Over Google's Pub/Sub emulator, with a redelivery and a dead letter.",
)
@click.option("--keep", is_flag=True, help="Keep it running at the end, for a look at the console.")
def demo(
    *,
    keep: bool,
    as_json: bool,
    recordings: Sequence[Path],
    config_file: Path | None,
    answer: str | None,
    emulator: bool,
) -> None:
    """Walk an order's whole way, or a recorded session, through the real functions."""
    from infra.local.demo import quiet_morning  # noqa: PLC0415 (heavy, and local only)
    from infra.local.narrator import Narrator  # noqa: PLC0415
    from infra.local.replay.replay import replay  # noqa: PLC0415

    narrator = Narrator(as_json=as_json)
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        if emulator:
            report = _over_emulator(Path(folder), narrator)
        elif recordings:
            config, value = _replay_options(config_file, answer)
            report = replay(Path(folder), recordings, config, value, narrator)
        elif config_file or answer:
            raise click.UsageError("--config and --answer go with --replay")
        else:
            report = quiet_morning(Path(folder), narrator, _until_ctrl_c if keep else lambda: None)
    narrator.conclude(report)
    sys.exit(0 if report.ok else 1)


def _until_ctrl_c() -> None:
    ending = Ending()
    click.echo("  The console stays until Ctrl-C.", err=True)
    ending.wait()


def _over_emulator(folder: Path, narrator: "Narrator") -> "Report":
    """Run the quiet morning over the emulator; where there is none, say so and end well."""
    from infra.local.emulated_demo import emulated_morning  # noqa: PLC0415
    from infra.local.pubsub.emulator import NoEmulatorError  # noqa: PLC0415

    try:
        return emulated_morning(folder, narrator)
    except NoEmulatorError as reason:
        click.echo(f"skipped: {reason}", err=True)
        sys.exit(0)


@click.command(epilog=examples("countersign selftest --json"))
@AS_JSON
def selftest(*, as_json: bool) -> None:
    """Trip every guardrail and rule type against the simulator, and see who is asked nothing."""
    from infra.local.selftest.run import selftest as run_selftest  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        sys.exit(0 if run_selftest(Path(folder), as_json=as_json) else 1)


@click.command(
    epilog=examples(
        "countersign dev",
        "countersign dev --push questions-created=http://127.0.0.1:9000/questions",
        "countersign dev --replay 2026-02-10.csv --speed 60",
    )
)
@click.option("--port", default=8080, show_default=True, help="Of the functions; 0: free ports.")
@click.option(
    "--replay",
    "recordings",
    multiple=True,
    type=FILE,
    help="Recorded minute bars (CSV) instead of a quiet market.",
)
@click.option("--speed", default=1.0, show_default=True, help="Of the replay, 1 is real time.")
@click.option("--simulator", is_flag=True, help="The simulator, even where Alpaca keys are set.")
@click.option(
    "--push",
    "pushes",
    multiple=True,
    metavar="TOPIC=URL",
    help="Deliver a topic (questions-created, trade-updates) to your app backend too.",
)
def dev(
    *, port: int, recordings: Sequence[Path], speed: float, simulator: bool, pushes: Sequence[str]
) -> None:
    """Keep the local stack running; where everything is stands in .countersign/stack.json.

    With ALPACA_API_KEY_ID and ALPACA_API_SECRET_KEY in the environment or in .env it trades on
    that paper account, else on the simulator.
    """
    from infra.local.dev import dev as run_stack  # noqa: PLC0415
    from infra.local.narrator import Narrator  # noqa: PLC0415
    from infra.local.paper import PaperAccount  # noqa: PLC0415

    narrator = Narrator()
    paper = PaperAccount.of(env_vars())
    if paper is not None and (recordings or simulator):
        narrator.step("Keys", "the Alpaca keys are ignored: this stack runs on the simulator")
        paper = None
    run_stack(FOLDER, port, recordings, speed, _pushes(pushes), narrator, paper=paper)


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog=examples(
        "countersign answer 4a824e0a-b9cc-44f8-a486-ae61d131e9ec +10",
        "countersign answer 4a824e0a-b9cc-44f8-a486-ae61d131e9ec -7",
    ),
)
@click.argument("question_id", type=click.UUID)
@click.argument("value", type=str)
def answer(question_id: UUID, value: str) -> None:
    """Answer a question of the running local stack: VALUE from -10 to +10."""
    from infra.local.app_backend import answer_running_stack  # noqa: PLC0415

    status, reply = answer_running_stack(FOLDER, question_id, number(value))
    click.echo(reply)
    sys.exit(0 if status == HTTPStatus.OK else 1)


@click.command(
    epilog=examples(
        "countersign replay",
        "countersign replay --sample sample",
        "countersign replay --config config.json --bars 2026-02-09.csv --bars 2026-02-10.csv",
        "countersign replay --config config.json --bars 2026-02-10.csv --plot day.svg",
    )
)
@click.option("--config", "config_file", type=FILE, help="The user's trading config (JSON).")
@click.option("--bars", "recordings", multiple=True, type=FILE, help=_RECORDED)
@click.option(
    "--sample",
    "sample_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the sample recording and its config to a folder, and replay nothing.",
)
@AS_JSON
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a PNG or an SVG."
)
def replay(
    *,
    config_file: Path | None,
    recordings: Sequence[Path],
    sample_folder: Path | None,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Try rules and caps on recorded minutes, with every question answered yes.

    The engine and the guardrails are those of live; orders go to the simulator alone. Without
    --config and --bars it replays the sample, a falling day. The format of a recording is in
    docs/reference/recordings.md.
    """
    if sample_folder is not None:
        _write_sample(sample_folder, as_json=as_json)
        return
    if bool(recordings) != (config_file is not None):
        raise click.UsageError(
            "--config and --bars go together; without both, the sample is played"
        )
    if plot is not None and plot.suffix not in {".png", ".svg"}:
        raise click.UsageError(f"--plot {plot}: must end with .png or .svg")
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        if config_file is None:
            from infra.local.replay import sample  # noqa: PLC0415

            recordings = sample.write(Path(folder))
            config_file = Path(folder) / sample.CONFIG_FILE
        _show_replay(config_file, recordings, as_json=as_json, plot=plot)


def _show_replay(
    config_file: Path, recordings: Sequence[Path], *, as_json: bool, plot: Path | None
) -> None:
    from infra.local.narrator import Narrator  # noqa: PLC0415
    from infra.local.replay import history, session, sparkline  # noqa: PLC0415
    from infra.simulator.market.recording import Recording  # noqa: PLC0415

    config = TradingConfig.from_document(parse_json(config_file.read_bytes()))
    found = session.replay(
        config, Recording.read(recordings), default_limits(), Narrator(as_json=as_json)
    )
    if plot is not None:
        from infra.local.replay.plot import draw  # noqa: PLC0415

        draw(found, plot)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    for line in (*sparkline.charts(found), *history.lines(found)):
        click.echo(f"  {line}")


def _write_sample(folder: Path, *, as_json: bool) -> None:
    from infra.local.replay import sample  # noqa: PLC0415

    written = [*map(str, sample.write(folder)), str(folder / sample.CONFIG_FILE)]
    click.echo(json.dumps(written) if as_json else "\n".join(written))


def _replay_options(config_file: Path | None, answer: str | None) -> tuple[dict[str, Any], Decimal]:
    if config_file is None or answer is None:
        raise click.UsageError("--replay needs --config FILE and --answer N")
    config = parse_json(config_file.read_bytes())
    TradingConfig.from_document(config)  # before anything is started
    return config, number(answer)


def _pushes(options: Sequence[str]) -> dict[str, list[str]]:
    from infra.local.stack import TOPICS  # noqa: PLC0415 (heavy)

    pushes: dict[str, list[str]] = {}
    for option in options:
        topic, _, url = option.partition("=")
        if not url.startswith("http"):
            raise click.UsageError(f"--push {option}: must be TOPIC=http://...")
        if topic not in TOPICS:
            raise click.UsageError(f"--push {option}: the topics are {', '.join(TOPICS)}")
        pushes.setdefault(topic, []).append(url)
    return pushes
