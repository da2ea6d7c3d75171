"""The blockchains whose tokens can be listed: what names a contract on each, and where a reviewer can look at it.

What is accepted on each stands at the top of its file in `app/models/addresses/`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from app.models.addresses import bitcoin, cosmos, evm, move, near, solana, ton, tron
from app.models.addresses.bad_address import LONGEST, TOO_LONG, BadAddress
from app.models.domain_error import N_

NOT_AN_ADDRESS = N_("An address has letters, digits and signs, without spaces.")


@dataclass(frozen=True)
class Blockchain:
    """One of them; `chain_id` is its number in Token Lists, which know EVM only."""

    key: str
    # As people know it, the same in every language.
    label: str
    # Gives the one form of an address, or raises `BadAddress`.
    check: Callable[[str], str]
    # Templates of pages by a pattern of the addresses that they are for; the first that matches is taken.
    explorer: Mapping[str, str]
    chain_id: int | None = None


def _evm(key: str, label: str, host: str, chain_id: int) -> Blockchain:
    return Blockchain(key, label, evm.canonical, {r".*": f"https://{host}/token/{{}}"}, chain_id)


_ALL = (
    _evm("ethereum", "Ethereum", "etherscan.io", 1),
    _evm("bsc", "BNB Smart Chain", "bscscan.com", 56),
    _evm("polygon", "Polygon", "polygonscan.com", 137),
    _evm("arbitrum", "Arbitrum One", "arbiscan.io", 42161),
    _evm("optimism", "Optimism", "optimistic.etherscan.io", 10),
    _evm("base", "Base", "basescan.org", 8453),
    _evm("avalanche", "Avalanche C-Chain", "snowscan.xyz", 43114),
    Blockchain("solana", "Solana", solana.canonical, {r".*": "https://solscan.io/token/{}"}),
    Blockchain("tron", "Tron", tron.canonical, {r".*": "https://tronscan.org/#/token20/{}"}),
    Blockchain(
        "bitcoin",
        "Bitcoin",
        bitcoin.canonical,
        {
            r"[0-9]+:[0-9]+": "https://ordinals.com/rune/{}",
            r"[0-9a-f]{64}i[0-9]+": "https://ordinals.com/inscription/{}",
            r".{4,5}": "https://unisat.io/brc20/{}",
            r".*": "https://mempool.space/address/{}",
        },
    ),
    Blockchain("ton", "TON", ton.canonical, {r".*": "https://tonviewer.com/{}"}),
    Blockchain("sui", "Sui", move.sui, {r".*": "https://suiscan.xyz/mainnet/coin/{}"}),
    Blockchain(
        "aptos",
        "Aptos",
        move.aptos,
        {
            r".*::.*": "https://explorer.aptoslabs.com/coin/{}?network=mainnet",
            r".*": "https://explorer.aptoslabs.com/fungible_asset/{}?network=mainnet",
        },
    ),
    Blockchain("near", "NEAR", near.canonical, {r".*": "https://nearblocks.io/token/{}"}),
    # No explorer shows the contracts of every chain of the Cosmos SDK under one address.
    Blockchain(
        "cosmos",
        "Cosmos",
        cosmos.canonical,
        {
            r"osmo1.*": "https://www.mintscan.io/osmosis/wasm/contract/{}",
            r"juno1.*": "https://www.mintscan.io/juno/wasm/contract/{}",
            r"neutron1.*": "https://www.mintscan.io/neutron/wasm/contract/{}",
        },
    ),
)
# By key, in the order of lists.
BLOCKCHAINS: dict[str, Blockchain] = {blockchain.key: blockchain for blockchain in _ALL}


def canonical_address(blockchain_key: str, text: str) -> str:
    """The form of an address on the blockchain that is stored: two spellings of one address come out equal.

    Raises `BadAddress`, and nothing else whatever the text is.
    """
    text = text.strip(" \t\r\n")
    # Before anything is decoded: that may take a time that grows with the square of the length.
    if len(text) > LONGEST:
        raise BadAddress(TOO_LONG)
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise BadAddress(NOT_AN_ADDRESS)
    return BLOCKCHAINS[blockchain_key].check(text)


def explorer_url(blockchain_key: str, canonical: str) -> str | None:
    """Where everybody can look at a canonical address; None where no page is known."""
    for pattern, template in BLOCKCHAINS[blockchain_key].explorer.items():
        if re.fullmatch(pattern, canonical):
            return template.format(quote(canonical, safe=":"))
    return None


def looks_like(text: str) -> list[str]:
    """The keys of the blockchains that `text` is plainly an address of: all EVM ones for one of theirs, none for a mere word."""
    text = text.strip()
    keys = [key for key in BLOCKCHAINS if _is_address(key, text)]
    # A BRC-20 ticker is a word. A NEAR account may be named by a word too, or like another chain's address.
    if "bitcoin" in keys and len(text) <= 5 and ":" not in text:
        keys.remove("bitcoin")
    if "near" in keys and (len(keys) > 1 or ("." not in text and len(text) < 64)):
        keys.remove("near")
    return keys


def _is_address(key: str, text: str) -> bool:
    try:
        canonical_address(key, text)
    except BadAddress:
        return False
    return True
