"""What an address looks like, and where a reviewer can look at it."""

from urllib.parse import urlsplit

from app.models.blockchain import BLOCKCHAINS, canonical_address, explorer_url, looks_like
from tests.models.addresses.known import CANONICAL, EIP_55, WORMHOLE_USDC

EVM = ["ethereum", "bsc", "polygon", "arbitrum", "optimism", "base", "avalanche"]
LOOKS_LIKE = {
    EIP_55[0]: EVM,
    EIP_55[0].lower(): EVM,
    f"  {EIP_55[0]}\n": EVM,
    CANONICAL["solana"][0]: ["solana"],
    CANONICAL["tron"][0]: ["tron"],
    **{one: ["bitcoin"] for one in CANONICAL["bitcoin"][:5]},
    "840000:1": ["bitcoin"],
    CANONICAL["ton"][0]: ["ton"],
    "0x2::sui::SUI": ["sui", "aptos"],
    WORMHOLE_USDC: ["aptos"],
    "usdt.tether-token.near": ["near"],
    "17208628f84f5d6ad33f0da3bbbeb27ffcb398eac501a31bd6ad2011e36133a1": ["near"],
    **{one: ["cosmos"] for one in CANONICAL["cosmos"]},
    # Words, and what is no address anywhere.
    "ordi": [],
    "aurora": [],
    "": [],
    "my token": [],
    f"{EIP_55[0][:-1]}e": [],
    "\ud800": [],
    "x" * 100_000: [],
}
# One of each kind that has a page of its own.
PAGES = {
    ("ethereum", EIP_55[0]): f"https://etherscan.io/token/{EIP_55[0]}",
    ("tron", CANONICAL["tron"][0]): f"https://tronscan.org/#/token20/{CANONICAL['tron'][0]}",
    ("bitcoin", "840000:1"): "https://ordinals.com/rune/840000:1",
    ("bitcoin", "1:23"): "https://ordinals.com/rune/1:23",
    ("bitcoin", f"{'a' * 64}i0"): f"https://ordinals.com/inscription/{'a' * 64}i0",
    ("bitcoin", "ordi"): "https://unisat.io/brc20/ordi",
    ("bitcoin", "#?/%"): "https://unisat.io/brc20/%23%3F%2F%25",
    ("bitcoin", "{0.a}"): "https://unisat.io/brc20/%7B0.a%7D",
    ("bitcoin", CANONICAL["bitcoin"][2]): f"https://mempool.space/address/{CANONICAL['bitcoin'][2]}",
    ("sui", "0x2::c::C<0x2::sui::SUI>"): "https://suiscan.xyz/mainnet/coin/0x2::c::C%3C0x2::sui::SUI%3E",
    ("aptos", "0xa"): "https://explorer.aptoslabs.com/fungible_asset/0xa?network=mainnet",
    ("aptos", "0x1::a::A"): "https://explorer.aptoslabs.com/coin/0x1::a::A?network=mainnet",
    ("cosmos", CANONICAL["cosmos"][0]): None,
    ("cosmos", CANONICAL["cosmos"][1]): None,
    ("cosmos", CANONICAL["cosmos"][3]): f"https://www.mintscan.io/juno/wasm/contract/{CANONICAL['cosmos'][3]}",
}


def test_an_address_tells_its_blockchains_and_a_word_tells_none():
    assert {text: looks_like(text) for text in LOOKS_LIKE} == LOOKS_LIKE


def test_each_kind_of_address_has_its_page_in_an_explorer():
    assert all(canonical_address(key, address) == address for key, address in PAGES)
    assert {(key, address): explorer_url(key, address) for key, address in PAGES} == PAGES


def test_an_address_never_decides_which_host_is_linked():
    for key, addresses in CANONICAL.items():
        hosts = {urlsplit(template).hostname for template in BLOCKCHAINS[key].explorer.values()}
        for url in filter(None, (explorer_url(key, address) for address in addresses)):
            assert urlsplit(url).scheme == "https"
            assert urlsplit(url).hostname in hosts
