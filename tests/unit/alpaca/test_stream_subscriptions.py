from hypothesis import given
from hypothesis import strategies as st

from infra.alpaca.stream.subscriptions import Subscriptions

SYMBOLS = st.frozensets(st.sampled_from("ABCDEFGHIJKLMNOP"))


def settle(subscriptions: Subscriptions, followed: set[str], bad: frozenset[str], room: int) -> int:
    """Answer as the broker does until nothing is asked for; return how many questions it took."""
    asked = 0
    while change := subscriptions.next_change():
        asked += 1
        action, symbols = change
        after = followed | {*symbols} if action == "subscribe" else followed - {*symbols}
        if bad & {*symbols} and action == "subscribe":
            subscriptions.declined("no such symbol", for_all=False)
        elif len(after) > room:
            subscriptions.declined("no room", for_all=True)
        else:
            followed.clear()
            followed |= after
            subscriptions.confirmed(after)
    return asked


@given(wanted=st.lists(SYMBOLS, min_size=1, max_size=3), bad=SYMBOLS, room=st.integers(1, 16))
def test_all_is_followed_that_can_be_and_the_rest_is_named(
    wanted: list[frozenset[str]], bad: frozenset[str], room: int
) -> None:
    subscriptions, followed = Subscriptions(), set[str]()
    subscriptions.begin()
    for symbols in wanted:
        subscriptions.want(symbols)
        assert settle(subscriptions, followed, bad, room) <= 5 * len("ABCDEFGHIJKLMNOP")

    assert followed <= wanted[-1] - bad
    assert followed | subscriptions.refused.keys() == wanted[-1]
    assert len(followed) == min(room, len(wanted[-1] - bad))


def test_one_change_is_asked_for_at_a_time() -> None:
    subscriptions = Subscriptions()
    subscriptions.want("AB")
    assert subscriptions.next_change() == ("subscribe", ["A", "B"])
    subscriptions.want("BC")

    assert subscriptions.next_change() is None
    assert subscriptions.confirmed("AB") == {"A", "B"}
    assert subscriptions.next_change() == ("unsubscribe", ["A"])
    assert subscriptions.confirmed("B") == set()
    assert subscriptions.next_change() == ("subscribe", ["C"])


def test_what_the_broker_leaves_out_of_its_list_is_not_asked_for_again() -> None:
    subscriptions = Subscriptions()
    subscriptions.want("AB")
    subscriptions.next_change()

    subscriptions.confirmed("A")

    assert subscriptions.next_change() is None
    assert subscriptions.refused == {"B": "the broker did not confirm it"}


def test_a_new_connection_follows_nothing_yet() -> None:
    subscriptions = Subscriptions()
    subscriptions.want("AB")
    subscriptions.next_change()
    subscriptions.confirmed("AB")

    subscriptions.begin()

    assert subscriptions.next_change() == ("subscribe", ["A", "B"])
