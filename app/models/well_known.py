"""Symbols that everybody knows, and that a new listing should not pass for."""

from functools import cache

from app.models.lookalike import skeleton

WELL_KNOWN = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "USDT": "Tether",
    "USDC": "USD Coin",
    "BNB": "BNB",
    "SOL": "Solana",
    "XRP": "XRP",
    "TON": "Toncoin",
    "TRX": "TRON",
    "DOGE": "Dogecoin",
    "ADA": "Cardano",
    "AVAX": "Avalanche",
    "DOT": "Polkadot",
    "POL": "Polygon",
    "MATIC": "Polygon",
    "LTC": "Litecoin",
    "BCH": "Bitcoin Cash",
    "ETC": "Ethereum Classic",
    "XLM": "Stellar",
    "XMR": "Monero",
    "ATOM": "Cosmos",
    "NEAR": "NEAR Protocol",
    "APT": "Aptos",
    "SUI": "Sui",
    "ICP": "Internet Computer",
    "FIL": "Filecoin",
    "HBAR": "Hedera",
    "KAS": "Kaspa",
    "HYPE": "Hyperliquid",
    "DAI": "Dai",
    "USDE": "Ethena USDe",
    "USDS": "USDS",
    "FDUSD": "First Digital USD",
    "PYUSD": "PayPal USD",
    "TUSD": "TrueUSD",
    "BUSD": "Binance USD",
    "FRAX": "Frax",
    "EURC": "EURC",
    "WBTC": "Wrapped Bitcoin",
    "CBBTC": "Coinbase Wrapped BTC",
    "WETH": "Wrapped Ether",
    "WBNB": "Wrapped BNB",
    "STETH": "Lido Staked Ether",
    "WSTETH": "Wrapped stETH",
    "RETH": "Rocket Pool ETH",
    "WEETH": "Wrapped eETH",
    "PAXG": "PAX Gold",
    "XAUT": "Tether Gold",
    "SHIB": "Shiba Inu",
    "PEPE": "Pepe",
    "FLOKI": "Floki",
    "BONK": "Bonk",
    "WIF": "dogwifhat",
    "TRUMP": "Official Trump",
    "LINK": "Chainlink",
    "UNI": "Uniswap",
    "AAVE": "Aave",
    "MKR": "Maker",
    "LDO": "Lido DAO",
    "CRV": "Curve DAO",
    "CAKE": "PancakeSwap",
    "1INCH": "1inch",
    "GRT": "The Graph",
    "JUP": "Jupiter",
    "ENA": "Ethena",
    "ONDO": "Ondo",
    "ARB": "Arbitrum",
    "OP": "Optimism",
    "WLD": "Worldcoin",
    "TAO": "Bittensor",
}


def well_known(symbol: str) -> str | None:
    """The well-known symbol that `symbol` is, in whatever case, or looks like."""
    # The same letters come first: "SOl" looks like SOI, and is SOL in another case all the same.
    same = symbol.strip().upper()
    return same if same in WELL_KNOWN else _by_skeleton().get(skeleton(symbol))


@cache
def _by_skeleton() -> dict[str, str]:
    # Made when first asked for: the table of confusables is read for it.
    return {skeleton(symbol): symbol for symbol in WELL_KNOWN}
