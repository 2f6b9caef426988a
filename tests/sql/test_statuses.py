"""What each verb does to an invocation in each status: the whole table."""

from __future__ import annotations

import pytest

from tests.sql.consistency import assert_consistent
from tests.sql.story import AWAKEABLE, Attempt, Row, Story, exclusive

STATUSES = ("scheduled", "pending", "ready", "running", "backing-off", "suspended", "paused", "completed")


class Subject:
    """An exclusive invocation that was brought into a status; `attempt` is the last one, if there was any."""

    def __init__(self, story: Story, status: str) -> None:
        self.attempt: Attempt | None = None
        self.submission: Row = exclusive(delay="1 hour") if status == "scheduled" else exclusive()
        if status == "pending":
            story.run(exclusive())
        story.submit(self.submission)
        if status not in ("scheduled", "pending", "ready"):
            self.attempt = story.claim_one()
            self.end(story, status, self.attempt)
        assert story.status(self.submission) == status

    def end(self, story: Story, status: str, attempt: Attempt) -> None:
        match status:
            case "backing-off":
                story.apply(attempt.retry(10))
            case "suspended":
                story.apply(attempt.suspend(-AWAKEABLE))
            case "paused":
                story.apply(attempt.pause())
            case "completed":
                story.apply(attempt.complete())
            case _:
                pass


def table(text: str) -> list[tuple[str, str, str, str]]:
    rows = [line.split() for line in text.strip().splitlines()]
    return [(verb, status, answer, after) for verb, status, answer, after in rows]


SIGNALS = table("""
    cancel  scheduled    done         completed
    cancel  pending      done         completed
    cancel  ready        accepted     ready
    cancel  running      accepted     running
    cancel  backing-off  accepted     ready
    cancel  suspended    accepted     ready
    cancel  paused       accepted     ready
    cancel  completed    completed    completed
    kill    scheduled    done         completed
    kill    pending      done         completed
    kill    ready        done         completed
    kill    running      done         completed
    kill    backing-off  done         completed
    kill    suspended    done         completed
    kill    paused       done         completed
    kill    completed    completed    completed
    pause   scheduled    not_running  scheduled
    pause   pending      not_running  pending
    pause   ready        accepted     paused
    pause   running      accepted     paused
    pause   backing-off  accepted     paused
    pause   suspended    not_running  suspended
    pause   paused       done         paused
    pause   completed    completed    completed
    resume  scheduled    not_running  scheduled
    resume  pending      not_running  pending
    resume  ready        accepted     ready
    resume  running      accepted     running
    resume  backing-off  accepted     ready
    resume  suspended    accepted     ready
    resume  paused       accepted     ready
    resume  completed    completed    completed
    notify  scheduled    accepted     scheduled
    notify  pending      accepted     pending
    notify  ready        accepted     ready
    notify  running      accepted     running
    notify  backing-off  accepted     backing-off
    notify  suspended    accepted     ready
    notify  paused       accepted     paused
    notify  completed    completed    completed
""")


def test_the_table_is_whole() -> None:
    assert [(verb, status) for verb, status, _, _ in SIGNALS] == [
        (verb, status) for verb in ("cancel", "kill", "pause", "resume", "notify") for status in STATUSES
    ]


@pytest.mark.parametrize(("verb", "status", "answer", "after"), SIGNALS)
def test_signal(story: Story, verb: str, status: str, answer: str, after: str) -> None:
    subject = Subject(story, status)
    given = story.notify(subject.submission) if verb == "notify" else story.signal(subject.submission, verb)
    assert (given, story.status(subject.submission)) == (answer, after)
    assert_consistent(story)


@pytest.mark.parametrize("verb", ["cancel", "kill", "pause", "resume"])
@pytest.mark.parametrize("status", STATUSES)
def test_signalled_twice(story: Story, verb: str, status: str) -> None:
    """The second time finds what the first has made of it; in one batch or in two."""
    subject = Subject(story, status)
    signal = {"id": subject.submission["id"], "type": verb}
    story.signals(signal, signal)
    after = story.status(subject.submission)
    story.signals(signal)
    assert story.status(subject.submission) == after
    assert_consistent(story)


@pytest.mark.parametrize("status", STATUSES)
def test_submit_again(story: Story, status: str) -> None:
    """The same id is the same invocation, whatever it is doing."""
    subject = Subject(story, status)
    (admission,) = story.submit(subject.submission)["admissions"]
    assert (admission["previous"], admission["outcome"]) == (
        True,
        "success" if status == "completed" else None,
    )
    assert story.status(subject.submission) == status
    assert_consistent(story)


@pytest.mark.parametrize("status", STATUSES)
def test_claim(story: Story, status: str) -> None:
    subject = Subject(story, status)
    assert [attempt.id for attempt in story.claim()] == (
        [subject.submission["id"]] if status == "ready" else []
    )
    assert story.status(subject.submission) == ("running" if status == "ready" else status)
    assert_consistent(story)


@pytest.mark.parametrize("status", ["backing-off", "suspended", "paused", "completed"])
def test_an_attempt_that_ended_applies_nothing(story: Story, status: str) -> None:
    subject = Subject(story, status)
    assert subject.attempt is not None
    before = story.journal(subject.submission)
    late = subject.attempt.step() & subject.attempt.write("n", "1") & subject.attempt.complete()
    assert story.apply(late)["fenced"] == [subject.submission["id"]]
    assert (story.status(subject.submission), story.journal(subject.submission)) == (status, before)
    assert story.state() == {}


@pytest.mark.parametrize("status", STATUSES)
def test_timers(story: Story, status: str) -> None:
    subject = Subject(story, status)
    story.sleep(7200)
    story.fire()
    due = status in ("scheduled", "backing-off")
    assert story.status(subject.submission) == ("ready" if due else status)
    assert story.count("timer") == 0
    assert_consistent(story)


@pytest.mark.parametrize("status", STATUSES)
def test_the_key_is_given_on_when_it_ends(story: Story, status: str) -> None:
    """Whatever state it was in: killed, the next of its key runs, and nothing of it stays behind."""
    subject = Subject(story, status)
    follower = exclusive()
    story.submit(follower)
    story.signal(subject.submission, "kill")
    if status == "pending":
        (holder,) = story.rows("select uuid::text from pgdurable.sys_invocation where status = 'running'")
        story.signal(holder[0], "kill")
    assert story.status(follower) == "ready"
    assert_consistent(story)
