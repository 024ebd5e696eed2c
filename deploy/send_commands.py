"""``hotline send``: one command by hand, and the facts or the refusal that followed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Engine

from deploy.follow import Answer
from deploy.logs import set_up_logs
from deploy.master_key import master_key
from deploy.run import broker_of, ready_database
from deploy.say import LANGUAGE, NotPossibleError, console, print_json, say
from deploy.settings import Settings
from producers.door import Case, Complainant, Door
from producers.keys import KeyStore
from producers.publisher import Publisher
from schemas.commands import (
    AcceptTicket,
    AcknowledgeAlert,
    Actor,
    AnyCommandData,
    ArriveOnScene,
    CloseTicket,
    Command,
    DecideOnSite,
    DispatchTicket,
    FeedBack,
    RecordVisit,
    ReopenTicket,
    Respondent,
    SubmitResult,
)
from schemas.enums import (
    Channel,
    Disposition,
    Domain,
    FeedbackMeans,
    Kind,
    RespondentType,
    Sensitivity,
    Urgency,
    VisitOutcome,
)
from schemas.facts import CommandRefused, Fact
from schemas.identity import ticket_id
from schemas.topics import key_of, partition_of
from schemas.words import explain
from sinks.queries import ticket_story

_ANSWER_S = 20.0

app = typer.Typer(
    help=say(
        "手工发出一条命令，并显示结果或被拒原因", "send one command; shows the facts or the refusal that followed"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)

Ticket = Annotated[str, typer.Argument(help=say("工单 ID、公开编号或来源编号", "ticket id, public or source number"))]
UnitName = Annotated[str, typer.Option("--unit", help=say("承办单位编码", "the unit's code"))]
Person = Annotated[str | None, typer.Option("--person", help=say("经办人", "who in the unit"))]
Words = Annotated[str, typer.Option("--text", help=say("文字说明", "free text"))]
AsJson = Annotated[bool, typer.Option("--json", help=say("输出 JSON", "print JSON"))]


class _Desk:
    """What sending needs: settings, the database with the keys, the publisher."""

    def __init__(self) -> None:
        self.settings = Settings()
        set_up_logs("send", as_json=self.settings.log_json)
        self.bootstrap = broker_of(self.settings)
        self.engine: Engine = ready_database(self.settings)

    def door(self, source: str) -> Door:
        keys = KeyStore(self.engine, master_key(self.settings))
        return Door(source, self.settings.current_policy_set().name, keys)

    def find(self, name: str) -> UUID:
        """The ticket of this name; an id is believed, so that a command may be early."""
        found = ticket_story(self.engine, name)
        if len(found) > 1:
            ids = ", ".join(story.ticket.ticket_id for story in found)
            raise NotPossibleError(
                f"{name} 对应多张工单，请改用工单 ID：{ids}", f"{name} names several tickets; use an id: {ids}"
            )
        if found:
            return UUID(found[0].ticket.ticket_id)
        try:
            return UUID(name)
        except ValueError:
            raise NotPossibleError(
                f"找不到工单 {name}，请核对编号；刚登记的工单入库需要片刻", f"no ticket {name}; check the number"
            ) from None

    def send(self, command: Command, *, as_json: bool) -> None:
        answer = Answer(self.bootstrap, partition_of(key_of(command.ticket_id), self.settings.partitions))
        try:
            with Publisher(
                self.bootstrap, embedded=self.settings.embedded, partitions=self.settings.partitions
            ) as publisher:
                place = publisher.publish_one(command)
            facts = answer.wait(place.offset, _ANSWER_S)
        except TimeoutError:
            raise NotPossibleError(
                f"命令已写入日志，但 {_ANSWER_S:.0f} 秒内没有应答。命令不会丢失，请确认 `hotline worker` 正在运行",
                f"The command is in the log, but no worker answered within {_ANSWER_S:.0f} s. See that "
                "`hotline worker` runs; nothing is lost.",
            ) from None
        finally:
            answer.close()
        _show(command, facts, as_json=as_json)


def _show(command: Command, facts: list[Fact], *, as_json: bool) -> None:
    refused = [fact for fact in facts if isinstance(fact.data, CommandRefused)]
    if as_json:
        print_json([fact.model_dump(mode="json", exclude_none=True) for fact in facts])
    else:
        console.print(f"{say('工单', 'ticket')} {command.ticket_id}")
        for fact in facts:
            _show_fact(fact)
        if not facts:
            console.print(
                say("同一命令此前已经处理，没有新的变化", "this very command was answered before; nothing changed")
            )
    if refused:
        raise typer.Exit(1)


def _show_fact(fact: Fact) -> None:
    data = fact.data
    if isinstance(data, CommandRefused):
        words = data.explanation if LANGUAGE == "zh" else explain(data.reason, language=LANGUAGE)
        console.print(f"[bold red]{say('被拒', 'refused')}[/] {words}")
        return
    fields = data.model_dump(mode="json", exclude_none=True, exclude={"type", "schema_version", "envelope", "basis"})
    details = " ".join(f"{name}={value}" for name, value in fields.items() if value != "")
    console.print(f"[green]{fact.version:>3}[/] [bold]{data.type}[/] {details}", soft_wrap=True)


def _act(ticket: str, data: AnyCommandData, actor: Actor | None, *, as_json: bool, source: str = "handlers") -> None:
    desk = _Desk()
    command = desk.door(source).act(desk.find(ticket), data, actor, receipt_at=datetime.now(UTC))
    desk.send(command, as_json=as_json)


@app.command("open", help=say("登记一张新工单", "open a ticket"))
def open_ticket(  # noqa: PLR0913, PLR0917 (each is an option of the command line)
    number: Annotated[str, typer.Option(help=say("来源系统的编号", "the source's own number"))],
    text: Annotated[str, typer.Option(help=say("诉求内容（原文加密保存）", "the complaint; sealed, shown masked"))],
    source: Annotated[str, typer.Option(help=say("来源系统", "the source"))] = "12328",
    channel: Annotated[Channel, typer.Option(help=say("渠道", "channel"))] = Channel.HOTLINE_12328,
    kind: Annotated[Kind, typer.Option(help=say("类别", "kind"))] = Kind.COMPLAINT,
    domain: Annotated[Domain, typer.Option(help=say("领域", "domain"))] = Domain.OTHER,
    urgency: Annotated[Urgency, typer.Option(help=say("紧急程度", "urgency"))] = Urgency.NORMAL,
    sensitivity: Annotated[Sensitivity, typer.Option(help=say("敏感程度", "sensitivity"))] = Sensitivity.NONE,
    district: Annotated[str | None, typer.Option(help=say("区县", "district"))] = None,
    respondent: Annotated[
        str | None, typer.Option(help=say("被反映对象，如 vehicle:鲁A12345", "as vehicle:PLATE"))
    ] = None,
    on_site: Annotated[bool | None, typer.Option(help=say("是否需要到场", "must the scene be visited"))] = None,
    name: Annotated[str | None, typer.Option(help=say("来电人姓名（加密）", "complainant's name; sealed"))] = None,
    phone: Annotated[str | None, typer.Option(help=say("来电人电话（加密）", "complainant's phone; sealed"))] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Identity goes into the sealed envelope only."""
    desk = _Desk()
    case = Case(
        source_number=number,
        channel=channel,
        kind=kind,
        domain=domain,
        text=text,
        urgency=urgency,
        sensitivity=sensitivity,
        district=district,
        respondent=_respondent(respondent),
        on_site_needed=on_site,
        complainant=Complainant(name=name, phone=phone),
    )
    command = desk.door(source).open(case, datetime.now(UTC))
    assert command.ticket_id == ticket_id(source, number)
    desk.send(command, as_json=as_json)


