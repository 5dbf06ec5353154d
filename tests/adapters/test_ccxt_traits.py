import pytest

from seamless_lab.adapters.ccxt_traits import BAR_APIS, bar_api, family_of
from seamless_lab.engine.ports import SourceTraits


@pytest.mark.parametrize(
    "exchange, symbol, family",
    [
        ("binance", "BTC/USDT", "spot"),
        ("binance", "BTC/USDT:USDT", "linear"),
        ("binance", "BTC/USD:BTC", "inverse"),
        ("binance", "BTC/USDT:USDT-241227", "linear"),
        ("kraken", "BTC/USD", ""),
        ("bybit", "BTC/USDT:USDT", ""),
    ],
)
def test_symbols_name_their_family(exchange: str, symbol: str, family: str) -> None:
    assert family_of(exchange, symbol) == family


def test_an_exchange_in_no_table_is_trusted_with_nothing_but_its_page_size() -> None:
    api = bar_api("bybit", "", 1000)
    assert api.traits(None) == SourceTraits(1000)
    assert (api.since_honoured, api.open_ended) == (False, False)
    assert bar_api("bybit", "", None).page_bars == 100
    assert not api.until_honoured
    assert api.order is None


def test_known_exchanges_say_what_they_serve() -> None:
    assert bar_api("binance", "spot", 500).traits(5) == SourceTraits(1000, 2.0, listed_s=5)
    assert bar_api("kraken", "", 720).traits(None).history_bars == 720
    assert not bar_api("coinbase", "", 300).open_ended
    assert all(api.since_honoured for api in BAR_APIS.values())
