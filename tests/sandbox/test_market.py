"""Laws of the market: what is served depends on the instrument, the time and the moment of asking, on nothing else."""

import hashlib
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamless_lab.sandbox.bars import TIMEFRAME_S, BarColumns, concatenate, slot_ceil, slot_floor
from seamless_lab.sandbox.instruments import Instrument, list_instruments
from seamless_lab.sandbox.market import Market, Restatement, Stretch
from seamless_lab.sandbox.path import ONE, path_window, scale_by_power_of_two
from seamless_lab.sandbox.tape import latest_trades, trades_between, trades_from_id
from seamless_lab.sandbox.trades import single_trades

INSTRUMENTS = list_instruments("binance", "USDT", 60, seed=7)
BTC = INSTRUMENTS["BTC/USDT"]
SPARSE = replace(INSTRUMENTS["BAKA/USDT"], listed_s=1_600_000_020, quiet_per_million=300_000)
OUTAGE = Stretch(1_709_648_400, 1_709_654_100)
NOW_MS = 1_735_689_630_000
MINUTES = st.integers(1_600_000_000 // 60, NOW_MS // 60_000 - 1)
LONG_PAST = st.integers(1_600_000_000 // 60, NOW_MS // 60_000 - 1000)


def equal(left: BarColumns, right: BarColumns) -> bool:
    return all(np.array_equal(getattr(left, f.name), getattr(right, f.name)) for f in fields(BarColumns))


def market(*restatements: Restatement) -> Market:
    return Market((OUTAGE,), restatements)


MARKET = market()


def whole(
    start: int,
    end: int,
    step_s: int = 60,
    instrument: Instrument = BTC,
    now_ms: int = NOW_MS,
    of: Market = MARKET,
) -> BarColumns:
    return of.bars(instrument, step_s, Stretch(start, end), now_ms)


@given(MINUTES, st.integers(1, 3000), st.integers(0, 3000))
def test_a_window_is_what_its_parts_are(first: int, length: int, cut: int) -> None:
    start, end = first * 60, (first + length) * 60
    middle = min(start + cut * 60, end)
    for instrument in (BTC, SPARSE):
        parts = [whole(start, middle, instrument=instrument), whole(middle, end, instrument=instrument)]
        assert equal(whole(start, end, instrument=instrument), concatenate(parts))


@given(MINUTES, st.integers(1, 600), st.sampled_from(sorted(TIMEFRAME_S)))
def test_coarse_bars_are_exact_sums_of_minutes(first: int, minutes: int, timeframe: str) -> None:
    step_s = TIMEFRAME_S[timeframe]
    start = slot_floor(first * 60, step_s)
    end = min(slot_ceil((first + minutes) * 60, step_s), NOW_MS // 60_000 * 60)
    fine = whole(start, slot_ceil(end, step_s), instrument=SPARSE)
    slots: dict[int, list[int]] = {}
    for position, ts in enumerate(fine.ts.tolist()):
        slots.setdefault(slot_floor(ts, step_s), []).append(position)
    coarse = whole(start, end, step_s, SPARSE)
    assert coarse.ts.tolist() == sorted(slots)
    for row, rows in enumerate(slots.values()):
        assert coarse.open[row] == fine.open[rows[0]]
        assert coarse.close[row] == fine.close[rows[-1]]
        assert coarse.high[row] == max(fine.high[rows])
        assert coarse.low[row] == min(fine.low[rows])
        for total in ("volume", "quote_volume", "trades", "taker_volume", "taker_quote_volume"):
            assert getattr(coarse, total)[row] == sum(getattr(fine, total)[rows].tolist())


@given(MINUTES, st.sampled_from(sorted(INSTRUMENTS)))
def test_bars_are_sane_and_open_where_the_last_one_closed(first: int, name: str) -> None:
    bars = whole(first * 60, first * 60 + 60_000, instrument=INSTRUMENTS[name])
    assert (bars.low >= 1).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.volume >= bars.trades).all()
    assert (bars.taker_volume <= bars.volume).all()
    neighbours = np.diff(bars.ts) == 60
    assert np.array_equal(bars.close[:-1][neighbours], bars.open[1:][neighbours])


@pytest.mark.parametrize("seed", range(4))
def test_a_decade_of_weeks_stays_within_eight_exact_decimals(seed: int) -> None:
    listed = list_instruments("binance", "USDT", 40, seed)
    for name in ("BTC/USDT", "SHIB/USDT", "BAKA/USDT"):
        instrument = listed[name]
        bars = whole(1_514_764_800, 1_514_764_800 + 90 * 86_400, 7 * 86_400, replace(instrument, listed_s=0))
        room = 10 ** (8 - instrument.price_decimals - instrument.lot_decimals)
        assert bars.quote_volume.min() > 0
        assert bars.quote_volume.max() * room < 2**63 // 4


def test_weeks_open_on_monday() -> None:
    weeks = whole(1_700_000_000, 1_705_000_000, TIMEFRAME_S["1w"])
    assert set((weeks.ts // 86_400 + 3) % 7) == {0}


def test_nothing_exists_before_the_listing() -> None:
    bars = whole(1_600_000_000 - 86_400, 1_600_000_000 + 86_400, instrument=replace(SPARSE, quiet_per_million=0))
    assert bars.ts[0] == SPARSE.listed_s
    day = whole(0, 1_600_000_000 + 86_400, 86_400, SPARSE)
    assert day.ts[0] == slot_floor(SPARSE.listed_s, 86_400)


def test_quiet_minutes_come_at_about_their_rate() -> None:
    bars = whole(1_704_067_200, 1_704_067_200 + 60 * 20_000, instrument=SPARSE)
    assert 0.68 < len(bars) / 20_000 < 0.72
    assert len(whole(1_704_067_200, 1_704_067_200 + 60 * 20_000)) == 20_000


def test_nobody_trades_during_an_outage() -> None:
    for instrument in (BTC, INSTRUMENTS["ETH/USDT"]):
        bars = whole(OUTAGE.start - 60, OUTAGE.end + 60, instrument=instrument)
        assert bars.ts.tolist() == [OUTAGE.start - 60, OUTAGE.end]


def test_values_known_later_differ_only_there_and_only_then() -> None:
    known_ms = 1_720_000_000_000
    stretch = Stretch(1_704_067_200, 1_704_067_200 + 300)
    after = market(Restatement("BTC/USDT", stretch, known_ms))
    window = (stretch.start - 600, stretch.end + 600)
    original = whole(*window)
    assert equal(whole(*window, of=after, now_ms=known_ms - 1), original)
    restated = whole(*window, of=after, now_ms=known_ms)
    inside = (original.ts >= stretch.start) & (original.ts < stretch.end)
    assert (restated.volume != original.volume)[inside].all()
    assert (restated.high != original.high)[inside].any()
    assert equal(restated.take(~inside), original.take(~inside))
    assert np.array_equal(restated.close, original.close)
    assert equal(
        whole(*window, of=after, instrument=INSTRUMENTS["ETH/USDT"]), whole(*window, instrument=INSTRUMENTS["ETH/USDT"])
    )


def test_late_bars_appear_and_withdrawn_bars_vanish() -> None:
    known_ms = 1_720_000_000_000
    late, withdrawn = Stretch(1_704_067_200, 1_704_067_320), Stretch(1_704_067_500, 1_704_067_560)
    changing = market(
        Restatement("BTC/USDT", late, known_ms, "late"), Restatement("BTC/USDT", withdrawn, known_ms, "withdrawn")
    )
    before = set(whole(1_704_067_200, 1_704_067_800, of=changing, now_ms=known_ms - 1).ts.tolist())
    after = set(whole(1_704_067_200, 1_704_067_800, of=changing, now_ms=known_ms).ts.tolist())
    assert after - before == {1_704_067_200, 1_704_067_260}
    assert before - after == {1_704_067_500}


def test_the_forming_bar_grows_into_the_closed_one() -> None:
    minute = NOW_MS // 60_000 * 60
    closed = whole(minute, minute + 60, now_ms=NOW_MS + 60_000)
    growing = [whole(minute, minute + 60, now_ms=minute * 1000 + ms) for ms in range(0, 60_000, 5_000)]
    volumes = [int(bars.volume[0]) if len(bars) else 0 for bars in growing]
    assert volumes[0] < volumes[-1] <= closed.volume[0]
    assert volumes == sorted(volumes)
    assert all(bars.open[0] == closed.open[0] for bars in growing if len(bars))
    hour = whole(slot_floor(minute, 3600), minute + 60, 3600, now_ms=NOW_MS)
    assert hour.ts.tolist() == [slot_floor(minute, 3600)]


@given(LONG_PAST, st.integers(1, 200))
def test_first_and_last_bars_skip_what_does_not_exist(first: int, limit: int) -> None:
    everything = whole(first * 60, first * 60 + 60 * 1000, instrument=SPARSE)
    end = first * 60 + 60_000
    assert equal(MARKET.first_bars(SPARSE, 60, Stretch(first * 60, end), limit, NOW_MS), everything.take(slice(limit)))
    assert equal(MARKET.last_bars(SPARSE, 60, end, limit, NOW_MS), everything.take(slice(-limit, None)))


@settings(max_examples=25)
@given(MINUTES)
def test_trades_add_up_to_the_bars_also_where_restated(first: int) -> None:
    stretch = Stretch(first * 60, first * 60 + 1200)
    restated = market(Restatement(SPARSE.name, Stretch(first * 60 + 120, first * 60 + 480), 0))
    bars = restated.bars(SPARSE, 60, stretch, NOW_MS)
    aggregates = restated.trades(SPARSE, stretch, NOW_MS)
    for trades in (aggregates, single_trades(aggregates)):
        assert (np.diff(trades.id) > 0).all()
        minute = trades.time_ms // 60_000 * 60
        assert set(minute.tolist()) == set(bars.ts.tolist())
        for row, ts in enumerate(bars.ts.tolist()):
            one = trades.take(minute == ts)
            assert (one.price[0], one.price.max(), one.price.min(), one.price[-1]) == (
                bars.open[row],
                bars.high[row],
                bars.low[row],
                bars.close[row],
            )
            assert one.lots.sum() == bars.volume[row]
            assert (one.lots * one.price).sum() == bars.quote_volume[row]
            assert (one.lots * one.taker_buys).sum() == bars.taker_volume[row]
    assert np.array_equal(aggregates.last_fill[-1:], single_trades(aggregates).id[-1:])


@settings(max_examples=25)
@given(st.integers(0, 3_600_000), st.integers(1, 300))
def test_trades_are_found_by_time_and_by_id(offset_ms: int, limit: int) -> None:
    start_ms = 1_704_067_200_000 + offset_ms
    everything = MARKET.trades(SPARSE, Stretch(1_704_067_200, 1_704_067_200 + 9 * 3600), NOW_MS)
    expected = everything.take(everything.time_ms >= start_ms).take(slice(limit))
    found = trades_between(MARKET, SPARSE, start_ms, NOW_MS, limit, NOW_MS)
    assert np.array_equal(found.id, expected.id)
    assert np.array_equal(trades_from_id(MARKET, SPARSE, int(expected.id[0]), limit, NOW_MS).id, expected.id)
    now_ms = int(expected.time_ms[-1])
    latest = latest_trades(MARKET, SPARSE, len(expected), now_ms)
    assert len(latest) == len(expected)
    assert latest.id[-1] == expected.id[-1]


def test_the_scale_is_monotone_and_close_to_the_real_power() -> None:
    exponents = np.linspace(-6 * ONE, 6 * ONE, 20_001).astype(np.int64)
    scaled = scale_by_power_of_two(10**9, exponents)
    assert (np.diff(scaled) >= 0).all()
    assert np.abs(scaled / (1e9 * 2.0 ** (exponents / ONE)) - 1).max() < 1e-7
    assert scale_by_power_of_two(10**6, np.arange(5, dtype=np.int64) * ONE).tolist() == [10**6 * 2**i for i in range(5)]


def test_the_path_moves_like_a_market() -> None:
    moves = np.diff(path_window("a stream", 5_000_000, 28_000_000, 28_200_000).log_price).astype(np.float64)
    assert 0.5 < moves.std() / 5_000_000 < 2
    assert abs(np.corrcoef(moves[1:], moves[:-1])[0, 1]) < 0.05
    assert np.corrcoef(np.abs(moves[1:]), np.abs(moves[:-1]))[0, 1] > 0.1  # volatility comes in clusters


def test_venues_agree_on_the_price_but_not_on_the_trades() -> None:
    coinbase = list_instruments("coinbase", "USD", 5, seed=7)["BTC/USD"]
    here, there = whole(1_704_067_200, 1_704_070_800), whole(1_704_067_200, 1_704_070_800, instrument=coinbase)
    assert np.array_equal(here.close, there.close)
    assert (here.volume != there.volume).all()


def test_bars_are_the_same_on_every_machine() -> None:
    """Golden: these numbers must never change for a seed; sealed sample data and notebooks rest on them."""
    bars = whole(1_704_067_200, 1_704_067_200 + 180)
    assert [[int(getattr(bars, f.name)[row]) for f in fields(BarColumns)] for row in range(3)] == GOLDEN_BARS
    digest = hashlib.sha256()
    for instrument in list(INSTRUMENTS.values())[::6]:
        for start in (1_514_764_800, 1_709_640_000, 1_735_680_000):
            for column in fields(BarColumns):
                digest.update(
                    getattr(whole(start, start + 30_000, instrument=instrument), column.name).astype("<i8").tobytes()
                )
    assert digest.hexdigest() == GOLDEN_DIGEST


GOLDEN_BARS = [
    [1704067200, 4325000, 4331321, 4324488, 4329380, 463013, 2002968771895, 23, 228905, 990024176344],
    [1704067260, 4329380, 4336218, 4328423, 4330785, 1052407, 4558668365783, 12, 339701, 1470694715380],
    [1704067320, 4330785, 4332466, 4327081, 4327924, 321921, 1393548763718, 21, 11296, 48920547360],
]
GOLDEN_DIGEST = "a297bb511f00f64b6ea55bb84fa5083340561113ff97e24519b3bcc7789843a6"