def _respondent(words: str | None) -> Respondent | None:
    if words is None:
        return None
    kind, _, identifier = words.partition(":")
    if kind not in set(RespondentType) or not identifier:
        kinds = ", ".join(RespondentType)
        raise NotPossibleError(
            f"--respondent 应写成“类型:编号”，例如 vehicle:鲁A12345；类型可选：{kinds}",
            f"--respondent: TYPE:ID of {kinds}",
        )
    return Respondent(type=RespondentType(kind), id=identifier)


@app.command(help=say("派单给某个单位（指挥中心）", "give the ticket to a unit (centre)"))
def dispatch(ticket: Ticket, unit: UnitName, text: Words = "", as_json: AsJson = False) -> None:  # noqa: FBT002
    """The centre's deed."""
    _act(ticket, DispatchTicket(unit=unit, reason=text), None, as_json=as_json, source="centre")


@app.command(help=say("受理", "accept"))
def accept(ticket: Ticket, unit: UnitName, person: Person = None, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Stops the accept clock."""
    _act(ticket, AcceptTicket(), Actor(unit=unit, person=person), as_json=as_json)


@app.command("on-site", help=say("确定是否需要到场", "decide whether the scene must be visited"))
def on_site(
    ticket: Ticket,
    needed: Annotated[bool, typer.Option("--needed/--not-needed", help=say("需要/不需要", "needed or not"))],
    unit: UnitName,
    person: Person = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Starts or cancels the arrive clock."""
    _act(ticket, DecideOnSite(needed=needed), Actor(unit=unit, person=person), as_json=as_json)


@app.command(help=say("到场", "arrive on the scene"))
def arrive(ticket: Ticket, unit: UnitName, person: Person = None, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Stops the arrive clock."""
    _act(ticket, ArriveOnScene(), Actor(unit=unit, person=person), as_json=as_json)


@app.command(help=say("提交处理结果", "submit the result"))
def result(
    ticket: Ticket,
    unit: UnitName,
    disposition: Annotated[Disposition, typer.Option(help=say("处置方式", "disposition"))],
    text: Words = "",
    person: Person = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Stops no clock of the citizen's."""
    _act(ticket, SubmitResult(disposition=disposition, text=text), Actor(unit=unit, person=person), as_json=as_json)


@app.command(help=say("向来电人反馈", "inform the citizen"))
def feedback(  # noqa: PLR0913, PLR0917 (each is an option of the command line)
    ticket: Ticket,
    unit: UnitName,
    means: Annotated[FeedbackMeans, typer.Option(help=say("反馈方式", "how"))] = FeedbackMeans.CALL,
    reached: Annotated[bool, typer.Option(help=say("电话是否接通", "whether the call reached them"))] = True,  # noqa: FBT002
    text: Words = "",
    person: Person = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Only this stops the feedback clock."""
    data = FeedBack(means=means, reached=reached, text=text)
    _act(ticket, data, Actor(unit=unit, person=person), as_json=as_json)


@app.command(help=say("记录一次回访", "record one attempt of the return visit"))
def visit(
    ticket: Ticket,
    outcome: Annotated[VisitOutcome, typer.Option(help=say("回访结果", "outcome"))],
    attempt: Annotated[int, typer.Option(help=say("本轮第几次", "which attempt of this round"), min=1)] = 1,
    solved: Annotated[bool | None, typer.Option(help=say("问题是否解决", "whether it is solved"))] = None,
    text: Words = "",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Dissatisfied opens a new round."""
    data = RecordVisit(attempt=attempt, outcome=outcome, solved=solved, text=text)
    _act(ticket, data, None, as_json=as_json, source="centre")


@app.command(
    help=say("确认一级提醒（停止重复提醒，不停止升级）", "acknowledge a level: stops repeats, not the next level")
)
def acknowledge(  # noqa: PLR0913, PLR0917 (each is an option of the command line)
    ticket: Ticket,
    clock: Annotated[str, typer.Option(help=say("时限，如 accept", "clock, as accept"))],
    level: Annotated[str, typer.Option(help=say("级别，如 breach", "level, as breach"))],
    round_number: Annotated[int, typer.Option("--round", help=say("第几轮", "round"), min=1)] = 1,
    unit: Annotated[str, typer.Option(help=say("确认人所在单位", "the unit of who has seen it"))] = "bureau",
    person: Person = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """A supervisor has seen it."""
    data = AcknowledgeAlert(round=round_number, clock=clock, level=level)
    _act(ticket, data, Actor(unit=unit, person=person), as_json=as_json, source="centre")


@app.command(help=say("重办：由督办人员开启新一轮", "reopen by a supervisor"))
def reopen(ticket: Ticket, text: Words, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Fresh clocks; the old round's verdicts stay."""
    _act(ticket, ReopenTicket(reason=text), None, as_json=as_json, source="centre")


@app.command(help=say("归档一张督办中的工单", "close a supervised ticket"))
def close(ticket: Ticket, text: Words, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Only out of supervision; every other ticket is closed by its visit."""
    _act(ticket, CloseTicket(reason=text), None, as_json=as_json, source="centre")
